//! JSON paths, in the form in which Postgres writes them out, as far as they are lax and ask for members that are known.

use serde_json::Value as Json;

use crate::value::Value;

/// A path, or a condition of one.
pub(super) enum Path {
    Items(Steps),
    Condition(Condition),
}

/// From where a path starts, and what follows.
pub(super) struct Steps {
    from_root: bool,
    steps: Vec<Step>,
}

enum Step {
    Member(String),
    Elements,
    Filter(Condition),
}

pub(super) enum Condition {
    Compare(Operator, Operand, Operand),
    All(Box<Condition>, Box<Condition>),
    Any(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Exists(Steps),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
}

pub(super) enum Operand {
    Steps(Steps),
    Literal(Json),
}

/// What a path answers. `None`: not known.
pub(super) enum Answer {
    Items(Option<Vec<Value>>),
    Condition(Option<Option<bool>>),
}

/// How deeply conditions may be nested.
const DEEPEST: usize = 20;

impl Path {
    /// Reads a path; `None` where it has anything that isn't known.
    pub(super) fn parse(text: &str) -> Option<Path> {
        let whole = || Parser { rest: text.trim(), depth: 0 };
        let mut parser = whole();
        if let Some(condition) = parser.condition().filter(|_| parser.rest.trim().is_empty()) {
            return Some(Path::Condition(condition));
        }
        let mut parser = whole();
        parser.steps().filter(|_| parser.rest.trim().is_empty()).map(Path::Items)
    }

    /// What it answers of a document, where the claim `aal` is this, or missing.
    pub(super) fn answer(&self, document: &Value, claim: Option<&Json>) -> Answer {
        let within = Within { root: document, current: document, claim };
        match self {
            Path::Items(steps) => Answer::Items(steps.items(&within)),
            Path::Condition(condition) => Answer::Condition(condition.truth(&within)),
        }
    }
}

/// What a path is evaluated in.
struct Within<'a> {
    root: &'a Value,
    current: &'a Value,
    claim: Option<&'a Json>,
}

impl Steps {
    /// The items that it leads to; `None`: not known.
    fn items(&self, within: &Within<'_>) -> Option<Vec<Value>> {
        let mut items = vec![if self.from_root { within.root } else { within.current }.clone()];
        for step in &self.steps {
            let mut next = Vec::new();
            for item in items {
                step.follow(item, within, &mut next)?;
            }
            items = next;
        }
        Some(items)
    }
}

impl Step {
    /// Adds what it leads to from an item.
    fn follow(&self, item: Value, within: &Within<'_>, next: &mut Vec<Value>) -> Option<()> {
        match (self, item) {
            (Step::Elements, item) => next.extend(elements(item)?),
            // A lax path looks into each element of an array.
            (step, Value::Json(Json::Array(items))) => {
                for item in items {
                    step.follow_one(Value::Json(item), within, next)?;
                }
            }
            (step, item) => step.follow_one(item, within, next)?,
        }
        Some(())
    }

    fn follow_one(&self, item: Value, within: &Within<'_>, next: &mut Vec<Value>) -> Option<()> {
        match self {
            Step::Member(name) => next.extend(member(&item, name, within.claim)?),
            Step::Filter(condition) => {
                if condition.truth(&Within { current: &item, ..*within })? == Some(true) {
                    next.push(item);
                }
            }
            Step::Elements => next.extend(elements(item)?),
        }
        Some(())
    }
}

/// The elements of an array; anything else is its own only one.
fn elements(item: Value) -> Option<Vec<Value>> {
    match item {
        Value::Json(Json::Array(items)) => Some(items.into_iter().map(Value::Json).collect()),
        Value::Json(_) | Value::Claims => Some(vec![item]),
        _ => None,
    }
}

/// The member of this name, if there is one.
fn member(item: &Value, name: &str, claim: Option<&Json>) -> Option<Option<Value>> {
    match item {
        Value::Claims if name == "aal" => Some(claim.cloned().map(Value::Json)),
        Value::Json(Json::Object(object)) => Some(object.get(name).cloned().map(Value::Json)),
        Value::Json(_) => Some(None),
        _ => None,
    }
}

impl Condition {
    /// Whether it holds: true, false or unknown to JSON path itself; `None`: not known here.
    fn truth(&self, within: &Within<'_>) -> Option<Option<bool>> {
        match self {
            Condition::Compare(operator, a, b) => {
                let (a, b) = (a.items(within)?, b.items(within)?);
                let mut truth = Some(false);
                for a in &a {
                    for b in &b {
                        match compared(*operator, a, b)? {
                            Some(true) => return Some(Some(true)),
                            Some(false) => {}
                            None => truth = None,
                        }
                    }
                }
                Some(truth)
            }
            Condition::All(a, b) => match (a.truth(within), b.truth(within)) {
                (Some(Some(false)), _) | (_, Some(Some(false))) => Some(Some(false)),
                (Some(Some(true)), Some(Some(true))) => Some(Some(true)),
                (Some(_), Some(_)) => Some(None),
                _ => None,
            },
            Condition::Any(a, b) => match (a.truth(within), b.truth(within)) {
                (Some(Some(true)), _) | (_, Some(Some(true))) => Some(Some(true)),
                (Some(Some(false)), Some(Some(false))) => Some(Some(false)),
                (Some(_), Some(_)) => Some(None),
                _ => None,
            },
            Condition::Not(it) => Some(it.truth(within)?.map(|truth| !truth)),
            Condition::Exists(steps) => steps.items(within).map(|items| Some(!items.is_empty())),
        }
    }
}

impl Operand {
    fn items(&self, within: &Within<'_>) -> Option<Vec<Value>> {
        let items = match self {
            Operand::Literal(literal) => vec![Value::Json(literal.clone())],
            Operand::Steps(steps) => steps.items(within)?,
        };
        let unwrapped: Option<Vec<Vec<Value>>> = items.into_iter().map(elements).collect();
        Some(unwrapped?.concat())
    }
}

/// How two items compare: true, false, or unknown to JSON path itself; `None`: not known here.
fn compared(operator: Operator, a: &Value, b: &Value) -> Option<Option<bool>> {
    let is_equal = match (a, b) {
        (Value::Json(Json::String(a)), Value::Json(Json::String(b))) => a == b,
        (Value::Json(Json::Bool(a)), Value::Json(Json::Bool(b))) => a == b,
        (Value::Json(Json::Null), Value::Json(Json::Null)) => true,
        // Of different types: only null differs from all others for certain.
        (Value::Json(Json::Null), Value::Json(_)) | (Value::Json(_), Value::Json(Json::Null)) => false,
        (Value::Json(Json::String(_)), Value::Json(Json::Bool(_)))
        | (Value::Json(Json::Bool(_)), Value::Json(Json::String(_))) => return Some(None),
        _ => return None,
    };
    Some(Some(is_equal == (operator == Operator::Equal)))
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn steps(&mut self) -> Option<Steps> {
        let from_root = self.take("$");
        // The name of a variable follows without a space.
        let is_name = |it: char| it == '"' || it == '_' || it.is_alphanumeric();
        if (!from_root && !self.take("@")) || self.rest.starts_with(is_name) {
            return None;
        }
        let mut steps = Vec::new();
        loop {
            if self.take("[*]") {
                steps.push(Step::Elements);
            } else if self.take("?") {
                if !self.rest.trim_start().starts_with('(') {
                    return None;
                }
                steps.push(Step::Filter(self.condition()?));
            } else if self.take(".") {
                let name = self.name()?;
                // The name of a method is followed by parentheses.
                if self.rest.trim_start().starts_with('(') {
                    return None;
                }
                steps.push(Step::Member(name));
            } else {
                return Some(Steps { from_root, steps });
            }
        }
    }

    /// The name of a member, with quotes or without.
    fn name(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            return self.string();
        }
        let end = self.rest.find(|it: char| it != '_' && !it.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let is_plain = name.starts_with(|it: char| it == '_' || it.is_ascii_alphabetic());
        // Beyond ASCII and behind a backslash it goes on.
        let ends = !rest.starts_with(|it: char| it == '\\' || !it.is_ascii());
        (is_plain && ends).then(|| name.to_owned())
    }

    fn string(&mut self) -> Option<String> {
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let (text, rest) = (self.rest.get(..=end)?, self.rest.get(end + 1..)?);
        self.rest = rest;
        serde_json::from_str(text).ok()
    }

    fn condition(&mut self) -> Option<Condition> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let condition = self.alternatives();
        self.depth -= 1;
        condition
    }

    fn alternatives(&mut self) -> Option<Condition> {
        let mut condition = self.conjunction()?;
        while self.take("||") {
            condition = Condition::Any(Box::new(condition), Box::new(self.conjunction()?));
        }
        Some(condition)
    }

    fn conjunction(&mut self) -> Option<Condition> {
        let mut condition = self.term()?;
        while self.take("&&") {
            condition = Condition::All(Box::new(condition), Box::new(self.term()?));
        }
        Some(condition)
    }

    fn term(&mut self) -> Option<Condition> {
        if self.take("!") {
            return self
                .rest
                .trim_start()
                .starts_with('(')
                .then(|| self.condition())
                .flatten()
                .map(|it| Condition::Not(Box::new(it)));
        }
        if self.take("exists") {
            let steps = if self.take("(") { self.steps()? } else { return None };
            return self.take(")").then_some(Condition::Exists(steps));
        }
        if self.take("(") {
            let condition = self.condition()?;
            return self.take(")").then_some(condition);
        }
        let a = self.operand()?;
        let operator = if self.take("==") {
            Operator::Equal
        } else if self.take("!=") || self.take("<>") {
            Operator::NotEqual
        } else {
            return None;
        };
        Some(Condition::Compare(operator, a, self.operand()?))
    }

    fn operand(&mut self) -> Option<Operand> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            return self.string().map(|text| Operand::Literal(Json::String(text)));
        }
        for (word, literal) in [("true", Json::Bool(true)), ("false", Json::Bool(false)), ("null", Json::Null)] {
            if self.take(word) {
                return Some(Operand::Literal(literal));
            }
        }
        self.steps().map(Operand::Steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(path: &str, document: &Value, claim: Option<&Json>) -> Option<usize> {
        match Path::parse(path).expect(path).answer(document, claim) {
            Answer::Items(items) => items.map(|items| items.len()),
            Answer::Condition(_) => panic!("{path} is a condition"),
        }
    }

    fn condition(path: &str, claim: Option<&Json>) -> Option<Option<bool>> {
        match Path::parse(path).expect(path).answer(&Value::Claims, claim) {
            Answer::Condition(truth) => truth,
            Answer::Items(_) => panic!("{path} is no condition"),
        }
    }

    #[test]
    fn members_of_the_claims_are_found_by_level() {
        let levels = [Json::from("aal1"), Json::from("aal2"), Json::Null];
        let [aal1, aal2, null] = levels.each_ref().map(Some);
        assert_eq!(condition("$.aal == \"aal2\"", aal2), Some(Some(true)));
        for path in [
            r#"$.aal ? (@ == "aal2")"#,
            r#"$ ? ( @ . aal == "aal2" )"#,
            r#"$."aal"?(@ == "aal2")"#,
            r#"$?(@."aal" == "aal2")"#,
            r#"$."aal"?(@ == "aal2" || @ == "aal3")"#,
            r#"$?(exists (@."aal"?(@ == "aal2")))"#,
            r#"$[*]."aal"?(!(@ == "aal1"))"#,
        ] {
            assert_eq!(items(path, &Value::Claims, aal2), Some(1), "{path}");
            assert_eq!(items(path, &Value::Claims, aal1), Some(0), "{path}");
            assert_eq!(items(path, &Value::Claims, None), Some(0), "{path}");
        }
        assert_eq!(items(r#"$."aal""#, &Value::Claims, null), Some(1));
        assert_eq!(condition(r#"($."aal" == "aal2")"#, null), Some(Some(false)));
        assert_eq!(condition(r#"($."aal" != "aal1")"#, null), Some(Some(true)));
        assert_eq!(condition(r#"($."aal" == null)"#, null), Some(Some(true)));
        assert_eq!(condition(r#"($."aal" == "aal2")"#, aal2), Some(Some(true)));
        assert_eq!(condition(r#"($."aal" == "aal2")"#, None), Some(Some(false)));
        assert_eq!(condition(r#"($."aal" != "aal1")"#, None), Some(Some(false)));
        assert_eq!(condition(r#"!($."aal" == "aal1")"#, None), Some(Some(true)));
        assert_eq!(condition(r#"($."aal" == true)"#, aal1), Some(None));
        assert_eq!(condition(r#"($."aal" == "aal2" && $."x" == "y")"#, aal1), Some(Some(false)));
        assert_eq!(condition(r#"($."aal" == "aal2" && $."x" == "y")"#, aal2), None);
    }

    #[test]
    fn other_members_are_not_known() {
        assert_eq!(items(r#"$."amr"[*]?(@."method" == "otp")"#, &Value::Claims, Some(&Json::from("aal1"))), None);
        let object = Value::Json(serde_json::json!({"a": [{"b": "x"}, {"b": "y"}]}));
        assert_eq!(items(r#"$."a"[*]."b""#, &object, None), Some(2));
        assert_eq!(items(r#"$."a"."b"?(@ == "x")"#, &object, None), Some(1));
        assert_eq!(items(r#"$."c""#, &object, None), Some(0));
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        for path in [
            r#"strict $."aal""#,
            r#"$"x""#,
            r#"$."aal".type()"#,
            r#"$."aal"[0]"#,
            r#"$.*"#,
            r#"$.**"#,
            r#"($."aal" starts with "aal")"#,
            r#"$."aal"?(@ like_regex "^aal")"#,
            r#"$."aal"?(@ > "aal1")"#,
            r#"($."n" == 1)"#,
            "",
            "$.",
            r#"$."aal"?(@ == "aal2""#,
            r#"(($."aal" == "x") is unknown)"#,
        ] {
            assert!(Path::parse(path).is_none(), "{path}");
        }
        assert!(Path::parse(&format!("$?{}", "(".repeat(10_000))).is_none());
    }
}

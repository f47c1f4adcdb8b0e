//! Evaluating an expression to all that it could come to, at one kind of session.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::expression::{Comparison, Expression, Key, Origin, Rows, Truth, is_claims_setting};
use super::ids::TableId;
use super::session_kind::{Enrolled, Session};
use super::value::{Outcomes, Value};
use aal::Level;
use aal::MaxAge;

/// What an expression is evaluated for.
#[derive(Clone, Debug)]
pub struct Evaluation<'a> {
    /// The kind of session.
    pub session: Session,
    /// The name of the database role; `None`: not known.
    pub role: Option<&'a str>,
    /// The tables that this role may read some column of; `None`: all.
    pub readable: Option<&'a HashSet<TableId>>,
    /// Whether settings such as `request.jwt.claims` and `role` are a gateway's. Else anybody may set them at any time.
    pub trusts_settings: bool,
    /// How much work it may be; `None`: any.
    work: Option<&'a Work>,
    /// Whether it tells apart what unknowns come to, and which settings hold the claims.
    closely: bool,
    /// Which settings hold the claims, in a session that has a level; `None`: not known.
    held_in: Option<HeldIn>,
    /// What unknowns with a key are taken to come to.
    assumed: Vec<(Key, Option<bool>)>,
}

/// How much work evaluating may still be, in nodes.
#[derive(Debug)]
pub struct Work(Cell<u64>);

impl Work {
    /// So many nodes.
    pub const fn new(nodes: u64) -> Work {
        Work(Cell::new(nodes))
    }

    /// How many nodes are left.
    pub fn left(&self) -> u64 {
        self.0.get()
    }

    /// Whether nothing is left: then what was evaluated counts as anything at all from some node on.
    pub fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// Takes so many nodes off.
    pub fn take(&self, nodes: u64) {
        self.0.set(self.left().saturating_sub(nodes));
    }
}

/// The settings that a gateway may put the claims into. The first that holds any counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldIn {
    /// `request.jwt.claim`, while `request.jwt.claims` is empty or was never set.
    Singular,
    /// `request.jwt.claims`.
    Plural,
    /// Both.
    Both,
}

impl HeldIn {
    const ALL: [HeldIn; 3] = [HeldIn::Singular, HeldIn::Plural, HeldIn::Both];

    fn includes(self, setting: &str) -> bool {
        let is_singular = setting.eq_ignore_ascii_case("request.jwt.claim");
        match self {
            HeldIn::Singular => is_singular,
            HeldIn::Plural => !is_singular,
            HeldIn::Both => true,
        }
    }
}

/// How many unknowns are told apart within one row's policies of so many nodes: each triples the work.
fn most_assumptions(size: usize) -> usize {
    match size {
        0..=300 => 5,
        301..=3_000 => 2,
        _ => 0,
    }
}

impl<'a> Evaluation<'a> {
    /// For a session, of a role.
    pub fn new(
        session: Session,
        role: Option<&'a str>,
        readable: Option<&'a HashSet<TableId>>,
        trusts_settings: bool,
    ) -> Self {
        let (work, closely, held_in, assumed) = (None, true, None, Vec::new());
        // The role changes within a statement, too: by set_config('role', …).
        let role = role.filter(|_| trusts_settings);
        Evaluation { session, role, readable, trusts_settings, work, closely, held_in, assumed }
    }

    /// The same, of at most so much work.
    pub fn within(self, work: &'a Work, closely: bool) -> Self {
        Evaluation { work: Some(work), closely, ..self }
    }

    /// The same, as in a session whose claims every setting holds that may.
    pub fn with_claims_in_each_setting(self) -> Self {
        Evaluation { held_in: Some(HeldIn::Both), ..self }
    }

    /// Whether, for some row, any of `permissive` (if there are such) and all of `restrictive` could be true.
    pub fn could_pass(&self, permissive: Option<&[&'a Expression]>, restrictive: &[&'a Expression]) -> bool {
        if !self.closely {
            return self.could_pass_assuming(permissive, restrictive, &[]);
        }
        let all = || permissive.unwrap_or_default().iter().chain(restrictive);
        let size = all().map(|expression| expression.extent().0).sum();
        let mut unknowns = recurring_unknowns(all().copied());
        unknowns.truncate(most_assumptions(size));
        let reads_claims_settings = || all().any(|expression| expression.any(&reads_claims_setting));
        if self.session.level.is_none() || !self.trusts_settings || !reads_claims_settings() {
            return self.could_pass_assuming(permissive, restrictive, &unknowns);
        }
        HeldIn::ALL.into_iter().any(|held_in| {
            let evaluation = Evaluation { held_in: Some(held_in), ..self.clone() };
            evaluation.could_pass_assuming(permissive, restrictive, &unknowns)
        })
    }

    /// The same, telling these unknowns apart.
    fn could_pass_assuming(
        &self,
        permissive: Option<&[&'a Expression]>,
        restrictive: &[&'a Expression],
        unknowns: &[Key],
    ) -> bool {
        let restricted = truth_of_all(restrictive.iter().map(|it| self.outcomes(it)));
        let permitted = match permissive {
            Some(any) => truth_of_any(any.iter().map(|it| self.outcomes(it))),
            None => Outcomes::one(Value::Bool(true)),
        };
        let both = truth_of_all([restricted, permitted].into_iter());
        if !both.can_be_true() {
            return false;
        }
        if both.is_only(&Value::Bool(true)) || self.work.is_some_and(Work::is_spent) {
            return true;
        }
        let Some((key, others)) = unknowns.split_first() else { return true };
        [Some(true), Some(false), None].into_iter().any(|truth| {
            let mut assuming = self.clone();
            assuming.assumed.push((*key, truth));
            assuming.could_pass_assuming(permissive, restrictive, others)
        })
    }

    fn assumption(&self, key: Key) -> Option<Option<bool>> {
        self.assumed.iter().find(|(assumed, _)| *assumed == key).map(|(_, truth)| *truth)
    }

    /// All that an expression could come to.
    pub fn outcomes(&self, expression: &Expression) -> Outcomes {
        let Some(work) = self.work else { return self.outcomes_of(expression) };
        work.take(1);
        if work.is_spent() {
            return Outcomes::anything();
        }
        let outcomes = self.outcomes_of(expression);
        work.take(outcomes.weight());
        outcomes
    }

    fn outcomes_of(&self, expression: &Expression) -> Outcomes {
        use Expression::*;
        match expression {
            Constant(value) => Outcomes::one(value.clone()),
            Unknown { key, strict, arguments, .. } => self.unknown(*key, *strict, arguments),
            Claims if self.session.level.is_some() => Outcomes::one(Value::Claims),
            Claims => Outcomes::of([Value::Claims, Value::Null]),
            Level => Outcomes::one(self.level()),
            EnrolledLevel => self.enrolled_level(),
            Status => Outcomes::one(Value::Status),
            Methods => Outcomes::anything(),
            CurrentRole => self.role.map_or_else(Outcomes::anything, |role| Outcomes::one(Value::text(role))),
            HasLevel { level, max_age, raises } => or_raise(self.has_level(level, max_age), *raises),
            HasEnrolledLevel { max_age, raises } => or_raise(self.has_enrolled_level(max_age), *raises),
            AuthenticatedAt(level) => self.authenticated_at(level),
            Setting { name, missing_ok } => self.setting(name, *missing_ok),
            And(all) => truth_of_all(all.iter().map(|it| self.outcomes(it))),
            Or(any) => truth_of_any(any.iter().map(|it| self.outcomes(it))),
            Not(it) => negated(&self.outcomes(it)),
            Is { truth, negated, tested } => is(*truth, *negated, &self.outcomes(tested)),
            Compare(comparison, a, b) => self.compare(*comparison, &self.outcomes(a), &self.outcomes(b)),
            CompareEach { comparison, negated, any, value, array } => {
                self.compare_each(*comparison, *negated, *any, value, array)
            }
            Case { arms, otherwise } => self.case(arms, otherwise),
            Coalesce(many) => self.coalesce(many),
            NullIf(a, b) => self.null_if(a, b),
            Array(items) => self.array(items),
            Member { document, key, as_text } => {
                let (document, key) = (self.outcomes(document), self.outcomes(key));
                pairs(&document, &key, Outcomes::anything, |document, key| self.member(document, key, *as_text))
            }
            Path { document, path, as_text } => self.path(document, path, *as_text),
            HasKey(document, key) => {
                let (document, key) = (self.outcomes(document), self.outcomes(key));
                pairs(&document, &key, Outcomes::any_truth, |document, key| self.has_key(document, key))
            }
            ToJson(it) => self.outcomes(it).map(Outcomes::anything, to_json),
            JsonToText(it) => self.outcomes(it).map(Outcomes::anything, json_to_text),
            Select { target, rows } => self.select(target, rows),
            Exists(rows) => self.exists(rows),
            AnyRow { test, rows } => self.any_row(test, rows),
            ArrayOf { target, rows } => self.array_of(target, rows),
        }
    }

    fn unknown(&self, key: Option<Key>, strict: bool, arguments: &[Expression]) -> Outcomes {
        let arguments: Vec<Outcomes> = arguments.iter().map(|it| self.outcomes(it)).collect();
        // An argument that raises says nothing: a function that doesn't look at it may be put in the place of its call, and
        // of a strict one none is looked at if another is NULL.
        if strict && arguments.iter().any(Outcomes::is_null) {
            Outcomes::one(Value::Null)
        } else {
            match key.and_then(|key| self.assumption(key)) {
                Some(truth) => Outcomes::one(Value::truth(truth)),
                None => Outcomes::anything(),
            }
        }
    }

    fn level(&self) -> Value {
        self.session.level.map_or(Value::Null, |level| Value::text(level.as_str()))
    }

    /// NULL also for a user whom nobody knows.
    fn enrolled_level(&self) -> Outcomes {
        let (aal1, aal2) = (Value::text("aal1"), Value::text("aal2"));
        match (self.session.level, self.session.enrolled) {
            (None, _) => Outcomes::one(Value::Null),
            (_, Enrolled::Yes) => Outcomes::one(aal2),
            (_, Enrolled::No) => Outcomes::of([aal1, Value::Null]),
            (_, Enrolled::Either) => Outcomes::of([aal1, aal2, Value::Null]),
        }
    }

    fn has_level(&self, level: &Expression, max_age: &Expression) -> Outcomes {
        let max_age = self.outcomes(max_age);
        let unknown = || match self.session.level {
            None => Outcomes::one(Value::Bool(false)),
            Some(_) => Outcomes::of([Value::Bool(true), Value::Bool(false)]),
        };
        self.outcomes(level).map(unknown, |level| match level {
            Value::Text(level) => match (Level::from_claim(level), self.session.level) {
                // An unknown level raises.
                (None, _) => Outcomes::raises(),
                (asked, current) if current < asked => Outcomes::one(Value::Bool(false)),
                (Some(asked), _) => max_age.map(any_boolean, |max_age| match max_age {
                    Value::Null => Outcomes::one(Value::Bool(true)),
                    Value::Interval(max_age) => self.fresh(asked, *max_age),
                    _ => any_boolean(),
                }),
            },
            Value::Null => Outcomes::raises(),
            _ => unknown(),
        })
    }

    fn fresh(&self, level: Level, max_age: MaxAge) -> Outcomes {
        self.session.is_fresh(level, max_age).map_or_else(any_boolean, |fresh| Outcomes::one(Value::Bool(fresh)))
    }

    fn has_enrolled_level(&self, max_age: &Expression) -> Outcomes {
        let no = Outcomes::one(Value::Bool(false));
        match (self.session.level, self.session.enrolled) {
            (None, _) | (Some(Level::Aal1), Enrolled::Yes) => no,
            // False also where nobody knows the user.
            (Some(Level::Aal1), Enrolled::No) => self.outcomes(max_age).map(any_boolean, |max_age| match max_age {
                Value::Interval(max_age) if self.session.age.is_within(*max_age) == Some(false) => no.clone(),
                _ => any_boolean(),
            }),
            (_, Enrolled::Yes) => self.outcomes(max_age).map(any_boolean, |max_age| match max_age {
                Value::Interval(max_age) if self.session.age.is_within(*max_age) == Some(false) => no.clone(),
                _ => any_boolean(),
            }),
            // Above aal1, whoever has removed the factor is held to the age of any method.
            _ => any_boolean(),
        }
    }

    fn authenticated_at(&self, level: &Expression) -> Outcomes {
        self.outcomes(level).map(Outcomes::anything, |level| match level {
            Value::Text(level) => match Level::from_claim(level) {
                None => Outcomes::raises(),
                asked if self.session.level < asked => Outcomes::one(Value::Null),
                Some(_) => Outcomes::anything(),
            },
            Value::Null => Outcomes::raises(),
            _ => Outcomes::anything(),
        })
    }

    fn setting(&self, name: &Expression, missing_ok: bool) -> Outcomes {
        if !self.trusts_settings {
            return Outcomes::anything();
        }
        self.outcomes(name).map(Outcomes::anything, |name| {
            let Value::Text(name) = name else { return Outcomes::anything() };
            // What was set within a transaction before is the empty text.
            let mut unset = Outcomes::one(Value::text(""));
            if missing_ok {
                unset.add(Value::Null);
            }
            match name.to_ascii_lowercase().as_str() {
                name if is_claims_setting(name) => match self.held_in.filter(|_| self.session.level.is_some()) {
                    Some(held_in) if held_in.includes(name) => Outcomes::one(Value::ClaimsText),
                    Some(_) => unset,
                    None => {
                        unset.add(Value::ClaimsText);
                        unset
                    }
                },
                "request.jwt.claim.aal" => {
                    if let Some(level) = self.session.level {
                        unset.add(Value::text(level.as_str()));
                    }
                    unset
                }
                "request.jwt.claim.role" => {
                    unset.add_all(self.role.map_or_else(Outcomes::anything, |role| Outcomes::one(Value::text(role))));
                    unset
                }
                _ => Outcomes::anything(),
            }
        })
    }

    fn compare(&self, comparison: Comparison, a: &Outcomes, b: &Outcomes) -> Outcomes {
        if comparison == Comparison::Same {
            return pairs(a, b, any_boolean, |a, b| match (a, b) {
                (Value::Null, Value::Null) => Outcomes::one(Value::Bool(true)),
                (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Bool(false)),
                _ => known_or_any(a.equals(b)),
            });
        }
        // A NULL on either side decides, whatever is on the other.
        if a.is_null() || b.is_null() {
            return Outcomes::one(Value::Null);
        }
        pairs(a, b, Outcomes::any_truth, |a, b| match (a, b) {
            (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Null),
            _ => match comparison {
                Comparison::Equal | Comparison::Same => known_or_any(a.equals(b)),
                Comparison::Contains => known_or_any(self.contains(a, b)),
                Comparison::Overlaps => known_or_any(overlaps(a, b)),
                Comparison::Less => known_or_any(levels(a, b).map(|(a, b)| a < b)),
                Comparison::LessOrEqual => known_or_any(levels(a, b).map(|(a, b)| a <= b)),
                Comparison::Greater => known_or_any(levels(a, b).map(|(a, b)| a > b)),
                Comparison::GreaterOrEqual => known_or_any(levels(a, b).map(|(a, b)| a >= b)),
            },
        })
    }

    fn compare_each(
        &self,
        comparison: Comparison,
        is_negated: bool,
        any: bool,
        value: &Expression,
        array: &Expression,
    ) -> Outcomes {
        let value = self.outcomes(value);
        let each = |item: &Outcomes| {
            let compared = self.compare(comparison, &value, item);
            if is_negated { negated(&compared) } else { compared }
        };
        let combined = |items: Vec<Outcomes>| {
            let items = items.iter().map(each);
            if any { truth_of_any(items) } else { truth_of_all(items) }
        };
        if let Expression::Array(items) = array.unwrapped() {
            return combined(items.iter().map(|item| self.outcomes(item)).collect());
        }
        self.outcomes(array).map(Outcomes::any_truth, |array| match array {
            Value::Null => Outcomes::one(Value::Null),
            Value::Array(items) => combined(items.iter().cloned().map(Outcomes::one).collect()),
            _ => Outcomes::any_truth(),
        })
    }

    fn case(&self, arms: &[(Expression, Expression)], otherwise: &Expression) -> Outcomes {
        let mut outcomes = Outcomes::raises();
        for (condition, result) in arms {
            let condition = self.outcomes(condition);
            if condition.can_be_true() {
                outcomes.add_all(self.outcomes(result));
            }
            if condition.is_only(&Value::Bool(true)) {
                return outcomes;
            }
        }
        outcomes.add_all(self.outcomes(otherwise));
        outcomes
    }

    fn coalesce(&self, many: &[Expression]) -> Outcomes {
        let mut outcomes = Outcomes::raises();
        for expression in many {
            let found = self.outcomes(expression);
            match found.known() {
                None => outcomes.add_all(Outcomes::anything()),
                Some(values) => {
                    values.iter().filter(|value| **value != Value::Null).for_each(|value| outcomes.add(value.clone()));
                }
            }
            if !found.can_be(&Value::Null) {
                return outcomes;
            }
        }
        outcomes.add(Value::Null);
        outcomes
    }

    fn null_if(&self, a: &Expression, b: &Expression) -> Outcomes {
        let (a, b) = (self.outcomes(a), self.outcomes(b));
        pairs(&a, &b, Outcomes::anything, |a, b| {
            let kept = Outcomes::one(a.clone());
            match (a, b) {
                (Value::Null, _) | (_, Value::Null) => kept,
                // Claims are never the empty text, nor another constant that anybody would name.
                (Value::ClaimsText, Value::Text(text)) if text.is_empty() => kept,
                _ => match a.equals(b) {
                    Some(true) => Outcomes::one(Value::Null),
                    Some(false) => kept,
                    None => Outcomes::of([a.clone(), Value::Null]),
                },
            }
        })
    }

    fn array(&self, items: &[Expression]) -> Outcomes {
        let mut arrays = vec![Vec::new()];
        for item in items {
            let outcomes = self.outcomes(item);
            let Some(values) = outcomes.known() else { return Outcomes::anything() };
            let with = |array: &Vec<Value>, value: &Value| [array.as_slice(), std::slice::from_ref(value)].concat();
            arrays = arrays.iter().flat_map(|array| values.iter().map(move |value| with(array, value))).collect();
            if arrays.len() > 64 {
                return Outcomes::anything();
            }
        }
        Outcomes::of(arrays.into_iter().map(Value::Array))
    }

    /// A member of a document.
    fn member(&self, document: &Value, key: &Value, as_text: bool) -> Outcomes {
        let key = match (document, key) {
            (Value::Null, _) | (_, Value::Null) => return Outcomes::one(Value::Null),
            (_, Value::Text(key)) => key.as_str(),
            _ => return Outcomes::anything(),
        };
        let text = |text: &str| {
            let json = Json::String(text.to_owned());
            if as_text { Value::text(text) } else { Value::Json(json) }
        };
        match (document, key) {
            (Value::Claims, "aal") => {
                Outcomes::one(self.session.level.map_or(Value::Null, |level| text(level.as_str())))
            }
            // Of a verified token, it is whatever that says: no role of the database.
            (Value::Claims, "role") => match self.role {
                Some(role) => Outcomes::of([text(role), Value::Null]),
                None => Outcomes::anything(),
            },
            (Value::Status, "currentLevel") => Outcomes::one(match self.session.level {
                Some(level) => text(level.as_str()),
                None if as_text => Value::Null,
                None => Value::Json(Json::Null),
            }),
            (Value::Json(Json::Object(object)), key) => match object.get(key) {
                None => Outcomes::one(Value::Null),
                Some(Json::Null) if as_text => Outcomes::one(Value::Null),
                Some(Json::String(member)) => Outcomes::one(text(member)),
                Some(member) if !as_text => Outcomes::one(Value::Json(member.clone())),
                Some(_) => Outcomes::anything(),
            },
            _ => Outcomes::anything(),
        }
    }

    fn path(&self, document: &Expression, path: &Expression, as_text: bool) -> Outcomes {
        let (document, path) = (self.outcomes(document), self.outcomes(path));
        pairs(&document, &path, Outcomes::anything, |document, path| {
            let keys = match (document, path) {
                (Value::Null, _) | (_, Value::Null) => return Outcomes::one(Value::Null),
                (_, Value::Array(keys)) if !keys.is_empty() => keys,
                _ => return Outcomes::anything(),
            };
            let mut found = Outcomes::one(document.clone());
            for (n, key) in keys.iter().enumerate() {
                let last = n + 1 == keys.len();
                found = found.map(Outcomes::anything, |it| self.member(it, key, as_text && last));
            }
            found
        })
    }

    fn has_key(&self, document: &Value, key: &Value) -> Outcomes {
        match (document, key) {
            (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Null),
            (Value::Claims, Value::Text(key)) if key == "aal" => {
                Outcomes::one(Value::Bool(self.session.level.is_some()))
            }
            _ => any_boolean(),
        }
    }

    /// Whether one contains the other; `None`: not known.
    fn contains(&self, whole: &Value, part: &Value) -> Option<bool> {
        match (whole, part) {
            (Value::Array(whole), Value::Array(part)) => {
                let mut all = Some(true);
                for item in part {
                    match is_element(item, whole) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            (Value::Claims, Value::Json(Json::Object(part))) => {
                let level = self.session.level.map(Level::as_str);
                match part.get("aal") {
                    Some(aal) if aal.as_str() != level || level.is_none() => Some(false),
                    Some(_) if part.len() == 1 => Some(true),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn may_read(&self, rows: &Rows) -> bool {
        self.readable.is_none_or(|readable| rows.reads.iter().all(|table| readable.contains(table)))
    }

    /// Whether there may be a row, and whether there must be one.
    fn has_row(&self, rows: &Rows) -> (bool, bool) {
        if rows.always_one {
            return (true, true);
        }
        let filter = rows.filter.as_ref().map(|filter| self.outcomes(filter));
        let may = filter.as_ref().is_none_or(Outcomes::can_be_true);
        let passes = filter.is_none_or(|filter| filter.is_only(&Value::Bool(true)));
        (may, may && passes && !rows.from && !rows.may_be_cut)
    }

    fn select(&self, target: &Expression, rows: &Rows) -> Outcomes {
        // A function's body asks for rights when it is called: by then the role may be another.
        if !self.trusts_settings && rows.origin != Origin::SubSelect && self.readable.is_some() {
            return Evaluation { readable: None, ..self.clone() }.select(target, rows);
        }
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        let (may, must) = self.has_row(rows);
        let mut outcomes = if may { self.outcomes(target) } else { Outcomes::raises() };
        if !must {
            outcomes.add(Value::Null);
        }
        outcomes
    }

    fn exists(&self, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        match self.has_row(rows) {
            (false, _) => Outcomes::one(Value::Bool(false)),
            (true, true) => Outcomes::one(Value::Bool(true)),
            (true, false) => any_boolean(),
        }
    }

    fn any_row(&self, test: &Expression, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        let (may, must) = self.has_row(rows);
        let mut outcomes = if may { self.outcomes(test) } else { Outcomes::raises() };
        if !must {
            outcomes.add(Value::Bool(false));
        }
        outcomes
    }

    fn array_of(&self, target: &Expression, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        match self.has_row(rows) {
            (false, _) => Outcomes::one(Value::Array(Vec::new())),
            (true, true) if !rows.from => {
                self.outcomes(target).map(Outcomes::anything, |value| Outcomes::one(Value::Array(vec![value.clone()])))
            }
            _ => Outcomes::anything(),
        }
    }
}

fn any_boolean() -> Outcomes {
    Outcomes::of([Value::Bool(true), Value::Bool(false)])
}

fn known_or_any(known: Option<bool>) -> Outcomes {
    known.map_or_else(any_boolean, |known| Outcomes::one(Value::Bool(known)))
}

/// The unknowns that occur more than once, in the order in which they do. One that occurs once depends on nothing else.
fn recurring_unknowns<'a>(expressions: impl Iterator<Item = &'a Expression>) -> Vec<Key> {
    let mut seen: Vec<(Key, bool)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut met = |it: &Expression| {
        let Expression::Unknown { key: Some(key), .. } = it else { return };
        match places.get(key) {
            Some(place) => seen[*place].1 = true,
            None => {
                places.insert(*key, seen.len());
                seen.push((*key, false));
            }
        }
    };
    for expression in expressions {
        expression.visit(&mut |it| {
            met(it);
            // It is compared with each element.
            if let Expression::CompareEach { value, .. } = it {
                value.visit(&mut |it| {
                    met(it);
                    true
                });
            }
            true
        });
    }
    seen.into_iter().filter(|(_, recurs)| *recurs).map(|(key, _)| key).collect()
}

/// Whether this node reads a setting that could be one of those that hold the claims.
fn reads_claims_setting(expression: &Expression) -> bool {
    let is_another = |name: &str| !is_claims_setting(name);
    match expression {
        Expression::Setting { name, .. } => {
            !matches!(&**name, Expression::Constant(Value::Text(name)) if is_another(name))
        }
        _ => false,
    }
}

/// For a function that raises instead of being false.
fn or_raise(outcomes: Outcomes, raises: bool) -> Outcomes {
    if !raises {
        return outcomes;
    }
    outcomes.map(Outcomes::anything, |value| match value {
        Value::Bool(false) => Outcomes::raises(),
        _ => Outcomes::one(value.clone()),
    })
}

/// What comes of each pair of values, where all of them are known.
fn pairs(
    a: &Outcomes,
    b: &Outcomes,
    unknown: impl FnOnce() -> Outcomes,
    each: impl Fn(&Value, &Value) -> Outcomes,
) -> Outcomes {
    if a.always_raises() || b.always_raises() {
        // Where one operand of a strict operator is NULL, the other may not be looked at.
        let null = a.can_be(&Value::Null) || b.can_be(&Value::Null);
        return if null { Outcomes::one(Value::Null) } else { Outcomes::raises() };
    }
    match b.known() {
        None => unknown(),
        Some(values) => a.map(unknown, |a| {
            let mut outcomes = Outcomes::raises();
            values.iter().for_each(|b| outcomes.add_all(each(a, b)));
            outcomes
        }),
    }
}

/// AND, of three truth values. Whether an operand that raises is looked at isn't certain.
fn truth_of_all(operands: impl Iterator<Item = Outcomes>) -> Outcomes {
    let (mut all_true, mut any_false, mut none_false, mut any_null) = (true, false, true, false);
    for it in operands {
        let (truth, null) = (it.can_be_true(), it.can_be(&Value::Null));
        all_true &= truth;
        any_false |= it.can_be(&Value::Bool(false));
        none_false &= truth || null;
        any_null |= null;
    }
    truths(all_true, any_false, none_false && any_null)
}

/// OR, of three truth values.
fn truth_of_any(operands: impl Iterator<Item = Outcomes>) -> Outcomes {
    negated(&truth_of_all(operands.map(|it| negated(&it))))
}

fn negated(outcomes: &Outcomes) -> Outcomes {
    let (truth, falsehood) = (outcomes.can_be_true(), outcomes.can_be(&Value::Bool(false)));
    truths(falsehood, truth, outcomes.can_be(&Value::Null))
}

fn truths(truth: bool, falsehood: bool, null: bool) -> Outcomes {
    let all = [(truth, Value::Bool(true)), (falsehood, Value::Bool(false)), (null, Value::Null)];
    Outcomes::of(all.into_iter().filter(|(can, _)| *can).map(|(_, value)| value))
}

fn is(truth: Truth, is_negated: bool, tested: &Outcomes) -> Outcomes {
    let wanted = match truth {
        Truth::True => Value::Bool(true),
        Truth::False => Value::Bool(false),
        Truth::Null => Value::Null,
    };
    tested.map(any_boolean, |value| Outcomes::one(Value::Bool((*value == wanted) != is_negated)))
}

/// Two levels by their texts: those order the same in any collation.
fn levels(a: &Value, b: &Value) -> Option<(Level, Level)> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some((Level::from_claim(a)?, Level::from_claim(b)?)),
        _ => None,
    }
}

/// Whether an array has this element. NULL is none.
fn is_element(item: &Value, array: &[Value]) -> Option<bool> {
    if *item == Value::Null {
        return Some(false);
    }
    let mut found = Some(false);
    for other in array.iter().filter(|other| **other != Value::Null) {
        match item.equals(other) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

fn overlaps(a: &Value, b: &Value) -> Option<bool> {
    let (Value::Array(a), Value::Array(b)) = (a, b) else { return None };
    let mut any = Some(false);
    for item in a {
        match is_element(item, b) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => any = None,
        }
    }
    any
}

fn to_json(value: &Value) -> Outcomes {
    match value {
        Value::Null | Value::Json(_) | Value::Claims | Value::Status => Outcomes::one(value.clone()),
        Value::ClaimsText => Outcomes::one(Value::Claims),
        Value::Text(text) if text.trim().is_empty() => Outcomes::raises(),
        Value::Text(text) => {
            serde_json::from_str(text).map_or_else(|_| Outcomes::anything(), |json| Outcomes::one(Value::Json(json)))
        }
        _ => Outcomes::anything(),
    }
}

fn json_to_text(value: &Value) -> Outcomes {
    // Any other character could be escaped in more than one way.
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ' || byte == b'_');
    match value {
        Value::Null => Outcomes::one(Value::Null),
        Value::Claims => Outcomes::one(Value::ClaimsText),
        Value::Json(Json::String(text)) if is_plain(text) => Outcomes::one(Value::Text(format!("\"{text}\""))),
        Value::Json(Json::Null) => Outcomes::one(Value::text("null")),
        _ => Outcomes::anything(),
    }
}

#[cfg(test)]
mod tests;

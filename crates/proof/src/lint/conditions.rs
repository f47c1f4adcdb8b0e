//! What conditions on the level look like.

use crate::{Age, Comparison, Enrolled, Evaluation, Expression, Origin, Outcomes, Session, Value, Work};
use aal::Level;

/// How much work one expression may be at one kind of session.
const MOST_WORK: u64 = 100_000;

/// All that an expression could come to at a kind of session, for any role.
pub fn outcomes(expression: &Expression, session: Session, trusts_settings: bool) -> Outcomes {
    let work = Work::new(MOST_WORK);
    let evaluation = Evaluation::new(session, None, None, trusts_settings).with_claims_in_each_setting();
    evaluation.within(&work, true).outcomes(expression)
}

/// Every kind of session.
pub fn sessions() -> [Session; 5] {
    [
        Session::NOBODY,
        Session::at_aal1(Enrolled::Yes),
        Session::at_aal1(Enrolled::No),
        Session::at(Level::Aal2).aged(Age::Any),
        Session::at(Level::Aal3),
    ]
}

/// Whether a text is a level.
pub fn is_level(text: &str) -> bool {
    Level::from_claim(text).is_some()
}

/// Whether an expression reads the claims for every row to find the level, where reading them once would do.
pub fn asks_per_row(expression: &Expression) -> bool {
    reads_per_row(expression, false)
}

fn reads_per_row(expression: &Expression, for_level: bool) -> bool {
    use Expression::*;
    let for_level = for_level || expression.reads_level();
    let beneath = || expression.any_child(&mut |it| reads_per_row(it, for_level));
    match expression {
        // Ours are asked once wherever that's possible.
        Claims => false,
        Setting { .. } => for_level,
        Select { rows, .. } | ArrayOf { rows, .. } | Exists(rows) => match rows.origin {
            Origin::SubSelect => rows.correlated && beneath(),
            Origin::Inlined => beneath(),
            // It is called for every row, with any body.
            Origin::Call => expression.asks_for_level() || expression.asks_who_enrolled(),
        },
        AnyRow { rows, .. } if rows.correlated => beneath(),
        AnyRow { test, .. } => reads_per_row(test, for_level),
        _ => beneath(),
    }
}

/// The texts that a level is compared with and that no session has.
pub fn unknown_levels(expression: &Expression, trusts_settings: bool) -> Vec<String> {
    use Expression::*;
    let mut unknown: Vec<String> = Vec::new();
    let mut compare = |compared: &Expression, constant: &Expression| {
        let texts: Vec<&str> = match constant.unwrapped() {
            Constant(value) => texts_of(value),
            Array(items) => items
                .iter()
                .flat_map(|item| if let Constant(value) = item { texts_of(value) } else { Vec::new() })
                .collect(),
            _ => return,
        };
        if texts.is_empty() || !compared.asks_for_level() {
            return;
        }
        let mut possible: Vec<String> = Vec::new();
        for session in sessions() {
            match outcomes(compared, session, trusts_settings).known() {
                Some(values) => possible.extend(values.iter().flat_map(texts_of).map(str::to_owned)),
                None => return,
            }
        }
        if possible.is_empty() {
            return;
        }
        for text in texts {
            if !possible.iter().any(|it| it == text) && !unknown.iter().any(|it| it == text) {
                unknown.push(text.to_owned());
            }
        }
    };
    expression.visit(&mut |it| {
        match it {
            Compare(Comparison::Equal | Comparison::Same | Comparison::Contains | Comparison::Overlaps, a, b) => {
                compare(a, b);
                compare(b, a);
            }
            CompareEach { value, array, .. } => {
                compare(value, array);
                compare(array, value);
            }
            _ => {}
        }
        true
    });
    expression.visit(&mut |it| {
        // Contains `{"aal": …}`.
        if let Compare(Comparison::Contains, document, part) = it
            && let Constant(Value::Json(part)) = &**part
            && document.is_claims()
            && let Some(level) = part.get("aal").and_then(serde_json::Value::as_str)
            && !is_level(level)
            && !unknown.iter().any(|it| it == level)
        {
            unknown.push(level.to_owned());
        }
        if let HasLevel { level, .. } = it
            && let Constant(Value::Text(level)) = level.unwrapped()
            && !is_level(level)
            && !unknown.contains(level)
        {
            unknown.push(level.clone());
        }
        true
    });
    unknown
}

/// The texts in a value.
pub fn texts_of(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::Json(json) => json_texts(json),
        _ => Vec::new(),
    }
}

fn json_texts(json: &serde_json::Value) -> Vec<&str> {
    match json {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(items) => items.iter().flat_map(json_texts).collect(),
        serde_json::Value::Object(object) => object.values().flat_map(json_texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a member of the claims is read: at the top, by this key.
pub fn reads_claim(expression: &Expression, name: &str) -> bool {
    use Expression::*;
    let is_name = |key: &Expression| matches!(key, Constant(Value::Text(key)) if key == name);
    let begins_with_name = |path: &Expression| match path {
        Constant(Value::Array(path)) => path.first() == Some(&Value::text(name)),
        Array(path) => path.first().is_some_and(is_name),
        _ => false,
    };
    match expression {
        Member { document, key, .. } => is_name(key) && document.is_claims(),
        Path { document, path, .. } => begins_with_name(path) && document.is_claims(),
        _ => false,
    }
}

/// The claims that are read and would be `aal`, were they spelt like it.
pub fn misspelt_claims(expression: &Expression) -> Vec<String> {
    use Expression::*;
    let mut found: Vec<String> = Vec::new();
    expression.visit(&mut |it| {
        let (document, key) = match it {
            Member { document, key, .. } => (document, Some(&**key)),
            Path { document, path, .. } => match &**path {
                Array(path) => (document, path.first()),
                _ => (document, Some(&**path)),
            },
            _ => return true,
        };
        let key = match key {
            Some(Constant(Value::Text(key))) => key.as_str(),
            Some(Constant(Value::Array(path))) => match path.as_slice() {
                [Value::Text(key)] => key.as_str(),
                _ => return true,
            },
            _ => return true,
        };
        let is_misspelt = key != "aal" && key.trim().eq_ignore_ascii_case("aal");
        if is_misspelt && document.is_claims() && !found.iter().any(|it| it == key) {
            found.push(key.to_owned());
        }
        true
    });
    found
}

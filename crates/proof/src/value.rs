//! What an expression could come to.

use std::borrow::Cow;

use serde_json::Value as Json;

use aal::{ClaimStep, MaxAge, Numbers};

/// One value that an expression can come to, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A text, or a value of an enum by its label.
    Text(String),
    /// An integer.
    Integer(i64),
    /// An integer above 0. More is not known.
    Positive,
    /// A JSON value.
    Json(Json),
    /// An array with one dimension that begins at 1, or none.
    Array(Vec<Value>),
    /// Another array. More is not known.
    OtherArray,
    /// An interval that can be a `max_age`.
    Interval(MaxAge),
    /// The time so long before the transaction began.
    Ago(MaxAge),
    /// A time behind each that is so long ago, but for none.
    Lately,
    /// A time before each that is so long ago.
    LongAgo,
    /// The claims in force, as JSON.
    Claims,
    /// The claims in force, as the text that a gateway sets.
    ClaimsText,
    /// A member of the claims as JSON, by the steps that lead to it: not NULL. More is not known.
    Claim(Vec<ClaimStep>),
    /// A text that is none of these.
    TextBut(Vec<String>),
    /// A text in JSON that is none of these.
    JsonTextBut(Vec<String>),
    /// An array of texts in JSON, without these.
    TextsWithout(Vec<String>),
    /// Anything in JSON but an array with an object that says one of these in this member.
    EntriesWithout {
        /// The member.
        key: String,
        /// What no object says.
        without: Vec<String>,
    },
    /// One of these numbers.
    Number(Numbers),
    /// One of these numbers in JSON.
    JsonNumber(Numbers),
    /// One of these numbers, as JSON writes it.
    NumberText(Numbers),
    /// What `auth.aal_status()` answers.
    Status,
    /// Another value, of a type that is not boolean. It isn't NULL; more is not known.
    Other,
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// A truth value: true, false, or NULL.
    pub fn truth(truth: Option<bool>) -> Value {
        truth.map_or(Value::Null, Value::Bool)
    }

    /// About how many bytes it takes.
    pub fn length(&self) -> usize {
        fn of_json(json: &Json) -> usize {
            match json {
                Json::String(text) => text.len(),
                Json::Array(items) => items.iter().map(|item| 32 + of_json(item)).sum(),
                Json::Object(object) => object.iter().map(|(key, item)| 64 + key.len() + of_json(item)).sum(),
                Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            }
        }
        match self {
            Value::Text(text) => text.len(),
            Value::Json(json) => of_json(json),
            Value::Array(items) => items.iter().map(|item| 32 + item.length()).sum(),
            Value::TextBut(texts)
            | Value::JsonTextBut(texts)
            | Value::TextsWithout(texts)
            | Value::EntriesWithout { without: texts, .. } => texts.iter().map(|text| 32 + text.len()).sum(),
            Value::Claim(steps) => 32 * steps.len(),
            Value::Number(numbers) | Value::JsonNumber(numbers) | Value::NumberText(numbers) => 8 * numbers.count(),
            _ => 0,
        }
    }

    /// Whether two values that aren't NULL are equal; `None` where that isn't known.
    pub fn equals(&self, other: &Value) -> Option<bool> {
        use Value::*;
        match (self, other) {
            (Bool(a), Bool(b)) => Some(a == b),
            (Integer(a), Integer(b)) => Some(a == b),
            (Positive, Integer(it)) | (Integer(it), Positive) => (*it <= 0).then_some(false),
            (Text(a), Text(b)) => Some(a == b),
            (TextBut(but), Text(it)) | (Text(it), TextBut(but)) => but.contains(it).then_some(false),
            (JsonTextBut(but), Json(serde_json::Value::String(it)))
            | (Json(serde_json::Value::String(it)), JsonTextBut(but)) => but.contains(it).then_some(false),
            (Number(numbers), Integer(it)) | (Integer(it), Number(numbers)) => numbers.lack(*it).then_some(false),
            (NumberText(numbers), Text(it)) | (Text(it), NumberText(numbers)) => numbers.lack_text(it).then_some(false),
            (JsonNumber(numbers), Json(serde_json::Value::Number(it)))
            | (Json(serde_json::Value::Number(it)), JsonNumber(numbers)) => {
                it.as_i64().is_some_and(|it| numbers.lack(it)).then_some(false)
            }
            (JsonNumber(_), Json(_)) | (Json(_), JsonNumber(_)) => Some(false),
            (Json(serde_json::Value::Number(a)), Json(serde_json::Value::Number(b))) => {
                a.as_i64().zip(b.as_i64()).map(|(a, b)| a == b)
            }
            (Json(a), Json(b)) => json_equals(a, b),
            (Array(a), Array(b)) => array_equals(a, b),
            (Array(_), OtherArray) | (OtherArray, Array(_)) => Some(false),
            _ => None,
        }
    }
}

/// Equality of jsonb. Numbers other than two whole ones are left open: jsonb holds 1 and 1.0 for equal, and numbers of any size.
fn json_equals(a: &Json, b: &Json) -> Option<bool> {
    if std::mem::discriminant(a) != std::mem::discriminant(b) {
        return Some(false);
    }
    if holds_number(a) || holds_number(b) { None } else { Some(a == b) }
}

fn holds_number(json: &Json) -> bool {
    match json {
        Json::Number(_) => true,
        Json::Array(items) => items.iter().any(holds_number),
        Json::Object(object) => object.values().any(holds_number),
        Json::Null | Json::Bool(_) | Json::String(_) => false,
    }
}

/// Equality of arrays, for which NULL equals NULL.
fn array_equals(a: &[Value], b: &[Value]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    all_of(a.iter().zip(b).map(|(a, b)| match (a, b) {
        (Value::Null, Value::Null) => Some(true),
        (Value::Null, _) | (_, Value::Null) => Some(false),
        _ => a.equals(b),
    }))
}

/// Whether one of these is so; `None`: not known.
pub fn any_of(each: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut any = Some(false);
    for it in each {
        match it {
            Some(true) => return Some(true),
            Some(false) => {}
            None => any = None,
        }
    }
    any
}

/// Whether all of these are so; `None`: not known.
pub fn all_of(each: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    any_of(each.into_iter().map(|it| it.map(|is| !is))).map(|is| !is)
}

/// The set of all that an expression could come to. Empty: it always raises an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes {
    /// Most are truth values, which need no memory of their own.
    values: Cow<'static, [Value]>,
    /// Whether it could come to anything at all, NULL included.
    anything: bool,
}

impl Outcomes {
    /// How many values are told apart before a set counts as anything.
    const MOST: usize = 64;

    /// It raises an error.
    pub const fn raises() -> Outcomes {
        Outcomes { values: Cow::Borrowed(&[]), anything: false }
    }

    /// It could come to anything.
    pub const fn anything() -> Outcomes {
        Outcomes { values: Cow::Borrowed(&[]), anything: true }
    }

    /// Any truth value, NULL included.
    pub const fn any_truth() -> Outcomes {
        Outcomes::truths(true, true, true)
    }

    /// Some of the truth values: true, false, NULL.
    pub const fn truths(truth: bool, falsehood: bool, null: bool) -> Outcomes {
        const TRUE: Value = Value::Bool(true);
        const FALSE: Value = Value::Bool(false);
        const NULL: Value = Value::Null;
        const SETS: [&[Value]; 8] =
            [&[], &[TRUE], &[FALSE], &[TRUE, FALSE], &[NULL], &[TRUE, NULL], &[FALSE, NULL], &[TRUE, FALSE, NULL]];
        let values = SETS[truth as usize + 2 * falsehood as usize + 4 * null as usize];
        Outcomes { values: Cow::Borrowed(values), anything: false }
    }

    /// One value.
    pub fn one(value: Value) -> Outcomes {
        match value {
            Value::Bool(truth) => Outcomes::truths(truth, !truth, false),
            Value::Null => Outcomes::truths(false, false, true),
            value => Outcomes { values: Cow::Owned(vec![value]), anything: false },
        }
    }

    /// Any of these.
    pub fn any_of(values: impl IntoIterator<Item = Value>) -> Outcomes {
        let mut outcomes = Outcomes::raises();
        values.into_iter().for_each(|value| outcomes.add(value));
        outcomes
    }

    /// Adds a value.
    pub fn add(&mut self, value: Value) {
        if !self.anything && !self.values.contains(&value) {
            self.values.to_mut().push(value);
            self.anything = self.values.len() > Self::MOST;
        }
    }

    /// How much work it is to put together and to compare with, beyond that of a few short values, in nodes.
    pub fn weight(&self) -> u64 {
        if matches!(self.values, Cow::Borrowed(_)) {
            return 0;
        }
        let lengths: usize = self.values.iter().map(Value::length).sum();
        (self.values.len() * (lengths + 64 * self.values.len()) / 1_024) as u64
    }

    /// Adds all of another set.
    pub fn add_all(&mut self, other: Outcomes) {
        self.anything |= other.anything;
        if self.values.is_empty() && !self.anything {
            self.values = other.values;
            return;
        }
        match other.values {
            Cow::Borrowed(values) => values.iter().for_each(|value| self.add(value.clone())),
            Cow::Owned(values) => values.into_iter().for_each(|value| self.add(value)),
        }
    }

    /// The values, if they are known.
    pub fn known(&self) -> Option<&[Value]> {
        if self.anything { None } else { Some(&self.values) }
    }

    /// Whether it could be true.
    pub fn can_be_true(&self) -> bool {
        self.can_be(&Value::Bool(true))
    }

    /// Whether it could be this value.
    pub fn can_be(&self, value: &Value) -> bool {
        self.anything || self.values.contains(value)
    }

    /// Whether it is this value, unless it raises.
    pub fn is_certainly(&self, value: &Value) -> bool {
        !self.anything && self.values.iter().all(|it| it == value)
    }

    /// Whether it is NULL, for certain.
    pub fn is_null(&self) -> bool {
        !self.always_raises() && self.is_certainly(&Value::Null)
    }

    /// Whether it always raises.
    pub fn always_raises(&self) -> bool {
        !self.anything && self.values.is_empty()
    }

    /// The outcomes of each value. A possible value that isn't known comes to `unknown`.
    pub fn map(&self, unknown: impl FnOnce() -> Outcomes, each: impl Fn(&Value) -> Outcomes) -> Outcomes {
        match self.known() {
            None => unknown(),
            Some(values) => {
                let mut outcomes = Outcomes::raises();
                values.iter().for_each(|value| outcomes.add_all(each(value)));
                outcomes
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_grows_too_large_could_be_anything() {
        let outcomes = Outcomes::any_of((0..100).map(|n| Value::Text(n.to_string())));
        assert_eq!(outcomes.known(), None);
        assert!(outcomes.can_be_true());
    }

    #[test]
    fn numbers_in_json_are_not_compared() {
        let json = |text: &str| Value::Json(serde_json::from_str(text).unwrap());
        assert_eq!(json("1").equals(&json("1.0")), None);
        assert_eq!(json(r#""aal2""#).equals(&json(r#""aal2""#)), Some(true));
        assert_eq!(json(r#"{"a":1}"#).equals(&json(r#"{"a":2}"#)), None);
    }

    #[test]
    fn arrays_that_begin_elsewhere_are_not_equal() {
        let array = Value::Array(vec![Value::text("aal2")]);
        assert_eq!(array.equals(&Value::OtherArray), Some(false));
        assert_eq!(Value::OtherArray.equals(&Value::OtherArray), None);
    }

    #[test]
    fn null_equals_null_within_arrays_only() {
        let array = |values: &[Value]| Value::Array(values.to_vec());
        assert_eq!(array(&[Value::Null]).equals(&array(&[Value::Null])), Some(true));
        assert_eq!(array(&[Value::Null]).equals(&array(&[Value::text("aal2")])), Some(false));
        assert_eq!(array(&[Value::Claims]).equals(&array(&[Value::text("aal2")])), None);
    }
}

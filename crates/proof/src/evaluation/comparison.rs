//! What comparisons come to.

use serde_json::Value as Json;

use super::by_profile::{entries_contain, texts_contain};
use super::truth::{any_boolean, known_or_any, negated, pairs, truth_of_all, truth_of_any};
use super::{Comparison, Evaluation, Expression, Outcomes, Value};
use crate::value::{all_of, any_of};
use aal::MaxAge;

impl Evaluation<'_> {
    pub(super) fn compare(&self, comparison: Comparison, a: &Outcomes, b: &Outcomes) -> Outcomes {
        if comparison == Comparison::Same {
            return pairs(a, b, any_boolean, |a, b| match (a, b) {
                (Value::Null, Value::Null) => Outcomes::one(Value::Bool(true)),
                (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Bool(false)),
                _ => known_or_any(a.equals(b)),
            });
        }
        // A NULL on either side decides alone.
        if a.is_null() || b.is_null() {
            return Outcomes::one(Value::Null);
        }
        if comparison == Comparison::Contains && a.known().is_none() {
            // No array contains one that holds NULL.
            return b.map(Outcomes::any_truth, |part| match part {
                Value::Null => Outcomes::one(Value::Null),
                Value::Array(items) if items.contains(&Value::Null) => {
                    Outcomes::any_of([Value::Bool(false), Value::Null])
                }
                _ => Outcomes::any_truth(),
            });
        }
        pairs(a, b, Outcomes::any_truth, |a, b| match (a, b) {
            (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Null),
            _ => match comparison {
                Comparison::Equal | Comparison::Same => known_or_any(a.equals(b)),
                Comparison::Contains => known_or_any(self.contains(a, b)),
                Comparison::Overlaps => known_or_any(overlaps(a, b)),
                Comparison::Less => known_or_any(is_less(a, b)),
                Comparison::LessOrEqual => known_or_any(is_less(b, a).map(|less| !less)),
                Comparison::Greater => known_or_any(is_less(b, a)),
                Comparison::GreaterOrEqual => known_or_any(is_less(a, b).map(|less| !less)),
            },
        })
    }

    pub(super) fn compare_each(
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

    /// Whether one contains the other; `None`: not known.
    pub(super) fn contains(&self, whole: &Value, part: &Value) -> Option<bool> {
        match (whole, part) {
            (Value::Array(whole), Value::Array(part)) => all_of(part.iter().map(|item| is_element(item, whole))),
            (Value::Claims, Value::Json(part)) if self.profile().is_some() => {
                self.claims_contain(self.profile()?, &[], part)
            }
            (Value::Claim(path), Value::Json(part)) => self.claims_contain(self.profile()?, path, part),
            (Value::Json(Json::Null), Value::Json(Json::Array(_) | Json::Object(_))) => Some(false),
            (Value::Json(whole @ Json::Object(_)), Value::Json(part)) => json_contains(whole, part),
            (Value::TextsWithout(without), Value::Json(part)) => texts_contain(without, part),
            (Value::JsonTextBut(but), Value::Json(Json::String(text))) => but.contains(text).then_some(false),
            (Value::Claims, Value::Json(Json::Object(part))) if self.is_of_user => self.claims_of_user_contain(part),
            (Value::JsonNumber(_), Value::Json(_)) => whole.equals(part).filter(|is_equal| !is_equal),
            (Value::EntriesWithout { key, without }, Value::Json(part)) => entries_contain(key, without, part),
            (Value::Claims, Value::Json(Json::Object(part))) => match part.get("aal") {
                Some(aal) if !self.claims_level(aal) => Some(false),
                Some(_) if part.len() == 1 => Some(true),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the claims of a user who is signed in have these members; `None`: not known.
    fn claims_of_user_contain(&self, part: &serde_json::Map<String, Json>) -> Option<bool> {
        let has = |(key, value): (&String, &Json)| match key.as_str() {
            "aal" => Some(self.claims_level(value)),
            "is_anonymous" => Some(*value == Json::Bool(false)),
            "role" => self.role.map(|role| value.as_str() == Some(role)),
            _ => None,
        };
        all_of(part.iter().map(has))
    }
}

/// Whether one JSON document contains another; `None`: not known. Arrays are left open, and numbers.
fn json_contains(whole: &Json, part: &Json) -> Option<bool> {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            let has = |(key, part)| whole.get(key).map_or(Some(false), |whole| json_contains(whole, part));
            all_of(part.iter().map(has))
        }
        (Json::Object(_), _) | (_, Json::Object(_)) => Some(false),
        (Json::Array(_), _) | (_, Json::Array(_)) => None,
        (whole, part) => Value::Json(whole.clone()).equals(&Value::Json(part.clone())),
    }
}

/// Whether one value is less than another, if that is known. Of texts it is known where they order the same in any collation.
pub(super) fn is_less(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => orders(a, b).map(|(a, b)| a < b),
        (Value::Integer(a), Value::Integer(b)) => Some(a < b),
        (Value::Bool(a), Value::Bool(b)) => Some(a < b),
        (Value::Positive, Value::Integer(..=1)) => Some(false),
        (Value::Integer(..=0), Value::Positive) => Some(true),
        (Value::Number(numbers), Value::Integer(it)) => numbers.are_below(*it),
        (Value::Integer(it), Value::Number(numbers)) => numbers.are_above(*it),
        // How long a month or a day is differs: two ages aren't compared.
        (Value::Ago(age), Value::Lately) => is_some(*age),
        (Value::Lately, Value::Ago(age)) => is_some(*age).map(|it| !it),
        (Value::LongAgo, Value::Ago(_) | Value::Lately) => Some(true),
        (Value::Ago(_) | Value::Lately, Value::LongAgo) => Some(false),
        _ => None,
    }
}

/// Whether an age is one, and not none; `None` for none.
fn is_some(age: MaxAge) -> Option<bool> {
    (age > MaxAge::from_seconds(0)).then_some(true)
}

/// Whether this node orders the level and a text that not every collation orders alike.
pub fn is_ordered_by_collation(expression: &Expression) -> bool {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let operands = match expression {
        Expression::Compare(Less | LessOrEqual | Greater | GreaterOrEqual, a, b) => [&**a, &**b],
        _ => return false,
    };
    let is_other =
        |it: &Expression| matches!(it, Expression::Constant(Value::Text(text)) if orders(text, "aal1").is_none());
    operands.iter().any(|it| it.asks_for_level()) && operands.iter().any(|it| it.any(&is_other))
}

/// Two texts that order the same in any collation, by what orders them: `aal` with a digit, and the empty text before all others.
fn orders(a: &str, b: &str) -> Option<(u8, u8)> {
    let digit = |text: &str| match text.strip_prefix("aal")?.as_bytes() {
        [digit] if digit.is_ascii_digit() => Some(*digit),
        _ => None,
    };
    if a.is_empty() || b.is_empty() {
        return Some((u8::from(!a.is_empty()), u8::from(!b.is_empty())));
    }
    Some((digit(a)?, digit(b)?))
}

/// Whether an array has this element. NULL is none.
fn is_element(item: &Value, array: &[Value]) -> Option<bool> {
    if *item == Value::Null {
        return Some(false);
    }
    any_of(array.iter().filter(|other| **other != Value::Null).map(|other| item.equals(other)))
}

fn overlaps(a: &Value, b: &Value) -> Option<bool> {
    let (Value::Array(a), Value::Array(b)) = (a, b) else { return None };
    any_of(a.iter().map(|item| is_element(item, b)))
}

//! What Postgres' own functions come to, of values that are known. Where a locale, an encoding or a version of Postgres could
//! decide, they come to anything.

use serde_json::Value as Json;

use super::comparison::is_less;
use super::jsonpath::{Answer, Path};
use super::patterns::{is_like, matches, regular_expression};
use super::truth::{truth_of_all, truth_of_any};
use super::{Evaluation, Expression, Outcomes, Value};
use crate::builtin::Builtin;

/// For how many combinations of arguments a call is weighed, before it counts as anything.
const MOST_COMBINATIONS: usize = 256;

impl Evaluation<'_> {
    /// What a call of a function comes to.
    pub(super) fn builtin(&self, builtin: Builtin, arguments: &[Expression]) -> Outcomes {
        let unknown = || if builtin.is_condition() { Outcomes::any_truth() } else { Outcomes::anything() };
        let arguments: Vec<Outcomes> = arguments.iter().map(|it| self.outcomes(it)).collect();
        if builtin.is_strict() && arguments.iter().any(Outcomes::is_null) {
            return Outcomes::one(Value::Null);
        }
        if arguments.iter().any(Outcomes::always_raises) {
            // Of a strict function, no argument is looked at if another is NULL.
            let may_be_null = builtin.is_strict() && arguments.iter().any(|it| it.can_be(&Value::Null));
            return if may_be_null { Outcomes::one(Value::Null) } else { Outcomes::raises() };
        }
        let mut combinations: Vec<Vec<&Value>> = vec![Vec::new()];
        for argument in &arguments {
            let Some(values) = argument.known() else { return unknown() };
            if combinations.len() * values.len() > MOST_COMBINATIONS {
                return unknown();
            }
            let mut longer = Vec::with_capacity(combinations.len() * values.len());
            for before in &combinations {
                longer.extend(values.iter().map(|value| [before.as_slice(), &[value]].concat()));
            }
            combinations = longer;
        }
        let mut outcomes = Outcomes::raises();
        for values in combinations {
            let is_null = builtin.is_strict() && values.iter().any(|it| **it == Value::Null);
            let one = if is_null { Some(Outcomes::one(Value::Null)) } else { self.applied(builtin, &values) };
            outcomes.add_all(one.unwrap_or_else(unknown));
        }
        outcomes
    }

    /// What a function comes to, of these values; `None` where that isn't known.
    fn applied(&self, builtin: Builtin, values: &[&Value]) -> Option<Outcomes> {
        let value = match (builtin, values) {
            (Builtin::Concat, values) => concat(values)?,
            (Builtin::Least, values) => return least(values, false),
            (Builtin::Greatest, values) => return least(values, true),
            (Builtin::BuildObject, values) => return built_object(values),
            (Builtin::CountNulls { others }, values) => {
                let count = values.iter().filter(|value| (***value == Value::Null) != others).count();
                Value::Integer(i64::try_from(count).ok()?)
            }
            (Builtin::TruthToInteger, [Value::Bool(truth)]) => Value::Integer(i64::from(*truth)),
            (Builtin::TruthToText, [Value::Bool(truth)]) => Value::Text(truth.to_string()),
            (Builtin::ArrayPosition, [array, element]) => array_position(array, element)?,
            (Builtin::StringToArray, [text, delimiter]) => string_to_array(text, delimiter)?,
            (Builtin::HasAnyKey, [document, Value::Array(keys)]) => {
                return Some(truth_of_any(self.each_key(document, keys)));
            }
            (Builtin::HasAllKeys, [document, Value::Array(keys)]) => {
                return Some(truth_of_all(self.each_key(document, keys)));
            }
            (Builtin::PathExists | Builtin::PathMatches | Builtin::PathFirst, [document, Value::Text(path)]) => {
                return self.of_path(builtin, document, path);
            }
            (Builtin::JsonType, [document]) => Value::text(json_type(document)?),
            (Builtin::ToInteger | Builtin::ToNumeric, [Value::NumberText(numbers)]) => Value::Number(numbers.clone()),
            (Builtin::ToNumeric, [Value::Text(text)]) => to_numeric(text),
            (Builtin::JsonToNumber, [document]) => return json_to_number(document),
            (Builtin::JsonToTruth, [document]) => return json_to_truth(document),
            (Builtin::Ago, [Value::Interval(age)]) => Value::Ago(*age),
            (Builtin::ToJsonb, [value]) => json_of(value)?,
            (_, [Value::Text(text), others @ ..]) if text.is_ascii() => return of_text(builtin, text, others),
            _ => return None,
        };
        Some(Outcomes::one(value))
    }

    /// Whether a document has each of these keys. NULL is none.
    fn each_key(&self, document: &Value, keys: &[Value]) -> impl Iterator<Item = Outcomes> {
        keys.iter().filter(|key| **key != Value::Null).map(|key| self.has_key(document, key))
    }

    fn of_path(&self, builtin: Builtin, document: &Value, path: &str) -> Option<Outcomes> {
        if self.profile().is_some() {
            return None;
        }
        let answer = Path::parse(path)?.answer(document, self.level_claim_as_json().as_ref());
        Some(match (builtin, answer) {
            // A condition is an answer, too: also where it is false.
            (Builtin::PathExists, Answer::Condition(_)) => Outcomes::one(Value::Bool(true)),
            (Builtin::PathExists, Answer::Items(items)) => Outcomes::one(Value::Bool(!items?.is_empty())),
            (Builtin::PathMatches, Answer::Condition(truth)) => match truth {
                Some(truth) => Outcomes::one(Value::truth(truth)),
                None => Outcomes::any_truth(),
            },
            (Builtin::PathFirst, Answer::Items(Some(items))) => {
                Outcomes::one(items.into_iter().next().unwrap_or(Value::Null))
            }
            _ => return None,
        })
    }
}

/// What a function of a text comes to. The text is ASCII.
fn of_text(builtin: Builtin, text: &str, others: &[&Value]) -> Option<Outcomes> {
    let value = match (builtin, others) {
        // Turkish has another pair of letters.
        (Builtin::Lower, []) if !text.contains('I') => Value::Text(text.to_ascii_lowercase()),
        (Builtin::Upper, []) if !text.contains('i') => Value::Text(text.to_ascii_uppercase()),
        (Builtin::Trim { start, end }, []) => Value::text(trimmed(text, " ", start, end)),
        (Builtin::Trim { start, end }, [Value::Text(characters)]) => Value::text(trimmed(text, characters, start, end)),
        (Builtin::Append, [Value::Text(other)]) => Value::Text([text, other].concat()),
        (Builtin::StartsWith, [Value::Text(prefix)]) => Value::Bool(text.starts_with(prefix.as_str())),
        (Builtin::Left, [Value::Integer(count)]) => Value::text(&text[..place(text, *count)]),
        (Builtin::Right, [Value::Integer(count)]) => Value::text(&text[place_of_last(text, *count)..]),
        (Builtin::Substring, [Value::Integer(start)]) => Value::text(&text[place_from(text, *start)..]),
        (Builtin::Substring, [Value::Integer(start), Value::Integer(count)]) => {
            if *count < 0 {
                return Some(Outcomes::raises());
            }
            let (from, to) = (place_from(text, *start), place_from(text, start.checked_add(*count)?));
            Value::text(&text[from..to.max(from)])
        }
        (Builtin::Replace, [Value::Text(from), Value::Text(to)]) => {
            Value::Text(if from.is_empty() { text.to_owned() } else { text.replace(from.as_str(), to) })
        }
        (Builtin::Position, [Value::Text(part)]) => {
            let found = text.find(part.as_str()).map_or(0, |place| place + 1);
            Value::Integer(i64::try_from(found).ok()?)
        }
        (Builtin::Length, []) => Value::Integer(i64::try_from(text.len()).ok()?),
        (Builtin::ToInteger, []) => return to_integer(text),
        (Builtin::Matches { ignores_case }, [Value::Text(pattern)]) => {
            Value::Bool(matches(text, pattern, ignores_case)?)
        }
        (Builtin::Like { ignores_case }, [Value::Text(pattern)]) => Value::Bool(is_like(text, pattern, ignores_case)?),
        (Builtin::SimilarTo, []) => Value::Text(regular_expression(text)?),
        (Builtin::Cut, [Value::Integer(modifier), Value::Bool(is_explicit)]) => {
            return cut(text, *modifier, *is_explicit);
        }
        (Builtin::CutBlank, [Value::Integer(modifier), Value::Bool(is_explicit)]) => {
            return cut(text.trim_end_matches(' '), *modifier, *is_explicit)
                .map(|it| it.map(Outcomes::anything, |it| Outcomes::one(without_blanks(it))));
        }
        (Builtin::TrimBlank, []) => Value::text(text.trim_end_matches(' ')),
        (Builtin::ToName, []) if text.len() < 64 => Value::text(text),
        (Builtin::Md5, []) => Value::Text(super::md5::hexadecimal(text.as_bytes())),
        _ => return None,
    };
    Some(Outcomes::one(value))
}

fn without_blanks(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::text(text.trim_end_matches(' ')),
        other => other.clone(),
    }
}

fn trimmed<'a>(text: &'a str, characters: &str, start: bool, end: bool) -> &'a str {
    let is_one = |it: char| characters.contains(it);
    let text = if start { text.trim_start_matches(is_one) } else { text };
    if end { text.trim_end_matches(is_one) } else { text }
}

/// The place behind so many characters; behind all but so many, where the count is negative.
fn place(text: &str, count: i64) -> usize {
    let behind_all_but = || text.len().saturating_sub(usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX));
    usize::try_from(count).map_or_else(|_| behind_all_but(), |count| count.min(text.len()))
}

/// The place before so many characters at the end; behind so many at the beginning, where the count is negative.
fn place_of_last(text: &str, count: i64) -> usize {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 { wanted.min(text.len()) } else { text.len().saturating_sub(wanted) }
}

/// The place of a character, by its number from 1.
fn place_from(text: &str, number: i64) -> usize {
    usize::try_from(number.saturating_sub(1)).unwrap_or(0).min(text.len())
}

/// Newer versions of Postgres read more than digits.
fn to_integer(text: &str) -> Option<Outcomes> {
    let digits = text.trim_matches(' ');
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if digits.is_empty() || digits.starts_with(|it: char| it.is_ascii_alphabetic()) {
        return Some(Outcomes::raises());
    }
    let is_plain = (1..=9).contains(&unsigned.len()) && unsigned.bytes().all(|it| it.is_ascii_digit());
    let number = digits.strip_prefix('+').unwrap_or(digits).parse().ok().filter(|_| is_plain)?;
    Some(Outcomes::one(Value::Integer(number)))
}

/// A number that isn't whole, or is written in another way, is some number.
fn to_numeric(text: &str) -> Value {
    let whole = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    whole.map_or(Value::Other, Value::Integer)
}

/// Of JSON's null it is an error, or NULL from Postgres 18 on.
fn json_to_truth(document: &Value) -> Option<Outcomes> {
    Some(match document {
        Value::Json(Json::Bool(truth)) => Outcomes::one(Value::Bool(*truth)),
        Value::Json(Json::Null) => Outcomes::one(Value::Null),
        Value::Json(_) => Outcomes::raises(),
        _ => Outcomes::any_truth(),
    })
}

/// An integer is rounded, which leads beyond neither end of a range of numbers with whole ends. From version 18 on, null becomes NULL;
/// before, it raises.
fn json_to_number(document: &Value) -> Option<Outcomes> {
    Some(match document {
        Value::Json(Json::Number(number)) => Outcomes::one(Value::Integer(number.as_i64()?)),
        Value::JsonNumber(numbers) => Outcomes::one(Value::Number(numbers.clone())),
        Value::Json(Json::Null) => Outcomes::one(Value::Null),
        Value::Json(_) | Value::JsonTextBut(_) | Value::TextsWithout(_) => Outcomes::raises(),
        _ => return None,
    })
}

/// A text cut to the length of a type modifier.
fn cut(text: &str, modifier: i64, is_explicit: bool) -> Option<Outcomes> {
    // The modifier counts a header of four bytes.
    let length = usize::try_from(modifier.checked_sub(4)?).ok().filter(|length| *length > 0)?;
    let (kept, rest) = text.split_at(length.min(text.len()));
    let fits = is_explicit || rest.bytes().all(|it| it == b' ');
    Some(if fits { Outcomes::one(Value::text(kept)) } else { Outcomes::raises() })
}

fn concat(values: &[&Value]) -> Option<Value> {
    let mut all = String::new();
    for value in values {
        match value {
            Value::Null => {}
            Value::Text(text) => all.push_str(text),
            _ => return None,
        }
    }
    Some(Value::Text(all))
}

/// The least of some values, or the greatest. NULL doesn't count.
fn least(values: &[&Value], greatest: bool) -> Option<Outcomes> {
    let mut values = values.iter().copied().filter(|value| **value != Value::Null);
    let Some(first) = values.next() else { return Some(Outcomes::one(Value::Null)) };
    let mut found = Outcomes::one(first.clone());
    for value in values {
        found = found.map(Outcomes::anything, |found| {
            let (a, b) = if greatest { (value, found) } else { (found, value) };
            match (is_less(a, b), found.equals(value)) {
                (_, Some(true)) | (Some(true), _) => Outcomes::one(found.clone()),
                (Some(false), _) => Outcomes::one(value.clone()),
                (None, _) => Outcomes::any_of([found.clone(), value.clone()]),
            }
        });
    }
    Some(found)
}

fn array_position(array: &Value, element: &Value) -> Option<Value> {
    let items = match array {
        Value::Null => return Some(Value::Null),
        Value::Array(items) => items,
        _ => return None,
    };
    for (n, item) in items.iter().enumerate() {
        let is_it = match (item, element) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            _ => item.equals(element)?,
        };
        if is_it {
            return Some(Value::Integer(i64::try_from(n + 1).ok()?));
        }
    }
    Some(Value::Null)
}

fn string_to_array(text: &Value, delimiter: &Value) -> Option<Value> {
    let items = match (text, delimiter) {
        (Value::Null, _) => return Some(Value::Null),
        (Value::Text(text), _) if text.is_empty() => Vec::new(),
        (Value::Text(text), Value::Text(delimiter)) if delimiter.is_empty() => vec![Value::text(text)],
        (Value::Text(text), Value::Text(delimiter)) => text.split(delimiter.as_str()).map(Value::text).collect(),
        _ => return None,
    };
    Some(Value::Array(items))
}

fn json_type(document: &Value) -> Option<&'static str> {
    Some(match document {
        Value::Claims | Value::Json(Json::Object(_)) => "object",
        Value::Json(Json::Array(_)) | Value::TextsWithout(_) => "array",
        Value::Json(Json::String(_)) | Value::JsonTextBut(_) => "string",
        Value::Json(Json::Number(_)) | Value::JsonNumber(_) => "number",
        Value::Json(Json::Bool(_)) => "boolean",
        Value::Json(Json::Null) => "null",
        _ => return None,
    })
}

/// A value as jsonb.
fn json_of(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Text(text) => Value::Json(Json::String(text.clone())),
        Value::Bool(truth) => Value::Json(Json::Bool(*truth)),
        Value::Json(_) | Value::Claims => value.clone(),
        _ => return None,
    })
}

fn built_object(values: &[&Value]) -> Option<Outcomes> {
    if values.len() % 2 == 1 || values.chunks(2).any(|pair| *pair[0] == Value::Null) {
        return Some(Outcomes::raises());
    }
    let mut object = serde_json::Map::new();
    for pair in values.chunks(2) {
        let Value::Text(key) = pair[0] else { return None };
        let member = match pair[1] {
            Value::Null => Json::Null,
            other => match json_of(other)? {
                Value::Json(json) => json,
                _ => return None,
            },
        };
        object.insert(key.clone(), member);
    }
    Some(Outcomes::one(Value::Json(Json::Object(object))))
}

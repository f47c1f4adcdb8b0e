//! The types of what is written in a body that is stored as text.

use aal::MaxAge;
use pgrx::prelude::*;
use proof::{Comparison, Expression, Value};

/// The types that are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Json,
    Jsonb,
    Boolean,
    TextArray,
    Interval,
    /// A literal that has no type yet.
    Literal,
    Other,
}

impl Kind {
    /// The kind of a type.
    pub fn of_type(type_oid: pg_sys::Oid) -> Kind {
        match type_oid {
            pg_sys::TEXTOID => Kind::Text,
            pg_sys::JSONOID => Kind::Json,
            pg_sys::JSONBOID => Kind::Jsonb,
            pg_sys::BOOLOID => Kind::Boolean,
            pg_sys::TEXTARRAYOID => Kind::TextArray,
            pg_sys::INTERVALOID => Kind::Interval,
            _ => Kind::Other,
        }
    }
}

/// An expression and its type.
pub type Typed = (Expression, Kind);

/// An expression where one of this type is wanted; `None` where Postgres would look for a cast.
pub fn coerced((expression, from): Typed, to: Kind) -> Option<Expression> {
    if from == to && to != Kind::Other {
        return Some(expression);
    }
    match (from, expression) {
        (Kind::Literal, Expression::Constant(Value::Null)) => Some(Expression::NULL),
        (Kind::Literal, Expression::Constant(Value::Text(text))) => Some(match to {
            Kind::Text => Expression::Constant(Value::Text(text)),
            Kind::Json | Kind::Jsonb => serde_json::from_str(&text)
                .map_or_else(|_| Expression::unknown(), |json| Expression::Constant(Value::Json(json))),
            Kind::Interval => {
                interval(&text).map_or_else(Expression::unknown, |age| Expression::Constant(Value::Interval(age)))
            }
            _ => Expression::unknown(),
        }),
        _ => None,
    }
}

/// `15 minutes`: the plainest form of an interval. Others depend on settings.
fn interval(text: &str) -> Option<MaxAge> {
    let (count, unit) = text.trim().split_once(' ')?;
    let count: u32 = count.parse().ok()?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(MaxAge::from_seconds)
}

/// `a = b`; `None` where Postgres would look for another operator.
pub fn equal(a: Typed, b: Typed) -> Option<Expression> {
    let (a, b) = same_kind(a, b)?;
    Some(Expression::Compare(Comparison::Equal, Box::new(a), Box::new(b)))
}

/// Two operands for an operator of `pg_catalog` that takes exactly these types.
pub fn same_kind(a: Typed, b: Typed) -> Option<(Expression, Expression)> {
    let kind = if a.1 == Kind::Literal { b.1 } else { a.1 };
    if !matches!(kind, Kind::Text | Kind::Boolean | Kind::Jsonb) {
        return None;
    }
    Some((coerced(a, kind)?, coerced(b, kind)?))
}

/// Expressions that come to one type, as in CASE; [`Kind::Other`] where they don't.
pub fn unified(all: Vec<Typed>) -> (Vec<Expression>, Kind) {
    let kind = all.iter().map(|(_, kind)| *kind).find(|kind| *kind != Kind::Literal).unwrap_or(Kind::Text);
    let count = all.len();
    let coerced: Vec<Expression> = all.into_iter().filter_map(|it| coerced(it, kind)).collect();
    if coerced.len() == count { (coerced, kind) } else { (vec![Expression::unknown(); count], Kind::Other) }
}

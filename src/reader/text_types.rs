//! The types of what is written in a body that is stored as text.

use aal::MaxAge;
use pgrx::prelude::*;
use proof::{Comparison, Expression, Value};

/// The types that are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    /// The type of a variable that is `varchar`, or `varchar(n)` with its type modifier. What it holds is read as a text.
    Varchar(Option<i32>),
    Json,
    Jsonb,
    Boolean,
    TextArray,
    Interval,
    Uuid,
    Int4,
    Int8,
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
            pg_sys::UUIDOID => Kind::Uuid,
            pg_sys::INT4OID => Kind::Int4,
            pg_sys::INT8OID => Kind::Int8,
            _ => Kind::Other,
        }
    }

    /// Whether it is an integer's: Postgres compares any two of these with operators of its own.
    pub fn is_integer(self) -> bool {
        matches!(self, Kind::Int4 | Kind::Int8)
    }

    /// The type, if it is one that is told apart.
    pub fn type_oid(self) -> Option<pg_sys::Oid> {
        Some(match self {
            Kind::Text => pg_sys::TEXTOID,
            Kind::Json => pg_sys::JSONOID,
            Kind::Jsonb => pg_sys::JSONBOID,
            Kind::Boolean => pg_sys::BOOLOID,
            Kind::TextArray => pg_sys::TEXTARRAYOID,
            Kind::Interval => pg_sys::INTERVALOID,
            Kind::Uuid => pg_sys::UUIDOID,
            Kind::Int4 => pg_sys::INT4OID,
            Kind::Int8 => pg_sys::INT8OID,
            Kind::Varchar(_) | Kind::Literal | Kind::Other => return None,
        })
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
            Kind::TextArray => array(&text).map_or_else(Expression::unknown, Expression::Constant),
            Kind::Interval => {
                interval(&text).map_or_else(Expression::unknown, |age| Expression::Constant(Value::Interval(age)))
            }
            _ => Expression::unknown(),
        }),
        _ => None,
    }
}

/// `{aal2,aal3}`: the plainest form of an array.
fn array(text: &str) -> Option<Value> {
    let items = text.strip_prefix('{')?.strip_suffix('}')?;
    let is_plain = |item: &str| {
        !item.is_empty()
            && item.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
            && !item.eq_ignore_ascii_case("null")
    };
    let items: Vec<&str> = if items.is_empty() { Vec::new() } else { items.split(',').collect() };
    items.iter().all(|item| is_plain(item)).then(|| Value::Array(items.into_iter().map(Value::text).collect()))
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
    if a.1.is_integer() && b.1.is_integer() {
        return Some((a.0, b.0));
    }
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

//! Types, collations and constants.

use aal::MaxAge;
use pgrx::prelude::*;
use proof::{Comparison, Value};

use crate::pg::constant::Constant;
use crate::pg::lookup;
use crate::pg::node::NodeRef;

/// How large a constant may be, in bytes, and still be read: nobody compares a level with more.
const LARGEST_CONSTANT: usize = 4_096;

/// Whether texts are equal in this collation only if their bytes are.
pub fn compares_bytes(collation: pg_sys::Oid) -> bool {
    collation == pg_sys::InvalidOid || lookup::is_deterministic(collation)
}

/// Whether levels order in this collation as they do: another may have rules of its own.
pub fn orders_levels(comparison: Comparison, collation: pg_sys::Oid) -> bool {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let plain = [pg_sys::InvalidOid, pg_sys::DEFAULT_COLLATION_OID, pg_sys::C_COLLATION_OID];
    !matches!(comparison, Less | LessOrEqual | Greater | GreaterOrEqual) || plain.contains(&collation)
}

/// Whether the levels among an enum's labels order as they do.
pub fn orders_labels(kind: pg_sys::Oid) -> bool {
    let orders = [c"aal1", c"aal2", c"aal3"].into_iter().filter_map(|level| lookup::enum_order(kind, level));
    orders.is_sorted_by(|one, other| one < other)
}

/// The families of types that are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Text,
    Json,
    Enum,
    Other,
}

impl Family {
    /// The family of a type, or of the type beneath a domain.
    pub fn of_type(oid: pg_sys::Oid) -> Family {
        match lookup::base_type(oid) {
            Some((pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::UNKNOWNOID, _)) => Family::Text,
            Some((pg_sys::JSONOID | pg_sys::JSONBOID, _)) => Family::Json,
            Some((_, true)) => Family::Enum,
            _ => Family::Other,
        }
    }

    /// The family of an array's elements.
    pub fn of_elements(array: pg_sys::Oid) -> Family {
        lookup::element_type(array).map_or(Family::Other, Family::of_type)
    }
}

/// The value of a constant, if it is one that the proof knows.
pub fn value_of(constant: NodeRef<'_, pg_sys::Const>) -> Option<Value> {
    Some(match constant.value(LARGEST_CONSTANT) {
        Constant::Null => Value::Null,
        Constant::Bool(value) => Value::Bool(value),
        Constant::Integer(value) => Value::Integer(value),
        Constant::Text(text) => Value::Text(text),
        Constant::Json(text) => Value::Json(serde_json::from_str(&text).ok()?),
        Constant::Interval { months, days, micros } => {
            Value::Interval(MaxAge::from_interval(months, days, micros).ok()?)
        }
        Constant::Texts(texts) => {
            Value::Array(texts.into_iter().map(|text| text.map_or(Value::Null, Value::Text)).collect())
        }
        Constant::OtherTexts => Value::OtherArray,
        Constant::Other => return None,
    })
}

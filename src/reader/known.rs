//! Which functions are known, and what each does.

use pgrx::prelude::*;
use proof::{Comparison, Expression, Reason, Value};

use super::text_types::Kind;
use super::types::{compares_bytes, orders_levels};

/// What a function does, if it is one that is known.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// Compares its arguments; negated; the other way round.
    Compare(Comparison, bool, bool),
    /// LIKE; negated.
    Like(bool),
    /// Comes to its argument.
    Same,
    /// `->` and `->>` with a key.
    Member { as_text: bool },
    /// `#>` and `#>>`.
    Path { as_text: bool },
    /// `?`.
    HasKey,
    /// `current_setting`.
    Setting,
    /// `auth.claims`.
    Claims,
    /// `auth.subject` and `auth.subject_uuid`.
    Subject { as_uuid: bool },
    /// `auth.aal`.
    Level,
    /// `auth.enrolled_aal`.
    EnrolledLevel,
    /// `auth.aal_status`.
    Status,
    /// `auth.amr`.
    Methods,
    /// `auth.has_aal` and `auth.require_aal`.
    HasLevel { raises: bool },
    /// `auth.has_enrolled_aal` and `auth.require_enrolled_aal`.
    HasEnrolledLevel { raises: bool },
    /// `auth.session_is_live` and `auth.require_live_session`.
    SessionIsLive { raises: bool },
    /// `auth.authenticated_at`.
    AuthenticatedAt,
}

impl Known {
    /// The parameters and the result of one of ours; `None` for what a body that is stored as text can't be read with.
    pub fn signature(self) -> Option<(&'static [(&'static str, Kind)], Kind)> {
        const LEVEL: (&str, Kind) = ("level", Kind::Text);
        const MAX_AGE: (&str, Kind) = ("max_age", Kind::Interval);
        Some(match self {
            Known::HasLevel { .. } => (&[LEVEL, MAX_AGE], Kind::Boolean),
            Known::HasEnrolledLevel { .. } => (&[MAX_AGE], Kind::Boolean),
            Known::SessionIsLive { .. } => (&[], Kind::Boolean),
            Known::AuthenticatedAt => (&[LEVEL], Kind::Other),
            Known::Level | Known::EnrolledLevel => (&[], Kind::Text),
            Known::Claims | Known::Status => (&[], Kind::Jsonb),
            _ => return None,
        })
    }
}

/// What functions of `pg_catalog` do. Their OIDs never change.
pub fn builtin(function: u32) -> Option<Known> {
    use Comparison::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Overlaps};
    use pg_sys::*;
    Some(match function {
        F_TEXTEQ | F_BOOLEQ | F_ENUM_EQ | F_JSONB_EQ | F_ARRAY_EQ | F_NAMEEQ | F_NAMEEQTEXT | F_TEXTEQNAME => {
            Known::Compare(Equal, false, false)
        }
        F_TEXTNE | F_BOOLNE | F_ENUM_NE | F_JSONB_NE | F_ARRAY_NE | F_NAMENE | F_NAMENETEXT | F_TEXTNENAME => {
            Known::Compare(Equal, true, false)
        }
        F_TEXT_LT => Known::Compare(Less, false, false),
        F_TEXT_LE => Known::Compare(LessOrEqual, false, false),
        F_TEXT_GT => Known::Compare(Greater, false, false),
        F_TEXT_GE => Known::Compare(GreaterOrEqual, false, false),
        F_ARRAYCONTAINS | F_JSONB_CONTAINS => Known::Compare(Contains, false, false),
        F_ARRAYCONTAINED | F_JSONB_CONTAINED => Known::Compare(Contains, false, true),
        F_ARRAYOVERLAP => Known::Compare(Overlaps, false, false),
        F_TEXTLIKE | F_LIKE_TEXT_TEXT => Known::Like(false),
        F_TEXTNLIKE | F_NOTLIKE_TEXT_TEXT => Known::Like(true),
        F_TEXT_NAME => Known::Same,
        F_JSON_OBJECT_FIELD | F_JSONB_OBJECT_FIELD => Known::Member { as_text: false },
        F_JSON_OBJECT_FIELD_TEXT | F_JSONB_OBJECT_FIELD_TEXT => Known::Member { as_text: true },
        F_JSON_EXTRACT_PATH | F_JSONB_EXTRACT_PATH => Known::Path { as_text: false },
        F_JSON_EXTRACT_PATH_TEXT | F_JSONB_EXTRACT_PATH_TEXT => Known::Path { as_text: true },
        F_JSONB_EXISTS => Known::HasKey,
        F_CURRENT_SETTING_TEXT | F_CURRENT_SETTING_TEXT_BOOL => Known::Setting,
        _ => return None,
    })
}

/// What one of ours does; `None` where that says nothing of the session.
pub fn known_by_name(name: &str) -> Option<Known> {
    Some(match name {
        "claims" => Known::Claims,
        "subject" => Known::Subject { as_uuid: false },
        "subject_uuid" => Known::Subject { as_uuid: true },
        "aal" => Known::Level,
        "enrolled_aal" => Known::EnrolledLevel,
        "aal_status" => Known::Status,
        "amr" => Known::Methods,
        "has_aal" => Known::HasLevel { raises: false },
        "require_aal" => Known::HasLevel { raises: true },
        "has_enrolled_aal" => Known::HasEnrolledLevel { raises: false },
        "require_enrolled_aal" => Known::HasEnrolledLevel { raises: true },
        "session_is_live" => Known::SessionIsLive { raises: false },
        "require_live_session" => Known::SessionIsLive { raises: true },
        "authenticated_at" => Known::AuthenticatedAt,
        _ => return None,
    })
}

/// A call of a known function; `None` where its arguments or its collation make it mean something else.
pub fn known_call(known: Known, arguments: Vec<Expression>, collation: pg_sys::Oid) -> Option<Expression> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().map(Box::new);
    let or_null = |argument: Option<Box<Expression>>| argument.unwrap_or(Box::new(Expression::NULL));
    Some(match known {
        Known::Compare(comparison, negated, swapped) => {
            if !compares_bytes(collation) || !orders_levels(comparison, collation) {
                return None;
            }
            let (a, b) = (next()?, next()?);
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let compared = Expression::Compare(comparison, a, b);
            if negated { compared.negate() } else { compared }
        }
        Known::Like(negated) => {
            let (a, b) = (next()?, next()?);
            let plain =
                matches!(&*b, Expression::Constant(Value::Text(pattern)) if !pattern.contains(['%', '_', '\\']));
            if !plain || !compares_bytes(collation) {
                return None;
            }
            let compared = Expression::Compare(Comparison::Equal, a, b);
            if negated { compared.negate() } else { compared }
        }
        Known::Same => *next()?,
        Known::Member { as_text } => Expression::Member { document: next()?, key: next()?, as_text },
        Known::Path { as_text } => Expression::Path { document: next()?, path: next()?, as_text },
        Known::HasKey => Expression::HasKey(next()?, next()?),
        Known::Setting => {
            let name = next()?;
            let missing_ok = match next().as_deref() {
                None => false,
                Some(Expression::Constant(Value::Bool(missing_ok))) => *missing_ok,
                Some(_) => return None,
            };
            Expression::Setting { name, missing_ok }
        }
        Known::Claims => Expression::Claims,
        Known::Subject { as_uuid } => Expression::Unknown {
            key: None,
            strict: false,
            arguments: Vec::new(),
            reason: Some(Reason::Subject { as_uuid }),
        },
        Known::Level => Expression::Level,
        Known::EnrolledLevel => Expression::EnrolledLevel,
        Known::Status => Expression::Status,
        Known::Methods => Expression::Methods,
        Known::HasLevel { raises } => Expression::HasLevel { level: next()?, max_age: or_null(next()), raises },
        Known::HasEnrolledLevel { raises } => Expression::HasEnrolledLevel { max_age: or_null(next()), raises },
        Known::SessionIsLive { raises } => Expression::SessionIsLive { raises },
        Known::AuthenticatedAt => {
            Expression::AuthenticatedAt(next().unwrap_or(Box::new(Expression::Constant(Value::text("aal1")))))
        }
    })
}

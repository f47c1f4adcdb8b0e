//! Which functions are known, and what each does.

use aal::MaxAge;
use pgrx::prelude::*;
use proof::{Builtin, Comparison, Expression, Reason, Value};

use super::text_types::Kind;
use super::types::{compares_bytes, orders_levels};

/// What a function does, if it is one that is known.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// Compares its arguments; negated; the other way round.
    Compare(Comparison, bool, bool),
    /// One that comes to the same whenever it is given the same; negated.
    Builtin(Builtin, bool),
    /// Compares values of an enum.
    CompareEnums(Comparison),
    /// Compares integers, truth values, or values of type bpchar; negated.
    CompareOthers(Comparison, bool),
    /// Comes to its argument.
    Same,
    /// Comes to its argument, an integer, as a number of another type.
    SameNumber,
    /// `now()`.
    Now,
    /// `now() - interval`.
    Before,
    /// `->` and `->>` with a key or a place.
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
    /// Whether a condition of this kind on columns is told apart from others rather than read.
    pub fn keys_columns(self) -> bool {
        matches!(self, Known::Builtin(..) | Known::CompareEnums(_) | Known::CompareOthers(..) | Known::SameNumber)
    }

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
            Known::Subject { as_uuid } => (&[], if as_uuid { Kind::Uuid } else { Kind::Text }),
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
        F_INT4EQ | F_INT8EQ | F_INT84EQ | F_INT48EQ | F_BPCHAREQ => Known::CompareOthers(Equal, false),
        F_INT4NE | F_INT8NE | F_INT84NE | F_INT48NE | F_BPCHARNE => Known::CompareOthers(Equal, true),
        F_INT4LT | F_INT8LT | F_INT84LT | F_INT48LT => Known::CompareOthers(Less, false),
        F_INT4LE | F_INT8LE | F_INT84LE | F_INT48LE => Known::CompareOthers(LessOrEqual, false),
        F_INT4GT | F_INT8GT | F_INT84GT | F_INT48GT => Known::CompareOthers(Greater, false),
        F_INT4GE | F_INT8GE | F_INT84GE | F_INT48GE => Known::CompareOthers(GreaterOrEqual, false),
        F_BOOLLT => Known::CompareOthers(Less, false),
        F_BOOLLE => Known::CompareOthers(LessOrEqual, false),
        F_BOOLGT => Known::CompareOthers(Greater, false),
        F_BOOLGE => Known::CompareOthers(GreaterOrEqual, false),
        F_INT4_BOOL => Known::Builtin(Builtin::TruthToInteger, false),
        F_TEXT_BOOL => Known::Builtin(Builtin::TruthToText, false),
        F_NUM_NULLS => Known::Builtin(Builtin::CountNulls { others: false }, false),
        F_NUM_NONNULLS => Known::Builtin(Builtin::CountNulls { others: true }, false),
        F_NUMERIC_EQ => Known::CompareOthers(Equal, false),
        F_NUMERIC_NE => Known::CompareOthers(Equal, true),
        F_NUMERIC_LT => Known::CompareOthers(Less, false),
        F_NUMERIC_LE => Known::CompareOthers(LessOrEqual, false),
        F_NUMERIC_GT => Known::CompareOthers(Greater, false),
        F_NUMERIC_GE => Known::CompareOthers(GreaterOrEqual, false),
        // The same number.
        F_NUMERIC_INT4 | F_NUMERIC_INT8 | F_INT8_INT4 => Known::SameNumber,
        F_TIMESTAMPTZ_LT => Known::CompareOthers(Less, false),
        F_TIMESTAMPTZ_LE => Known::CompareOthers(LessOrEqual, false),
        F_TIMESTAMPTZ_GT => Known::CompareOthers(Greater, false),
        F_TIMESTAMPTZ_GE => Known::CompareOthers(GreaterOrEqual, false),
        F_NOW | F_TRANSACTION_TIMESTAMP => Known::Now,
        F_TIMESTAMPTZ_MI_INTERVAL => Known::Before,
        F_TEXT_LT => Known::Compare(Less, false, false),
        F_TEXT_LE => Known::Compare(LessOrEqual, false, false),
        F_TEXT_GT => Known::Compare(Greater, false, false),
        F_TEXT_GE => Known::Compare(GreaterOrEqual, false, false),
        F_ARRAYCONTAINS | F_JSONB_CONTAINS => Known::Compare(Contains, false, false),
        F_ARRAYCONTAINED | F_JSONB_CONTAINED => Known::Compare(Contains, false, true),
        F_ARRAYOVERLAP => Known::Compare(Overlaps, false, false),
        F_ENUM_LT => Known::CompareEnums(Less),
        F_ENUM_LE => Known::CompareEnums(LessOrEqual),
        F_ENUM_GT => Known::CompareEnums(Greater),
        F_ENUM_GE => Known::CompareEnums(GreaterOrEqual),
        // A value of type bpchar stands without its blanks.
        F_TEXT_NAME | F_TEXT_BPCHAR => Known::Same,
        F_JSON_OBJECT_FIELD | F_JSONB_OBJECT_FIELD => Known::Member { as_text: false },
        F_JSON_OBJECT_FIELD_TEXT | F_JSONB_OBJECT_FIELD_TEXT => Known::Member { as_text: true },
        F_JSON_ARRAY_ELEMENT | F_JSONB_ARRAY_ELEMENT => Known::Member { as_text: false },
        F_JSON_ARRAY_ELEMENT_TEXT | F_JSONB_ARRAY_ELEMENT_TEXT => Known::Member { as_text: true },
        F_JSON_EXTRACT_PATH | F_JSONB_EXTRACT_PATH => Known::Path { as_text: false },
        F_JSON_EXTRACT_PATH_TEXT | F_JSONB_EXTRACT_PATH_TEXT => Known::Path { as_text: true },
        F_JSONB_EXISTS => Known::HasKey,
        F_CURRENT_SETTING_TEXT | F_CURRENT_SETTING_TEXT_BOOL => Known::Setting,
        function => return builtin_of_texts(function).or_else(|| builtin_of_json(function)),
    })
}

/// The same of functions and operators of texts.
fn builtin_of_texts(function: u32) -> Option<Known> {
    use pg_sys::*;
    let (builtin, negated) = match function {
        F_TEXTLIKE | F_LIKE_TEXT_TEXT | F_NAMELIKE => (Builtin::Like { ignores_case: false }, false),
        F_TEXTNLIKE | F_NOTLIKE_TEXT_TEXT | F_NAMENLIKE => (Builtin::Like { ignores_case: false }, true),
        F_TEXTICLIKE => (Builtin::Like { ignores_case: true }, false),
        F_TEXTICNLIKE => (Builtin::Like { ignores_case: true }, true),
        F_TEXTREGEXEQ => (Builtin::Matches { ignores_case: false }, false),
        F_TEXTREGEXNE => (Builtin::Matches { ignores_case: false }, true),
        F_TEXTICREGEXEQ => (Builtin::Matches { ignores_case: true }, false),
        F_TEXTICREGEXNE => (Builtin::Matches { ignores_case: true }, true),
        F_SIMILAR_TO_ESCAPE_TEXT => (Builtin::SimilarTo, false),
        F_LOWER_TEXT => (Builtin::Lower, false),
        F_UPPER_TEXT => (Builtin::Upper, false),
        F_BTRIM_TEXT | F_BTRIM_TEXT_TEXT => (Builtin::Trim { start: true, end: true }, false),
        F_LTRIM_TEXT | F_LTRIM_TEXT_TEXT => (Builtin::Trim { start: true, end: false }, false),
        F_RTRIM_TEXT | F_RTRIM_TEXT_TEXT => (Builtin::Trim { start: false, end: true }, false),
        F_TEXTCAT => (Builtin::Append, false),
        F_CONCAT => (Builtin::Concat, false),
        F_STARTS_WITH => (Builtin::StartsWith, false),
        F_LEFT => (Builtin::Left, false),
        F_RIGHT => (Builtin::Right, false),
        F_SUBSTR_TEXT_INT4 | F_SUBSTR_TEXT_INT4_INT4 | F_SUBSTRING_TEXT_INT4 | F_SUBSTRING_TEXT_INT4_INT4 => {
            (Builtin::Substring, false)
        }
        F_REPLACE => (Builtin::Replace, false),
        F_POSITION_TEXT_TEXT | F_STRPOS => (Builtin::Position, false),
        F_LENGTH_TEXT | F_CHAR_LENGTH_TEXT | F_CHARACTER_LENGTH_TEXT => (Builtin::Length, false),
        F_ARRAY_POSITION_ANYCOMPATIBLEARRAY_ANYCOMPATIBLE => (Builtin::ArrayPosition, false),
        F_STRING_TO_ARRAY_TEXT_TEXT => (Builtin::StringToArray, false),
        F_VARCHAR_VARCHAR_INT4_BOOL => (Builtin::Cut, false),
        F_BPCHAR_BPCHAR_INT4_BOOL => (Builtin::CutBlank, false),
        F_NAME_TEXT | F_NAME_VARCHAR => (Builtin::ToName, false),
        F_MD5_TEXT => (Builtin::Md5, false),
        _ => return None,
    };
    Some(Known::Builtin(builtin, negated))
}

/// The same of functions and operators of JSON.
fn builtin_of_json(function: u32) -> Option<Known> {
    use pg_sys::*;
    let builtin = match function {
        F_JSONB_TYPEOF | F_JSON_TYPEOF => Builtin::JsonType,
        F_TO_JSONB => Builtin::ToJsonb,
        F_BOOL_JSONB => Builtin::JsonToTruth,
        F_INT4_JSONB | F_INT8_JSONB | F_NUMERIC_JSONB => Builtin::JsonToNumber,
        F_JSONB_BUILD_OBJECT_ANY => Builtin::BuildObject,
        F_JSONB_EXISTS_ANY => Builtin::HasAnyKey,
        F_JSONB_EXISTS_ALL => Builtin::HasAllKeys,
        F_JSONB_PATH_EXISTS | F_JSONB_PATH_EXISTS_OPR => Builtin::PathExists,
        F_JSONB_PATH_MATCH | F_JSONB_PATH_MATCH_OPR => Builtin::PathMatches,
        F_JSONB_PATH_QUERY_FIRST => Builtin::PathFirst,
        _ => return None,
    };
    Some(Known::Builtin(builtin, false))
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
    if let Known::Builtin(builtin, negated) = known {
        let orders = matches!(builtin, Builtin::Least | Builtin::Greatest);
        if !compares_bytes(collation) || (orders && !orders_levels(Comparison::Less, collation)) {
            return None;
        }
        let call = Expression::Call(builtin, arguments.collect());
        return Some(if negated { call.negate() } else { call });
    }
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
        Known::CompareEnums(comparison) => Expression::Compare(comparison, next()?, next()?),
        Known::CompareOthers(_, _) if !compares_bytes(collation) => return None,
        Known::CompareOthers(comparison, negated) => {
            let compared = Expression::Compare(comparison, next()?, next()?);
            if negated { compared.negate() } else { compared }
        }
        Known::Builtin(..) => return None,
        Known::Same | Known::SameNumber => *next()?,
        Known::Now => now(),
        Known::Before if *next()? != now() => return None,
        Known::Before => Expression::Call(Builtin::Ago, vec![*next()?]),
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

/// When the transaction began.
pub fn now() -> Expression {
    Expression::Call(Builtin::Ago, vec![Expression::Constant(Value::Interval(MaxAge::from_seconds(0)))])
}

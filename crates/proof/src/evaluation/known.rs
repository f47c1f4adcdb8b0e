//! What an expression comes to in one session that is known.

use aal::{Claims, Enrollment, FixedRequirement, Level, MaxAge, assess, assess_enrolled};

use super::truth::{any_boolean, or_raise};
use super::{Evaluation, Expression, Outcomes, Value};
use crate::expression::Reason;
use crate::known_session::{Factors, KnownSession, Life};

impl Evaluation<'_> {
    /// What an expression that asks about the session comes to; `None` for every other.
    pub(super) fn of_session(&self, known: &KnownSession<'_>, expression: &Expression) -> Option<Outcomes> {
        Some(match expression {
            Expression::Unknown { reason: Some(Reason::Subject { as_uuid }), .. } => subject(known, *as_uuid),
            Expression::Unknown { reason: Some(Reason::Cast { to_boolean }), arguments, .. } => {
                self.outcomes(arguments.first()?).map(Outcomes::anything, |value| cast(value, *to_boolean))
            }
            Expression::Claims => Outcomes::one(known.payload.map_or(Value::Null, |it| Value::Json(it.clone()))),
            Expression::EnrolledLevel => enrolled_level(known),
            Expression::HasFactor => match known.factors {
                Factors::Known(Enrollment::Factor) => Outcomes::one(Value::Bool(true)),
                Factors::Known(Enrollment::NoFactor) => Outcomes::one(Value::Bool(false)),
                _ => any_boolean(),
            },
            Expression::HasLevel { level, max_age, raises } => or_raise(self.meets(known, level, max_age), *raises),
            Expression::HasEnrolledLevel { max_age, raises } => {
                or_raise(self.meets_enrolled(known, max_age, *raises), *raises)
            }
            Expression::SessionIsLive { raises } => is_live(known, *raises),
            Expression::AuthenticatedAt(level) => self.proved_at(known, level),
            Expression::Setting { name, missing_ok } => self.value_of_setting(known, name, *missing_ok),
            _ => return None,
        })
    }

    fn meets(&self, known: &KnownSession<'_>, level: &Expression, max_age: &Expression) -> Outcomes {
        let max_age = self.outcomes(max_age);
        self.outcomes(level).map(any_boolean, |level| {
            let Some(level) = level_of(level) else { return Outcomes::raises() };
            if known.claims.and_then(Claims::level) < Some(level) {
                return Outcomes::one(Value::Bool(false));
            }
            max_age.map(any_boolean, |max_age| match age_of(max_age) {
                Some(max_age) => {
                    let required = FixedRequirement { level, max_age };
                    Outcomes::one(Value::Bool(assess(known.claims, required, || known.clock).is_ok()))
                }
                None => any_boolean(),
            })
        })
    }

    fn meets_enrolled(&self, known: &KnownSession<'_>, max_age: &Expression, raises: bool) -> Outcomes {
        self.outcomes(max_age).map(any_boolean, |max_age| {
            let Some(max_age) = age_of(max_age) else { return any_boolean() };
            let is_nobody = known.claims.is_none_or(|claims| claims.level().is_none() || claims.subject().is_none());
            match assess_enrolled(known.claims, known.factors.known(), max_age, || known.clock) {
                _ if known.factors == Factors::NotAsked && !is_nobody => any_boolean(),
                Some(answer) => Outcomes::one(Value::Bool(answer.is_ok())),
                None if raises => Outcomes::raises(),
                None => Outcomes::one(Value::Bool(false)),
            }
        })
    }

    fn proved_at(&self, known: &KnownSession<'_>, level: &Expression) -> Outcomes {
        self.outcomes(level).map(Outcomes::anything, |level| match level_of(level) {
            None => Outcomes::raises(),
            Some(level) => match known.claims.and_then(|claims| claims.authenticated_at(level, known.clock)) {
                None => Outcomes::one(Value::Null),
                Some(_) => Outcomes::anything(),
            },
        })
    }

    fn value_of_setting(&self, known: &KnownSession<'_>, name: &Expression, missing_ok: bool) -> Outcomes {
        self.outcomes(name).map(Outcomes::anything, |name| match name {
            Value::Text(name) if is_of_request(name) => match known.settings.get(&name.to_ascii_lowercase()) {
                Some(value) => Outcomes::one(Value::text(value)),
                None if missing_ok => Outcomes::one(Value::Null),
                None => Outcomes::raises(),
            },
            _ => Outcomes::anything(),
        })
    }
}

/// Whether a setting is one of those that a gateway sets for a request. Of no other is the value known.
pub(crate) fn is_of_request(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("request.")
}

fn subject(known: &KnownSession<'_>, as_uuid: bool) -> Outcomes {
    match known.claims.and_then(Claims::subject) {
        None => Outcomes::one(Value::Null),
        Some(_) if as_uuid && known.claims.and_then(Claims::subject_uuid).is_none() => Outcomes::one(Value::Null),
        Some(_) if as_uuid => Outcomes::one(Value::Other),
        Some(subject) => Outcomes::one(Value::text(subject)),
    }
}

fn is_live(known: &KnownSession<'_>, raises: bool) -> Outcomes {
    match known.life {
        Life::NotAsked if raises => Outcomes::anything(),
        Life::NotAsked => any_boolean(),
        life => or_raise(Outcomes::one(Value::Bool(life == Life::Live)), raises),
    }
}

/// A value as another type.
pub(super) fn cast(value: &Value, to_boolean: bool) -> Outcomes {
    match value {
        Value::Null => Outcomes::one(Value::Null),
        Value::Text(text) if to_boolean && text == "true" => Outcomes::one(Value::Bool(true)),
        Value::Text(text) if to_boolean && text == "false" => Outcomes::one(Value::Bool(false)),
        _ if to_boolean => any_boolean(),
        _ => Outcomes::one(Value::Other),
    }
}

fn enrolled_level(known: &KnownSession<'_>) -> Outcomes {
    if known.claims.and_then(Claims::level).is_none() {
        return Outcomes::one(Value::Null);
    }
    let text = |level: Level| Value::text(level.as_str());
    match known.factors {
        Factors::Known(enrollment) => Outcomes::one(enrollment.level().map_or(Value::Null, text)),
        Factors::NoStore => Outcomes::raises(),
        Factors::NotAsked => Outcomes::any_of([text(Level::Aal1), text(Level::Aal2), Value::Null]),
    }
}

/// The level that a value names; `None` where a function that takes it raises.
fn level_of(value: &Value) -> Option<Level> {
    match value {
        Value::Text(level) => Level::from_claim(level),
        _ => None,
    }
}

/// The `max_age` of a value; `None` where that can't be told.
fn age_of(value: &Value) -> Option<Option<MaxAge>> {
    match value {
        Value::Null => Some(None),
        Value::Interval(max_age) => Some(Some(*max_age)),
        _ => None,
    }
}

//! What a session's level, factors and claims settings come to.

use super::truth::{any_boolean, known_or_any};
use super::{Enrolled, Evaluation, Expression, Outcomes, Value, is_claims_setting};
use crate::session_kind::Age;
use aal::{Level, MaxAge};

impl Evaluation<'_> {
    pub(super) fn level(&self) -> Value {
        self.session.level.map_or(Value::Null, |level| Value::text(level.as_str()))
    }

    /// NULL also for a user whom nobody knows.
    pub(super) fn enrolled_level(&self) -> Outcomes {
        let (aal1, aal2) = (Value::text("aal1"), Value::text("aal2"));
        match (self.session.level, self.session.enrolled) {
            (None, _) => Outcomes::one(Value::Null),
            (_, Enrolled::Yes) => Outcomes::one(aal2),
            (_, Enrolled::No) if self.is_of_user => Outcomes::one(aal1),
            (_, Enrolled::No) => Outcomes::any_of([aal1, Value::Null]),
            (_, Enrolled::Either) => Outcomes::any_of([aal1, aal2, Value::Null]),
        }
    }

    /// A user who is banned or deleted can have factors, too, and an enrolled level of none. Where tokens are verified, the settings
    /// that a condition reads are anybody's.
    pub(super) fn has_factor(&self) -> Outcomes {
        match self.session.enrolled {
            Enrolled::Yes if self.trusts_settings => Outcomes::one(Value::Bool(true)),
            Enrolled::No if self.trusts_settings && self.is_of_user => Outcomes::one(Value::Bool(false)),
            _ => any_boolean(),
        }
    }

    pub(super) fn has_level(&self, level: &Expression, max_age: &Expression) -> Outcomes {
        let max_age = self.outcomes(max_age);
        let unknown = || match self.session.level {
            None => Outcomes::one(Value::Bool(false)),
            Some(_) => Outcomes::any_of([Value::Bool(true), Value::Bool(false)]),
        };
        self.outcomes(level).map(unknown, |level| match level {
            Value::Text(level) => match (Level::from_claim(level), self.session.level) {
                // An unknown level raises.
                (None, _) => Outcomes::raises(),
                (asked, current) if current < asked => Outcomes::one(Value::Bool(false)),
                (Some(asked), _) => self.of_age(&max_age, |max_age| self.is_fresh(asked, max_age)),
            },
            Value::Null => Outcomes::raises(),
            _ => unknown(),
        })
    }

    /// Whether `level` was proved at most so long ago; `None`: either. Of a known user's session, all methods are of one age.
    fn is_fresh(&self, level: Level, max_age: MaxAge) -> Option<bool> {
        match self.session.age {
            Age::Older if self.is_of_user => Some(false),
            _ => self.session.is_fresh(level, max_age),
        }
    }

    /// Whether the factor is no older than `max_age`, by what `is_within` tells of one that is known. NULL is any age.
    fn of_age(&self, max_age: &Outcomes, is_within: impl Fn(MaxAge) -> Option<bool>) -> Outcomes {
        let of_any_age = || known_or_any(self.session.age.is_within_any().then_some(true));
        max_age.map(of_any_age, |max_age| match max_age {
            Value::Null => Outcomes::one(Value::Bool(true)),
            Value::Interval(max_age) => known_or_any(is_within(*max_age)),
            _ => of_any_age(),
        })
    }

    pub(super) fn has_enrolled_level(&self, max_age: &Expression) -> Outcomes {
        let no = Outcomes::one(Value::Bool(false));
        match (self.session.level, self.session.enrolled) {
            (None, _) | (Some(Level::Aal1), Enrolled::Yes) => no,
            (Some(_), Enrolled::Yes | Enrolled::No) if self.is_of_user => {
                self.of_age(&self.outcomes(max_age), |max_age| self.session.age.is_within(max_age))
            }
            // False also where nobody knows the user.
            (Some(Level::Aal1), Enrolled::No) | (_, Enrolled::Yes) => {
                self.outcomes(max_age).map(any_boolean, |max_age| match max_age {
                    Value::Interval(max_age) if self.session.age.is_within(*max_age) == Some(false) => no.clone(),
                    _ => any_boolean(),
                })
            }
            // Above aal1, a user who has removed the factor is held to the age of any method.
            _ => any_boolean(),
        }
    }

    pub(super) fn authenticated_at(&self, level: &Expression) -> Outcomes {
        self.outcomes(level).map(Outcomes::anything, |level| match level {
            Value::Text(level) => match Level::from_claim(level) {
                None => Outcomes::raises(),
                asked if self.session.level < asked => Outcomes::one(Value::Null),
                Some(_) if self.is_of_user => Outcomes::one(match self.session.age {
                    Age::Older => Value::LongAgo,
                    age if age.is_within_any() => Value::Lately,
                    _ => Value::Other,
                }),
                Some(_) => Outcomes::anything(),
            },
            Value::Null => Outcomes::raises(),
            _ => Outcomes::anything(),
        })
    }

    pub(super) fn setting(&self, name: &Expression, missing_ok: bool) -> Outcomes {
        if !self.trusts_settings {
            return Outcomes::anything();
        }
        self.outcomes(name).map(Outcomes::anything, |name| {
            let Value::Text(name) = name else { return Outcomes::anything() };
            let says_a_claim = name.to_ascii_lowercase().starts_with("request.jwt.claim");
            if says_a_claim && (self.knows_no_claim() || (self.profile().is_some() && !is_claims_setting(name))) {
                return Outcomes::anything();
            }
            // A setting that was set within a transaction before is the empty text.
            let mut unset = Outcomes::one(Value::text(""));
            if missing_ok {
                unset.add(Value::Null);
            }
            match name.to_ascii_lowercase().as_str() {
                name if is_claims_setting(name) => match self.held_in.filter(|_| self.has_claims()) {
                    Some(held_in) if held_in.includes(name) => Outcomes::one(Value::ClaimsText),
                    Some(_) => unset,
                    None => {
                        unset.add(Value::ClaimsText);
                        unset
                    }
                },
                "request.jwt.claim.aal" => {
                    if let Some(level) = self.claimed_level() {
                        unset.add(Value::text(level));
                    }
                    unset
                }
                // No gateway sets it to another subject than that of the claims.
                "request.jwt.claim.sub" if self.is_of_user => {
                    unset.add(Value::TextBut(vec![String::new()]));
                    unset
                }
                "request.jwt.claim.role" => {
                    unset.add_all(self.name_of_role());
                    unset
                }
                // A gateway sets it for each request.
                "role" if self.is_of_user => self.name_of_role(),
                _ => Outcomes::anything(),
            }
        })
    }

    /// The name of the session's role, where it is known.
    pub(super) fn name_of_role(&self) -> Outcomes {
        self.role.map_or_else(Outcomes::anything, |role| Outcomes::one(Value::text(role)))
    }
}

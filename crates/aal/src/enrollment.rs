//! The enrolled level: the highest that this user can reach.

use crate::assurance::{Requirement, assess, is_fresh};
use crate::claims::Claims;
use crate::denial::{Action, Denial};
use crate::level::Level;
use crate::time::{Clock, MaxAge};

/// What whoever keeps the factors knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrollment {
    /// They have a verified second factor.
    Factor,
    /// They have none: never had one, haven't verified it yet, or removed it.
    NoFactor,
    /// There is no such user, or none any more.
    UnknownUser,
}

impl Enrollment {
    /// The level this user can reach; `None` where there is no such user.
    ///
    /// Source: GoTrue's `User.HasMFAEnabled`; supabase-js calls it `nextLevel`.
    pub fn level(self) -> Option<Level> {
        match self {
            Enrollment::Factor => Some(Level::Aal2),
            Enrollment::NoFactor => Some(Level::Aal1),
            Enrollment::UnknownUser => None,
        }
    }
}

/// What is asked of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A level, the same of everybody.
    Level(Requirement),
    /// The enrolled level, by a factor at most this old.
    Enrolled(Option<MaxAge>),
}

/// Whether a session is at its enrolled level, as far as that can be said without looking the user up: `None` where
/// only that decides.
///
/// Nobody's enrolled level is above aal2, so a session that is fresh there needs no look-up. Without a level or a
/// subject there is nobody to look up.
pub fn assess_enrolled(
    claims: Option<&Claims>,
    max_age: Option<MaxAge>,
    clock: impl FnOnce() -> Clock,
) -> Option<Result<(), Denial>> {
    let required = Requirement { level: Level::Aal1, max_age };
    let current = claims.and_then(Claims::level);
    let (Some(claims), Some(level), Some(_)) = (claims, current, claims.and_then(Claims::subject)) else {
        return Some(Err(Denial { required, current, action: Action::SignIn }));
    };
    let suffices =
        level >= Level::Aal2 && max_age.is_none_or(|max_age| is_fresh(claims, Level::Aal2, max_age, clock()));
    suffices.then_some(Ok(()))
}

/// Whether a session meets the enrolled level of its user, once that was looked up.
///
/// # Errors
/// The [`Denial`]: sign in where there is no such user; else as [`assess`] has it.
pub fn assess_looked_up(
    claims: Option<&Claims>,
    enrollment: Enrollment,
    max_age: Option<MaxAge>,
    clock: impl FnOnce() -> Clock,
) -> Result<(), Denial> {
    match enrollment.level() {
        Some(level) => assess(claims, Requirement { level, max_age }, clock),
        None => {
            let required = Requirement { level: Level::Aal1, max_age };
            Err(Denial { required, current: claims.and_then(Claims::level), action: Action::SignIn })
        }
    }
}

impl Denial {
    /// The same denial, knowing the user's enrolment: who has no factor can't verify one, but enroll one.
    pub fn knowing(mut self, enrollment: Enrollment) -> Denial {
        if self.action == Action::Verify && enrollment == Enrollment::NoFactor {
            self.action = Action::Enroll;
        }
        self
    }
}

/// What a user would do next to reach the highest level they can; `None` where they are there.
pub fn next_action(claims: Option<&Claims>, enrollment: Enrollment) -> Option<Action> {
    match (claims.and_then(Claims::level), enrollment) {
        (None, _) | (_, Enrollment::UnknownUser) => Some(Action::SignIn),
        (Some(Level::Aal1), Enrollment::NoFactor) => Some(Action::Enroll),
        (Some(Level::Aal1), Enrollment::Factor) => Some(Action::Verify),
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000;

    fn clock() -> Clock {
        Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30)
    }

    fn session(aal: &str, password_ago: i64, totp_ago: Option<i64>) -> Claims {
        let totp = totp_ago.map(|ago| format!(r#"{{"method":"totp","timestamp":{}}},"#, NOW - ago)).unwrap_or_default();
        let amr = format!(r#"[{totp}{{"method":"password","timestamp":{}}}]"#, NOW - password_ago);
        Claims::from_json(format!(r#"{{"sub":"jane","aal":"{aal}","amr":{amr}}}"#).as_bytes()).unwrap()
    }

    /// As the extension asks: the user is looked up only where that decides.
    fn ask(claims: Option<&Claims>, enrollment: Enrollment, max_age: Option<u32>) -> Option<Action> {
        let max_age = max_age.map(MaxAge::from_seconds);
        let answer = assess_enrolled(claims, max_age, clock)
            .unwrap_or_else(|| assess_looked_up(claims, enrollment, max_age, clock));
        answer.err().map(|denial| denial.knowing(enrollment).action)
    }

    #[test]
    fn who_enrolled_a_factor_needs_it_and_others_do_not() {
        use Enrollment::*;
        let (aal1, aal2) = (session("aal1", 60, None), session("aal2", 60, Some(60)));
        assert_eq!(ask(Some(&aal1), NoFactor, None), None);
        assert_eq!(ask(Some(&aal1), Factor, None), Some(Action::Verify));
        assert_eq!(ask(Some(&aal1), UnknownUser, None), Some(Action::SignIn));
        for enrollment in [NoFactor, Factor] {
            assert_eq!(ask(Some(&aal2), enrollment, None), None);
            assert_eq!(ask(None, enrollment, None), Some(Action::SignIn));
        }
        let nobody = Claims::from_json(br#"{"aal":"aal2"}"#).unwrap();
        assert_eq!(ask(Some(&nobody), Factor, None), Some(Action::SignIn));
    }

    #[test]
    fn max_age_is_that_of_the_factor_that_gives_the_enrolled_level() {
        use Enrollment::*;
        // aal2 long ago, the password just now: who has a factor verifies it again, who removed it needs no other.
        let stale = session("aal2", 60, Some(3600));
        assert_eq!(ask(Some(&stale), Factor, Some(600)), Some(Action::Reverify));
        assert_eq!(ask(Some(&stale), NoFactor, Some(600)), None);
        let old = session("aal1", 3600, None);
        assert_eq!(ask(Some(&old), NoFactor, Some(600)), Some(Action::Reverify));
        assert_eq!(ask(Some(&old), Factor, Some(600)), Some(Action::Verify));
    }

    #[test]
    fn only_who_has_no_factor_is_told_to_enroll() {
        let required = Requirement { level: Level::Aal2, max_age: None };
        let denied = assess(Some(&session("aal1", 60, None)), required, clock).unwrap_err();
        assert_eq!(denied.knowing(Enrollment::NoFactor).action, Action::Enroll);
        assert_eq!(denied.knowing(Enrollment::Factor).action, Action::Verify);
        assert_eq!(denied.knowing(Enrollment::UnknownUser).action, Action::Verify);
    }

    #[test]
    fn the_next_action_is_how_to_reach_the_enrolled_level_or_to_have_one_above() {
        use Enrollment::*;
        let (aal1, aal2) = (session("aal1", 60, None), session("aal2", 60, Some(60)));
        assert_eq!(next_action(Some(&aal1), NoFactor), Some(Action::Enroll));
        assert_eq!(next_action(Some(&aal1), Factor), Some(Action::Verify));
        assert_eq!(next_action(Some(&aal2), Factor), None);
        assert_eq!(next_action(None, NoFactor), Some(Action::SignIn));
    }

    proptest! {
        /// The enrolled level lies between aal1 and aal2: who meets aal2 meets it, who doesn't meet aal1 doesn't.
        #[test]
        fn the_enrolled_level_lies_between_aal1_and_aal2(
            aal in "aal[123]", password in 0i64..2_000, totp in prop::option::of(0i64..2_000),
            max_age in prop::option::of(0u32..2_000), has_factor in any::<bool>()
        ) {
            let claims = session(&aal, password, totp);
            let enrollment = if has_factor { Enrollment::Factor } else { Enrollment::NoFactor };
            let meets = |level| assess(Some(&claims), Requirement { level, max_age: max_age.map(MaxAge::from_seconds) }, clock).is_ok();
            let enrolled = ask(Some(&claims), enrollment, max_age).is_none();
            prop_assert!(!meets(Level::Aal2) || enrolled);
            prop_assert!(!enrolled || meets(Level::Aal1) || meets(Level::Aal2));
            prop_assert_eq!(enrolled, if has_factor { meets(Level::Aal2) } else { meets(Level::Aal1) || meets(Level::Aal2) });
        }
    }
}

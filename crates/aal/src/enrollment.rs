//! The enrolled level: the highest that this user can reach.

use crate::assurance::{Requirement, assess};
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

/// Whether a session is at its enrolled level. `looked_up`: what is known of its user, if they could be looked up. `None` where
/// only that would decide: nobody's enrolled level is above aal2, so a session that is fresh there needs no look-up.
pub fn assess_enrolled(
    claims: Option<&Claims>,
    looked_up: Option<Enrollment>,
    max_age: Option<MaxAge>,
    clock: impl FnOnce() -> Clock,
) -> Option<Result<(), Denial>> {
    let current = claims.and_then(Claims::level);
    let nobody = Denial { required: Requirement { level: Level::Aal1, max_age }, current, action: Action::SignIn };
    if current.is_none() || claims.and_then(Claims::subject).is_none() {
        return Some(Err(nobody));
    }
    match looked_up.map(Enrollment::level) {
        Some(Some(level)) => Some(assess(claims, Requirement { level, max_age }, clock)),
        Some(None) => Some(Err(nobody)),
        None => assess(claims, Requirement { level: Level::Aal2, max_age }, clock).is_ok().then_some(Ok(())),
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

    fn ask(claims: Option<&Claims>, enrollment: Enrollment, max_age: Option<u32>) -> Option<Action> {
        let answer = assess_enrolled(claims, Some(enrollment), max_age.map(MaxAge::from_seconds), clock);
        answer.unwrap().err().map(|denial| denial.knowing(enrollment).action)
    }

    #[test]
    fn who_enrolled_a_factor_needs_it_and_others_do_not() {
        use Enrollment::*;
        let (aal1, aal2) = (session("aal1", 60, None), session("aal2", 60, Some(60)));
        assert_eq!(ask(Some(&aal1), NoFactor, None), None);
        assert_eq!(ask(Some(&aal1), Factor, None), Some(Action::Verify));
        assert_eq!(ask(Some(&aal1), UnknownUser, None), Some(Action::SignIn));
        assert_eq!(ask(Some(&aal2), UnknownUser, None), Some(Action::SignIn));
        for enrollment in [NoFactor, Factor] {
            assert_eq!(ask(Some(&aal2), enrollment, None), None);
            assert_eq!(ask(None, enrollment, None), Some(Action::SignIn));
        }
        let nobody = Claims::from_json(br#"{"aal":"aal2"}"#).unwrap();
        assert_eq!(ask(Some(&nobody), Factor, None), Some(Action::SignIn));
    }

    #[test]
    fn where_nobody_can_be_looked_up_only_a_fresh_second_factor_will_do() {
        let max_age = Some(MaxAge::from_seconds(600));
        let ask =
            |claims: &Claims, max_age| assess_enrolled(Some(claims), None, max_age, clock).map(|answer| answer.is_ok());
        assert_eq!(ask(&session("aal2", 60, Some(60)), max_age), Some(true));
        assert_eq!(ask(&session("aal2", 60, Some(3600)), None), Some(true));
        assert_eq!(ask(&session("aal2", 60, Some(3600)), max_age), None);
        assert_eq!(ask(&session("aal1", 60, None), None), None);
        assert_eq!(assess_enrolled(None, None, None, clock).map(|answer| answer.is_ok()), Some(false));
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

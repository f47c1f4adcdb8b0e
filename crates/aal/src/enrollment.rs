//! The enrolled level: the highest that this user can reach.

use crate::action::Action;
use crate::assurance::assess;
use crate::claims::{Claims, LevelClaim};
use crate::denial::Denial;
use crate::level::Level;
use crate::requirement::FixedRequirement;
use crate::time::{Clock, MaxAge};

/// What the store of factors knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrollment {
    /// They have a verified second factor.
    Factor,
    /// They have none: never had one, haven't verified it yet, or removed it.
    NoFactor,
    /// There is no such user, or none any more, or they are banned.
    UnknownUser,
    /// Not a user that could ever have been known here: the session names none, or another provider's.
    ForeignUser,
}

impl Enrollment {
    /// The level this user can reach; `None` where there is no such user.
    ///
    /// Source: GoTrue's `User.HasMFAEnabled`; supabase-js calls it `nextLevel`.
    pub fn level(self) -> Option<Level> {
        match self {
            Enrollment::Factor => Some(Level::Aal2),
            Enrollment::NoFactor => Some(Level::Aal1),
            Enrollment::UnknownUser | Enrollment::ForeignUser => None,
        }
    }
}

/// Whether a session is at its enrolled level. `looked_up`: the enrollment of its user, if they could be looked up. `None`
/// where only that would decide: nobody's enrolled level is above aal2, so a session that is fresh there needs no look-up.
pub fn assess_enrolled(
    claims: Option<&Claims>,
    looked_up: Option<Enrollment>,
    max_age: Option<MaxAge>,
    clock: impl FnOnce() -> Clock,
) -> Option<Result<(), Denial>> {
    let required = FixedRequirement { level: Level::Aal1, max_age };
    let Some(current) = claims.and_then(Claims::level) else {
        let denial = Denial::without_level(required, claims);
        return Some(Err(looked_up.map_or(denial.clone(), |enrollment| denial.knowing(enrollment))));
    };
    let way_back = claims.map(Claims::way_back).cloned().unwrap_or_default();
    let nobody = Denial { required, current: LevelClaim::Level(current), action: Action::SignIn, way_back };
    if claims.and_then(Claims::subject).is_none() {
        return Some(Err(nobody));
    }
    match looked_up.map(|enrollment| (enrollment, enrollment.level())) {
        Some((enrollment, Some(level))) => {
            let answer = assess(claims, FixedRequirement { level, max_age }, clock);
            Some(answer.map_err(|denial| denial.knowing(enrollment)))
        }
        Some((_, None)) => Some(Err(nobody)),
        None => assess(claims, FixedRequirement { level: Level::Aal2, max_age }, clock).is_ok().then_some(Ok(())),
    }
}

impl Denial {
    /// The same denial, knowing the user's enrolment: a user without a factor can't verify one, but enroll one, and a user who
    /// is gone can do neither.
    pub fn knowing(mut self, enrollment: Enrollment) -> Denial {
        let lacks_the_level = self.current.level() < Some(self.required.level);
        let wants_a_factor = self.required.level > Level::Aal1;
        self.action = match (self.action, enrollment) {
            // The token says too little of any user.
            (Action::Configure, _) => Action::Configure,
            (_, Enrollment::UnknownUser) => Action::SignIn,
            (Action::Verify, Enrollment::NoFactor) if wants_a_factor => Action::Enroll,
            // At aal2 by a factor that was removed since.
            (Action::Reverify, Enrollment::NoFactor) if wants_a_factor => Action::Enroll,
            // The token is older than the user's account.
            (Action::LeaveAnonymity, Enrollment::Factor) if lacks_the_level => Action::Verify,
            (Action::LeaveAnonymity, Enrollment::Factor) => Action::Reverify,
            (action, _) => action,
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
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
    fn a_token_without_a_level_is_told_so_whoever_its_user_is() {
        use Enrollment::*;
        let jane = Claims::from_json(br#"{"sub":"jane"}"#).unwrap();
        for enrollment in [Factor, NoFactor, UnknownUser, ForeignUser] {
            assert_eq!(ask(Some(&jane), enrollment, None), Some(Action::Configure));
            assert_eq!(ask(Some(&Claims::default()), enrollment, None), Some(Action::SignIn));
        }
        assert_eq!(assess_enrolled(Some(&jane), None, None, clock).map(|answer| answer.is_ok()), Some(false));
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
        // aal2 long ago, the password just now: a user who has a factor verifies it again, one who removed it needs no
        // other.
        let stale = session("aal2", 60, Some(3600));
        assert_eq!(ask(Some(&stale), Factor, Some(600)), Some(Action::Reverify));
        assert_eq!(ask(Some(&stale), NoFactor, Some(600)), None);
        let old = session("aal1", 3600, None);
        assert_eq!(ask(Some(&old), NoFactor, Some(600)), Some(Action::Reverify));
        assert_eq!(ask(Some(&old), Factor, Some(600)), Some(Action::Verify));
    }

    #[test]
    fn only_who_has_no_factor_is_told_to_enroll() {
        let required = FixedRequirement { level: Level::Aal2, max_age: None };
        let denied = assess(Some(&session("aal1", 60, None)), required, clock).unwrap_err();
        assert_eq!(denied.clone().knowing(Enrollment::NoFactor).action, Action::Enroll);
        assert_eq!(denied.clone().knowing(Enrollment::Factor).action, Action::Verify);
        assert_eq!(denied.clone().knowing(Enrollment::ForeignUser).action, Action::Verify);
    }

    #[test]
    fn a_user_who_is_gone_is_told_to_sign_in_whatever_else_is_missing() {
        let (aal1, aal2) = (session("aal1", 3600, None), session("aal2", 3600, Some(3600)));
        for (claims, level, max_age) in [
            (&aal1, Level::Aal2, None),
            (&aal1, Level::Aal1, Some(60)),
            (&aal2, Level::Aal2, Some(60)),
            (&aal2, Level::Aal1, Some(60)),
            (&aal2, Level::Aal3, None),
        ] {
            let required = FixedRequirement { level, max_age: max_age.map(MaxAge::from_seconds) };
            let denied = assess(Some(claims), required, clock).unwrap_err().knowing(Enrollment::UnknownUser);
            assert_eq!(denied.action, Action::SignIn);
            assert!(denied.message(None).ends_with("and the session's user is not known"));
        }
    }

    #[test]
    fn a_factor_that_was_removed_cannot_be_verified_again() {
        let required = |level| FixedRequirement { level, max_age: Some(MaxAge::from_seconds(60)) };
        let stale = session("aal2", 3600, Some(3600));
        let denied = |level| assess(Some(&stale), required(level), clock).unwrap_err();
        assert_eq!(denied(Level::Aal2).knowing(Enrollment::NoFactor).action, Action::Enroll);
        assert_eq!(denied(Level::Aal2).knowing(Enrollment::Factor).action, Action::Reverify);
        assert_eq!(denied(Level::Aal1).knowing(Enrollment::NoFactor).action, Action::Reverify);
    }

    #[test]
    fn an_anonymous_user_is_never_told_to_enroll() {
        use Enrollment::*;
        let text = format!(
            r#"{{"sub":"jane","aal":"aal1","is_anonymous":true,"amr":[{{"method":"anonymous","timestamp":{}}}]}}"#,
            NOW - 3600
        );
        let anonymous = Claims::from_json(text.as_bytes()).unwrap();
        let required = FixedRequirement { level: Level::Aal2, max_age: None };
        let denied = assess(Some(&anonymous), required, clock).unwrap_err();
        assert_eq!(denied.clone().knowing(NoFactor).action, Action::LeaveAnonymity);
        let unknown = denied.clone().knowing(UnknownUser);
        assert_eq!((unknown.action, unknown.reason()), (Action::SignIn, Reason::UnknownUser));
        assert_eq!(denied.clone().knowing(Factor).action, Action::Verify);
        assert_eq!(ask(Some(&anonymous), NoFactor, None), Some(Action::LeaveAnonymity));
        assert_eq!(ask(Some(&anonymous), UnknownUser, None), Some(Action::SignIn));
        assert_eq!(ask(Some(&anonymous), Factor, None), Some(Action::Verify));
        let looked_up = |claims: &Claims| assess_enrolled(Some(claims), None, None, clock).map(|answer| answer.is_ok());
        assert_eq!(looked_up(&anonymous), Some(false));
        // Where guests have aal1.
        let anonymous = anonymous.with_guests_at(Some(Level::Aal1));
        assert_eq!(looked_up(&anonymous), None);
        assert_eq!(ask(Some(&anonymous), NoFactor, None), None);
        assert_eq!(ask(Some(&anonymous), NoFactor, Some(60)), Some(Action::LeaveAnonymity));
        assert_eq!(ask(Some(&anonymous), Factor, None), Some(Action::Verify));
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
            let meets = |level| assess(Some(&claims), FixedRequirement { level, max_age: max_age.map(MaxAge::from_seconds) }, clock).is_ok();
            let enrolled = ask(Some(&claims), enrollment, max_age).is_none();
            prop_assert!(!meets(Level::Aal2) || enrolled);
            prop_assert!(!enrolled || meets(Level::Aal1) || meets(Level::Aal2));
            prop_assert_eq!(enrolled, if has_factor { meets(Level::Aal2) } else { meets(Level::Aal1) || meets(Level::Aal2) });
        }
    }
}

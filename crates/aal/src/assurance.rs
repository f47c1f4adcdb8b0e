//! Decides whether a session meets a requirement: the level first, then freshness.
//!
//! `Claims::factor_time` says when the factor was verified, and [`Clock::is_fresh`] whether that is recent enough.

use crate::action::Action;
use crate::claims::{Claims, LevelClaim};
use crate::denial::Denial;
use crate::level::Level;
use crate::requirement::FixedRequirement;
use crate::time::{Clock, Timestamp};

/// Whether the claims in force (`None`: there are none) meet a requirement at the clock's time. The clock is read
/// only if the answer depends on it.
///
/// # Errors
/// The [`Denial`] that tells the client what to do. It says: sign in where nobody is, verify a factor where the level is
/// missing, verify it again where only freshness is. A token that names a user and states no level is its issuer's to mend:
/// signing in again gives another such token. So is one that states no time, where an age is asked. Where its issuer can be asked for
/// another value of the claim that gives levels, the client must do that. An anonymous user has shown no
/// factor, and has no way to sign in again as the same user: they need an account of their own first.
pub fn assess(
    claims: Option<&Claims>,
    required: FixedRequirement,
    clock: impl FnOnce() -> Clock,
) -> Result<(), Denial> {
    let Some(claims) = claims else { return Err(Denial::without_level(required, None)) };
    let Some(level) = claims.level() else { return Err(Denial::without_level(required, Some(claims))) };
    let action = if level < required.level {
        Action::Verify
    } else {
        match required.max_age {
            None => return Ok(()),
            Some(max_age) => match claims.factor_time(required.level) {
                Some(at) if clock().is_fresh(at, max_age) => return Ok(()),
                Some(_) => Action::Reverify,
                // A user who has an account by now, and hasn't signed in with it.
                None if required.level == Level::Aal1 && claims.began_anonymously() => Action::Reverify,
                None => Action::Configure,
            },
        }
    };
    let action = if claims.is_anonymous() { Action::LeaveAnonymity } else { action };
    Err(Denial { required, current: LevelClaim::Level(level), action, way_back: claims.way_back().clone() })
}

impl Claims {
    /// When the session last proved `level`. `None` where it isn't at that level, or where the token doesn't say.
    /// `None`, too, where the token names a time in the future by more than the clock skew (which is never fresh).
    pub fn authenticated_at(&self, level: Level, clock: Clock) -> Option<Timestamp> {
        if self.level() < Some(level) {
            return None;
        }
        self.factor_time(level).filter(|at| !clock.is_future(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use crate::time::MaxAge;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000;

    fn clock() -> Clock {
        Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), 30)
    }

    fn ask(level: Level, max_age: Option<u32>) -> FixedRequirement {
        FixedRequirement { level, max_age: max_age.map(MaxAge::from_seconds) }
    }

    fn claims(text: &str) -> Claims {
        Claims::from_json(text.as_bytes()).unwrap()
    }

    fn aal2(seconds_ago: i64) -> Claims {
        claims(&format!(
            r#"{{"aal":"aal2","amr":[{{"method":"totp","timestamp":{}}},{{"method":"password","timestamp":{}}}]}}"#,
            NOW - seconds_ago,
            NOW - 7_200
        ))
    }

    fn action(claims: Option<&Claims>, required: FixedRequirement) -> Option<Action> {
        assess(claims, required, clock).err().map(|denial| denial.action)
    }

    #[test]
    fn no_claims_or_no_level_means_sign_in() {
        for level in Level::ALL {
            assert_eq!(action(None, ask(level, None)), Some(Action::SignIn));
            assert_eq!(action(Some(&claims(r#"{"role":"anon"}"#)), ask(level, Some(900))), Some(Action::SignIn));
        }
    }

    #[test]
    fn a_user_whose_token_states_no_level_is_not_told_to_sign_in_again() {
        for text in [
            r#"{"sub":"jane"}"#,
            r#"{"sub":"jane","aal":null}"#,
            r#"{"sub":"jane","aal":"AAL2"}"#,
            r#"{"sub":"jane","acr":"2","is_anonymous":true}"#,
            r#"{"sub":42}"#,
            r#"{"aal":2}"#,
        ] {
            for level in Level::ALL {
                assert_eq!(action(Some(&claims(text)), ask(level, None)), Some(Action::Configure), "{text}");
                assert_eq!(action(Some(&claims(text)), ask(level, Some(900))), Some(Action::Configure), "{text}");
            }
        }
    }

    #[test]
    fn a_level_satisfies_itself_and_those_below() {
        let session = claims(r#"{"aal":"aal2"}"#);
        assert_eq!(action(Some(&session), ask(Level::Aal1, None)), None);
        assert_eq!(action(Some(&session), ask(Level::Aal2, None)), None);
        assert_eq!(action(Some(&session), ask(Level::Aal3, None)), Some(Action::Verify));
    }

    #[test]
    fn a_requirement_implies_lower_levels_and_longer_ages() {
        let (aal2, recent) = (ask(Level::Aal2, None), ask(Level::Aal2, Some(900)));
        for implied in [aal2, ask(Level::Aal1, None)] {
            assert!(aal2.implies(implied) && recent.implies(implied));
        }
        assert!(recent.implies(recent) && recent.implies(ask(Level::Aal2, Some(901))));
        for other in [ask(Level::Aal3, None), ask(Level::Aal2, Some(899)), ask(Level::Aal1, Some(900))] {
            assert!(!aal2.implies(other) && !recent.implies(other), "{other:?}");
        }
        assert!(!aal2.implies(recent));
    }

    #[test]
    fn only_freshness_missing_means_reverify() {
        assert_eq!(action(Some(&aal2(900)), ask(Level::Aal2, Some(900))), None);
        assert_eq!(action(Some(&aal2(901)), ask(Level::Aal2, Some(900))), Some(Action::Reverify));
        assert_eq!(action(Some(&claims(r#"{"aal":"aal1"}"#)), ask(Level::Aal2, Some(900))), Some(Action::Verify));
    }

    #[test]
    fn a_token_that_never_says_when_is_not_verified_again() {
        for amr in [
            "null",
            r#"["pwd","otp"]"#,
            r#"[{"method":"otp","timestamp":1800000000}]"#,
            r#"[{"method":"totp"}]"#,
            r#"[{"method":"totp","timestamp":"1800000000"}]"#,
            r#"{"method":"totp","timestamp":1800000000}"#,
        ] {
            let session = claims(&format!(r#"{{"aal":"aal2","amr":{amr}}}"#));
            let denial = assess(Some(&session), ask(Level::Aal2, Some(900)), clock).unwrap_err();
            assert_eq!((denial.action, denial.reason()), (Action::Configure, Reason::NoTime), "{amr}");
            assert_eq!(action(Some(&session), ask(Level::Aal2, None)), None);
        }
    }

    #[test]
    fn an_anonymous_user_is_told_neither_to_verify_nor_to_sign_in_again() {
        let anonymous = claims(&format!(
            r#"{{"aal":"aal1","is_anonymous":true,"amr":[{{"method":"anonymous","timestamp":{}}}]}}"#,
            NOW - 3_600
        ));
        for level in Level::ALL {
            assert_eq!(action(Some(&anonymous), ask(level, None)), Some(Action::LeaveAnonymity));
            assert_eq!(action(Some(&anonymous), ask(level, Some(60))), Some(Action::LeaveAnonymity));
        }
        let denial = assess(Some(&anonymous), ask(Level::Aal1, None), clock).unwrap_err();
        assert_eq!((denial.current.level(), denial.reason()), (None, Reason::AnonymousUser));
        // Where guests have aal1, they have that and no more. Nothing makes it fresh: no factor was shown.
        let anonymous = anonymous.with_guests_at(Some(Level::Aal1));
        assert_eq!(action(Some(&anonymous), ask(Level::Aal1, None)), None);
        assert_eq!(action(Some(&anonymous), ask(Level::Aal2, None)), Some(Action::LeaveAnonymity));
        assert_eq!(action(Some(&anonymous), ask(Level::Aal1, Some(86_400))), Some(Action::LeaveAnonymity));
        assert_eq!(anonymous.authenticated_at(Level::Aal1, clock()), None);
        let nobody = claims(r#"{"is_anonymous":true}"#);
        assert_eq!(action(Some(&nobody), ask(Level::Aal1, None)), Some(Action::SignIn));
    }

    #[test]
    fn a_second_factor_refreshes_aal1_too_but_not_the_reverse() {
        assert_eq!(action(Some(&aal2(10)), ask(Level::Aal1, Some(60))), None);
        let old_factor = claims(&format!(
            r#"{{"aal":"aal2","amr":[{{"method":"password","timestamp":{NOW}}},{{"method":"totp","timestamp":{}}}]}}"#,
            NOW - 7_200
        ));
        assert_eq!(action(Some(&old_factor), ask(Level::Aal2, Some(60))), Some(Action::Reverify));
    }

    #[test]
    fn the_newest_entry_decides_even_if_it_lies_in_the_future() {
        let session = claims(&format!(
            r#"{{"aal":"aal2","amr":[{{"method":"totp","timestamp":{}}},{{"method":"totp","timestamp":{NOW}}}]}}"#,
            NOW + 3_600
        ));
        assert_eq!(action(Some(&session), ask(Level::Aal2, Some(900))), Some(Action::Reverify));
        assert_eq!(session.authenticated_at(Level::Aal2, clock()), None);
    }

    #[test]
    fn authenticated_at_is_null_below_the_level() {
        let session = claims(&format!(r#"{{"aal":"aal1","amr":[{{"method":"totp","timestamp":{NOW}}}]}}"#));
        assert!(session.authenticated_at(Level::Aal1, clock()).is_some());
        assert_eq!(session.authenticated_at(Level::Aal2, clock()), None);
        assert_eq!(claims("{}").authenticated_at(Level::Aal1, clock()), None);
    }

    proptest! {
        #[test]
        fn whoever_passes_a_level_passes_every_lower_one(
            aal in prop::option::of(prop::sample::select(Level::ALL.to_vec())), low in 0usize..3, high in 0usize..3,
        ) {
            let session = aal.map_or_else(Claims::default, |level| claims(&format!(r#"{{"aal":"{level}"}}"#)));
            let (low, high) = (Level::ALL[low.min(high)], Level::ALL[low.max(high)]);
            if assess(Some(&session), ask(high, None), clock).is_ok() {
                prop_assert!(assess(Some(&session), ask(low, None), clock).is_ok());
            }
        }

        #[test]
        fn a_max_age_only_ever_narrows(seconds_ago in -100i64..10_000, age: u32, level in prop::sample::select(Level::ALL.to_vec())) {
            let session = aal2(seconds_ago);
            if assess(Some(&session), ask(level, Some(age)), clock).is_ok() {
                prop_assert!(assess(Some(&session), ask(level, None), clock).is_ok());
            }
        }

        #[test]
        fn what_a_requirement_implies_is_met_with_it(
            aal in prop::option::of(prop::sample::select(Level::ALL.to_vec())),
            methods in prop::collection::vec((prop::sample::select(vec!["password", "totp", "webauthn", "hwk", "otp", "?"]), -100i64..400), 0..4),
            asked in (prop::sample::select(Level::ALL.to_vec()), prop::option::of(0u32..400)),
            implied in (prop::sample::select(Level::ALL.to_vec()), prop::option::of(0u32..400)),
        ) {
            let methods: Vec<String> = methods
                .iter()
                .map(|(method, ago)| format!(r#"{{"method":"{method}","timestamp":{}}}"#, NOW - ago))
                .collect();
            let level = aal.map_or("null".to_owned(), |level| format!(r#""{level}""#));
            let session = claims(&format!(r#"{{"sub":"jane","aal":{level},"amr":[{}]}}"#, methods.join(",")));
            let (asked, implied) = (ask(asked.0, asked.1), ask(implied.0, implied.1));
            if asked.implies(implied) && assess(Some(&session), asked, clock).is_ok() {
                prop_assert!(assess(Some(&session), implied, clock).is_ok());
            }
        }

        #[test]
        fn aal2_within_max_age_exactly_when_the_factor_is(seconds_ago in -100i64..10_000, age in 0u32..10_000) {
            let allowed = assess(Some(&aal2(seconds_ago)), ask(Level::Aal2, Some(age)), clock).is_ok();
            prop_assert_eq!(allowed, seconds_ago >= -30 && seconds_ago <= i64::from(age));
        }
    }
}

//! Where a session stands: its level, the level that its user can reach, and the next step.

use crate::action::Action;
use crate::claims::{Claims, LevelClaim};
use crate::enrollment::Enrollment;
use crate::level::Level;
use crate::reason::Reason;
use crate::requirement::FixedRequirement;
use crate::way_back::{StepUpRequest, WayBack};

/// Where a session stands, for a front end. It decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The session's level; supabase-js calls it `currentLevel`.
    pub current: Option<Level>,
    /// The level that the user can reach, `nextLevel` in supabase-js; `None` where that isn't known.
    pub next: Option<Level>,
    /// What to do to reach that level, or to have one; `None` where the session is there.
    pub action: Option<Action>,
    /// Why there is no level, or no level that can be reached; `None` where both are known.
    pub reason: Option<Reason>,
}

impl Status {
    /// The status of a session with these claims. `looked_up`: the enrollment of its user, if they could be looked up.
    ///
    /// Where they couldn't, a session at aal1 is told what a denial tells it: to verify a factor, or to leave anonymity. Without an action it would
    /// look as if it had nothing more to show.
    pub fn of(claims: Option<&Claims>, looked_up: Option<Enrollment>) -> Status {
        let Some((claims, level)) = claims.and_then(|claims| Some((claims, claims.level()?))) else {
            return match claims {
                Some(claims) if claims.level_claim() == LevelClaim::OfGuest => {
                    Status::without_level(Action::LeaveAnonymity, Reason::AnonymousUser)
                }
                Some(claims) if claims.could_state(Level::Aal1) || claims.could_state(Level::Aal2) => {
                    Status::without_level(Action::Verify, Reason::LevelTooLow)
                }
                Some(claims) if !claims.are_nobodys() => Status::without_level(Action::Configure, Reason::NoLevel),
                _ => Status::without_level(Action::SignIn, Reason::NotSignedIn),
            };
        };
        let current = Some(level);
        let is_below = level == Level::Aal1;
        let below = |action| is_below.then_some(action);
        let (next, action, reason) = match looked_up {
            Some(Enrollment::Factor) => (Some(Level::Aal2), below(Action::Verify), None),
            Some(Enrollment::NoFactor) if is_below && claims.is_anonymous() => {
                (current, Some(Action::LeaveAnonymity), Some(Reason::AnonymousUser))
            }
            None if is_below && claims.is_anonymous() => {
                (None, Some(Action::LeaveAnonymity), Some(Reason::AnonymousUser))
            }
            Some(Enrollment::NoFactor) => (current, below(Action::Enroll), None),
            Some(Enrollment::UnknownUser | Enrollment::ForeignUser) => {
                (current, Some(Action::SignIn), Some(Reason::UnknownUser))
            }
            None => (None, below(Action::Verify), Some(Reason::FactorsUnknown)),
        };
        Status { current, next, action, reason }
    }

    /// What the client must ask its issuer for, to reach aal2; nothing where the session is there.
    pub fn request(&self, way_back: &WayBack) -> StepUpRequest {
        let to_aal2 = FixedRequirement { level: Level::Aal2, max_age: None };
        let is_below = self.current < Some(Level::Aal2);
        way_back.request(is_below.then_some(to_aal2), self.action.unwrap_or(Action::Verify))
    }

    /// The status of a session that has no level.
    pub fn without_level(action: Action, reason: Reason) -> Status {
        Status { current: None, next: None, action: Some(action), reason: Some(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claims(text: &str) -> Claims {
        Claims::from_json(text.as_bytes()).unwrap()
    }

    fn status(text: &str, looked_up: Option<Enrollment>) -> (Option<Level>, Option<Action>, Option<Reason>) {
        let status = Status::of(Some(&claims(text)), looked_up);
        (status.next, status.action, status.reason)
    }

    /// The same where guests have aal1.
    fn status_at_aal1(text: &str, looked_up: Option<Enrollment>) -> (Option<Level>, Option<Action>, Option<Reason>) {
        let status = Status::of(Some(&claims(text).with_guests_at(Some(Level::Aal1))), looked_up);
        (status.next, status.action, status.reason)
    }

    #[test]
    fn an_anonymous_user_has_no_level_and_is_told_to_sign_in() {
        for looked_up in [None, Some(Enrollment::NoFactor), Some(Enrollment::Factor), Some(Enrollment::UnknownUser)] {
            let guest = status(r#"{"sub":"jane","aal":"aal1","is_anonymous":true}"#, looked_up);
            assert_eq!(guest, (None, Some(Action::LeaveAnonymity), Some(Reason::AnonymousUser)));
        }
    }

    #[test]
    fn the_action_is_how_to_reach_the_enrolled_level_or_to_have_one_above() {
        use Enrollment::*;
        let (aal1, aal2) = (r#"{"sub":"jane","aal":"aal1"}"#, r#"{"sub":"jane","aal":"aal2"}"#);
        assert_eq!(status(aal1, Some(NoFactor)), (Some(Level::Aal1), Some(Action::Enroll), None));
        assert_eq!(status(aal1, Some(Factor)), (Some(Level::Aal2), Some(Action::Verify), None));
        assert_eq!(status(aal2, Some(Factor)), (Some(Level::Aal2), None, None));
        assert_eq!(status(aal2, Some(NoFactor)), (Some(Level::Aal2), None, None));
        for gone in [UnknownUser, ForeignUser] {
            let sign_in = (Some(Level::Aal1), Some(Action::SignIn), Some(Reason::UnknownUser));
            assert_eq!(status(aal1, Some(gone)), sign_in);
        }
        let anonymous = r#"{"sub":"jane","aal":"aal1","is_anonymous":true}"#;
        let leave = (Some(Level::Aal1), Some(Action::LeaveAnonymity), Some(Reason::AnonymousUser));
        assert_eq!(status_at_aal1(anonymous, Some(NoFactor)), leave);
        assert_eq!(status_at_aal1(anonymous, Some(Factor)), (Some(Level::Aal2), Some(Action::Verify), None));
    }

    #[test]
    fn where_nobody_can_be_looked_up_the_session_alone_answers() {
        let unknown = Some(Reason::FactorsUnknown);
        assert_eq!(status(r#"{"sub":"jane","aal":"aal1"}"#, None), (None, Some(Action::Verify), unknown));
        assert_eq!(status(r#"{"sub":"jane","aal":"aal2"}"#, None), (None, None, unknown));
        let anonymous = r#"{"sub":"jane","aal":"aal1","is_anonymous":true}"#;
        assert_eq!(status_at_aal1(anonymous, None), (None, Some(Action::LeaveAnonymity), Some(Reason::AnonymousUser)));
        let current = Status::of(Some(&claims(r#"{"sub":"jane","aal":"aal2"}"#)), None).current;
        assert_eq!(current, Some(Level::Aal2));
    }

    #[test]
    fn without_a_level_the_status_says_why() {
        let nobody = (None, Some(Action::SignIn), Some(Reason::NotSignedIn));
        let without = (None, Some(Action::Configure), Some(Reason::NoLevel));
        for looked_up in [None, Some(Enrollment::Factor), Some(Enrollment::UnknownUser)] {
            assert_eq!(status(r#"{"role":"anon"}"#, looked_up), nobody);
            assert_eq!(status(r#"{"sub":"jane"}"#, looked_up), without);
            assert_eq!(status(r#"{"sub":"jane","aal":"AAL2"}"#, looked_up), without);
            assert_eq!(Status::of(None, looked_up).reason, Some(Reason::NotSignedIn));
        }
    }

    proptest! {
        /// An unknown enrollment never raises a level, and never looks as if a session at aal1 had nothing more to show.
        #[test]
        fn what_is_not_known_lowers_nothing_and_raises_nothing(
            aal in prop::option::of("aal[1-4]"), anonymous: bool,
            looked_up in prop::option::of(prop::sample::select(vec![
                Enrollment::Factor, Enrollment::NoFactor, Enrollment::UnknownUser, Enrollment::ForeignUser,
            ])),
        ) {
            let claims = serde_json::json!({ "sub": "jane", "aal": aal, "is_anonymous": anonymous }).to_string();
            let claims = Claims::from_json(claims.as_bytes()).unwrap();
            let status = Status::of(Some(&claims), looked_up);
            prop_assert_eq!(status.current, claims.level());
            prop_assert!(status.action.is_some() || status.current >= Some(Level::Aal2));
            prop_assert_eq!(status.next.is_none(), status.current.is_none() || looked_up.is_none());
            prop_assert!(status.next.is_some() || status.reason.is_some());
        }
    }
}

//! Whether a session is live: it hasn't ended, its user is there, and so is the factor that gave it its level.
//!
//! An access token outlives all of these until it expires. So a store of sessions is asked.

use crate::action::Action;
use crate::claims::Claims;
use crate::denial::{CODE, HttpDenial, detail, unauthorized};
use crate::level::Level;
use crate::reason::Reason;
use crate::requirement::FixedRequirement;
use crate::way_back::WayBack;

/// What the store of sessions says of the session that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is live.
    Live,
    /// It has ended; or this user never had such a session.
    Ended,
    /// Its user is deleted, banned or unknown.
    UnknownUser,
    /// It isn't at the token's level any more: the factor that gave it was removed.
    FactorRemoved,
}

/// A session that isn't live, or isn't known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLive {
    reason: Reason,
    current: Option<Level>,
}

/// Whether the session of the claims in force is live. `looked_up`: what the store says of it. `None` where there is no answer
/// and it would decide: nobody's session, and one without a name, is never live.
pub fn assess_live(claims: Option<&Claims>, looked_up: Option<Liveness>) -> Option<Result<(), NotLive>> {
    let current = claims.and_then(Claims::level);
    let because = |reason| Some(Err(NotLive { reason, current }));
    match claims {
        None => return because(Reason::NotSignedIn),
        Some(claims) if claims.are_nobodys() => return because(Reason::NotSignedIn),
        Some(claims) if claims.session_id_of_user().is_none() => return because(Reason::NoSessionId),
        Some(_) => {}
    }
    match looked_up? {
        Liveness::Live => Some(Ok(())),
        Liveness::Ended => because(Reason::SessionEnded),
        Liveness::UnknownUser => because(Reason::UnknownUser),
        Liveness::FactorRemoved => because(Reason::FactorRemoved),
    }
}

impl NotLive {
    /// Why it isn't.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The level that the token states.
    pub(crate) fn current(&self) -> Option<Level> {
        self.current
    }

    /// What the client must do. Of a token that names no session, another one of its issuer wouldn't either.
    pub fn action(&self) -> Action {
        if self.reason == Reason::NoSessionId { Action::Configure } else { Action::SignIn }
    }

    /// The message: `insufficient_aal: …`. `what` names what was asked for, such as `update on payments`.
    pub fn message(&self, what: Option<&str>) -> String {
        format!("{CODE}: {} requires a live session, and {}", what.unwrap_or("this"), self.fault())
    }

    fn fault(&self) -> &'static str {
        match self.reason {
            Reason::NotSignedIn => "nobody is signed in",
            Reason::NoSessionId => "the session's token names no session",
            Reason::UnknownUser => "the session's user is not known",
            Reason::FactorRemoved => "the factor of the session was removed",
            _ => "the session has ended",
        }
    }

    /// The DETAIL: one line of JSON. `required`: the level that was asked for with it. `way_back`: whom the client must ask.
    pub fn detail(&self, required: Option<FixedRequirement>, way_back: &WayBack) -> String {
        detail(required, self.current, self.action(), self.reason, way_back)
    }

    /// The HINT: what to do, in plain English.
    pub fn hint(&self) -> &'static str {
        match self.reason {
            Reason::NoSessionId => {
                "The access token needs a claim session_id, or sid, beside sub. Signing in again does not change that."
            }
            _ => "Sign in, then try again with the new access token.",
        }
    }

    /// The same denial for PostgREST: 401 with the challenge of RFC 6750, section 3.1. A revoked token is an invalid one.
    pub fn http(&self, what: Option<&str>, required: Option<FixedRequirement>, way_back: &WayBack) -> HttpDenial {
        let body = serde_json::json!({
            "code": CODE,
            "message": self.message(what),
            "details": self.detail(required, way_back),
            "hint": self.hint(),
        });
        // A request without a token gets no error code.
        let challenge = match self.reason {
            Reason::NotSignedIn => "Bearer".to_owned(),
            _ => format!("Bearer error=\"invalid_token\", error_description=\"{}\"", self.fault()),
        };
        HttpDenial { body: body.to_string(), response: unauthorized(&challenge) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claims(text: &str) -> Claims {
        Claims::from_json(text.as_bytes()).unwrap()
    }

    fn ask(text: &str, looked_up: Option<Liveness>) -> Option<Option<Reason>> {
        assess_live(Some(&claims(text)), looked_up).map(|answer| answer.err().map(|it| it.reason()))
    }

    const JANE: &str = r#"{"sub":"jane","session_id":"s","aal":"aal2"}"#;

    #[test]
    fn only_a_session_that_the_store_calls_live_is_live() {
        assert_eq!(ask(JANE, Some(Liveness::Live)), Some(None));
        assert_eq!(ask(JANE, Some(Liveness::Ended)), Some(Some(Reason::SessionEnded)));
        assert_eq!(ask(JANE, Some(Liveness::UnknownUser)), Some(Some(Reason::UnknownUser)));
        assert_eq!(ask(JANE, Some(Liveness::FactorRemoved)), Some(Some(Reason::FactorRemoved)));
        assert_eq!(ask(JANE, None), None);
    }

    #[test]
    fn a_session_without_a_user_or_a_name_is_not_live_whatever_the_store_says() {
        for looked_up in [None, Some(Liveness::Live)] {
            assert_eq!(assess_live(None, looked_up).map(|answer| answer.is_ok()), Some(false));
            assert_eq!(ask(r#"{"role":"anon"}"#, looked_up), Some(Some(Reason::NotSignedIn)));
            for text in [
                r#"{"sub":"jane","aal":"aal2"}"#,
                r#"{"sub":"jane","aal":"aal2","session_id":""}"#,
                r#"{"sub":"jane","aal":"aal2","session_id":1,"sid":"s"}"#,
                r#"{"aal":"aal2","session_id":"s"}"#,
                r#"{"sub":"","aal":"aal2","session_id":"s"}"#,
            ] {
                assert_eq!(ask(text, looked_up), Some(Some(Reason::NoSessionId)), "{text}");
            }
        }
        assert_eq!(ask(r#"{"sub":"jane","sid":"s"}"#, Some(Liveness::Live)), Some(None));
    }

    #[test]
    fn a_session_that_ended_is_told_to_sign_in_and_why() {
        let ended = assess_live(Some(&claims(JANE)), Some(Liveness::Ended)).unwrap().unwrap_err();
        assert_eq!(ended.message(None), "insufficient_aal: this requires a live session, and the session has ended");
        assert_eq!(
            ended.detail(None, &WayBack::SupabaseAuth),
            r#"{"code":"insufficient_aal","required_aal":null,"current_aal":"aal2","max_age":null,"action":"sign_in","reason":"session_ended"}"#
        );
        let required = Some(FixedRequirement { level: Level::Aal1, max_age: None });
        assert!(ended.detail(required, &WayBack::SupabaseAuth).contains(r#""required_aal":"aal1""#));
        let http = ended.http(Some("update on table \"t\""), required, &WayBack::SupabaseAuth);
        assert_eq!(
            http.response,
            r#"{"headers":{"Access-Control-Expose-Headers":"WWW-Authenticate","WWW-Authenticate":"Bearer error=\"invalid_token\", error_description=\"the session has ended\""},"status":401}"#
        );
        let body: serde_json::Value = serde_json::from_str(&http.body).unwrap();
        assert_eq!(
            (body["code"].as_str(), body["details"].as_str()),
            (Some(CODE), Some(&*ended.detail(required, &WayBack::SupabaseAuth)))
        );
        let unnamed = assess_live(Some(&claims(r#"{"sub":"jane","aal":"aal1"}"#)), None).unwrap().unwrap_err();
        assert_eq!((unnamed.action(), ended.action()), (Action::Configure, Action::SignIn));
        let nobody = assess_live(None, None).unwrap().unwrap_err();
        assert!(nobody.http(None, None, &WayBack::SupabaseAuth).response.contains(r#""WWW-Authenticate":"Bearer""#));
    }

    proptest! {
        /// No claim of a token gets into a refusal, and no refusal has a second line.
        #[test]
        fn no_claim_gets_into_a_refusal(subject: String, session: String, named: bool, anonymous: bool) {
            let (subject, session) = (format!("secret{subject}"), format!("secret{session}"));
            let session = if named { serde_json::json!(session) } else { serde_json::json!([session]) };
            let text = serde_json::json!({ "sub": subject, "session_id": session, "aal": "aal1", "is_anonymous": anonymous });
            for looked_up in [Liveness::Ended, Liveness::UnknownUser, Liveness::FactorRemoved] {
                let refused = assess_live(Some(&claims(&text.to_string())), Some(looked_up)).unwrap().unwrap_err();
                let http = refused.http(None, None, &WayBack::SupabaseAuth);
                for text in [refused.message(None), refused.detail(None, &WayBack::SupabaseAuth), refused.hint().to_owned(), http.body, http.response] {
                    prop_assert!(!text.contains("secret") && !text.chars().any(char::is_control), "{}", text);
                }
            }
        }
    }
}

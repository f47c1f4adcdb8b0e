//! `insufficient_aal`: the refusal, and what the client must do about it.

use serde::Serialize;
use std::fmt;

use crate::level::Level;
use crate::requirement::FixedRequirement;
use crate::token::InvalidToken;

/// The code that names this denial in every format.
const CODE: &str = "insufficient_aal";

/// What the client must do to be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nobody is signed in: the session has no level, or its user is not known.
    SignIn,
    /// The user is anonymous, may not enroll a factor, and can't sign in again: they need an account first. To the client
    /// this is `sign_in`, too; the HINT tells the two apart.
    LeaveAnonymity,
    /// The session is below the level, and its user has no factor that would give it: enroll one.
    Enroll,
    /// The session is below the level: verify a factor that gives it.
    Verify,
    /// The session has the level, but its factor was verified too long ago: verify it again.
    Reverify,
}

/// A requirement that a session doesn't meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The requirement that the session was held against.
    pub required: FixedRequirement,
    /// The session's level; `None`: no assurance at all.
    pub current: Option<Level>,
    /// What the client must do.
    pub action: Action,
}

/// The DETAIL of a denial. A key without a value is `null`, never left out, so that a client can rely on all.
#[derive(Serialize)]
struct Detail {
    code: &'static str,
    required_aal: &'static str,
    current_aal: Option<&'static str>,
    max_age: Option<i64>,
    action: &'static str,
}

/// A denial as PostgREST 12 and later turn it into a response, when it is raised with SQLSTATE `PGRST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDenial {
    /// The error's MESSAGE: the response's JSON body.
    pub body: String,
    /// The error's DETAIL: its status and headers, as JSON.
    pub response: String,
}

impl Action {
    /// The action as a denial's DETAIL has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::SignIn | Action::LeaveAnonymity => "sign_in",
            Action::Enroll => "enroll",
            Action::Verify => "verify",
            Action::Reverify => "reverify",
        }
    }
}

impl Denial {
    /// The message: `insufficient_aal: …`. `what` names what was asked for, such as `update on payments`.
    pub fn message(&self, what: Option<&str>) -> String {
        let FixedRequirement { level, max_age } = self.required;
        let what = what.unwrap_or("this");
        match (self.current, max_age) {
            (None, _) => format!("{CODE}: {what} requires {level}, and the session has no assurance level"),
            (Some(_), _) if self.action == Action::SignIn => {
                format!("{CODE}: {what} requires {level}, and the session's user is not known")
            }
            (Some(_), _) if self.action == Action::LeaveAnonymity => {
                format!("{CODE}: {what} requires {level}, and the session's user is anonymous")
            }
            (Some(current), _) if current < level => {
                format!("{CODE}: {what} requires {level}, and the session is at {current}")
            }
            (_, Some(max_age)) => format!("{CODE}: {what} requires {level} verified within the last {max_age}"),
            (Some(current), None) => format!("{CODE}: {what} requires {level}, and the session is at {current}"),
        }
    }

    /// The DETAIL: one line of JSON.
    pub fn detail(&self) -> String {
        to_json(&Detail {
            code: CODE,
            required_aal: self.required.level.as_str(),
            current_aal: self.current.map(Level::as_str),
            max_age: self.required.max_age.map(|max_age| max_age.whole_seconds()),
            action: self.action.as_str(),
        })
    }

    /// The HINT: what to do, in plain English.
    pub fn hint(&self) -> &'static str {
        match self.action {
            Action::SignIn => "Sign in, then try again with the new access token.",
            Action::LeaveAnonymity if self.required.level == Level::Aal1 => {
                "An anonymous user cannot sign in again. Add an e-mail address, a phone number or an identity to the user, or sign in as another; then try again with the new access token."
            }
            Action::LeaveAnonymity => {
                "An anonymous user cannot enroll a factor. Add an e-mail address, a phone number or an identity to the user, or sign in as another; then try again with the new access token."
            }
            Action::Reverify if self.required.level == Level::Aal1 => {
                "Sign in again, then try again with the new access token."
            }
            Action::Enroll => "Enroll a second factor and verify it, then try again with the new access token.",
            Action::Verify => "Verify a second factor, then try again with the new access token.",
            Action::Reverify => "Verify the factor again, then try again with the new access token.",
        }
    }

    /// The same denial for PostgREST: 401 with the challenge of RFC 9470, section 3.
    pub fn http(&self, what: Option<&str>) -> HttpDenial {
        let body = serde_json::json!({
            "code": CODE,
            "message": self.message(what),
            "details": self.detail(),
            "hint": self.hint(),
        });
        let response = serde_json::json!({
            "status": 401,
            "headers": { "WWW-Authenticate": Challenge(self).to_string() },
        });
        HttpDenial { body: body.to_string(), response: response.to_string() }
    }
}

impl InvalidToken {
    /// The message: `invalid_token: …`.
    pub fn message(&self) -> String {
        format!("invalid_token: {self}")
    }

    /// The HINT: what to do, in plain English.
    pub fn hint(&self) -> &'static str {
        use InvalidToken::*;
        match self {
            Expired => "Get a new access token, then try again.",
            Changed => "Within a statement only one token counts: put another in force in a statement of its own.",
            NotYetValid | IssuedInTheFuture => {
                "If the clocks of the server and of the token's issuer differ, raise pg_aal.clock_skew."
            }
            NoKeys => {
                "A superuser sets them by pg_aal.jwks or pg_aal.jwks_file. If they are set, the server's log says why they do not count."
            }
            UnknownKey | WrongAlgorithm | WrongSignature => {
                "Another issuer signed it, or the key is missing in pg_aal.jwks and pg_aal.jwks_file."
            }
            WrongIssuer => "Its claim iss must equal pg_aal.jwt_issuer.",
            WrongAudience => "Its claim aud must be or hold pg_aal.jwt_audience.",
            _ => {
                "An access token is a signed JWT in compact form, with a claim exp and a signature by one of pg_aal's keys."
            }
        }
    }

    /// The same refusal for PostgREST: 401 with the challenge of RFC 6750, section 3.1.
    pub fn http(&self) -> HttpDenial {
        let body = serde_json::json!({
            "code": "invalid_token",
            "message": self.message(),
            "hint": self.hint(),
        });
        // Made of our own words only, so nothing in it needs quoting.
        let response = serde_json::json!({
            "status": 401,
            "headers": {
                "WWW-Authenticate": format!("Bearer error=\"invalid_token\", error_description=\"{self}\""),
            },
        });
        HttpDenial { body: body.to_string(), response: response.to_string() }
    }
}

/// The value of `WWW-Authenticate`. Made of our own words and numbers only, so nothing in it needs quoting.
struct Challenge<'a>(&'a Denial);

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = match self.0.action {
            Action::SignIn | Action::LeaveAnonymity => "Sign in",
            Action::Enroll | Action::Verify => "A higher authentication level is required",
            Action::Reverify => "More recent authentication is required",
        };
        let FixedRequirement { level, max_age } = self.0.required;
        write!(
            f,
            "Bearer error=\"insufficient_user_authentication\", error_description=\"{description}\", acr_values=\"{level}\""
        )?;
        match max_age {
            Some(max_age) => write!(f, ", max_age=\"{}\"", max_age.whole_seconds()),
            None => Ok(()),
        }
    }
}

/// serde_json fails only on maps with other keys than strings, which none of these types has.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MaxAge;

    fn denial(current: Option<Level>, max_age: Option<u32>, action: Action) -> Denial {
        let required = FixedRequirement { level: Level::Aal2, max_age: max_age.map(MaxAge::from_seconds) };
        Denial { required, current, action }
    }

    #[test]
    fn the_detail_is_one_line_of_json_with_every_key() {
        assert_eq!(
            denial(Some(Level::Aal1), Some(900), Action::Verify).detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify"}"#
        );
        assert_eq!(
            denial(None, None, Action::SignIn).detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":null,"max_age":null,"action":"sign_in"}"#
        );
    }

    #[test]
    fn a_refused_token_challenges_by_rfc_6750() {
        let http = InvalidToken::Expired.http();
        assert_eq!(
            http.response,
            r#"{"headers":{"WWW-Authenticate":"Bearer error=\"invalid_token\", error_description=\"the token has expired\""},"status":401}"#
        );
        assert_eq!(
            http.body,
            r#"{"code":"invalid_token","hint":"Get a new access token, then try again.","message":"invalid_token: the token has expired"}"#
        );
    }

    #[test]
    fn every_message_starts_with_the_code_and_says_what_is_missing() {
        let verify = denial(Some(Level::Aal1), None, Action::Verify);
        assert_eq!(verify.message(None), "insufficient_aal: this requires aal2, and the session is at aal1");
        assert_eq!(
            verify.message(Some("update on payments")),
            "insufficient_aal: update on payments requires aal2, and the session is at aal1"
        );
        assert_eq!(
            denial(None, None, Action::SignIn).message(None),
            "insufficient_aal: this requires aal2, and the session has no assurance level"
        );
        assert_eq!(
            denial(Some(Level::Aal2), Some(900), Action::Reverify).message(None),
            "insufficient_aal: this requires aal2 verified within the last 900 seconds"
        );
    }

    #[test]
    fn an_anonymous_user_is_told_to_sign_in_and_why() {
        let anonymous = denial(Some(Level::Aal1), None, Action::LeaveAnonymity);
        assert_eq!(
            anonymous.message(None),
            "insufficient_aal: this requires aal2, and the session's user is anonymous"
        );
        assert!(anonymous.detail().ends_with(r#""action":"sign_in"}"#));
        assert!(anonymous.hint().starts_with("An anonymous user cannot enroll a factor."));
        let required = FixedRequirement { level: Level::Aal1, max_age: Some(MaxAge::from_seconds(60)) };
        assert!(Denial { required, ..anonymous }.hint().starts_with("An anonymous user cannot sign in again."));
    }

    #[test]
    fn postgrest_gets_a_401_with_the_challenge_of_rfc_9470() {
        let http = denial(Some(Level::Aal2), Some(900), Action::Reverify).http(None);
        let response: serde_json::Value = serde_json::from_str(&http.response).unwrap();
        assert_eq!(response["status"], 401);
        assert_eq!(
            response["headers"]["WWW-Authenticate"],
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"More recent authentication is required\", acr_values=\"aal2\", max_age=\"900\""
        );
        let body: serde_json::Value = serde_json::from_str(&http.body).unwrap();
        assert_eq!(body["code"], "insufficient_aal");
        assert!(body["message"].as_str().unwrap().starts_with("insufficient_aal"));
        assert!(body["details"].is_string() && body["hint"].is_string());
    }

    #[test]
    fn a_hostile_name_stays_inside_the_body_and_out_of_the_header() {
        let http = denial(None, None, Action::SignIn).http(Some("update on \"a\"\"b\r\nX-Evil: 1\""));
        assert!(!http.response.contains("X-Evil"));
        assert!(!http.body.contains('\n'));
    }
}

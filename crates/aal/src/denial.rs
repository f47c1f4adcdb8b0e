//! `insufficient_aal`: the refusal, and what the client must do about it.

use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

use crate::action::Action;
use crate::claims::{Claims, LevelClaim};
use crate::level::Level;
use crate::reason::Reason;
use crate::requirement::FixedRequirement;
use crate::token::InvalidToken;
use crate::way_back::{StepUpRequest, WayBack};

/// The code that names this denial in every format.
pub(crate) const CODE: &str = "insufficient_aal";

/// The page that helps where tokens state no level, within the documentation.
pub const TOKENS_WITHOUT_AAL: &str = "tokens_without_aal.md";

/// The page that helps where claims are read by profiles, within the documentation.
const CLAIMS_PROFILES: &str = "claims_profiles.md";

/// A requirement that a session doesn't meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The requirement that the session was held against.
    pub required: FixedRequirement,
    /// The session's level, or why it has no assurance at all.
    pub current: LevelClaim,
    /// What the client must do.
    pub action: Action,
    /// Whom the client must ask.
    pub way_back: WayBack,
}

/// The DETAIL of a denial. A key without a value is `null`, never left out, so that a client can rely on all.
#[derive(Serialize)]
struct Detail {
    code: &'static str,
    required_aal: Option<&'static str>,
    current_aal: Option<&'static str>,
    max_age: Option<i64>,
    action: &'static str,
    reason: &'static str,
    #[serde(flatten)]
    request: StepUpRequest,
}

/// The DETAIL of a denial. `required`: `None` where no level was asked for.
pub(crate) fn detail(
    required: Option<FixedRequirement>,
    current: Option<Level>,
    action: Action,
    reason: Reason,
    way_back: &WayBack,
) -> String {
    to_json(&Detail {
        code: CODE,
        required_aal: required.map(|required| required.level.as_str()),
        current_aal: current.map(Level::as_str),
        max_age: required.and_then(|required| required.max_age).map(|max_age| max_age.whole_seconds()),
        action: action.as_str(),
        reason: reason.as_str(),
        request: way_back.request(required, action),
    })
}

/// A denial as PostgREST 12 and later turn it into a response, when it is raised with SQLSTATE `PGRST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDenial {
    /// The error's MESSAGE: the response's JSON body.
    pub body: String,
    /// The error's DETAIL: its status and headers, as JSON.
    pub response: String,
}

impl Denial {
    /// The denial for a session whose claims, if it has any, state no level.
    pub(crate) fn without_level(required: FixedRequirement, claims: Option<&Claims>) -> Denial {
        let current = claims.map(Claims::level_claim).unwrap_or_default();
        let action = match claims {
            _ if current == LevelClaim::OfGuest => Action::LeaveAnonymity,
            Some(claims) if claims.could_state(required.level) => Action::Verify,
            Some(claims) if !claims.are_nobodys() => Action::Configure,
            _ => Action::SignIn,
        };
        let way_back = claims.map(Claims::way_back).cloned().unwrap_or_default();
        Denial { required, current, action, way_back }
    }

    /// The same denial, where a session without a token must ask in this way.
    #[must_use]
    pub fn where_nobody_asks(self, way_back: WayBack) -> Denial {
        let is_nobodys = self.action == Action::SignIn && self.current == LevelClaim::Missing;
        if is_nobodys { Denial { way_back, ..self } } else { self }
    }

    /// Why the requirement isn't met.
    pub fn reason(&self) -> Reason {
        match self.action {
            Action::Configure if self.current.level().is_some() => Reason::NoTime,
            Action::Configure => Reason::NoLevel,
            Action::SignIn if self.current == LevelClaim::Missing => Reason::NotSignedIn,
            Action::SignIn => Reason::UnknownUser,
            Action::LeaveAnonymity => Reason::AnonymousUser,
            _ if self.current.level() < Some(self.required.level) => Reason::LevelTooLow,
            _ => Reason::NotFresh,
        }
    }

    /// The message: `insufficient_aal: …`. `what` names what was asked for, such as `update on payments`.
    pub fn message(&self, what: Option<&str>) -> String {
        let FixedRequirement { level, max_age } = self.required;
        let requires = format!("{CODE}: {} requires {level}", what.unwrap_or("this"));
        match (self.reason(), self.current.level(), max_age) {
            (Reason::NoLevel, ..) => format!("{requires}, and the session's token states no assurance level"),
            (Reason::UnknownUser, ..) => format!("{requires}, and the session's user is not known"),
            (Reason::AnonymousUser, ..) => format!("{requires}, and the session's user is anonymous"),
            (Reason::NoTime, _, Some(max_age)) => {
                format!(
                    "{requires} verified within the last {max_age}, and the session's token does not say when it was"
                )
            }
            (Reason::NotFresh, _, Some(max_age)) => format!("{requires} verified within the last {max_age}"),
            (_, Some(current), _) => format!("{requires}, and the session is at {current}"),
            (_, None, _) => format!("{requires}, and the session has no assurance level"),
        }
    }

    /// The DETAIL: one line of JSON.
    pub fn detail(&self) -> String {
        detail(Some(self.required), self.current.level(), self.action, self.reason(), &self.way_back)
    }

    /// The HINT: what to do, in plain English. `docs` is the address of the documentation, for the page that helps.
    pub fn hint(&self, docs: &str) -> Cow<'static, str> {
        let hint = match self.action {
            Action::Configure => return self.hint_at_the_claim(docs).into(),
            Action::SignIn => "Sign in, then try again with the new access token.",
            Action::LeaveAnonymity => {
                "An anonymous user has shown no factor, and cannot enroll one. Add an e-mail address, a phone number or an identity to the user, or sign in as another; then try again with the new access token."
            }
            Action::Verify if matches!(self.current, LevelClaim::NotNamed(_)) => {
                return self.hint_at_the_issuer(docs).into();
            }
            Action::Reverify if self.required.level == Level::Aal1 => {
                "Sign in again, then try again with the new access token."
            }
            Action::Enroll => "Enroll a second factor and verify it, then try again with the new access token.",
            Action::Verify => "Verify a second factor, then try again with the new access token.",
            Action::Reverify => "Verify the factor again, then try again with the new access token.",
        };
        hint.into()
    }

    /// The issuer states a level only if it is asked for it, or the map lacks its value: nobody can tell from one token.
    fn hint_at_the_issuer(&self, docs: &str) -> String {
        let value = match &self.current {
            LevelClaim::NotNamed(Some(value)) => format!("the level \"{value}\""),
            _ => "a level".to_owned(),
        };
        let request = self.request();
        let words = request.acr_values().map(|words| format!(" by acr_values \"{words}\"")).unwrap_or_default();
        format!(
            "The access token states {value}, which the profile of its issuer does not name. Ask the issuer for a higher one{words}, then try again with the new access token. If it states the same again, see {docs}/{CLAIMS_PROFILES}."
        )
    }

    fn hint_at_the_claim(&self, docs: &str) -> String {
        let fault = match &self.current {
            LevelClaim::Level(_) if matches!(self.way_back, WayBack::Issuer(_)) => {
                return format!(
                    "By the profile of its issuer in pg_aal.claims_profile, the access token does not say when the factor was verified: see {docs}/{CLAIMS_PROFILES}."
                );
            }
            LevelClaim::Level(_) => {
                "The access token does not say when the factor was verified: its claim amr has no entry of one, with a time in seconds.".to_owned()
            }
            LevelClaim::Unknown(Some(value)) => {
                format!("The claim aal of the access token is \"{value}\", and must be aal1, aal2 or aal3.")
            }
            LevelClaim::Unknown(None) => {
                "The claim aal of the access token must be aal1, aal2 or aal3, and is something else.".to_owned()
            }
            LevelClaim::NoProfile => {
                return format!(
                    "pg_aal.claims_profile has no profile for the issuer and the audience of the access token: see {docs}/{CLAIMS_PROFILES}."
                );
            }
            LevelClaim::NoRule | LevelClaim::NotNamed(_) => {
                return format!(
                    "By the profile of its issuer in pg_aal.claims_profile, the access token has no level: see {docs}/{CLAIMS_PROFILES}."
                );
            }
            LevelClaim::Missing | LevelClaim::OfGuest => "The access token has no claim aal.".to_owned(),
        };
        format!("{fault} Signing in again does not change that: see {docs}/{TOKENS_WITHOUT_AAL}.")
    }

    /// What the client must ask its issuer for.
    fn request(&self) -> StepUpRequest {
        self.way_back.request(Some(self.required), self.action)
    }

    /// The same denial for PostgREST: 401 with the challenge of RFC 9470, section 3, or with Entra's.
    pub fn http(&self, what: Option<&str>, docs: &str) -> HttpDenial {
        let body = serde_json::json!({
            "code": CODE,
            "message": self.message(what),
            "details": self.detail(),
            "hint": self.hint(docs),
        });
        HttpDenial { body: body.to_string(), response: unauthorized(&Challenge(self).to_string()) }
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
            UnknownIssuer => {
                "Its claim iss must be an issuer of the document in pg_aal.jwks_file or pg_aal.jwks, to the letter."
            }
            UnboundKeys => {
                "pg_aal.claims_profile has several issuers. Write the keys as {\"issuers\": [{\"issuer\": ..., \"keys\": [...]}]}, or set pg_aal.jwt_issuer."
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
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{self}\"");
        HttpDenial { body: body.to_string(), response: unauthorized(&challenge) }
    }
}

/// The value of `WWW-Authenticate`. Made of our own words and numbers only, and of words of a profile that need no quoting either.
struct Challenge<'a>(&'a Denial);

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = match self.0.action {
            Action::SignIn | Action::LeaveAnonymity => "Sign in",
            Action::Configure if self.0.reason() == Reason::NoTime => {
                "The access token states no time of authentication"
            }
            Action::Configure => "The access token states no authentication level",
            Action::Enroll | Action::Verify => "A higher authentication level is required",
            Action::Reverify => "More recent authentication is required",
        };
        let Denial { required: FixedRequirement { level, max_age }, action, way_back, .. } = self.0;
        let request = self.0.request();
        f.write_str("Bearer ")?;
        if let Some(claims) = request.claims_in_base64() {
            if let Some(uri) = way_back.authorization_uri() {
                write!(f, "authorization_uri=\"{uri}\", ")?;
            }
            write!(
                f,
                "error=\"insufficient_claims\", error_description=\"{description}\", claims=\"{claims}\", cc_type=\"authcontext\""
            )?;
        } else {
            write!(f, "error=\"insufficient_user_authentication\", error_description=\"{description}\"")?;
        }
        if *way_back == WayBack::SupabaseAuth {
            write!(f, ", acr_values=\"{level}\"")?;
        } else if *action == Action::Configure {
            // It would come back with such a token.
            return Ok(());
        } else if let Some(words) = request.acr_values() {
            write!(f, ", acr_values=\"{words}\"")?;
        }
        match max_age {
            Some(max_age) => write!(f, ", max_age=\"{}\"", max_age.whole_seconds()),
            None => Ok(()),
        }
    }
}

/// The status and headers of a refusal. A browser shows the challenge to code of another origin only if the answer exposes it
/// (Fetch standard, section 3.3.3); PostgREST exposes other headers.
pub(crate) fn unauthorized(challenge: &str) -> String {
    let headers = serde_json::json!({
        "WWW-Authenticate": challenge,
        "Access-Control-Expose-Headers": "WWW-Authenticate",
    });
    serde_json::json!({ "status": 401, "headers": headers }).to_string()
}

/// serde_json fails only on maps with other keys than strings, which none of these types has.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrollment::Enrollment;
    use crate::time::{Clock, MaxAge, Timestamp};
    use proptest::prelude::*;

    fn denial(current: Option<Level>, max_age: Option<u32>, action: Action) -> Denial {
        let required = FixedRequirement { level: Level::Aal2, max_age: max_age.map(MaxAge::from_seconds) };
        let current = current.map_or(LevelClaim::Missing, LevelClaim::Level);
        Denial { required, current, action, way_back: WayBack::SupabaseAuth }
    }

    fn refused(claims: &str) -> Denial {
        let claims = Claims::from_json(claims.as_bytes()).unwrap();
        let required = FixedRequirement { level: Level::Aal2, max_age: Some(MaxAge::from_seconds(900)) };
        let clock = || Clock::new(Timestamp::from_unix_micros(0), 30);
        crate::assess(Some(&claims), required, clock).unwrap_err()
    }

    #[test]
    fn the_detail_is_one_line_of_json_with_every_key() {
        assert_eq!(
            denial(Some(Level::Aal1), Some(900), Action::Verify).detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":"aal1","max_age":900,"action":"verify","reason":"level_too_low"}"#
        );
        assert_eq!(
            denial(None, None, Action::SignIn).detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":null,"max_age":null,"action":"sign_in","reason":"not_signed_in"}"#
        );
    }

    #[test]
    fn a_refused_token_challenges_by_rfc_6750() {
        let http = InvalidToken::Expired.http();
        assert_eq!(
            http.response,
            r#"{"headers":{"Access-Control-Expose-Headers":"WWW-Authenticate","WWW-Authenticate":"Bearer error=\"invalid_token\", error_description=\"the token has expired\""},"status":401}"#
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
        assert!(anonymous.detail().ends_with(r#""action":"sign_in","reason":"anonymous_user"}"#));
        assert!(anonymous.hint("docs").starts_with("An anonymous user has shown no factor, and cannot enroll one."));
        let guest = refused(r#"{"sub":"jane","aal":"aal1","is_anonymous":true}"#);
        assert_eq!(guest.message(None), anonymous.message(None));
        assert_eq!(
            guest.detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":null,"max_age":900,"action":"sign_in","reason":"anonymous_user"}"#
        );
    }

    #[test]
    fn postgrest_gets_a_401_with_the_challenge_of_rfc_9470() {
        let http = denial(Some(Level::Aal2), Some(900), Action::Reverify).http(None, "docs");
        let response: serde_json::Value = serde_json::from_str(&http.response).unwrap();
        assert_eq!(response["status"], 401);
        assert_eq!(response["headers"]["Access-Control-Expose-Headers"], "WWW-Authenticate");
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
        let http = denial(None, None, Action::SignIn).http(Some("update on \"a\"\"b\r\nX-Evil: 1\""), "docs");
        assert!(!http.response.contains("X-Evil"));
        assert!(!http.body.contains('\n'));
    }

    #[test]
    fn a_token_without_a_level_is_not_sent_to_sign_in() {
        let missing = refused(r#"{"sub":"jane","role":"authenticated"}"#);
        assert_eq!(
            missing.message(None),
            "insufficient_aal: this requires aal2, and the session's token states no assurance level"
        );
        assert_eq!(
            missing.detail(),
            r#"{"code":"insufficient_aal","required_aal":"aal2","current_aal":null,"max_age":900,"action":"configure","reason":"no_level"}"#
        );
        assert_eq!(
            missing.hint("docs"),
            "The access token has no claim aal. Signing in again does not change that: see docs/tokens_without_aal.md."
        );
        let unknown = refused(r#"{"sub":"jane","aal":"AAL2"}"#);
        assert_eq!((unknown.message(None), unknown.detail()), (missing.message(None), missing.detail()));
        assert!(
            unknown
                .hint("docs")
                .starts_with("The claim aal of the access token is \"AAL2\", and must be aal1, aal2 or aal3.")
        );
        let hidden = refused(r#"{"sub":"jane","aal":"aal2 \r\nX-Evil: 1"}"#);
        assert!(
            hidden
                .hint("docs")
                .starts_with("The claim aal of the access token must be aal1, aal2 or aal3, and is something else.")
        );
        let http = missing.http(None, "docs");
        let response: serde_json::Value = serde_json::from_str(&http.response).unwrap();
        assert_eq!(response["status"], 401);
        assert_eq!(
            response["headers"]["WWW-Authenticate"],
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"The access token states no authentication level\", acr_values=\"aal2\", max_age=\"900\""
        );
    }

    proptest! {
        /// For every value of the claim: no text of a refusal has a second line, and the DETAIL is JSON with every key. The
        /// headers are short, in ASCII, and the same for all.
        #[test]
        fn no_value_of_the_claim_gets_out_of_its_place(value in prop_oneof![any::<String>(), "[a-zA-Z0-9_.:-]{1,60}"], as_text: bool, subject: bool) {
            let value = if as_text { serde_json::json!(value) } else { serde_json::json!([value]) };
            prop_assume!(value.as_str().and_then(Level::from_claim).is_none());
            let subject = if subject { r#""sub":"jane","# } else { "" };
            let denial = refused(&format!(r#"{{{subject}"aal":{value}}}"#));
            prop_assert_eq!(denial.reason(), Reason::NoLevel);
            let http = denial.http(Some("update on table \"t\""), "docs");
            for text in [denial.message(None), denial.detail(), denial.hint("docs").into_owned(), http.body.clone(), http.response.clone()] {
                prop_assert!(!text.chars().any(char::is_control), "{}", text);
            }
            let detail: serde_json::Value = serde_json::from_str(&denial.detail()).unwrap();
            prop_assert_eq!(detail.as_object().unwrap().len(), 6);
            prop_assert_eq!(&detail["current_aal"], &serde_json::Value::Null);
            let body: serde_json::Value = serde_json::from_str(&http.body).unwrap();
            prop_assert_eq!(body["hint"].as_str(), Some(&*denial.hint("docs")));
            prop_assert!(denial.hint("docs").len() <= 200 + LevelClaim::SHOWN);
            prop_assert!(http.response.is_ascii() && http.response.len() <= 400);
            prop_assert_eq!(http.response, refused(r#"{"sub":"jane"}"#).http(None, "docs").response);
        }

        /// The reason says no more than the action and the level do: it never opens anything.
        #[test]
        fn a_denial_stays_one_whatever_is_known_of_the_user(
            aal in prop::option::of("aal[1-4]"), anonymous: bool, level in prop::sample::select(Level::ALL.to_vec()),
            enrollment in prop::sample::select(vec![
                Enrollment::Factor, Enrollment::NoFactor, Enrollment::UnknownUser, Enrollment::ForeignUser,
            ]),
        ) {
            let claims = serde_json::json!({ "sub": "jane", "aal": aal, "is_anonymous": anonymous });
            let claims = Claims::from_json(claims.to_string().as_bytes()).unwrap();
            let required = FixedRequirement { level, max_age: Some(MaxAge::from_seconds(60)) };
            let clock = || Clock::new(Timestamp::from_unix_micros(0), 30);
            let denial = crate::assess(Some(&claims), required, clock).unwrap_err();
            let known = denial.clone().knowing(enrollment);
            prop_assert_eq!((known.required, known.current.level()), (denial.required, claims.level()));
            let states_no_level = matches!(claims.level_claim(), LevelClaim::Missing | LevelClaim::Unknown(_) | LevelClaim::NoProfile | LevelClaim::NoRule);
            prop_assert_eq!(known.reason() == Reason::NoLevel, states_no_level);
            // The claims state no time.
            let lacks_time = claims.level() >= Some(level);
            prop_assert_eq!(known.action == Action::Configure, states_no_level || lacks_time);
        }
    }
}

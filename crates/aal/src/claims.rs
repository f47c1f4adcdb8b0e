//! The claims of an access token: what its JSON payload says about the session.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;
use uuid::Uuid;

use crate::json::{self, Object};
use crate::level::Level;
use crate::time::Timestamp;
use crate::way_back::WayBack;

/// What pg_aal reads of the claims in force. Unknown claims are skipped unread.
///
/// A claim of an unexpected type counts as missing: a number for `aal` gives no level, a text for a timestamp gives no
/// time. A text that isn't one JSON object, or states one of these claims twice, is [`InvalidClaims`]: then nothing in
/// it counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    aal: LevelClaim,
    /// Whether `sub` holds anything, though it may be no text.
    names_a_user: bool,
    subject: Option<String>,
    methods: Vec<Method>,
    /// `auth_time` (OpenID Connect Core, section 2).
    auth_time: Option<Timestamp>,
    /// Whether `amr` is a list of plain strings (RFC 8176), which have no times of their own.
    amr_is_plain: bool,
    is_anonymous: bool,
    /// The highest level that an anonymous user has.
    level_of_guests: Option<Level>,
    session_id: Option<String>,
    /// When its factors were verified, where a profile says so and not `amr`.
    factor_times: Option<FactorTimes>,
    /// Whom to ask for a higher level.
    way_back: WayBack,
}

/// When a session's factors were verified, where a profile says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactorTimes {
    /// Any factor.
    pub of_aal1: Option<Timestamp>,
    /// A second factor.
    pub of_aal2: Option<Timestamp>,
}

/// What the claim `aal` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LevelClaim {
    /// Nothing: there is no such claim, or it is null.
    #[default]
    Missing,
    /// No level. The text is its value, where that may be shown: see [`LevelClaim::SHOWN`].
    Unknown(Option<String>),
    /// A level that doesn't count: its user is anonymous, and has shown no factor.
    OfGuest,
    /// Nothing that counts: profiles are in force, and none is for the token's issuer or audience.
    NoProfile,
    /// Nothing that counts: no rule of the issuer's profile gives a level to the token.
    NoRule,
    /// Nothing that counts: the claim that gives levels has a value that the issuer's profile doesn't name. The text is that
    /// value, where it may be shown. Unlike a missing claim, the issuer may state another value when it is asked for one.
    NotNamed(Option<String>),
    /// A level.
    Level(Level),
}

impl LevelClaim {
    /// The longest value that is shown, in characters. Longer ones are not, nor those with characters other than ASCII letters
    /// and digits and `_ - . :`. So nothing in it needs quoting anywhere, and it can hold neither a sentence nor a link.
    pub const SHOWN: usize = 40;

    /// The level; `None` where the claim states none.
    pub fn level(&self) -> Option<Level> {
        match self {
            LevelClaim::Level(level) => Some(*level),
            LevelClaim::Missing
            | LevelClaim::Unknown(_)
            | LevelClaim::OfGuest
            | LevelClaim::NoProfile
            | LevelClaim::NoRule
            | LevelClaim::NotNamed(_) => None,
        }
    }

    fn from_json(value: Option<&RawValue>) -> Self {
        let Some(value) = value else { return LevelClaim::Missing };
        let text = text_of(value);
        match text.as_deref().and_then(Level::from_claim) {
            Some(level) => LevelClaim::Level(level),
            None => LevelClaim::Unknown(shown(text.as_deref().unwrap_or(value.get()))),
        }
    }
}

/// A value of a claim, where it may be shown: see [`LevelClaim::SHOWN`].
pub(crate) fn shown(value: &str) -> Option<String> {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    let is_shown = !value.is_empty() && value.len() <= LevelClaim::SHOWN && value.bytes().all(is_harmless);
    is_shown.then(|| value.to_owned())
}

/// One entry of the `amr` claim: a method by which the session authenticated, and when it last did.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    name: String,
    at: Option<Timestamp>,
}

impl Method {
    /// The methods that prove aal2: second factors.
    ///
    /// Source: GoTrue's `AuthenticationMethod` and `Session.CalculateAALAndAMR`. `otp` is a first factor (a code
    /// by e-mail or SMS) and `passkey` a first-factor sign-in: neither is ever MFA.
    pub const SECOND_FACTORS: [&str; 4] = ["totp", "mfa/phone", "mfa/webauthn", "mfa/recovery_code"];
    /// The methods that prove nothing. `anonymous` is no factor at all.
    pub const PROVES_NOTHING: [&str; 2] = ["token_refresh", Method::ANONYMOUS];
    /// The method of an anonymous sign-in.
    pub const ANONYMOUS: &str = "anonymous";

    /// The method as the token names it: `password`, `totp`, `oauth` …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was last verified in this session, if the token says so.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.at
    }

    /// The highest level that verifying this method proves; `None` for those that prove nothing.
    pub fn proves(&self) -> Option<Level> {
        let name = self.name.as_str();
        if Method::SECOND_FACTORS.contains(&name) {
            Some(Level::Aal2)
        } else if Method::PROVES_NOTHING.contains(&name) {
            None
        } else {
            Some(Level::Aal1)
        }
    }

    /// Whether verifying this method counts for the freshness of `level`: a second factor for aal2 and above,
    /// any factor for aal1.
    fn counts_for(&self, level: Level) -> bool {
        match level {
            Level::Aal1 => self.proves().is_some(),
            Level::Aal2 | Level::Aal3 => self.proves() == Some(Level::Aal2),
        }
    }
}

/// The claims pg_aal knows, each still as its JSON text. serde refuses a second occurrence of any of them.
#[derive(Deserialize)]
struct Known<'a> {
    #[serde(borrow)]
    aal: Option<&'a RawValue>,
    #[serde(borrow)]
    sub: Option<&'a RawValue>,
    #[serde(borrow)]
    amr: Option<&'a RawValue>,
    #[serde(borrow)]
    auth_time: Option<&'a RawValue>,
    #[serde(borrow)]
    is_anonymous: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sid: Option<&'a RawValue>,
}

/// The same of a token that was verified, with its times.
#[derive(Deserialize)]
struct KnownOfToken<'a> {
    #[serde(borrow)]
    aal: Option<&'a RawValue>,
    #[serde(borrow)]
    sub: Option<&'a RawValue>,
    #[serde(borrow)]
    amr: Option<&'a RawValue>,
    #[serde(borrow)]
    auth_time: Option<&'a RawValue>,
    #[serde(borrow)]
    is_anonymous: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    sid: Option<&'a RawValue>,
    #[serde(borrow)]
    exp: Option<&'a RawValue>,
    #[serde(borrow)]
    nbf: Option<&'a RawValue>,
    #[serde(borrow)]
    iat: Option<&'a RawValue>,
}

/// The times of a token, each still as its JSON text.
pub(crate) struct TokenTimes<'a> {
    pub expires: Option<&'a RawValue>,
    pub not_before: Option<&'a RawValue>,
    pub issued_at: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct KnownMethod<'a> {
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

impl Claims {
    /// The claims that decide. None may be stated twice.
    pub const DECIDING: [&str; 7] = ["aal", "sub", "amr", "auth_time", "is_anonymous", "session_id", "sid"];

    /// Reads the claims from the JSON text of a token's payload.
    ///
    /// # Errors
    /// [`InvalidClaims`] where the text isn't exactly one JSON object, or states a claim that decides twice.
    pub fn from_json(text: &[u8]) -> Result<Claims, InvalidClaims> {
        // A struct can be read from an array too, by position. Claims are an object (RFC 7519, section 4).
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let known: Known<'_> =
            serde_json::from_slice(text).map_err(|error| InvalidClaims::from_serde(&error, first))?;
        if first != Some(&b'{') {
            return Err(InvalidClaims::NotAnObject);
        }
        Ok(Claims::of_known(&known))
    }

    /// Reads the claims, and the times of their token, from a payload that was verified: in which no claim is there twice. The
    /// claims that don't count are skipped unread.
    pub(crate) fn of_verified_token(payload: &str) -> Option<(Claims, TokenTimes<'_>)> {
        // A struct can be read from an array too, by position.
        let is_object = payload.trim_ascii_start().starts_with('{');
        let known: KnownOfToken<'_> = is_object.then(|| serde_json::from_str(payload).ok())??;
        let KnownOfToken { aal, sub, amr, auth_time, is_anonymous, session_id, sid, exp, nbf, iat } = known;
        let claims = Claims::of_known(&Known { aal, sub, amr, auth_time, is_anonymous, session_id, sid });
        Some((claims, TokenTimes { expires: exp, not_before: nbf, issued_at: iat }))
    }

    /// Reads the claims from a payload that was parsed before, in which no claim is there twice.
    pub(crate) fn from_object(object: &Object<'_>) -> Claims {
        let get = |name| object.get(name).filter(|value| value.get() != "null");
        Claims::of_known(&Known {
            aal: get("aal"),
            sub: get("sub"),
            amr: get("amr"),
            auth_time: get("auth_time"),
            is_anonymous: get("is_anonymous"),
            session_id: get("session_id"),
            sid: get("sid"),
        })
    }

    fn of_known(known: &Known<'_>) -> Claims {
        let (methods, amr_is_plain) = known.amr.map(methods_of).unwrap_or_default();
        Claims {
            aal: LevelClaim::from_json(known.aal),
            names_a_user: known.sub.is_some_and(|subject| subject.get() != "\"\""),
            subject: known.sub.and_then(text_of).filter(|subject| !subject.is_empty()),
            methods,
            auth_time: known.auth_time.and_then(time_of),
            amr_is_plain,
            is_anonymous: known.is_anonymous.is_some_and(|value| value.get() != "false"),
            level_of_guests: None,
            session_id: known.session_id.or(known.sid).and_then(text_of).filter(|id| !id.is_empty()),
            factor_times: None,
            way_back: WayBack::SupabaseAuth,
        }
    }

    /// The same claims, with another highest level for anonymous users. Without this it is none.
    #[must_use]
    pub fn with_guests_at(self, level_of_guests: Option<Level>) -> Claims {
        Claims { level_of_guests, ..self }
    }

    /// The same claims, with what a profile reads in them: nothing else that says a level or a time counts.
    pub(crate) fn by_profile(self, level: Level, times: FactorTimes, is_guest: bool) -> Claims {
        let is_anonymous = self.is_anonymous || is_guest;
        Claims { aal: LevelClaim::Level(level), factor_times: Some(times), is_anonymous, ..self }
    }

    /// The same claims without any level, and why. Those of nobody lack none.
    pub(crate) fn without_level(self, why: LevelClaim) -> Claims {
        let aal = if self.names_a_user { why } else { LevelClaim::Missing };
        Claims { aal, factor_times: Some(FactorTimes::default()), way_back: WayBack::Unknown, ..self }
    }

    /// The same claims, whose issuer is asked in this way.
    pub(crate) fn with_way_back(self, way_back: WayBack) -> Claims {
        Claims { way_back, ..self }
    }

    /// How much memory they take beside themselves, in bytes. The way back is the profile's, which all claims share.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
        let of_level = match &self.aal {
            LevelClaim::Unknown(text) | LevelClaim::NotNamed(text) => of_text(text),
            LevelClaim::Missing
            | LevelClaim::OfGuest
            | LevelClaim::NoProfile
            | LevelClaim::NoRule
            | LevelClaim::Level(_) => 0,
        };
        let names: usize = self.methods.iter().map(|method| method.name.capacity()).sum();
        let of_methods = self.methods.capacity() * size_of::<Method>() + names;
        of_level + of_methods + of_text(&self.subject) + of_text(&self.session_id)
    }

    /// Whom a client must ask for a higher level.
    pub fn way_back(&self) -> &WayBack {
        &self.way_back
    }

    /// Whether they are read as Supabase Auth's, so that its tables may hold their user and their session.
    pub fn are_supabase_auths(&self) -> bool {
        self.way_back == WayBack::SupabaseAuth
    }

    /// Whether the claims state no level, and their issuer would state this one if it was asked for it.
    pub(crate) fn could_state(&self, level: Level) -> bool {
        matches!(self.aal, LevelClaim::NotNamed(_)) && !self.is_anonymous && self.way_back.can_give(level)
    }

    /// The level of the session: the `aal` claim, exactly `aal1`, `aal2` or `aal3`; anything else is none. An anonymous user
    /// has at most the level of guests.
    pub fn level(&self) -> Option<Level> {
        let stated = self.aal.level()?;
        if self.is_anonymous { self.level_of_guests.map(|highest| stated.min(highest)) } else { Some(stated) }
    }

    /// What the `aal` claim comes to, be it a level or not.
    pub fn level_claim(&self) -> LevelClaim {
        match (&self.aal, self.level()) {
            (_, Some(level)) => LevelClaim::Level(level),
            (LevelClaim::Level(_), None) => LevelClaim::OfGuest,
            (claim, None) => claim.clone(),
        }
    }

    /// Whether these are the claims of nobody: no user is named, and no level. A request without a token has such claims, and
    /// so has an API key.
    pub fn are_nobodys(&self) -> bool {
        !self.names_a_user && self.aal == LevelClaim::Missing
    }

    /// The `sub` claim (RFC 7519, section 4.1.2); `None` if it is missing, empty or not a text.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The `sub` claim where it is a UUID in the text form of RFC 9562, section 4.
    pub fn subject_uuid(&self) -> Option<Uuid> {
        let subject = self.subject()?;
        uuid_of(subject)
    }

    /// The session's name at its issuer: the claim `session_id` (Supabase Auth), or without it `sid` (OpenID Connect Front-Channel
    /// Logout 1.0, section 3). `None` if it is missing, empty or not a text.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The session's name, where a user is named with it.
    pub fn session_id_of_user(&self) -> Option<&str> {
        self.subject().and_then(|_| self.session_id())
    }

    /// The session's name where it is a UUID, as Supabase Auth's are.
    pub fn session_uuid(&self) -> Option<Uuid> {
        uuid_of(self.session_id()?)
    }

    /// Whether the user is anonymous: the claim `is_anonymous` is there, and neither false nor null. A value that isn't a boolean
    /// counts as true, because an anonymous user has less.
    ///
    /// Source: GoTrue's `AccessTokenClaims`. Its server lets no such user enroll a factor (`requireNotAnonymous`).
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// The methods of the `amr` claim, newest first, those without a time last.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Whether the session began with an anonymous sign-in, and the token says so.
    pub(crate) fn began_anonymously(&self) -> bool {
        self.methods.iter().any(|method| method.name == Method::ANONYMOUS && method.at.is_some())
    }

    /// When the factor that gives `level` was last verified. The session's own level doesn't matter.
    ///
    /// The newest `amr` entry that counts for the level. An `amr` of plain strings has no times: then
    /// `auth_time`, which may be older than the step-up (the safe side).
    pub(crate) fn factor_time(&self, level: Level) -> Option<Timestamp> {
        if let Some(times) = self.factor_times {
            return if level == Level::Aal1 { times.of_aal1 } else { times.of_aal2 };
        }
        if self.amr_is_plain {
            return self.auth_time;
        }
        self.methods.iter().filter(|method| method.counts_for(level)).filter_map(|method| method.at).max()
    }
}

/// A UUID in its hyphenated form.
fn uuid_of(text: &str) -> Option<Uuid> {
    // 36 characters: of the forms the crate reads, only the hyphenated one.
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// The methods of an `amr` claim, newest first, and whether it is a list of plain strings.
fn methods_of(amr: &RawValue) -> (Vec<Method>, bool) {
    let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(amr.get()) else {
        return Default::default();
    };
    let is_plain = !entries.is_empty() && entries.iter().all(|entry| entry.get().starts_with('"'));
    let mut methods: Vec<Method> = entries.into_iter().filter_map(method_of).collect();
    // Stable: entries of one time keep the token's order.
    methods.sort_by_key(|method| std::cmp::Reverse(method.at));
    (methods, is_plain)
}

/// One entry of `amr`: an object with a method and a time (Supabase Auth) or a plain string (RFC 8176).
fn method_of(entry: &RawValue) -> Option<Method> {
    if let Some(name) = text_of(entry) {
        return Some(Method { name, at: None });
    }
    if !entry.get().starts_with('{') {
        return None;
    }
    let known: KnownMethod<'_> = serde_json::from_str(entry.get()).ok()?;
    Some(Method { name: known.method.and_then(text_of)?, at: known.timestamp.and_then(time_of) })
}

/// A JSON text's value, or `None` for any other type. A text with a NUL (`\\u0000`) counts as missing, too: no text of
/// Postgres can hold one, and what stands before it would pass for the whole.
fn text_of(value: &RawValue) -> Option<String> {
    json::text_of(value).filter(|text| !text.contains('\0'))
}

/// A NumericDate, or `None` for any other type and for a number that can't be a time.
fn time_of(value: &RawValue) -> Option<Timestamp> {
    json::number_of(value).and_then(Timestamp::from_numeric_date)
}

/// Why a text is no set of claims. Says where, never what: claims don't belong into errors or logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidClaims {
    /// Not JSON: the line and column, both from 1, where reading stopped.
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1, in bytes.
        column: usize,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// States a claim twice that decides (RFC 7519, section 4, lets a parser refuse that): `aal`, `sub`, `amr`, `auth_time`, `is_anonymous`,
    /// `session_id` or `sid`.
    Duplicate,
    /// States some claim twice, where a profile reads them.
    Twice,
}

impl InvalidClaims {
    /// What to do about claims that are no claims.
    pub const HINT: &str = "The gateway, such as PostgREST, must set request.jwt.claims to one JSON object.";

    /// The message where the claims are one JSON object, and jsonb can't hold it.
    pub const BEYOND_JSONB: &str = "invalid_claims: the claims hold something that jsonb cannot";
    /// What jsonb can't hold.
    pub const BEYOND_JSONB_HINT: &str =
        "jsonb holds no \\u0000, no half of a surrogate pair, and no number beyond numeric.";

    /// The message: `invalid_claims: …`.
    pub fn message(&self) -> String {
        format!("invalid_claims: {self}")
    }

    fn from_serde(error: &serde_json::Error, first: Option<&u8>) -> Self {
        match (error.is_data(), first) {
            (false, _) => InvalidClaims::NotJson { line: error.line(), column: error.column() },
            (true, Some(b'{')) => InvalidClaims::Duplicate,
            (true, _) => InvalidClaims::NotAnObject,
        }
    }
}

impl fmt::Display for InvalidClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidClaims::NotJson { line, column } => {
                write!(f, "the claims are not JSON (line {line}, column {column})")
            }
            InvalidClaims::NotAnObject => f.write_str("the claims are not a JSON object"),
            InvalidClaims::Duplicate => {
                f.write_str("the claims state aal, sub, amr, auth_time, is_anonymous, session_id or sid twice")
            }
            InvalidClaims::Twice => f.write_str("the claims state a claim twice"),
        }
    }
}

impl std::error::Error for InvalidClaims {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Claims {
        Claims::from_json(text.as_bytes()).unwrap()
    }

    fn seconds(at: i64) -> Option<Timestamp> {
        Some(Timestamp::from_unix_micros(at * 1_000_000))
    }

    #[test]
    fn claims_are_one_json_object() {
        use InvalidClaims::*;
        for (text, expected) in [
            ("null", NotAnObject),
            ("[]", NotAnObject),
            ("[null,null,null,null]", NotAnObject),
            (r#"["aal2","x",[],1]"#, NotAnObject),
            ("\"aal2\"", NotAnObject),
            ("2", NotAnObject),
            ("", NotJson { line: 1, column: 0 }),
            (r#"{"aal":"aal2""#, NotJson { line: 1, column: 13 }),
            (r#"{"aal":"aal2"} x"#, NotJson { line: 1, column: 16 }),
            (r#"{"aal":"aal1","aal":"aal2"}"#, Duplicate),
            (r#"{"aal":null,"aal":"aal2"}"#, Duplicate),
            (r#"{"amr":[],"amr":[]}"#, Duplicate),
        ] {
            assert_eq!(Claims::from_json(text.as_bytes()), Err(expected), "{text}");
        }
        assert_eq!(read("{}"), Claims::default());
        assert_eq!(read(" \n{ } ").level(), None);
    }

    #[test]
    fn every_claim_that_decides_is_refused_twice_and_others_are_not() {
        for claim in Claims::DECIDING {
            let twice = format!(r#"{{"{claim}":null,"{claim}":null}}"#);
            assert_eq!(Claims::from_json(twice.as_bytes()), Err(InvalidClaims::Duplicate), "{claim}");
            assert!(InvalidClaims::Duplicate.to_string().contains(claim), "{claim}");
        }
        assert!(Claims::from_json(br#"{"iss":1,"iss":2}"#).is_ok());
    }

    #[test]
    fn bytes_that_are_not_utf8_give_no_claim() {
        assert_eq!(Claims::from_json(b"{\"aal\":\"aal2\xff\"}").map(|claims| claims.level()).unwrap_or(None), None);
    }

    #[test]
    fn an_error_never_repeats_the_claims() {
        for text in [r#""secret""#, r#"{"aal":"secret" secret"#, r#"{"sub":"secret","sub":"secret"}"#] {
            assert!(!Claims::from_json(text.as_bytes()).unwrap_err().to_string().contains("secret"));
        }
    }

    #[test]
    fn the_level_is_the_aal_claim_exactly() {
        assert_eq!(read(r#"{"aal":"aal2"}"#).level(), Some(Level::Aal2));
        assert_eq!(read(r#"{"aal":"\u0061al2"}"#).level(), Some(Level::Aal2));
        for text in ["\"AAL2\"", "\" aal2\"", "2", "true", "null", "[\"aal2\"]", "{\"aal\":\"aal2\"}", "\"\""] {
            assert_eq!(read(&format!(r#"{{"aal":{text}}}"#)).level(), None, "{text}");
        }
    }

    #[test]
    fn an_anonymous_user_has_shown_no_factor_whatever_the_claim_aal_says() {
        let guest =
            |aal: &str, anonymous: &str| read(&format!(r#"{{"sub":"g","aal":"{aal}","is_anonymous":{anonymous}}}"#));
        for anonymous in ["true", "\"true\"", "\"false\"", "1", "0", "\"\"", "[]", "{}", "[false]"] {
            for level in Level::ALL {
                let claims = guest(level.as_str(), anonymous);
                assert!(claims.is_anonymous(), "{anonymous}");
                assert_eq!((claims.level(), claims.level_claim()), (None, LevelClaim::OfGuest), "{level} {anonymous}");
                assert!(!claims.are_nobodys());
                // At most the level that guests have.
                assert_eq!(claims.with_guests_at(Some(Level::Aal1)).level(), Some(Level::Aal1), "{level} {anonymous}");
            }
        }
        for signed_in in ["false", "null", " false"] {
            let claims = guest("aal2", signed_in);
            assert_eq!((claims.is_anonymous(), claims.level()), (false, Some(Level::Aal2)), "{signed_in}");
            assert_eq!(claims.with_guests_at(Some(Level::Aal1)).level(), Some(Level::Aal2));
        }
        // Only the claim itself counts, and a claim that isn't there says nothing.
        assert_eq!(read(r#"{"aal":"aal1","user_metadata":{"is_anonymous":true}}"#).level(), Some(Level::Aal1));
        assert_eq!(read(r#"{"is_anonymous":true}"#).with_guests_at(Some(Level::Aal1)).level(), None);
        assert_eq!(
            read(r#"{"is_anonymous":true,"aal":"AAL1"}"#).level_claim(),
            LevelClaim::Unknown(Some("AAL1".to_owned()))
        );
    }

    #[test]
    fn what_is_no_level_is_shown_only_where_it_is_harmless() {
        let claim = |text: &str| read(&format!(r#"{{"aal":{text}}}"#)).level_claim();
        let unknown = |shown: &str| LevelClaim::Unknown(Some(shown.to_owned()));
        assert_eq!(read("{}").level_claim(), LevelClaim::Missing);
        assert_eq!(claim("null"), LevelClaim::Missing);
        assert_eq!(claim(r#""aal2""#), LevelClaim::Level(Level::Aal2));
        assert_eq!(claim(r#""AAL2""#), unknown("AAL2"));
        assert_eq!(claim("2"), unknown("2"));
        assert_eq!(claim("true"), unknown("true"));
        assert_eq!(claim(r#""urn:okta:loa:2fa:any""#), unknown("urn:okta:loa:2fa:any"));
        let longest = "x".repeat(LevelClaim::SHOWN);
        assert_eq!(claim(&format!("\"{longest}\"")), unknown(&longest));
        for hidden in [
            r#""""#,
            r#"" aal2""#,
            r#""https://evil.example""#,
            r#""aal2\"}""#,
            r#""aal2\r\nX: 1""#,
            r#""aal2\u0000""#,
            r#""\u202eaal2""#,
            r#""äal2""#,
            r#"["aal2"]"#,
            r#"{"level":"aal2"}"#,
            &format!("\"{longest}x\""),
            &"9".repeat(LevelClaim::SHOWN + 1),
        ] {
            assert_eq!(claim(hidden), LevelClaim::Unknown(None), "{hidden}");
        }
    }

    #[test]
    fn nobodys_claims_name_neither_a_user_nor_a_level() {
        for text in ["{}", r#"{"role":"anon"}"#, r#"{"role":"service_role","sub":null,"aal":null}"#, r#"{"sub":""}"#] {
            assert!(read(text).are_nobodys(), "{text}");
        }
        for text in [r#"{"sub":"jane"}"#, r#"{"sub":42}"#, r#"{"aal":"aal1"}"#, r#"{"aal":"AAL1"}"#] {
            assert!(!read(text).are_nobodys(), "{text}");
        }
    }

    #[test]
    fn aal_inside_another_claim_is_not_the_level() {
        assert_eq!(read(r#"{"user_metadata":{"aal":"aal2"},"aal":"aal1"}"#).level(), Some(Level::Aal1));
        assert_eq!(read(r#"{"app_metadata":{"aal":"aal2"}}"#).level(), None);
    }

    #[test]
    fn unknown_claims_are_skipped_however_deep_or_large() {
        let deep = format!(r#"{{"x":{}{},"aal":"aal2"}}"#, "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(read(&deep).level(), Some(Level::Aal2));
        let large = format!(r#"{{"x":"{}","n":1e999,"aal":"aal2"}}"#, "x".repeat(1 << 20));
        assert_eq!(read(&large).level(), Some(Level::Aal2));
    }

    #[test]
    fn a_deep_value_where_a_known_claim_stands_counts_as_missing() {
        for claim in ["aal", "sub", "amr", "auth_time"] {
            let deep = format!(r#"{{"{claim}":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
            let claims = read(&deep);
            let found = (claims.level(), claims.subject(), claims.methods(), claims.auth_time);
            assert_eq!(found, (None, None, &[][..], None), "{claim}");
        }
    }

    #[test]
    fn the_subject_is_a_text_and_its_uuid_the_canonical_form() {
        assert_eq!(read(r#"{"sub":"jane"}"#).subject(), Some("jane"));
        assert_eq!(read(r#"{"sub":"jane"}"#).subject_uuid(), None);
        assert_eq!(read(r#"{"sub":""}"#).subject(), None);
        assert_eq!(read(r#"{"sub":7}"#).subject(), None);
        let uuid = "5f1b3c9e-8a53-4c0e-9a3b-0d8f3b1a2c4d";
        assert_eq!(read(&format!(r#"{{"sub":"{uuid}"}}"#)).subject_uuid().unwrap().to_string(), uuid);
        for wrong in [uuid.replace('-', ""), format!("{{{uuid}}}"), format!("urn:uuid:{uuid}"), format!("{uuid}0")] {
            assert_eq!(read(&format!(r#"{{"sub":"{wrong}"}}"#)).subject_uuid(), None, "{wrong}");
        }
    }

    #[test]
    fn a_text_with_a_nul_is_no_text() {
        let claims =
            read(r#"{"sub":"jane\u0000evil","aal":"aal2\u0000","amr":[{"method":"totp\u0000x","timestamp":1}]}"#);
        assert_eq!((claims.subject(), claims.level(), claims.methods()), (None, None, &[][..]));
    }

    #[test]
    fn methods_come_newest_first_and_without_a_time_last() {
        let claims = read(
            r#"{"amr":[{"method":"password","timestamp":100},"oauth",{"method":"totp","timestamp":200},
                {"method":"otp"},{"timestamp":300},7,null,[],{"method":"x","method":"totp","timestamp":9}]}"#,
        );
        let names: Vec<&str> = claims.methods().iter().map(Method::name).collect();
        assert_eq!(names, ["totp", "password", "oauth", "otp"]);
        assert_eq!(claims.methods()[0].authenticated_at(), seconds(200));
    }

    #[test]
    fn otp_and_passkey_are_never_a_second_factor() {
        for first_factor in ["otp", "passkey", "password", "oauth", "recovery", "magiclink", "TOTP", "mfa"] {
            let claims = read(&format!(r#"{{"aal":"aal2","amr":[{{"method":"{first_factor}","timestamp":100}}]}}"#));
            assert_eq!(claims.factor_time(Level::Aal2), None, "{first_factor}");
            assert_eq!(claims.factor_time(Level::Aal1), seconds(100), "{first_factor}");
        }
        for second_factor in ["totp", "mfa/phone", "mfa/webauthn", "mfa/recovery_code"] {
            let claims = read(&format!(r#"{{"amr":[{{"method":"{second_factor}","timestamp":100}}]}}"#));
            assert_eq!(claims.factor_time(Level::Aal2), seconds(100), "{second_factor}");
            assert_eq!(claims.factor_time(Level::Aal1), seconds(100), "{second_factor}");
        }
    }

    #[test]
    fn a_claim_is_anonymous_that_stands_twice_is_refused() {
        assert!(Claims::from_json(br#"{"is_anonymous":true,"is_anonymous":false}"#).is_err());
        assert!(Claims::from_json(br#"{"is_anonymous":null,"is_anonymous":null}"#).is_err());
    }

    #[test]
    fn an_anonymous_sign_in_proves_nothing() {
        let claims = read(r#"{"aal":"aal1","amr":[{"method":"anonymous","timestamp":100}]}"#);
        assert_eq!((claims.methods()[0].proves(), claims.factor_time(Level::Aal1)), (None, None));
    }

    #[test]
    fn a_token_refresh_proves_nothing() {
        let claims =
            read(r#"{"amr":[{"method":"token_refresh","timestamp":900},{"method":"password","timestamp":100}]}"#);
        assert_eq!(claims.factor_time(Level::Aal1), seconds(100));
        assert_eq!(claims.methods()[0].proves(), None);
    }

    #[test]
    fn auth_time_stands_in_for_plain_strings_only() {
        assert_eq!(read(r#"{"amr":["pwd","totp"],"auth_time":100}"#).factor_time(Level::Aal2), seconds(100));
        for amr in
            ["[]", "7", "{}", "null", r#""totp""#, r#"["totp",{"method":"password","timestamp":9}]"#, r#"["totp",7]"#]
        {
            let claims = read(&format!(r#"{{"amr":{amr},"auth_time":100}}"#));
            assert_eq!(claims.factor_time(Level::Aal2), None, "{amr}");
        }
        assert_eq!(read(r#"{"auth_time":100}"#).factor_time(Level::Aal2), None);
        assert_eq!(read(r#"{"amr":["pwd"]}"#).factor_time(Level::Aal1), None);
    }

    #[test]
    fn a_time_is_a_positive_number() {
        for (text, expected) in [
            ("100", seconds(100)),
            ("100.5", Some(Timestamp::from_unix_micros(100_500_000))),
            ("1e2", seconds(100)),
            ("0", None),
            ("-100", None),
            ("1e400", None),
            ("99999999999999999999999", None),
            ("\"100\"", None),
            ("null", None),
            ("true", None),
            ("[100]", None),
        ] {
            let claims = read(&format!(r#"{{"amr":[{{"method":"totp","timestamp":{text}}}]}}"#));
            assert_eq!(claims.factor_time(Level::Aal2), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Claims::from_json(&bytes);
        }

        #[test]
        fn a_cut_text_never_gives_claims(cut in 0usize..60) {
            let whole = r#"{"aal":"aal2","sub":"x","amr":[{"method":"totp","timestamp":1}]}"#;
            prop_assume!(cut < whole.len());
            prop_assert!(Claims::from_json(&whole.as_bytes()[..cut]).is_err());
        }

        #[test]
        fn the_level_is_what_serde_reads_as_the_text_of_aal(value in any_json()) {
            let text = serde_json::json!({ "aal": value }).to_string();
            let expected = value.as_str().and_then(Level::from_claim);
            prop_assert_eq!(read(&text).level(), expected);
        }

        #[test]
        fn only_a_few_harmless_characters_are_shown(value in any_json()) {
            let claims = read(&serde_json::json!({ "aal": value }).to_string());
            if let LevelClaim::Unknown(Some(shown)) = claims.level_claim() {
                prop_assert!((1..=LevelClaim::SHOWN).contains(&shown.len()));
                prop_assert!(shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)));
                prop_assert_eq!(claims.level(), None);
            }
        }

        #[test]
        fn only_a_second_factor_gives_aal2_a_time(entries in proptest::collection::vec((any_method(), 1i64..1 << 40), 0..8)) {
            let amr: Vec<_> = entries.iter().map(|(method, at)| serde_json::json!({"method": method, "timestamp": at})).collect();
            let claims = read(&serde_json::json!({ "aal": "aal2", "amr": amr }).to_string());
            let second = ["totp", "mfa/phone", "mfa/webauthn", "mfa/recovery_code"];
            let expected = entries.iter().filter(|(method, _)| second.contains(&method.as_str())).map(|(_, at)| *at).max();
            prop_assert_eq!(claims.factor_time(Level::Aal2), expected.and_then(seconds));
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "aal[0-4]".prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            proptest::collection::vec("aal[1-3]", 0..2).prop_map(Into::into),
        ]
    }

    fn any_method() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(vec![
                "totp",
                "mfa/phone",
                "mfa/webauthn",
                "mfa/recovery_code",
                "otp",
                "passkey",
                "password",
                "token_refresh"
            ])
            .prop_map(str::to_owned),
            "[a-z/]{1,8}",
        ]
    }
}

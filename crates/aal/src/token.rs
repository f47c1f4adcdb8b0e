//! Verifying access tokens: signed JSON Web Tokens (RFC 7519) in the compact form (RFC 7515, section 3.1).
//!
//! The signature is jsonwebtoken's to check. Everything around it is decided here, for three reasons. The clock is
//! Postgres'. The time is checked again on each use of a token that was verified before. Each refusal says its reason:
//! which key, whose header, what claims.

mod by_issuer;
mod kept;
mod name;
pub mod shared;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use serde_json::value::RawValue;

use crate::claims::Claims;
use crate::json::{NoObject, Object, array_of, number_of, text_of};
use crate::keys::{Key, KeySet};
use crate::level::Level;
use crate::profile::Profiles;
use crate::time::{Clock, Timestamp};

pub use self::by_issuer::verify_by_issuer;
pub use self::kept::{KeptTokens, Tally};
pub use self::name::TokenName;

/// The longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What tokens must say of themselves, where it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// `aud` must be this, or hold it.
    pub audience: Option<String>,
}

/// A token whose signature and claims were verified: all but the time, which each use checks anew.
#[derive(Clone, Debug)]
pub struct Verified {
    payload: String,
    claims: Claims,
    expires: Timestamp,
    not_before: Option<Timestamp>,
    issued_at: Option<Timestamp>,
}

impl Verified {
    /// The same token, with another highest level for anonymous users.
    #[must_use]
    pub fn with_guests_at(self, level_of_guests: Option<Level>) -> Verified {
        Verified { claims: self.claims.with_guests_at(level_of_guests), ..self }
    }

    /// The claims at the clock's time.
    ///
    /// `exp` is strict: from that time on the token is refused (RFC 7519, section 4.1.4). `nbf` and `iat` may lie in the
    /// future by the clock skew.
    ///
    /// # Errors
    /// [`InvalidToken::Expired`], [`InvalidToken::NotYetValid`] or [`InvalidToken::IssuedInTheFuture`].
    pub fn claims_at(&self, clock: Clock) -> Result<&Claims, InvalidToken> {
        if clock.has_reached(self.expires) {
            return Err(InvalidToken::Expired);
        }
        if self.not_before.is_some_and(|at| clock.is_future(at)) {
            return Err(InvalidToken::NotYetValid);
        }
        if self.issued_at.is_some_and(|at| clock.is_future(at)) {
            return Err(InvalidToken::IssuedInTheFuture);
        }
        Ok(&self.claims)
    }

    /// The claims of a token that somebody trusted has verified, from its payload: all but the time.
    ///
    /// # Errors
    /// [`InvalidToken`] where this can't be the payload of one that was.
    pub fn from_payload(payload: String, profiles: &Profiles) -> Result<Verified, InvalidToken> {
        // A profile may ask for any claim.
        if !profiles.are_supabases() {
            return read_payload(payload, &Expected::default(), profiles);
        }
        let (claims, times) = Claims::of_verified_token(&payload).ok_or(InvalidToken::PayloadNotAnObject)?;
        let expires = time(times.expires, "exp")?.ok_or(InvalidToken::NoExpiry)?;
        let (not_before, issued_at) = (time(times.not_before, "nbf")?, time(times.issued_at, "iat")?);
        Ok(Verified { claims, expires, not_before, issued_at, payload })
    }

    /// The JSON text of all claims. Ask [`Verified::claims_at`] first whether they are in force.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// From which time on it is refused.
    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Verified>() + self.payload.capacity() + self.claims.heap_bytes()
    }
}

/// Verifies everything about a token that doesn't change with time, and reads its claims by profiles.
///
/// # Errors
/// [`InvalidToken`], by the first check that fails. Whether it is in its time, [`Verified::claims_at`] says.
pub fn verify(token: &[u8], keys: &KeySet, expected: &Expected, profiles: &Profiles) -> Result<Verified, InvalidToken> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(InvalidToken::TooLarge);
    }
    let parts = Parts::of(token)?;
    let header = Header::parse(&decode(parts.header, "header")?)?;
    verify_signature(&parts, &header, keys)?;
    let payload = decode(parts.payload, "payload")?;
    let payload = String::from_utf8(payload).map_err(|_| InvalidToken::PayloadNotAnObject)?;
    read_payload(payload, expected, profiles)
}

/// The parts of a compact token, each in base64url.
struct Parts<'a> {
    /// Header and payload with the dot between: the signed text.
    signed: &'a [u8],
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a [u8]) -> Result<Self, InvalidToken> {
        let parts: Vec<&[u8]> = token.splitn(7, |byte| *byte == b'.').collect();
        match parts[..] {
            [header, payload, signature] => Ok(Parts {
                signed: &token[..header.len() + 1 + payload.len()],
                header,
                payload,
                signature: std::str::from_utf8(signature).map_err(|_| InvalidToken::NotBase64("signature"))?,
            }),
            // RFC 7516, section 3.1
            [_, _, _, _, _] => Err(InvalidToken::Encrypted),
            _ => Err(InvalidToken::NotThreeParts),
        }
    }
}

/// What the header (RFC 7515, section 4) says of the signature.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn parse(text: &[u8]) -> Result<Self, InvalidToken> {
        let header = Object::parse(text).map_err(|error| match error {
            NoObject::Other => InvalidToken::HeaderNotAnObject,
            NoObject::Duplicate => InvalidToken::DuplicateHeader,
        })?;
        if header.has("crit") {
            return Err(InvalidToken::Critical);
        }
        // A key that comes with the token proves nothing, and where it points is never followed.
        if let Some(name) = ["jwk", "jku", "x5u", "x5c"].into_iter().find(|name| header.has(name)) {
            return Err(InvalidToken::BringsItsKey(name));
        }
        if header.has("enc") {
            return Err(InvalidToken::Encrypted);
        }
        let algorithm = match header.text("alg").as_deref() {
            None => return Err(InvalidToken::UnknownAlgorithm),
            Some(none) if none.eq_ignore_ascii_case("none") => return Err(InvalidToken::Unsigned),
            // RFC 9864
            Some("Ed25519") => Algorithm::EdDSA,
            Some(name) => name.parse().map_err(|_| InvalidToken::UnknownAlgorithm)?,
        };
        let key_id = match header.get("kid") {
            None => None,
            Some(id) => Some(text_of(id).ok_or(InvalidToken::UnknownKey)?),
        };
        Ok(Header { algorithm, key_id })
    }

    /// Whether this is a key that the token may mean: one of its `kid`, and any that has none. A token without one may
    /// mean all.
    fn may_mean(&self, key: &Key) -> bool {
        match (&self.key_id, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        }
    }
}

/// The key decides the algorithm, and the token's must be the same: a public key is never taken for an HMAC secret.
fn verify_signature(parts: &Parts<'_>, header: &Header, keys: &KeySet) -> Result<(), InvalidToken> {
    if keys.is_empty() {
        return Err(InvalidToken::NoKeys);
    }
    let mut refusal = InvalidToken::UnknownKey;
    for key in keys.keys().filter(|key| header.may_mean(key)) {
        if key.algorithm != header.algorithm {
            if refusal == InvalidToken::UnknownKey {
                refusal = InvalidToken::WrongAlgorithm;
            }
            continue;
        }
        match crypto::verify(parts.signature, parts.signed, &key.key, key.algorithm) {
            Ok(true) => return Ok(()),
            Ok(false) => refusal = InvalidToken::WrongSignature,
            // The key was checked when it was read: so only the signature can be unreadable.
            Err(_) => refusal = InvalidToken::NotBase64("signature"),
        }
    }
    Err(refusal)
}

fn read_payload(payload: String, expected: &Expected, profiles: &Profiles) -> Result<Verified, InvalidToken> {
    let object = claims_of(payload.as_bytes())?;
    let time_of = |name| time(object.get(name), name);
    let expires = time_of("exp")?.ok_or(InvalidToken::NoExpiry)?;
    let (not_before, issued_at) = (time_of("nbf")?, time_of("iat")?);
    if let Some(issuer) = &expected.issuer
        && object.text("iss").as_ref() != Some(issuer)
    {
        return Err(InvalidToken::WrongIssuer);
    }
    if let Some(audience) = &expected.audience
        && !object.get("aud").is_some_and(|aud| is_meant_for(aud, audience))
    {
        return Err(InvalidToken::WrongAudience);
    }
    let claims = profiles.read(&object);
    Ok(Verified { claims, expires, not_before, issued_at, payload })
}

/// The claims of a payload, none of them stated twice.
fn claims_of(payload: &[u8]) -> Result<Object<'_>, InvalidToken> {
    Object::parse(payload).map_err(|error| match error {
        NoObject::Other => InvalidToken::PayloadNotAnObject,
        NoObject::Duplicate => InvalidToken::DuplicateClaim,
    })
}

/// RFC 7519, section 4.1.3: one text, or an array of such.
fn is_meant_for(aud: &RawValue, audience: &str) -> bool {
    match (text_of(aud), array_of(aud)) {
        (Some(one), _) => one == audience,
        (_, Some(all)) => all.into_iter().any(|one| text_of(one).as_deref() == Some(audience)),
        _ => false,
    }
}

/// A NumericDate (RFC 7519, section 2); an error where it is anything else.
fn time(value: Option<&RawValue>, name: &'static str) -> Result<Option<Timestamp>, InvalidToken> {
    let Some(value) = value else { return Ok(None) };
    match number_of(value) {
        Some(seconds) if seconds <= 0.0 => Ok(Some(Timestamp::from_unix_micros(0))),
        Some(seconds) => Timestamp::from_numeric_date(seconds).map(Some).ok_or(InvalidToken::NotATime(name)),
        None => Err(InvalidToken::NotATime(name)),
    }
}

fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::NotBase64(name))
}

/// The bearer token of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The text behind `Bearer`.
    pub token: String,
    /// Whether it is the request's [API key](is_api_key).
    pub is_api_key: bool,
}

/// The bearer token in a request's headers, as PostgREST hands them on: a JSON object with lower-case names. `None` where
/// there is no such header, or one of another scheme (RFC 6750, section 2.1).
pub fn bearer_token(headers: &[u8]) -> Option<Bearer> {
    let headers = Object::parse(headers).ok()?;
    let authorization = headers.text("authorization")?;
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return None;
    }
    let is_api_key = is_api_key_of(&headers, token.as_bytes());
    Some(Bearer { token: token.to_owned(), is_api_key })
}

/// Whether a token is the API key in a request's headers: a Supabase client's key, sent for want of a user's token.
pub fn is_api_key(headers: &[u8], token: &[u8]) -> bool {
    Object::parse(headers).is_ok_and(|headers| is_api_key_of(&headers, token))
}

fn is_api_key_of(headers: &Object<'_>, token: &[u8]) -> bool {
    headers.text("apikey").is_some_and(|key| key.as_bytes() == token)
}

/// Why a token is refused: which check failed, never what the token or a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// Longer than [`MAX_TOKEN_BYTES`].
    TooLarge,
    /// Another than the one that the statement began with.
    Changed,
    /// Not header, payload and signature with dots between.
    NotThreeParts,
    /// A JWE (RFC 7516).
    Encrypted,
    /// A part is not base64url without padding.
    NotBase64(&'static str),
    /// The header is not a JSON object.
    HeaderNotAnObject,
    /// The header states a parameter twice.
    DuplicateHeader,
    /// The header has `crit` (RFC 7515, section 4.1.11): an extension that must be understood, and isn't.
    Critical,
    /// The header has a key of its own, or says where to fetch one.
    BringsItsKey(&'static str),
    /// `alg` is `none`.
    Unsigned,
    /// `alg` is missing or not supported.
    UnknownAlgorithm,
    /// There are no keys to hold it against.
    NoKeys,
    /// There are keys, and none of the issuer that it names.
    UnknownIssuer,
    /// There are several issuers, and keys that are bound to none.
    UnboundKeys,
    /// No key has its `kid`.
    UnknownKey,
    /// Its key is for another algorithm.
    WrongAlgorithm,
    /// The signature is not one of its key.
    WrongSignature,
    /// The payload is not a JSON object.
    PayloadNotAnObject,
    /// The payload states a claim twice (RFC 7519, section 4).
    DuplicateClaim,
    /// `exp` is missing.
    NoExpiry,
    /// `exp`, `nbf` or `iat` is not a NumericDate.
    NotATime(&'static str),
    /// `exp` has come.
    Expired,
    /// `nbf` has not.
    NotYetValid,
    /// `iat` has not.
    IssuedInTheFuture,
    /// `iss` is not the configured one.
    WrongIssuer,
    /// `aud` is not the configured one and doesn't hold it.
    WrongAudience,
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use InvalidToken::*;
        match self {
            TooLarge => write!(f, "the token is longer than {MAX_TOKEN_BYTES} bytes"),
            Changed => f.write_str("the token was changed while the statement ran"),
            NotThreeParts => f.write_str("the token does not have three parts"),
            Encrypted => f.write_str("the token is encrypted"),
            NotBase64(part) => write!(f, "the token's {part} is not base64url"),
            HeaderNotAnObject => f.write_str("the token's header is not a JSON object"),
            DuplicateHeader => f.write_str("the token's header states a parameter twice"),
            Critical => f.write_str("the token's header has crit"),
            BringsItsKey(name) => write!(f, "the token brings a key of its own ({name})"),
            Unsigned => f.write_str("the token is not signed"),
            UnknownAlgorithm => f.write_str("the token's algorithm is missing or not supported"),
            NoKeys => f.write_str("there are no keys to verify it by"),
            UnknownIssuer => f.write_str("there are no keys of the token's issuer"),
            UnboundKeys => f.write_str("there are several issuers, and the keys are bound to none"),
            UnknownKey => f.write_str("no key has the token's kid"),
            WrongAlgorithm => f.write_str("the token's algorithm is not that of its key"),
            WrongSignature => f.write_str("the signature is wrong"),
            PayloadNotAnObject => f.write_str("the token's payload is not a JSON object"),
            DuplicateClaim => f.write_str("the token states a claim twice"),
            NoExpiry => f.write_str("the token has no exp"),
            NotATime(name) => write!(f, "the token's {name} is not a time"),
            Expired => f.write_str("the token has expired"),
            NotYetValid => f.write_str("the token is not valid yet"),
            IssuedInTheFuture => f.write_str("the token was issued in the future"),
            WrongIssuer => f.write_str("the token is from another issuer"),
            WrongAudience => f.write_str("the token is for another audience"),
        }
    }
}

impl std::error::Error for InvalidToken {}

#[cfg(test)]
mod tests;

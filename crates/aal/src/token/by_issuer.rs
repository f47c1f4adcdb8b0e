//! Which keys a token is verified by, where issuers have keys of their own.

use super::{Expected, Header, InvalidToken, MAX_TOKEN_BYTES, Parts, Verified, claims_of, decode, verify};
use crate::keys::Keyring;
use crate::profile::Profiles;

/// Verifies everything about a token that doesn't change with time, by the keys of its issuer.
///
/// An issuer with keys of its own is verified by these only, and by their audience in the place of the expected one. Keys
/// that are bound to no issuer are for all others. They count for nothing where profiles name several issuers and none is
/// expected: the holder of one could sign for each. Nor do they beside a file that was never read, where profiles name issuers.
///
/// # Errors
/// [`InvalidToken`], by the first check that fails.
pub fn verify_by_issuer(
    token: &[u8],
    keyring: &Keyring,
    expected: &Expected,
    profiles: &Profiles,
) -> Result<Verified, InvalidToken> {
    if keyring.issuers.is_empty() {
        return verify_by_unbound_keys(token, keyring, expected, profiles);
    }
    let claimed = claimed_issuer(token)?;
    let is_claimed = |issuer: &String| claimed.as_ref() == Some(issuer);
    let mut refusal = None;
    for of_issuer in keyring.issuers.iter().filter(|it| is_claimed(&it.issuer)) {
        if expected.issuer.as_ref().is_some_and(|issuer| *issuer != of_issuer.issuer) {
            return Err(InvalidToken::WrongIssuer);
        }
        let audience = of_issuer.audience.clone().or_else(|| expected.audience.clone());
        // The issuer is looked at again in the payload that was verified.
        let expected = Expected { issuer: Some(of_issuer.issuer.clone()), audience };
        match verify(token, &of_issuer.keys, &expected, profiles) {
            Ok(verified) => return Ok(verified),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(refusal) => Err(refusal),
        None if keyring.has_unbound_keys() => verify_by_unbound_keys(token, keyring, expected, profiles),
        None => Err(InvalidToken::UnknownIssuer),
    }
}

fn verify_by_unbound_keys(
    token: &[u8],
    keyring: &Keyring,
    expected: &Expected,
    profiles: &Profiles,
) -> Result<Verified, InvalidToken> {
    // The issuer may have keys of its own in the file that was never read.
    if keyring.is_incomplete && !profiles.are_supabases() {
        return Err(InvalidToken::NoKeys);
    }
    if keyring.has_unbound_keys() && expected.issuer.is_none() && profiles.are_of_several_issuers() {
        return Err(InvalidToken::UnboundKeys);
    }
    verify(token, &keyring.unbound, expected, profiles)
}

/// The issuer that a token names, before anything of it is verified. It only selects keys.
fn claimed_issuer(token: &[u8]) -> Result<Option<String>, InvalidToken> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(InvalidToken::TooLarge);
    }
    let parts = Parts::of(token)?;
    Header::parse(&decode(parts.header, "header")?)?;
    let payload = decode(parts.payload, "payload")?;
    Ok(claims_of(&payload)?.text("iss"))
}

#[cfg(test)]
mod tests;

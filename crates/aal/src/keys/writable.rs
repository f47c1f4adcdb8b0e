//! Key sets on their way into a file of several issuers: what an issuer publishes, and what an administrator has.

use serde_json::value::RawValue;

use super::{FaultyKey, InvalidKeySet, Secrets, document_of, read_keys};
use crate::json::Object;

/// The members of a key that verifying takes (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
const MEMBERS: [&str; 11] = ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "k"];

/// The keys of a key set that can verify a token's signature, each as its JSON text.
///
/// Certificates and other members that nothing reads are left out.
#[derive(Clone, Debug, Default)]
pub struct WritableKeys {
    /// The text of each key.
    pub keys: Vec<Box<RawValue>>,
    /// Those that are left out because they are malformed, weak, private, or secret where they must be public.
    pub faulty: Vec<FaultyKey>,
    /// How many are of another type, or for another use.
    pub skipped: usize,
}

impl WritableKeys {
    /// Reads what an issuer publishes: a JWK Set (RFC 7517, section 5) of public keys. An HMAC secret in it is at fault.
    ///
    /// # Errors
    /// [`InvalidKeySet`] where it is none. One without any key that can be used is no error here.
    pub fn published(text: &[u8]) -> Result<WritableKeys, InvalidKeySet> {
        WritableKeys::read(text, Secrets::Refused)
    }

    /// Reads an administrator's own set, which may hold HMAC secrets.
    ///
    /// # Errors
    /// As [`WritableKeys::published`].
    pub fn of_administrator(text: &[u8]) -> Result<WritableKeys, InvalidKeySet> {
        WritableKeys::read(text, Secrets::Allowed)
    }

    fn read(text: &[u8], secrets: Secrets) -> Result<WritableKeys, InvalidKeySet> {
        let mut writable = WritableKeys::default();
        for (jwk, key) in read_keys(&document_of(text)?, secrets)? {
            match key {
                Ok(Some(_)) => writable.keys.extend(without_unread_members(jwk)),
                Ok(None) => writable.skipped += 1,
                Err(faulty) => writable.faulty.push(faulty),
            }
        }
        Ok(writable)
    }
}

/// A key with the members that are read, in one order.
fn without_unread_members(jwk: &RawValue) -> Option<Box<RawValue>> {
    let jwk = Object::parse(jwk.get().as_bytes()).ok()?;
    let member = |name: &&str| Some(format!("{name:?}:{}", jwk.get(name)?.get()));
    let members: Vec<String> = MEMBERS.iter().filter_map(member).collect();
    RawValue::from_string(format!("{{{}}}", members.join(","))).ok()
}

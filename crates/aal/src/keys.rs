//! The keys that sign access tokens: JSON Web Key Sets (RFC 7517).
//!
//! A key says which algorithm it is for, and is used for no other (RFC 8725, section 3.1): by its `alg`, else by what
//! it is. A token only chooses among the keys. Where there are several issuers, each key is bound to one: [`keyring`].

mod keyring;
mod writable;

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::value::RawValue;

pub use self::keyring::{Keyring, ListedKey};
pub use self::writable::WritableKeys;
use crate::json::{NoObject, Object, array_of, text_of};

/// The keys by which tokens may be signed.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: usize,
    faulty: Vec<FaultyKey>,
}

/// One key, for one algorithm.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The `kid`, by which tokens name their key.
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

impl KeySet {
    /// The longest text of a key set, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;
    /// The most keys of a set. A token without `kid` is held against each that fits its algorithm.
    pub const MAX_KEYS: usize = 32;

    /// Reads a JWK Set (RFC 7517, section 5), or a single JWK as a set of one. An empty text is a set without keys.
    ///
    /// Keys that can't verify a token's signature are skipped, as section 5 has it: those of a type, curve or algorithm
    /// that isn't supported, and those for another use.
    ///
    /// # Errors
    /// [`InvalidKeySet`], which names the key at fault by its `kid`, where one is malformed or weak. These count as such:
    /// an HMAC key shorter than its hash (RFC 7518, section 3.2), an RSA key shorter than 2048 bits (section 3.3), a
    /// private key. Then none counts.
    pub fn from_json(text: &[u8]) -> Result<KeySet, InvalidKeySet> {
        if text.is_empty() {
            return Ok(KeySet::default());
        }
        let document = document_of(text)?;
        if is_one_key(&document) {
            return Ok(KeySet::of(vec![Key::read(&document, 1, Secrets::Allowed)?]));
        }
        let read = read_keys(&document, Secrets::Allowed)?;
        let keys = read.into_iter().map(|(_, key)| key.map_err(InvalidKeySet::from));
        Ok(KeySet::of(keys.collect::<Result<Vec<Option<Key>>, InvalidKeySet>>()?))
    }

    fn of(read: Vec<Option<Key>>) -> KeySet {
        let all = read.len();
        let keys: Vec<Key> = read.into_iter().flatten().collect();
        KeySet { skipped: all - keys.len(), keys, faulty: Vec::new() }
    }

    /// The same keys, without those that are at fault.
    fn without_faulty(read: ReadKeys<'_>) -> KeySet {
        let mut set = KeySet::default();
        for (_, key) in read {
            match key {
                Ok(Some(key)) => set.keys.push(key),
                Ok(None) => set.skipped += 1,
                Err(fault) => set.faulty.push(fault),
            }
        }
        set
    }

    /// The keys of both sets.
    pub fn and(mut self, other: KeySet) -> KeySet {
        self.keys.extend(other.keys);
        self.skipped += other.skipped;
        self.faulty.extend(other.faulty);
        self
    }

    /// Whether there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a key in it that signs as well as it verifies: a secret.
    pub fn holds_secrets(&self) -> bool {
        self.keys.iter().any(|key| matches!(key.algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512))
    }

    /// Each key's algorithm and `kid`, for people: nothing of the keys themselves.
    pub fn summary(&self) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|key| match &key.id {
                Some(id) => format!("{:?} {}", key.algorithm, Shown(id)),
                None => format!("{:?} without kid", key.algorithm),
            })
            .collect();
        let summary = match keys.len() {
            0 => "no keys".to_owned(),
            1 => format!("1 key: {}", keys[0]),
            n => format!("{n} keys: {}", keys.join(", ")),
        };
        match self.skipped + self.faulty.len() {
            0 => summary,
            n => format!("{summary}; {n} skipped"),
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

/// Whether HMAC keys count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    Allowed,
    Refused,
}

/// A text as the JSON object of a key set.
fn document_of(text: &[u8]) -> Result<Object<'_>, InvalidKeySet> {
    if text.len() > KeySet::MAX_BYTES {
        return Err(InvalidKeySet::TooLarge);
    }
    Ok(Object::parse(text)?)
}

/// Whether this is a single JWK instead of a set.
fn is_one_key(document: &Object<'_>) -> bool {
    !document.has("keys") && document.has("kty")
}

/// The keys of a JWK Set, each beside its text; `None` for one that can't verify a token's signature.
type ReadKeys<'a> = Vec<(&'a RawValue, Result<Option<Key>, FaultyKey>)>;

fn read_keys<'a>(document: &Object<'a>, secrets: Secrets) -> Result<ReadKeys<'a>, InvalidKeySet> {
    let Some(keys) = document.get("keys") else { return Err(InvalidKeySet::NotAKeySet) };
    let keys = array_of(keys).ok_or(InvalidKeySet::NotAKeySet)?;
    if keys.len() > KeySet::MAX_KEYS {
        return Err(InvalidKeySet::TooMany);
    }
    Ok(keys.into_iter().enumerate().map(|(n, jwk)| (jwk, Key::from_json(jwk, n + 1, secrets))).collect())
}

impl Key {
    /// The `number`th key of a set; `None` where it can't verify a token's signature.
    fn from_json(jwk: &RawValue, number: usize, secrets: Secrets) -> Result<Option<Key>, FaultyKey> {
        let fault = |fault| FaultyKey { key: WhichKey::Number(number), fault };
        let jwk = Object::parse(jwk.get().as_bytes()).map_err(|error| match error {
            NoObject::Other => fault(KeyFault::NotAnObject),
            NoObject::Duplicate => fault(KeyFault::Duplicate),
        })?;
        Key::read(&jwk, number, secrets)
    }

    fn read(jwk: &Object<'_>, number: usize, secrets: Secrets) -> Result<Option<Key>, FaultyKey> {
        let key = if secrets == Secrets::Refused && jwk.text("kty").as_deref() == Some("oct") {
            Err(KeyFault::Secret)
        } else {
            Key::of_jwk(jwk)
        };
        key.map_err(|fault| FaultyKey { key: jwk.text("kid").map_or(WhichKey::Number(number), WhichKey::Id), fault })
    }

    fn of_jwk(jwk: &Object<'_>) -> Result<Option<Key>, KeyFault> {
        let kty = jwk.text("kty").ok_or(KeyFault::Member("kty"))?;
        let id = optional_text(jwk, "kid")?;
        let alg = optional_text(jwk, "alg")?;
        if is_for_another_use(jwk)? {
            return Ok(None);
        }
        let read = match (kty.as_str(), alg.as_deref()) {
            ("oct", alg) => hmac(jwk, alg),
            ("RSA", alg) => rsa(jwk, alg),
            ("EC", alg) => elliptic_curve(jwk, alg),
            ("OKP", alg) => edwards_curve(jwk, alg),
            _ => Ok(None),
        };
        Ok(read?.map(|(algorithm, key)| Key { id, algorithm, key }))
    }
}

type Usable = Option<(Algorithm, DecodingKey)>;

/// RFC 7518, sections 3.2 and 6.4. Without `alg`: HS256.
fn hmac(jwk: &Object<'_>, alg: Option<&str>) -> Result<Usable, KeyFault> {
    let (algorithm, bits) = match alg {
        None | Some("HS256") => (Algorithm::HS256, 256),
        Some("HS384") => (Algorithm::HS384, 384),
        Some("HS512") => (Algorithm::HS512, 512),
        Some(_) => return Ok(None),
    };
    let key = bytes(jwk, "k")?;
    if key.len() * 8 < bits {
        return Err(KeyFault::Short { algorithm, bits: key.len() * 8, least: bits });
    }
    // Somebody's placeholder.
    if key.iter().all(|byte| *byte == 0) {
        return Err(KeyFault::Member("k"));
    }
    Ok(Some((algorithm, DecodingKey::from_secret(&key))))
}

/// RFC 7518, sections 3.3, 3.5 and 6.3. Without `alg`: RS256.
fn rsa(jwk: &Object<'_>, alg: Option<&str>) -> Result<Usable, KeyFault> {
    let algorithm = match alg {
        None | Some("RS256") => Algorithm::RS256,
        Some("RS384") => Algorithm::RS384,
        Some("RS512") => Algorithm::RS512,
        Some("PS256") => Algorithm::PS256,
        Some("PS384") => Algorithm::PS384,
        Some("PS512") => Algorithm::PS512,
        Some(_) => return Ok(None),
    };
    refuse_private(jwk)?;
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let n = without_leading_zeros(&n);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if bits < 2048 {
        return Err(KeyFault::Short { algorithm, bits, least: 2048 });
    }
    if bits > 8192 || !is_odd(n) {
        return Err(KeyFault::Member("n"));
    }
    let e = without_leading_zeros(&e);
    // An exponent of 1 would make any text its own signature. More than 33 bits only cost time.
    if e.len() > 4 || !is_odd(e) || e == [1] {
        return Err(KeyFault::Member("e"));
    }
    Ok(Some((algorithm, DecodingKey::from_rsa_raw_components(n, e))))
}

/// RFC 7518, sections 3.4 and 6.2: P-256 is for ES256, and P-384 for ES384.
fn elliptic_curve(jwk: &Object<'_>, alg: Option<&str>) -> Result<Usable, KeyFault> {
    let crv = jwk.text("crv").ok_or(KeyFault::Member("crv"))?;
    let (algorithm, bytes_each) = match (crv.as_str(), alg) {
        ("P-256", None | Some("ES256")) => (Algorithm::ES256, 32),
        ("P-384", None | Some("ES384")) => (Algorithm::ES384, 48),
        _ => return Ok(None),
    };
    refuse_private(jwk)?;
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        let value = bytes(jwk, coordinate)?;
        if value.len() != bytes_each {
            return Err(KeyFault::Member(coordinate));
        }
        point.extend(value);
    }
    let is_on_curve = match algorithm {
        Algorithm::ES256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).is_ok(),
        _ => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &point).is_ok(),
    };
    if !is_on_curve {
        return Err(KeyFault::NotOnCurve);
    }
    Ok(Some((algorithm, DecodingKey::from_ec_der(&point))))
}

/// RFC 8037, section 2: Ed25519, which is for EdDSA (RFC 9864 calls that Ed25519, too).
fn edwards_curve(jwk: &Object<'_>, alg: Option<&str>) -> Result<Usable, KeyFault> {
    let crv = jwk.text("crv").ok_or(KeyFault::Member("crv"))?;
    if !matches!((crv.as_str(), alg), ("Ed25519", None | Some("EdDSA" | "Ed25519"))) {
        return Ok(None);
    }
    refuse_private(jwk)?;
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err(KeyFault::Member("x"));
    }
    if ParsedPublicKey::new(&ED25519, &x).is_err() {
        return Err(KeyFault::NotOnCurve);
    }
    if is_of_small_order(&x) {
        return Err(KeyFault::Member("x"));
    }
    Ok(Some((Algorithm::EdDSA, DecodingKey::from_ed_der(&x))))
}

/// Whether this is one of the few points of Ed25519 whose multiples are few: anybody can sign for them.
///
/// The encodings of the points of order 1, 2, 4 and 8 (the torsion subgroup of RFC 8032's curve), and those that aren't
/// reduced. The sign in the last bit is disregarded.
fn is_of_small_order(x: &[u8]) -> bool {
    const ORDER_8: [&str; 2] = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let Some((last, rest)) = x.split_last() else { return false };
    let hex: String = rest.iter().chain([&(last & 0x7F)]).map(|byte| format!("{byte:02x}")).collect();
    let is_small = |y: &str| hex == format!("{y}{}", "00".repeat(31));
    let is_near_p = |y: &str| hex == format!("{y}{}7f", "ff".repeat(30));
    ["00", "01"].into_iter().any(is_small)
        || ["ec", "ed", "ee"].into_iter().any(is_near_p)
        || ORDER_8.contains(&hex.as_str())
}

/// A private key has no place in a database, which only verifies (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).
fn refuse_private(jwk: &Object<'_>) -> Result<(), KeyFault> {
    if jwk.has("d") { Err(KeyFault::Private) } else { Ok(()) }
}

/// RFC 7517, sections 4.2 and 4.3: `use` other than `sig`, or `key_ops` without `verify`.
fn is_for_another_use(jwk: &Object<'_>) -> Result<bool, KeyFault> {
    let is_for_another = optional_text(jwk, "use")?.is_some_and(|usage| usage != "sig");
    let operations = match jwk.get("key_ops") {
        None => return Ok(is_for_another),
        Some(operations) => array_of(operations).ok_or(KeyFault::Member("key_ops"))?,
    };
    let verifies = operations.into_iter().any(|operation| text_of(operation).as_deref() == Some("verify"));
    Ok(is_for_another || !verifies)
}

/// A member that is a text or isn't there.
fn optional_text(jwk: &Object<'_>, name: &'static str) -> Result<Option<String>, KeyFault> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => text_of(value).map(Some).ok_or(KeyFault::Member(name)),
    }
}

/// A member in base64url without padding.
fn bytes(jwk: &Object<'_>, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    let text = jwk.text(name).ok_or(KeyFault::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::Member(name))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Why a text is no key set, or one that isn't safe to use. Names keys by their `kid`, never by what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidKeySet {
    /// Longer than [`KeySet::MAX_BYTES`].
    TooLarge,
    /// More keys than [`KeySet::MAX_KEYS`].
    TooMany,
    /// Not JSON, or not a JWK Set.
    NotAKeySet,
    /// States a member twice.
    Duplicate,
    /// One of its keys can't be used.
    Key(FaultyKey),
    /// An entry of a document with several issuers.
    Issuer {
        /// Its place, from 1.
        number: usize,
        /// Its fault, without a subject.
        fault: &'static str,
    },
    /// More issuers than [`Keyring::MAX_ISSUERS`], or more bytes than [`Keyring::MAX_BYTES`].
    TooManyIssuers,
}

/// A key that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyKey {
    /// Which.
    pub key: WhichKey,
    /// Why not.
    pub fault: KeyFault,
}

impl From<FaultyKey> for InvalidKeySet {
    /// A member that is there twice, and an element that is no object, are the set's faults as well.
    fn from(faulty: FaultyKey) -> Self {
        match faulty.fault {
            KeyFault::NotAnObject => InvalidKeySet::NotAKeySet,
            KeyFault::Duplicate => InvalidKeySet::Duplicate,
            _ => InvalidKeySet::Key(faulty),
        }
    }
}

impl From<NoObject> for InvalidKeySet {
    fn from(error: NoObject) -> Self {
        match error {
            NoObject::Other => InvalidKeySet::NotAKeySet,
            NoObject::Duplicate => InvalidKeySet::Duplicate,
        }
    }
}

/// A key of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichKey {
    /// By its `kid`.
    Id(String),
    /// By its place in the set, from 1, where it has none.
    Number(usize),
}

/// A fault of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// A member is missing or malformed.
    Member(&'static str),
    /// Shorter than its algorithm needs.
    Short {
        /// What it is for.
        algorithm: Algorithm,
        /// How long it is.
        bits: usize,
        /// How long it must be.
        least: usize,
    },
    /// Its coordinates are no point of its curve.
    NotOnCurve,
    /// It holds a private part.
    Private,
    /// It is an HMAC secret where only public keys may be.
    Secret,
    /// It is no JSON object.
    NotAnObject,
    /// It states a member twice.
    Duplicate,
}

/// A `kid`, quoted, without control characters, and cut short.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short: String = self.0.chars().take(64).collect();
        write!(f, "{short:?}")
    }
}

impl WhichKey {
    fn id(&self) -> Option<&str> {
        match self {
            WhichKey::Id(id) => Some(id),
            WhichKey::Number(_) => None,
        }
    }
}

impl fmt::Display for WhichKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhichKey::Id(id) => write!(f, "the key with kid {}", Shown(id)),
            WhichKey::Number(number) => write!(f, "key number {number}, which has no kid,"),
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::Member(name) => write!(f, "has no {name}, or not a valid one"),
            KeyFault::Short { algorithm, bits, least } => {
                write!(f, "has {bits} bits, and {algorithm:?} needs at least {least}")
            }
            KeyFault::NotOnCurve => f.write_str("is no point of its curve"),
            KeyFault::Private => f.write_str("is a private key, and verifying needs the public one only"),
            KeyFault::Secret => f.write_str("is an HMAC secret, and an issuer's published keys are public"),
            KeyFault::NotAnObject => f.write_str("is no JSON object"),
            KeyFault::Duplicate => f.write_str("states a member twice"),
        }
    }
}

impl fmt::Display for InvalidKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidKeySet::TooLarge => write!(f, "the key set is longer than {} bytes", KeySet::MAX_BYTES),
            InvalidKeySet::TooMany => write!(f, "the key set holds more than {} keys", KeySet::MAX_KEYS),
            InvalidKeySet::NotAKeySet => f.write_str("this is no JSON Web Key Set (RFC 7517)"),
            InvalidKeySet::Duplicate => f.write_str("the key set states a member twice"),
            InvalidKeySet::Key(faulty) => write!(f, "{faulty}"),
            InvalidKeySet::Issuer { number, fault } => write!(f, "issuer number {number} {fault}"),
            InvalidKeySet::TooManyIssuers => {
                write!(f, "there are more than {} issuers, or {} bytes", Keyring::MAX_ISSUERS, Keyring::MAX_BYTES)
            }
        }
    }
}

impl fmt::Display for FaultyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.fault)
    }
}

impl std::error::Error for InvalidKeySet {}

#[cfg(test)]
mod tests;

//! Key sets, each bound to an issuer or to none.
//!
//! A token is verified by the keys of the issuer that it names, and by no others. The name only selects keys: a token that
//! lies about its issuer has no key that fits.

use super::{InvalidKeySet, KeySet, Secrets, document_of, is_one_key, read_keys};
use crate::json::{Object, array_of, text_of};

/// The keys in force, by issuer.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// The keys of tokens of any issuer that has none of its own.
    pub(crate) unbound: KeySet,
    pub(crate) issuers: Vec<IssuerKeys>,
    /// Whether keys of issuers may be missing, because their file was never read.
    pub(crate) is_incomplete: bool,
}

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub(crate) struct IssuerKeys {
    pub(crate) issuer: String,
    /// What `aud` must be, or hold.
    pub(crate) audience: Option<String>,
    pub(crate) keys: KeySet,
}

/// One key of a keyring, or one that can't be used, for people: nothing of the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The issuer that it is bound to.
    pub issuer: Option<String>,
    /// Its `kid`.
    pub id: Option<String>,
    /// What it is for; `None` where it can't be used.
    pub algorithm: Option<String>,
    /// Why it can't be used.
    pub fault: Option<String>,
}

/// What a key at fault does to its set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Faulty {
    RefusesTheSet,
    IsLeftOut,
}

impl Keyring {
    /// The longest document of several issuers, in bytes: each may have a set of any length, and its name and line breaks beside it.
    pub const MAX_BYTES: usize = Self::MAX_ISSUERS * (KeySet::MAX_BYTES + 16 * 1024);
    /// The most issuers of a document.
    pub const MAX_ISSUERS: usize = 64;

    /// Reads the value of a setting: a key set as [`KeySet::from_json`] has it, or a document with the key sets of issuers.
    ///
    /// # Errors
    /// [`InvalidKeySet`] where it is neither, and where any key in it is malformed or weak. Somebody is there to hear it.
    pub fn from_setting(text: &[u8]) -> Result<Keyring, InvalidKeySet> {
        Keyring::read(text, Faulty::RefusesTheSet)
    }

    /// Reads a file of the same forms. A key that is malformed or weak is left out, and the others count.
    ///
    /// # Errors
    /// [`InvalidKeySet`] where it is neither, and where no key in it can be used because all are at fault.
    pub fn from_file(text: &[u8]) -> Result<Keyring, InvalidKeySet> {
        let keyring = Keyring::read(text, Faulty::IsLeftOut)?;
        let first = keyring.sets().find_map(|(_, set)| set.faulty.first().cloned());
        match first {
            Some(fault) if keyring.is_empty() => Err(fault.into()),
            _ => Ok(keyring),
        }
    }

    fn read(text: &[u8], faulty: Faulty) -> Result<Keyring, InvalidKeySet> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidKeySet::TooManyIssuers);
        }
        let document = match Object::parse(text) {
            Ok(document) if document.has("issuers") => document,
            _ => return Ok(KeySet::read(text, faulty)?.into()),
        };
        if document.has("keys") || document.has("kty") {
            return Err(InvalidKeySet::NotAKeySet);
        }
        let entries = document.get("issuers").and_then(array_of).ok_or(InvalidKeySet::NotAKeySet)?;
        if entries.len() > Self::MAX_ISSUERS {
            return Err(InvalidKeySet::TooManyIssuers);
        }
        let mut keyring = Keyring::default();
        for (n, entry) in entries.into_iter().enumerate() {
            let entry = IssuerKeys::read(entry.get().as_bytes(), n + 1, faulty)?;
            if keyring.issuers.iter().any(|known| known.issuer == entry.issuer) {
                return Err(InvalidKeySet::Issuer { number: n + 1, fault: "is there twice" });
            }
            keyring.issuers.push(entry);
        }
        Ok(keyring)
    }

    /// No keys, in the place of those of a file that was never read.
    pub fn unread() -> Keyring {
        Keyring { is_incomplete: true, ..Keyring::default() }
    }

    /// The keys of both. An issuer may have keys in each.
    #[must_use]
    pub fn and(mut self, other: Keyring) -> Keyring {
        self.unbound = self.unbound.and(other.unbound);
        self.issuers.extend(other.issuers);
        self.is_incomplete |= other.is_incomplete;
        self
    }

    /// Whether there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.sets().all(|(_, set)| set.is_empty())
    }

    /// Whether there is a key in it that is bound to no issuer.
    pub fn has_unbound_keys(&self) -> bool {
        !self.unbound.is_empty()
    }

    /// Whether there is a key in it that signs as well as it verifies: a secret.
    pub fn holds_secrets(&self) -> bool {
        self.sets().any(|(_, set)| set.holds_secrets())
    }

    /// What there is, for people: nothing of the keys themselves.
    pub fn summary(&self) -> String {
        let bound = self.issuers.iter().map(|it| format!("{:?}: {}", it.issuer, it.keys.summary()));
        let unbound = Some(self.unbound.summary()).filter(|_| self.issuers.is_empty() || self.has_unbound_keys());
        unbound.into_iter().chain(bound).collect::<Vec<String>>().join("; ")
    }

    /// Every key, and after those of its set each that can't be used.
    pub fn list(&self) -> Vec<ListedKey> {
        let mut list = Vec::new();
        for (issuer, set) in self.sets() {
            let issuer = issuer.map(str::to_owned);
            list.extend(set.keys.iter().map(|key| ListedKey {
                issuer: issuer.clone(),
                id: key.id.clone(),
                algorithm: Some(format!("{:?}", key.algorithm)),
                fault: None,
            }));
            list.extend(set.faulty.iter().map(|faulty| ListedKey {
                issuer: issuer.clone(),
                id: faulty.key.id().map(str::to_owned),
                algorithm: None,
                fault: Some(faulty.to_string()),
            }));
        }
        list
    }

    /// The faults of the keys that can't be used, each with its issuer.
    pub fn faults(&self) -> Vec<String> {
        let of_set = |(issuer, set): (Option<&str>, &KeySet)| -> Vec<String> {
            let of = issuer.map(|issuer| format!("of {issuer:?}: ")).unwrap_or_default();
            set.faulty.iter().map(|faulty| format!("{of}{faulty}")).collect()
        };
        self.sets().flat_map(of_set).collect()
    }

    fn sets(&self) -> impl Iterator<Item = (Option<&str>, &KeySet)> {
        let bound = self.issuers.iter().map(|it| (Some(it.issuer.as_str()), &it.keys));
        std::iter::once((None, &self.unbound)).chain(bound)
    }
}

impl From<KeySet> for Keyring {
    fn from(unbound: KeySet) -> Self {
        Keyring { unbound, ..Keyring::default() }
    }
}

impl KeySet {
    fn read(text: &[u8], faulty: Faulty) -> Result<KeySet, InvalidKeySet> {
        if faulty == Faulty::RefusesTheSet || text.is_empty() {
            return KeySet::from_json(text);
        }
        let document = document_of(text)?;
        if is_one_key(&document) {
            return KeySet::from_json(text);
        }
        Ok(KeySet::without_faulty(read_keys(&document, Secrets::Allowed)?))
    }
}

impl IssuerKeys {
    fn read(entry: &[u8], number: usize, faulty: Faulty) -> Result<IssuerKeys, InvalidKeySet> {
        let fault = |fault| InvalidKeySet::Issuer { number, fault };
        let entry = Object::parse(entry).map_err(|_| fault("is no JSON object, or states a member twice"))?;
        if entry.names().any(|name| !["issuer", "audience", "secrets", "keys"].contains(&name)) {
            return Err(fault("has a member that is none of issuer, audience, secrets and keys"));
        }
        let issuer = entry.text("issuer").filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or_else(|| fault("has no issuer, which is a text"))?;
        let audience = match entry.get("audience") {
            None => None,
            Some(value) => Some(
                text_of(value).filter(|it| !it.is_empty()).ok_or_else(|| fault("has an audience that is no text"))?,
            ),
        };
        let secrets = match entry.get("secrets").map(|value| value.get()) {
            None | Some("false") => Secrets::Refused,
            Some("true") => Secrets::Allowed,
            Some(_) => return Err(fault("says neither true nor false of secrets")),
        };
        if !entry.has("keys") {
            return Err(fault("has no keys"));
        }
        let read = read_keys(&entry, secrets)?;
        let keys = KeySet::without_faulty(read);
        match keys.faulty.first() {
            Some(first) if faulty == Faulty::RefusesTheSet => Err(first.clone().into()),
            _ => Ok(IssuerKeys { issuer, audience, keys }),
        }
    }
}

#[cfg(test)]
mod tests;

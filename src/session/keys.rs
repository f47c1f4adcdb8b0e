//! The keys in force: those of `pg_aal.jwks` and of the file that `pg_aal.jwks_file` names.
//!
//! They are read when they are first needed, and again when a setting changes or the configuration is reloaded, so a
//! rotation needs no new connection.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aal::token::{self, Expected};
use aal::{Digest, InvalidToken, Keyring, ListedKey, Verified};
use pgrx::prelude::*;

use crate::pg::{elog, process};
use crate::settings;

/// When the keys were read. Two that are the same stand for the same keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    settings: u64,
    reload: pg_sys::TimestampTz,
}

#[derive(Default)]
struct Loaded {
    generation: Generation,
    keys: Keyring,
    expected: Expected,
    /// The file as it was last read without fault.
    file: Option<KeyFile>,
    /// Of all that is above, but the path of the file.
    digest: Digest,
}

/// A file with keys.
struct KeyFile {
    path: CString,
    keys: Keyring,
    /// Of its content, or of nothing where it was never read.
    digest: Digest,
}

thread_local! {
    // Without a destructor, as all that a callback of Postgres may reach: see `statements`.
    static LOADED: ManuallyDrop<RefCell<Loaded>> = ManuallyDrop::default();
}

/// The generation of the keys in force now.
pub fn generation() -> Generation {
    Generation { settings: settings::trust_changes(), reload: process::configuration_loaded_at() }
}

/// Verifies all of a token but its time, by the keys in force.
pub fn verify(token: &CStr) -> Result<Verified, InvalidToken> {
    refresh();
    let profiles = settings::profiles();
    LOADED.with(|loaded| {
        let loaded = loaded.borrow();
        token::verify_by_issuer(token.to_bytes(), &loaded.keys, &loaded.expected, &profiles)
    })
}

/// A digest of the keys in force, and of the issuer and the audience that are expected. It is the same in each backend that
/// has the same.
pub fn digest() -> Digest {
    refresh();
    LOADED.with(|loaded| loaded.borrow().digest)
}

/// A digest of the keys in force alone, as they are written: of `pg_aal.jwks`, and of the file.
pub fn digest_of_keys() -> Digest {
    refresh();
    LOADED.with(|loaded| loaded.borrow().digest_of_keys())
}

/// The keys in force, and those that can't be used. First those of `pg_aal.jwks`, then those of the file.
pub fn list() -> [Vec<ListedKey>; 2] {
    refresh();
    let of_file = LOADED.with(|loaded| loaded.borrow().file.as_ref().map(|file| file.keys.list()));
    [settings::jwks().list(), of_file.unwrap_or_default()]
}

fn refresh() {
    for fault in LOADED.with(|loaded| loaded.borrow_mut().refresh()) {
        elog::log(&fault);
    }
}

impl Loaded {
    /// Reads the keys if they may have changed. Returns what the log should say. A file that can't be read, or holds no key
    /// that can be used, leaves those that it had before in force. One bad key among others is left out.
    fn refresh(&mut self) -> Vec<String> {
        let generation = generation();
        if self.generation == generation {
            return Vec::new();
        }
        let mut faults = Vec::new();
        self.file = settings::jwks_file().map(|path| {
            let before = self.file.take().filter(|known| known.path == path);
            match read(&path) {
                Ok((keys, digest)) => {
                    let left_out = |fault| format!("pg_aal.jwks_file {path:?}: {fault}; it is left out");
                    faults.extend(keys.faults().into_iter().map(left_out));
                    KeyFile { path, keys, digest }
                }
                Err(error) => {
                    let instead =
                        if before.is_some() { "the keys it held before stay in force" } else { "it gives no keys" };
                    faults.push(format!("pg_aal.jwks_file {path:?}: {error}; {instead}"));
                    before.unwrap_or_else(|| KeyFile { path, keys: Keyring::unread(), digest: Digest::default() })
                }
            }
        });
        let of_file = self.file.as_ref().map(|file| file.keys.clone()).unwrap_or_default();
        self.keys = settings::jwks().and(of_file);
        self.expected = settings::expected();
        self.digest = self.digest_of_all();
        self.generation = generation;
        faults
    }

    fn digest_of_all(&self) -> Digest {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        let Expected { issuer, audience } = &self.expected;
        let (issuer, audience, keys) = (or_nothing(issuer), or_nothing(audience), self.digest_of_keys());
        Digest::of(&[keys.as_bytes(), issuer.as_bytes(), audience.as_bytes()])
    }

    fn digest_of_keys(&self) -> Digest {
        let jwks = settings::jwks_as_text();
        let mut texts = vec![jwks.to_bytes()];
        texts.extend(self.file.iter().map(|file| file.digest.as_bytes()));
        Digest::of(&texts)
    }
}

/// The keys of a file, and a digest of its content; relative to the data directory, where Postgres runs. An error says what is wrong with the file, and
/// never shows its content.
fn read(path: &CStr) -> Result<(Keyring, Digest), String> {
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    let cannot_read = |error: std::io::Error| format!("cannot be read: {error}");
    // Opening a pipe would wait for somebody who writes to it.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(cannot_read)?;
    if !file.metadata().map_err(cannot_read)?.is_file() {
        return Err("is no regular file".to_owned());
    }
    let mut text = Vec::new();
    let limit = Keyring::MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut text).map_err(cannot_read)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let keys = Keyring::from_file(&text).map_err(|error| error.to_string())?;
    Ok((keys, Digest::of(&[&text])))
}

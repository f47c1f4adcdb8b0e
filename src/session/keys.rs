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
use aal::{InvalidToken, Keyring, ListedKey, Verified};
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
    /// The file and its keys as they were last read without fault.
    file: Option<(CString, Keyring)>,
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

/// The keys in force, and those that can't be used. First those of `pg_aal.jwks`, then those of the file.
pub fn list() -> [Vec<ListedKey>; 2] {
    refresh();
    let of_file = LOADED.with(|loaded| loaded.borrow().file.as_ref().map(|(_, keys)| keys.list()));
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
            let before = self.file.take().filter(|(known, _)| *known == path).map(|(_, keys)| keys);
            let keys = match read(&path) {
                Ok(keys) => {
                    let left_out = |fault| format!("pg_aal.jwks_file {path:?}: {fault}; it is left out");
                    faults.extend(keys.faults().into_iter().map(left_out));
                    keys
                }
                Err(error) => {
                    let instead =
                        if before.is_some() { "the keys it held before stay in force" } else { "it gives no keys" };
                    faults.push(format!("pg_aal.jwks_file {path:?}: {error}; {instead}"));
                    before.unwrap_or_else(Keyring::unread)
                }
            };
            (path, keys)
        });
        let of_file = self.file.as_ref().map(|(_, keys)| keys.clone()).unwrap_or_default();
        self.keys = settings::jwks().and(of_file);
        self.expected = settings::expected();
        self.generation = generation;
        faults
    }
}

/// The keys of a file; relative to the data directory, where Postgres runs. An error says what is wrong with the file, and
/// never shows its content.
fn read(path: &CStr) -> Result<Keyring, String> {
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
    Keyring::from_file(&text).map_err(|error| error.to_string())
}

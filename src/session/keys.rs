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
use aal::{InvalidToken, KeySet, Verified};
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
    keys: KeySet,
    expected: Expected,
    /// The file and its keys as they were last read without fault.
    file: Option<(CString, KeySet)>,
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
    if let Some(fault) = LOADED.with(|loaded| loaded.borrow_mut().refresh()) {
        elog::log(&fault);
    }
    LOADED.with(|loaded| {
        let loaded = loaded.borrow();
        token::verify(token.to_bytes(), &loaded.keys, &loaded.expected, &settings::profiles())
    })
}

impl Loaded {
    /// Reads the keys if they may have changed. Returns what the log should say: a file that can't be read, or holds a key
    /// that can't be used, leaves those that it had before in force.
    fn refresh(&mut self) -> Option<String> {
        let generation = generation();
        if self.generation == generation {
            return None;
        }
        let mut fault = None;
        self.file = settings::jwks_file().map(|path| {
            let before = self.file.take().filter(|(known, _)| *known == path).map(|(_, keys)| keys);
            let keys = read(&path).unwrap_or_else(|error| {
                let instead =
                    if before.is_some() { "the keys it held before stay in force" } else { "it gives no keys" };
                fault = Some(format!("pg_aal.jwks_file {path:?}: {error}; {instead}"));
                before.unwrap_or_default()
            });
            (path, keys)
        });
        let of_file = self.file.as_ref().map(|(_, keys)| keys.clone()).unwrap_or_default();
        self.keys = settings::jwks().and(of_file);
        self.expected = settings::expected();
        self.generation = generation;
        fault
    }
}

/// The keys of a file; relative to the data directory, where Postgres runs. An error says what is wrong with the file, and
/// never shows its content.
fn read(path: &CStr) -> Result<KeySet, String> {
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    let cannot_read = |error: std::io::Error| format!("cannot be read: {error}");
    // Opening a pipe would wait for somebody who writes to it.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(cannot_read)?;
    if !file.metadata().map_err(cannot_read)?.is_file() {
        return Err("is no regular file".to_owned());
    }
    let mut text = Vec::new();
    let limit = KeySet::MAX_BYTES as u64 + 1;
    file.take(limit).read_to_end(&mut text).map_err(cannot_read)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    KeySet::from_json(&text).map_err(|error| error.to_string())
}

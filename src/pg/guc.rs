//! Changing settings, and what their hooks need.

use std::ffi::{CStr, c_char, c_int};

use pgrx::pg_sys;
use pgrx::pg_sys::{GucAction, GucContext, GucSource};

use super::elog::c_string;

/// Sets a setting until the transaction (or the savepoint) ends, by the rights of `context`.
pub fn set_until_transaction_ends(name: &CStr, value: &CStr, context: GucContext::Type) {
    set(name, value, context, GucSource::PGC_S_SESSION, GucAction::GUC_ACTION_LOCAL);
}

/// Sets a setting for the session, over what the server, the database, the role and the client's options say of it.
pub fn override_stored_value(name: &CStr, value: &CStr) {
    set(name, value, GucContext::PGC_SUSET, GucSource::PGC_S_OVERRIDE, GucAction::GUC_ACTION_SET);
}

fn set(name: &CStr, value: &CStr, context: GucContext::Type, source: GucSource::Type, action: GucAction::Type) {
    // SAFETY: both are C strings, which Postgres copies. What a check hook raises there becomes a panic by pgrx's guard.
    unsafe { pg_sys::set_config_option(name.as_ptr(), value.as_ptr(), context, source, action, true, 0, false) };
}

/// Whether a setting of a library that may not be loaded has this value, as SHOW shows it.
pub fn is(name: &CStr, wanted: &CStr) -> bool {
    // SAFETY: the name is a C string. Postgres answers NULL for a setting that isn't there, or a C string that lives until it is
    // changed, which nothing does before it is compared.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        !value.is_null() && CStr::from_ptr(value) == wanted
    }
}

/// Whether there is a setting of this name.
pub fn is_there(name: &CStr) -> bool {
    // SAFETY: the name is a C string, and with missing_ok Postgres answers NULL where there is none.
    unsafe { !pg_sys::GetConfigOption(name.as_ptr(), true, false).is_null() }
}

/// No other library may define settings whose names begin so.
pub fn reserve_prefix(prefix: &'static CStr) {
    // SAFETY: only reads the C string, which Postgres copies.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) };
}

/// A level of settings, as each function with a SET clause has one. The settings made by it are changed back when it is dropped.
/// Levels nest: the one that was begun last must be dropped first.
pub struct SettingsLevel {
    number: c_int,
    keeps_others: bool,
}

impl SettingsLevel {
    /// Begins one. What functions set within it, other than by a SET clause, stays set.
    pub fn keeping_what_functions_set() -> SettingsLevel {
        SettingsLevel::begin(true)
    }

    /// Begins one. What functions set within it is changed back with it.
    pub fn keeping_nothing() -> SettingsLevel {
        SettingsLevel::begin(false)
    }

    fn begin(keeps_others: bool) -> SettingsLevel {
        // SAFETY: counts a variable of the backend up. `drop` ends the level; after an error the transaction's end does.
        SettingsLevel { number: unsafe { pg_sys::NewGUCNestLevel() }, keeps_others }
    }

    /// Sets a setting until the level ends, by the rights of `context`.
    pub fn set(&self, name: &CStr, value: &CStr, context: GucContext::Type) {
        set(name, value, context, GucSource::PGC_S_SESSION, GucAction::GUC_ACTION_SAVE);
    }
}

impl Drop for SettingsLevel {
    fn drop(&mut self) {
        // After an error Postgres ends the level with the (sub)transaction, and it must not end twice.
        if !std::thread::panicking() {
            // SAFETY: the level was begun by `begin`, and those that were begun within it have ended.
            unsafe { pg_sys::AtEOXact_GUC(self.keeps_others, self.number) };
        }
    }
}

/// Refuses a value in a check hook, by a message in place of Postgres' own, which quotes the value. Returns what the hook does.
pub fn refuse_value(message: &str, hint: &str) -> bool {
    // SAFETY: variables that a check hook is to set. Postgres copies the texts before their memory is reset.
    unsafe {
        pg_sys::GUC_check_errmsg_string = copy_of(message);
        if !hint.is_empty() {
            pg_sys::GUC_check_errhint_string = copy_of(hint);
        }
    }
    false
}

/// A copy in Postgres' current memory, as a C string.
pub fn copy_of(text: &str) -> *mut c_char {
    let text = c_string(text);
    // SAFETY: pstrdup reads the C string up to its end.
    unsafe { pg_sys::pstrdup(text.as_ptr()) }
}

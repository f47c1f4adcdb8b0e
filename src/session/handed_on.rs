//! The claims that Citus' other nodes have, handed on by `auth.hand_on_claims()`.
//!
//! Citus hands on what `set local` sets, and nothing that `set_config()` does. So claims that change later would leave the others with
//! the old ones. A fingerprint of what was handed on is a setting, which follows savepoints as those settings do. Each statement about
//! which other nodes may decide is held against it, when it begins and whenever it is asked for rows: a cursor may begin before the claims
//! change.
//!
//! A `set local` or `reset` of claims by somebody else goes to the others, too, and may be taken back here by `set_config()`. So it empties
//! the fingerprint: what the others have isn't known until the claims are handed on again.

use std::cell::Cell;
use std::ffi::{CStr, CString};

use aal::Digest;
use pgrx::pg_sys::GucContext;

use super::sources;
use crate::pg::elog::raise;
use crate::pg::guc;
use crate::pg::sqlstate::SqlState;
use crate::pg::text_setting::TextSetting;
use crate::settings;

thread_local! {
    /// Whether this transaction has handed anything on.
    static HANDS_ON: Cell<bool> = const { Cell::new(false) };

    static HANDED_ON: TextSetting = const { TextSetting::new(settings::HANDED_ON_NAME) };
}

/// The settings to hand on, with their values, and last the fingerprint of them.
pub fn settings_to_hand_on() -> Vec<(&'static str, CString)> {
    HANDS_ON.set(true);
    let mut all = sources();
    let fingerprint = CString::new(fingerprint(&all)).unwrap_or_default();
    all.push(("pg_aal.error_format", settings::error_format_as_text().to_owned()));
    all.push((HANDED_ON.with(TextSetting::name), fingerprint));
    all
}

/// Raises 55000 for a statement about which other nodes may decide where other claims are in force than were handed on.
pub fn require_current(asks_others: impl FnOnce() -> bool) {
    if !HANDS_ON.get() || !asks_others() {
        return;
    }
    let handed_on = HANDED_ON.with(TextSetting::get);
    if handed_on.is_none_or(|it| it.as_c_str().to_bytes() != fingerprint(&sources()).as_bytes()) {
        let message = "the claims have changed since they were handed on to Citus' other nodes";
        let hint = "Call auth.hand_on_claims() again after each change of the claims.";
        raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message, None, Some(hint))
    }
}

/// A setting is about to be changed by a statement that Citus hands on, or all of them. [`settings_to_hand_on`] has the fingerprint set last.
pub fn setting_changes(name: Option<&CStr>) {
    let is_source =
        |name: &CStr| sources().iter().any(|(source, _)| name.to_bytes().eq_ignore_ascii_case(source.as_bytes()));
    if HANDS_ON.get() && name.is_none_or(is_source) {
        guc::set_until_transaction_ends(settings::HANDED_ON_NAME, c"", GucContext::PGC_USERSET);
    }
}

/// Nothing is handed on beyond a transaction.
pub fn transaction_ended() {
    HANDS_ON.set(false);
}

fn fingerprint(settings: &[(&'static str, CString)]) -> String {
    let texts: Vec<&[u8]> = settings.iter().flat_map(|(name, value)| [name.as_bytes(), value.to_bytes()]).collect();
    Digest::of(&texts).to_string()
}

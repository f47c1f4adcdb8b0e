//! The leader's claims, for parallel workers.
//!
//! A parallel worker gets its leader's settings, but not which transaction set them, and a token counts only in the
//! transaction that did. It would also read the file with the keys anew. So before a parallel query the leader hands the
//! claims of the verified token to its workers, by a setting that nobody else can set.

use pgrx::pg_sys::GucContext::PGC_SUSET;

use super::payload;
use crate::pg::guc::{self, SettingsLevel};
use crate::pg::transaction;
use crate::settings::{self, ClaimsSource};

/// Hands the claims of the token in force to the workers of a parallel query that is about to run. They are taken back when the
/// level is dropped.
pub fn hand_over() -> Option<SettingsLevel> {
    if settings::claims_source() != ClaimsSource::Token {
        return None;
    }
    let claims = payload().unwrap_or_default();
    if !transaction::is_in_parallel_mode() {
        guc::set_until_transaction_ends(settings::WORKER_CLAIMS_NAME, &claims, PGC_SUSET);
        return None;
    }
    // Within another parallel query a setting can be changed only as by the SET clause of a function, and is changed back.
    let level = SettingsLevel::keeping_what_functions_set();
    level.set(settings::WORKER_CLAIMS_NAME, &claims, PGC_SUSET);
    Some(level)
}

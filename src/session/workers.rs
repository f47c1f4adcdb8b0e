//! The leader's claims, for parallel workers.
//!
//! A parallel worker gets its leader's settings, but not which transaction set them, and a token
//! counts only in the transaction that did; and it would read the file with the keys anew. So before a parallel query the
//! leader hands the claims of the verified token to its workers, by a setting that nobody else can set.

use pgrx::prelude::*;

use super::payload;
use super::statements::Query;
use crate::settings::{self, ClaimsSource};

/// Hands the claims of the token in force to the workers of a parallel query.
pub fn hand_over(query: Query) -> Option<SettingsLevel> {
    if settings::claims_source() != ClaimsSource::Token {
        return None;
    }
    // SAFETY: the query that Postgres is about to run, and its plan.
    let is_parallel = unsafe { query.as_ref().and_then(|query| query.plannedstmt.as_ref()) }
        .is_some_and(|plan| plan.parallelModeNeeded);
    if !is_parallel {
        return None;
    }
    let claims = payload().unwrap_or_default();
    // SAFETY: reads the transaction's state.
    if !unsafe { pg_sys::IsInParallelMode() } {
        settings::set_until_transaction_ends(settings::WORKER_CLAIMS_NAME, &claims, pg_sys::GucContext::PGC_SUSET);
        return None;
    }
    // Within another parallel query a setting can be changed only as by the SET clause of a function, and is changed back.
    // SAFETY: begins a level that `take_back` ends; where an error comes between, Postgres does.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    settings::set_as_a_function(settings::WORKER_CLAIMS_NAME, &claims, pg_sys::GucContext::PGC_SUSET);
    Some(level)
}

/// A level of settings, as each function with a SET clause has one.
pub type SettingsLevel = std::ffi::c_int;

/// Takes back what was handed over.
pub fn take_back(handed_over: Option<SettingsLevel>) {
    if let Some(level) = handed_over {
        // SAFETY: the level that `hand_over` began. What was begun within it has ended: no setting can be changed there but
        // by functions, which change it back.
        unsafe { pg_sys::AtEOXact_GUC(true, level) };
    }
}

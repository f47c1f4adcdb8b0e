//! The claims of a verified token for parallel workers.
//!
//! A worker gets its leader's settings, but not which transaction set them, and a token counts only in the transaction
//! that did; and it would read the file with the keys anew. So before each parallel query the leader hands the claims of the
//! verified token then in force to its workers, by a setting that nobody else can set.

use std::cell::Cell;

use pgrx::prelude::*;

use crate::session;
use crate::settings::{self, ClaimsSource};

thread_local! {
    /// The hook that was there before.
    static NEXT: Cell<pg_sys::ExecutorRun_hook_type> = const { Cell::new(None) };
}

/// Installs the hook. Called once, when the library is loaded.
pub fn install() {
    // SAFETY: a variable of the backend, which libraries change while they are loaded.
    unsafe {
        NEXT.set(pg_sys::ExecutorRun_hook);
        pg_sys::ExecutorRun_hook = Some(run);
    }
}

/// Hands the claims over, then runs the query.
#[cfg(not(feature = "pg18"))]
#[pg_guard]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    execute_once: bool,
) {
    hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get() {
            Some(next) => next(query, direction, count, execute_once),
            None => pg_sys::standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
}

/// Hands the claims over, then runs the query.
#[cfg(feature = "pg18")]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: *mut pg_sys::QueryDesc, direction: pg_sys::ScanDirection::Type, count: u64) {
    hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get() {
            Some(next) => next(query, direction, count),
            None => pg_sys::standard_ExecutorRun(query, direction, count),
        }
    }
}

fn hand_over(query: *mut pg_sys::QueryDesc) {
    if settings::claims_source() != ClaimsSource::Token {
        return;
    }
    // SAFETY: the query that Postgres is about to run, and its plan.
    let is_parallel = unsafe { query.as_ref().and_then(|query| query.plannedstmt.as_ref()) }
        .is_some_and(|plan| plan.parallelModeNeeded);
    // Within a parallel query no setting can be changed, and no other parallel query begins.
    // SAFETY: reads the transaction's state.
    if !is_parallel || unsafe { pg_sys::IsInParallelMode() } {
        return;
    }
    let claims = session::payload().unwrap_or_default();
    settings::set_until_transaction_ends(settings::WORKER_CLAIMS_NAME, &claims, pg_sys::GucContext::PGC_SUSET);
}

//! What a statement may rely on while the executor runs it, where tokens are verified here. Two things, by its hooks:
//!
//! **One token.** Within a statement, its parts and whatever they call, only one token counts: the first that is asked about. A
//! policy asks two questions, whose row this is and at which level the session is, and a `set_config` in between would have
//! them answered by two tokens.
//!
//! **The leader's claims.** A parallel worker gets its leader's settings, but not which transaction set them, and a token
//! counts only in the transaction that did; and it would read the file with the keys anew. So before a parallel query the
//! leader hands the claims of the verified token to its workers, by a setting that nobody else can set.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};

use pgrx::prelude::*;

use crate::planner;
use crate::session;
use crate::settings::{self, ClaimsSource};

thread_local! {
    /// The hooks that were there before.
    static NEXT: Cell<Hooks> = const { Cell::new(Hooks { start: None, run: None, finish: None, end: None }) };
    /// The statement that runs: the outermost, whatever runs within it. Cursors are several that run by turns.
    static STATEMENT: Cell<Option<Statement>> = const { Cell::new(None) };
    /// The text that held the token, for the statements that have asked for one.
    static TOKENS: RefCell<Vec<(Statement, CString)>> = const { RefCell::new(Vec::new()) };
}

/// A query that the executor has in hand.
type Statement = *mut pg_sys::QueryDesc;

#[derive(Clone, Copy)]
struct Hooks {
    start: pg_sys::ExecutorStart_hook_type,
    run: pg_sys::ExecutorRun_hook_type,
    finish: pg_sys::ExecutorFinish_hook_type,
    end: pg_sys::ExecutorEnd_hook_type,
}

/// Installs the hooks. Called once, when the library is loaded.
pub fn install() {
    // SAFETY: variables of the backend, which libraries change while they are loaded; and a callback that lives as long as the
    // program.
    unsafe {
        NEXT.set(Hooks {
            start: pg_sys::ExecutorStart_hook,
            run: pg_sys::ExecutorRun_hook,
            finish: pg_sys::ExecutorFinish_hook,
            end: pg_sys::ExecutorEnd_hook,
        });
        pg_sys::ExecutorStart_hook = Some(start);
        pg_sys::ExecutorRun_hook = Some(run);
        pg_sys::ExecutorFinish_hook = Some(finish);
        pg_sys::ExecutorEnd_hook = Some(end);
        pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut());
    }
}

/// Whether a token counts in the statement that runs: `text` is what held the first that was asked about, or it is the first.
pub fn is_its_only_token(text: &CStr) -> bool {
    let Some(statement) = STATEMENT.get() else { return true };
    TOKENS.with_borrow_mut(|tokens| match tokens.iter().find(|(known, _)| *known == statement) {
        Some((_, first)) => first.as_c_str() == text,
        None => {
            tokens.push((statement, text.to_owned()));
            true
        }
    })
}

/// Makes a query the statement that runs, unless it runs within another.
struct Running {
    is_outermost: bool,
}

impl Running {
    fn query(query: Statement) -> Running {
        let is_outermost = STATEMENT.get().is_none();
        if is_outermost {
            STATEMENT.set(Some(query));
        }
        Running { is_outermost }
    }
}

impl Drop for Running {
    // Also where an error unwinds.
    fn drop(&mut self) {
        if self.is_outermost {
            STATEMENT.set(None);
        }
    }
}

fn forget(query: Statement) {
    TOKENS.with_borrow_mut(|tokens| tokens.retain(|(known, _)| *known != query));
}

#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        TOKENS.with_borrow_mut(Vec::clear);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(query: Statement, flags: std::ffi::c_int) {
    // A query that failed may have been at the same place.
    forget(query);
    // SAFETY: the query that Postgres is about to run. The rest passes on what Postgres passed.
    unsafe {
        planner::catch_up(query);
        match NEXT.get().start {
            Some(next) => next(query, flags),
            None => pg_sys::standard_ExecutorStart(query, flags),
        }
    }
}

#[cfg(not(feature = "pg18"))]
#[pg_guard]
unsafe extern "C-unwind" fn run(
    query: Statement,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    execute_once: bool,
) {
    let _running = Running::query(query);
    hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => next(query, direction, count, execute_once),
            None => pg_sys::standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
}

#[cfg(feature = "pg18")]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: Statement, direction: pg_sys::ScanDirection::Type, count: u64) {
    let _running = Running::query(query);
    hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => next(query, direction, count),
            None => pg_sys::standard_ExecutorRun(query, direction, count),
        }
    }
}

/// Here its triggers run.
#[pg_guard]
unsafe extern "C-unwind" fn finish(query: Statement) {
    let _running = Running::query(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().finish {
            Some(next) => next(query),
            None => pg_sys::standard_ExecutorFinish(query),
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(query: Statement) {
    forget(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().end {
            Some(next) => next(query),
            None => pg_sys::standard_ExecutorEnd(query),
        }
    }
}

/// Hands the claims of the token in force to the workers of a parallel query.
fn hand_over(query: Statement) {
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

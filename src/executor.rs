//! The executor's hooks, by which pg_aal learns what a statement begins with, and when it runs and ends.
//!
//! Each hook tells the others of pg_aal that need to know ([`planner`], [`statements`], [`workers`], [`statement_guards`]), and
//! calls the hook that was there before.

use std::cell::Cell;

use pgrx::prelude::*;

use crate::pg::changed_table::StartedQuery;
use crate::pg::guc::SettingsLevel;
use crate::pg::plan::{FinishedPlan, is_run_by_a_library, names_tables};
use crate::pg::role;
use crate::planner;
use crate::session::handed_on;
use crate::session::statements::{self, Query, Running};
use crate::session::workers;
use crate::statement_guards;

thread_local! {
    /// The hooks that were there before.
    static NEXT: Cell<Hooks> = const { Cell::new(Hooks { start: None, run: None, finish: None, end: None }) };
}

#[derive(Clone, Copy)]
struct Hooks {
    start: pg_sys::ExecutorStart_hook_type,
    run: pg_sys::ExecutorRun_hook_type,
    finish: pg_sys::ExecutorFinish_hook_type,
    end: pg_sys::ExecutorEnd_hook_type,
}

/// Installs the hooks. Called once, when the library is loaded.
pub fn install() {
    // SAFETY: variables of the backend, which libraries change while they are loaded; and callbacks that live as long as the
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
        pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        planner::transaction_ended();
        statements::transaction_ended();
        handed_on::transaction_ended();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    ended: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::SubXactEvent::*;
    match event {
        SUBXACT_EVENT_COMMIT_SUB => statements::subtransaction_committed(ended, parent),
        SUBXACT_EVENT_ABORT_SUB => statements::subtransaction_aborted(ended),
        _ => {}
    }
}

/// Calls a hook of another library. An error there is a long jump, which must not pass over frames of Rust: it becomes a
/// panic, which unwinds them, and an error again where Postgres called us.
///
/// # Safety
/// `call` must only call a hook, with what Postgres passed. What it owns isn't dropped where the hook raises.
unsafe fn guarded(call: impl FnOnce()) {
    // SAFETY: Postgres calls hooks on a backend's only thread. By the caller's promise the closure owns nothing to drop.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(call) }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(query: Query, flags: std::ffi::c_int) {
    // Partitions are chosen here.
    let _running = Running::first(query);
    let role = role::current();
    // SAFETY: Postgres passes a query that it is about to run, with its plan.
    handed_on::require_current(|| unsafe { asks_by_claims(query) });
    if planner::has_missed_a_query() {
        // SAFETY: Postgres passes a query that it is about to run. Its plan is its own, or only this session's plan cache has it.
        let planned = unsafe { query.as_ref().and_then(|query| FinishedPlan::new(query.plannedstmt)) };
        if let Some(mut planned) = planned {
            planner::catch_up(&mut planned);
        }
    }
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().start {
            Some(next) => guarded(|| next(query, flags)),
            None => pg_sys::standard_ExecutorStart(query, flags),
        }
    }
    // SAFETY: the query has just been started, and ends after this.
    if let Some(query) = unsafe { StartedQuery::new(query) } {
        statement_guards::begin(&query, role);
    }
}

/// Whether claims of other nodes may decide about a query: it names a table, or is a call that Citus passes on to a node.
///
/// # Safety
/// `query` must be NULL or a query with its plan.
unsafe fn asks_by_claims(query: Query) -> bool {
    // SAFETY: the caller's promise; a query has its plan until it ends.
    let plan = unsafe { query.as_ref().and_then(|query| query.plannedstmt.as_ref()) };
    plan.is_some_and(|plan| names_tables(plan) || is_run_by_a_library(plan))
}

#[cfg(not(feature = "pg18"))]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: Query, direction: pg_sys::ScanDirection::Type, count: u64, execute_once: bool) {
    // SAFETY: Postgres passes a query that is started, and not ended.
    let _run = unsafe { Run::begin(query) };
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => guarded(|| next(query, direction, count, execute_once)),
            None => pg_sys::standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
}

#[cfg(feature = "pg18")]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: Query, direction: pg_sys::ScanDirection::Type, count: u64) {
    // SAFETY: Postgres passes a query that is started, and not ended.
    let _run = unsafe { Run::begin(query) };
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => guarded(|| next(query, direction, count)),
            None => pg_sys::standard_ExecutorRun(query, direction, count),
        }
    }
}

/// A query's rows are fetched as long as this lives. What the workers got is taken back first.
struct Run {
    _handed_over: Option<SettingsLevel>,
    _running: Running,
}

impl Run {
    /// # Safety
    /// `query` must be started, and not ended.
    unsafe fn begin(query: Query) -> Run {
        // A cursor's rows may be asked for only now.
        // SAFETY: the caller's promise.
        handed_on::require_current(|| unsafe { asks_by_claims(query) });
        let running = Running::again(query);
        // SAFETY: the caller's promise; the query ends after this.
        let started = unsafe { StartedQuery::new(query) };
        // The library was loaded while the query was started: nothing was decided then.
        if let (true, Some(started)) = (running.started_unseen, started) {
            statement_guards::begin(&started, role::current());
        }
        // SAFETY: the caller's promise; a query has its plan until it ends.
        let plan = unsafe { query.as_ref().and_then(|query| query.plannedstmt.as_ref()) };
        let is_parallel = plan.is_some_and(|plan| plan.parallelModeNeeded);
        Run { _handed_over: if is_parallel { workers::hand_over() } else { None }, _running: running }
    }
}

/// Here its triggers run.
#[pg_guard]
unsafe extern "C-unwind" fn finish(query: Query) {
    let _running = Running::again(query);
    // SAFETY: Postgres passes a query that is started, and ends after this.
    if let Some(mut query) = unsafe { StartedQuery::new(query) } {
        statement_guards::finish(&mut query);
    }
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().finish {
            Some(next) => guarded(|| next(query)),
            None => pg_sys::standard_ExecutorFinish(query),
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn end(query: Query) {
    statements::forget(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().end {
            Some(next) => guarded(|| next(query)),
            None => pg_sys::standard_ExecutorEnd(query),
        }
    }
}

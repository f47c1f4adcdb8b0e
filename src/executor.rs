//! What a statement may rely on while the executor runs it, where tokens are verified here. Two things, by its hooks:
//!
//! **One token.** A policy asks two questions, whose row this is and at which level the session is, and a `set_config` in
//! between would have them answered by two tokens. So each statement keeps the first token that it was asked about, and a
//! token counts only if it is that of every statement that runs: of the innermost, and of all that it runs within. A cursor
//! is one statement, which runs by turns, at the top level or within others.
//!
//! **The leader's claims.** A parallel worker gets its leader's settings, but not which transaction set them, and a token
//! counts only in the transaction that did; and it would read the file with the keys anew. So before a parallel query the
//! leader hands the claims of the verified token to its workers, by a setting that nobody else can set.
//!
//! What is kept here has no destructor: where a library ends the process by `exit()`, thread-local values that have one are
//! gone before Postgres aborts the transaction, and the callbacks here are part of that.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use pgrx::prelude::*;

use crate::planner;
use crate::session;
use crate::settings::{self, ClaimsSource};
use crate::statement_guards;

thread_local! {
    /// The hooks that were there before.
    static NEXT: Cell<Hooks> = const { Cell::new(Hooks { start: None, run: None, finish: None, end: None }) };
    static STATEMENTS: ManuallyDrop<RefCell<Statements>> =
        const { ManuallyDrop::new(RefCell::new(Statements { running: Vec::new(), waiting: Vec::new() })) };
}

/// The statements that the executor has begun with.
struct Statements {
    /// Those that run, each within the one before.
    running: Vec<Statement>,
    /// Those that don't just now: between their start and their end, cursors, and what an error ended.
    waiting: Vec<Statement>,
}

struct Statement {
    /// What Postgres calls it by. Never followed: an error frees it without a word, and another may come to lie there, which
    /// has a start of its own.
    query: Query,
    /// An error in this subtransaction ends the statement.
    began_in: pg_sys::SubTransactionId,
    /// The first token that it was asked about.
    token: Option<Rc<CStr>>,
}

/// A query that the executor has in hand.
type Query = *mut pg_sys::QueryDesc;

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

/// Whether a token is the only one that was asked about, in each of the statements that run. Where one was asked about none,
/// this is its first.
pub fn is_only_token(token: &Rc<CStr>) -> bool {
    with_statements(|statements| {
        let mut is_only = true;
        for statement in &mut statements.running {
            is_only &= statement.token.get_or_insert_with(|| token.clone()) == token;
        }
        is_only
    })
}

/// Reads or changes what is kept of the statements. `work` must not raise a Postgres error or call back into SQL.
fn with_statements<T>(work: impl FnOnce(&mut Statements) -> T) -> T {
    STATEMENTS.with(|statements| work(&mut statements.borrow_mut()))
}

/// A statement runs as long as this lives.
struct Running {
    /// How many it runs within.
    depth: usize,
}

impl Running {
    /// A query that begins. One that an error ended may have been at the same place.
    fn first(query: Query) -> Running {
        forget(query);
        Running::again(query)
    }

    /// A query that began before; or before the library was loaded.
    fn again(query: Query) -> Running {
        // SAFETY: reads the transaction's state.
        let subtransaction = unsafe { unguarded::GetCurrentSubTransactionId() };
        with_statements(|Statements { running, waiting }| {
            let statement = match waiting.iter().rposition(|known| known.query == query) {
                Some(place) => waiting.swap_remove(place),
                None => Statement { query, began_in: subtransaction, token: None },
            };
            running.push(statement);
            Running { depth: running.len() - 1 }
        })
    }
}

impl Drop for Running {
    // Also where an error unwinds.
    fn drop(&mut self) {
        with_statements(|Statements { running, waiting }| {
            let depth = self.depth.min(running.len());
            waiting.extend(running.drain(depth..));
        });
    }
}

fn forget(query: Query) {
    with_statements(|statements| statements.waiting.retain(|known| known.query != query));
}

#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        planner::transaction_ended();
        with_statements(|statements| {
            statements.running.clear();
            statements.waiting.clear();
        });
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
    with_statements(|Statements { running, waiting }| match event {
        // Their cursors are its parent's from now on.
        SUBXACT_EVENT_COMMIT_SUB => {
            let began_there = |statement: &&mut Statement| statement.began_in == ended;
            running.iter_mut().chain(waiting).filter(began_there).for_each(|statement| statement.began_in = parent);
        }
        SUBXACT_EVENT_ABORT_SUB => waiting.retain(|statement| statement.began_in != ended),
        _ => {}
    });
}

/// Calls a hook of another library. An error there is a long jump, which must not pass over frames of Rust: it becomes a
/// panic, which unwinds them, and an error again where Postgres called us.
///
/// # Safety
/// `call` must do nothing else, as whatever it holds isn't dropped.
unsafe fn guarded(call: impl FnOnce()) {
    // SAFETY: hooks are called by a backend's only thread. The closure holds what Postgres passed, which needs no drop.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(call) }
}

#[pg_guard]
unsafe extern "C-unwind" fn start(query: Query, flags: std::ffi::c_int) {
    // Partitions are chosen here.
    let _running = Running::first(query);
    // SAFETY: reads a variable of the backend.
    let role = unsafe { pg_sys::GetUserId() };
    // SAFETY: the query that Postgres is about to run. The rest passes on what Postgres passed.
    unsafe {
        planner::catch_up(query);
        match NEXT.get().start {
            Some(next) => guarded(|| next(query, flags)),
            None => pg_sys::standard_ExecutorStart(query, flags),
        }
    }
    // SAFETY: the query has just been started.
    unsafe { statement_guards::begin(query, role) };
}

#[cfg(not(feature = "pg18"))]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: Query, direction: pg_sys::ScanDirection::Type, count: u64, execute_once: bool) {
    let _running = Running::again(query);
    // SAFETY: the query is started, and reads a variable of the backend. Where the library was loaded while it started.
    unsafe { statement_guards::begin(query, pg_sys::GetUserId()) };
    let handed_over = hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => guarded(|| next(query, direction, count, execute_once)),
            None => pg_sys::standard_ExecutorRun(query, direction, count, execute_once),
        }
    }
    take_back(handed_over);
}

#[cfg(feature = "pg18")]
#[pg_guard]
unsafe extern "C-unwind" fn run(query: Query, direction: pg_sys::ScanDirection::Type, count: u64) {
    let _running = Running::again(query);
    // SAFETY: the query is started, and reads a variable of the backend. Where the library was loaded while it started.
    unsafe { statement_guards::begin(query, pg_sys::GetUserId()) };
    let handed_over = hand_over(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().run {
            Some(next) => guarded(|| next(query, direction, count)),
            None => pg_sys::standard_ExecutorRun(query, direction, count),
        }
    }
    take_back(handed_over);
}

/// Here its triggers run.
#[pg_guard]
unsafe extern "C-unwind" fn finish(query: Query) {
    let _running = Running::again(query);
    // SAFETY: the query is started, and not ended.
    unsafe { statement_guards::finish(query) };
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
    forget(query);
    // SAFETY: passes on what Postgres passed.
    unsafe {
        match NEXT.get().end {
            Some(next) => guarded(|| next(query)),
            None => pg_sys::standard_ExecutorEnd(query),
        }
    }
}

/// Hands the claims of the token in force to the workers of a parallel query.
fn hand_over(query: Query) -> Option<SettingsLevel> {
    if settings::claims_source() != ClaimsSource::Token {
        return None;
    }
    // SAFETY: the query that Postgres is about to run, and its plan.
    let is_parallel = unsafe { query.as_ref().and_then(|query| query.plannedstmt.as_ref()) }
        .is_some_and(|plan| plan.parallelModeNeeded);
    if !is_parallel {
        return None;
    }
    let claims = session::payload().unwrap_or_default();
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
type SettingsLevel = std::ffi::c_int;

fn take_back(handed_over: Option<SettingsLevel>) {
    if let Some(level) = handed_over {
        // SAFETY: the level that `hand_over` began. What was begun within it has ended: no setting can be changed there but
        // by functions, which change it back.
        unsafe { pg_sys::AtEOXact_GUC(true, level) };
    }
}

/// Postgres' functions that raise no errors, without the guard that pgrx puts around each.
mod unguarded {
    // SAFETY: declared as in Postgres' access/xact.h.
    unsafe extern "C-unwind" {
        pub fn GetCurrentSubTransactionId() -> pgrx::pg_sys::SubTransactionId;
    }
}

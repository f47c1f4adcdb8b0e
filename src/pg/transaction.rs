//! The transaction, its statements, and the clock. Nothing here raises an error.

use pgrx::prelude::*;

/// Whether a parallel query runs, in its leader or in a worker.
pub fn is_in_parallel_mode() -> bool {
    // SAFETY: IsInParallelMode reads the backend's transaction state, which is there from the backend's start.
    unsafe { pg_sys::IsInParallelMode() }
}

/// Whether the transaction is read-only.
pub fn is_read_only() -> bool {
    // SAFETY: a plain variable, which only this backend's one thread reads and writes.
    unsafe { pg_sys::XactReadOnly }
}

/// Whether the transaction keeps the snapshot of its first statement: REPEATABLE READ or SERIALIZABLE.
pub fn keeps_its_snapshot() -> bool {
    // SAFETY: a plain variable, which only this backend's one thread reads and writes.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Whether a savepoint is open, or a block with EXCEPTION.
pub fn is_in_subtransaction() -> bool {
    // SAFETY: reads the state of the backend's own transaction.
    unsafe { pg_sys::GetCurrentTransactionNestLevel() > 1 }
}

/// The subtransaction that runs now. The transaction itself counts as one.
pub fn current_subtransaction() -> pg_sys::SubTransactionId {
    // SAFETY: reads the backend's transaction state, which is there from the backend's start.
    unsafe { unguarded::GetCurrentSubTransactionId() }
}

/// When the statement started. A parallel worker has its leader's answer.
pub fn statement_start() -> pg_sys::TimestampTz {
    // SAFETY: reads a variable of the backend.
    unsafe { unguarded::GetCurrentStatementStartTimestamp() }
}

/// The time now.
pub fn now() -> pg_sys::TimestampTz {
    // SAFETY: reads the system's clock.
    unsafe { unguarded::GetCurrentTimestamp() }
}

/// Postgres' functions that raise no errors, without the guard that pgrx puts around each.
mod unguarded {
    use pgrx::pg_sys;

    // SAFETY: declared as in Postgres' access/xact.h and utils/timestamp.h.
    unsafe extern "C-unwind" {
        pub fn GetCurrentSubTransactionId() -> pg_sys::SubTransactionId;
        pub fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
        pub fn GetCurrentTimestamp() -> pg_sys::TimestampTz;
    }
}

/// Functions to call at the end of each transaction.
pub struct AtEnd {
    /// Before it commits or is prepared. It may run queries, and an error undoes the transaction.
    pub before_commit: fn(),
    /// When it has ended. It must not raise.
    pub ended: fn(),
}

/// Has this called at the end of each transaction, from now on. To be called once.
pub fn call_at_end(called: &'static AtEnd) {
    let called = std::ptr::from_ref(called).cast_mut().cast();
    // SAFETY: a callback that lives as long as the program, as its argument does.
    unsafe { pg_sys::RegisterXactCallback(Some(at_end), called) };
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, called: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::*;
    // SAFETY: the argument of `call_at_end`.
    let called = unsafe { &*called.cast::<AtEnd>() };
    match event {
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => (called.before_commit)(),
        XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE => (called.ended)(),
        _ => {}
    }
}

/// Works with a snapshot of what was committed and of what this transaction did. Before a commit no statement has one.
pub fn with_snapshot<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: within a transaction. It is popped below, or after an error by the transaction's end.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    let answer = work();
    // SAFETY: pushed above; what `work` pushed it has popped.
    unsafe { pg_sys::PopActiveSnapshot() };
    answer
}

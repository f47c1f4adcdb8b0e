//! The hook for statements that the executor doesn't run, by which claims that changed are held against those that were handed on.
//!
//! Citus copies tables and passes CALL on to a node without the executor, and hands on what `set local` and `reset` change. Only sessions
//! that hand claims on have the hook.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

use pgrx::pg_sys::NodeTag::{T_CallStmt, T_CopyStmt, T_VariableSetStmt};
use pgrx::prelude::*;

use crate::pg::node::{cast, is};
use crate::session::handed_on;

thread_local! {
    /// The hook that was there before; `None` until this one is installed.
    static NEXT: Cell<Option<pg_sys::ProcessUtility_hook_type>> = const { Cell::new(None) };
}

/// Installs the hook, once in a session.
pub fn watch() {
    if NEXT.get().is_none() {
        // SAFETY: a variable of the backend, which libraries change in the backend's only thread; and a callback that lives as long as
        // the program.
        unsafe {
            NEXT.set(Some(pg_sys::ProcessUtility_hook));
            pg_sys::ProcessUtility_hook = Some(process);
        }
    }
}

/// Postgres says which arguments the hook has.
#[allow(clippy::too_many_arguments)]
#[pg_guard]
unsafe extern "C-unwind" fn process(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    is_read_only: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: Postgres passes a utility statement that it is about to run.
    let node = unsafe { statement.as_ref() }.map_or(std::ptr::null_mut(), |it| it.utilityStmt);
    // SAFETY: NULL or the statement's node, which lives as long, and begins with its tag. A setting's name is NULL or a C string.
    unsafe {
        handed_on::require_current(|| is(node, T_CopyStmt) || is(node, T_CallStmt));
        if let Some(set) = cast::<pg_sys::VariableSetStmt>(node, T_VariableSetStmt).filter(|set| is_handed_on(set)) {
            let name = NonNull::new(set.name).map(|name| CStr::from_ptr(name.as_ptr()));
            handed_on::setting_changes(name);
        }
    }
    // SAFETY: passes on what Postgres passed. What raises there must not jump over our frames: hence pgrx's guard.
    unsafe {
        match NEXT.get().flatten() {
            Some(next) => pg_sys::ffi::pg_guard_ffi_boundary(|| {
                next(statement, text, is_read_only, context, parameters, environment, receiver, completion)
            }),
            None => pg_sys::standard_ProcessUtility(
                statement,
                text,
                is_read_only,
                context,
                parameters,
                environment,
                receiver,
                completion,
            ),
        }
    }
}

/// Whether Citus hands a change of a setting on to other nodes by itself: `set local`, and each `reset`.
fn is_handed_on(set: &pg_sys::VariableSetStmt) -> bool {
    use pg_sys::VariableSetKind::*;
    match set.kind {
        VAR_RESET | VAR_RESET_ALL => true,
        VAR_SET_MULTI => false,
        _ => set.is_local,
    }
}

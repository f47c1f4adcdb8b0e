//! Reads that are refused say so: a statement that would read a table below its level raises, before it runs.
//!
//! No trigger fires for SELECT. So Postgres asks here, where it checks a statement's permissions, and the table's guard says what
//! reads need. As every guard, this explains what the policies decide. It asks nothing where no policy of ours binds: the role, or
//! the owner of a view, bypasses row security, or isn't named; or the policy is gone.
//!
//! A statement reads each table that Postgres demands SELECT for: in FROM, WHERE, RETURNING and ON CONFLICT, in sub-selects, views and
//! policies. That is so where the planner has found that no row can come, too. A statement that locks rows needs the level of updates, too:
//! their policy hides the rows.
//!
//! A table that doesn't ask for it costs a look at Postgres' own cache of tables. Nothing is kept here.

use std::cell::Cell;

use aal::Command;
use aal::protection::{guard_refuses_reads, guard_requirement_of_read};
use pgrx::prelude::*;

use crate::functions::guard::{Demand, invalid_guard};
use crate::pg::permissions::{Permission, Permissions};
use crate::pg::relation::Opened;
use crate::pg::{process, role};
use crate::row_security;
use crate::settings;
use crate::statement_guards::is_guard;

thread_local! {
    /// The hook that was there before.
    static NEXT: Cell<pg_sys::ExecutorCheckPerms_hook_type> = const { Cell::new(None) };
}

/// Installs the hook. Called once, when the library is loaded.
#[allow(unsafe_code)]
pub fn install() {
    // SAFETY: a variable of the backend, which libraries change while they are loaded; and a callback that lives as long as the
    // program.
    unsafe {
        NEXT.set(pg_sys::ExecutorCheckPerms_hook);
        pg_sys::ExecutorCheckPerms_hook = Some(check_permissions);
    }
}

#[cfg(feature = "pg15")]
#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn check_permissions(range_table: *mut pg_sys::List, raises: bool) -> bool {
    // SAFETY: passes on what Postgres passed. What raises there must not jump over our frames: hence pgrx's guard.
    let next = NEXT.get().map(|next| unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| next(range_table, raises)) });
    // SAFETY: the range table of a statement that is about to run.
    next.unwrap_or(true) && refuse(&unsafe { Permissions::new(range_table) }, raises)
}

#[cfg(not(feature = "pg15"))]
#[allow(unsafe_code)]
#[pg_guard]
unsafe extern "C-unwind" fn check_permissions(
    range_table: *mut pg_sys::List,
    permissions: *mut pg_sys::List,
    raises: bool,
) -> bool {
    // SAFETY: passes on what Postgres passed. What raises there must not jump over our frames: hence pgrx's guard.
    let next =
        NEXT.get().map(|next| unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| next(range_table, permissions, raises)) });
    // SAFETY: the permissions of a statement that is about to run.
    next.unwrap_or(true) && refuse(&unsafe { Permissions::new(permissions) }, raises)
}

/// Raises where the statement would read a table below its level.
///
/// `raises` is false where Postgres asks how to check a new foreign key. It does so by one query of the caller's, or row by row in
/// the name of the owner, whom no policy binds then. Where policies bind the caller, the answer is false: one query would be refused.
fn refuse(permissions: &Permissions<'_>, raises: bool) -> bool {
    // The leader of parallel workers has been asked.
    if !settings::refuse_reads() || process::is_parallel_worker() {
        return true;
    }
    let mut reads = permissions.iter().filter(|it| it.reads() && it.is_of_user());
    if !raises {
        return !reads.any(|it| !guards(it.table).is_empty() && policy_binds(&it, Command::Select));
    }
    reads.for_each(|it| refuse_reading(&it));
    true
}

/// Whether our policy for a command binds the role in whose name the statement reads.
fn policy_binds(permission: &Permission, command: Command) -> bool {
    let role = permission.acts_as.unwrap_or_else(role::current);
    row_security::policy_binds(permission.table, role, command)
}

fn refuse_reading(permission: &Permission) {
    for arguments in guards(permission.table) {
        demand(Command::Select, permission, &arguments);
        if permission.locks_rows() {
            demand(Command::Update, permission, &arguments);
        }
    }
}

/// The arguments of each guard of a table that refuses reads. They are copied: another look-up may replace the table's entry.
fn guards(table: pg_sys::Oid) -> Vec<Vec<String>> {
    let Some(opened) = Opened::table(table).filter(Opened::has_row_security) else { return Vec::new() };
    let refusing = opened.find_in_triggers(|trigger| {
        let arguments = || trigger.arguments().filter_map(|argument| argument.to_str().ok());
        let refuses = guard_refuses_reads(arguments()) && trigger.always_fires_before_statements();
        refuses.then(|| (trigger.function(), arguments().map(str::to_owned).collect()))
    });
    let ours = refusing.into_iter().filter(|(function, _)| is_guard(*function));
    ours.map(|(_, arguments)| arguments).collect()
}

/// Raises unless the session shows what a guard asks of a statement that reads, or that locks rows (UPDATE).
fn demand(command: Command, permission: &Permission, arguments: &[String]) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let required = guard_requirement_of_read(command, arguments.iter().copied());
    let Some(required) = required.unwrap_or_else(|error| invalid_guard(&error)) else { return };
    let role = permission.acts_as.unwrap_or_else(role::current);
    if !row_security::policy_binds(permission.table, role, command) {
        return;
    }
    let what = if command == Command::Select { "select" } else { "locking read" };
    Demand { command, required, arguments: &arguments, table: permission.table, what }
        .raise_unless_met(|demand| demand.exempts_session([permission.table]));
}

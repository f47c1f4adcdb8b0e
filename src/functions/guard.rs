//! The guard: a trigger function that raises a clear error, for statement-level triggers before any row is looked at.
//!
//! It explains what the policies decide. So it is silent for a role that they don't bind: row security isn't
//! active for it on the table, or the policies don't name it. Which roles are bound is decided when the statement
//! begins ([`crate::statement_guards`]).
//!
//! About sensitive columns it decides, for each row: an update is refused where one of them changes its value.

use std::ffi::CStr;

use aal::protection::guard_requirement;
use aal::{Command, Requirement};
use pgrx::prelude::*;
use pgrx::trigger_support::{PgTriggerLevel, PgTriggerWhen};

use crate::functions::enrollment::require_enrolled;
use crate::functions::session::require;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::trigger::{Trigger, TriggerCall};
use crate::row_security;
use crate::statement_guards::{Mark, defined_arguments};

extension_sql!(
    "create function auth.aal_guard() returns trigger
       language c volatile parallel safe called on null input
       as 'MODULE_PATHNAME', 'aal_guard';",
    name = "aal_guard"
);

crate::pg::v1_function_info!(pg_finfo_aal_guard);

/// The trigger function. Written without `#[pg_trigger]`, which panics where it isn't called as a trigger.
///
/// Errors:
///
/// - insufficient_aal;
/// - 22P02 for claims that are no JSON object;
/// - 28000 for a token that doesn't verify;
/// - 55000 where the enrolled level is asked and nobody can be looked up;
/// - 22023 for a trigger whose arguments don't say what to ask for;
/// - 39P01 where it isn't a BEFORE trigger or an AFTER UPDATE … FOR EACH ROW trigger.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_guard(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls this with a valid call info, which it keeps until this returns.
    match unsafe { TriggerCall::new(fcinfo) } {
        Some(call) => check(&call),
        None => wrong_call("auth.aal_guard can only be called as a trigger"),
    }
}

/// Returns the row that a BEFORE trigger for each row returns. The others return NULL as a pointer, not as an SQL null;
/// Postgres asks for no more.
fn check(call: &TriggerCall<'_>) -> pg_sys::Datum {
    let Some(command) = call.operation().map(command) else {
        wrong_call("auth.aal_guard was fired by an unknown command")
    };
    let trigger = call.trigger();
    let mark = Mark::on(&trigger);
    let nothing = pg_sys::Datum::null();
    let (speaks_up, row) = match (call.when(), call.level()) {
        (Some(PgTriggerWhen::Before), PgTriggerLevel::Statement) => (true, nothing),
        (Some(PgTriggerWhen::Before), PgTriggerLevel::Row) => {
            let decides_columns = mark.is_some_and(Mark::is_added);
            (!decides_columns || changes_a_column(call, &trigger), call.row_as_it_is())
        }
        // The one that decides about sensitive columns. It fires on the partition that holds the row, also for a
        // statement that names the table above it.
        (Some(PgTriggerWhen::After), PgTriggerLevel::Row) if command == Command::Update => {
            let is_own = mark.is_some() || call.is_written_by_the_statement();
            (is_own && (trigger.columns().is_empty() || changes_a_column(call, &trigger)), nothing)
        }
        _ => wrong_call("auth.aal_guard must be fired before the statement or the row, or after the update of a row"),
    };
    let is_queued = matches!(call.when(), Some(PgTriggerWhen::After));
    let is_bound = || match mark {
        Some(mark) if is_queued => mark.binds_queued_update(),
        Some(mark) => mark.binds(command),
        // TRUNCATE, rows routed to a partition, COPY, and what began before the library was loaded.
        None => row_security::binds_unknown_role(call.table(), command),
    };
    if speaks_up && is_bound() {
        demand(command, call, &trigger);
    }
    row
}

/// Raises unless the session shows what the trigger's arguments ask for.
fn demand(command: Command, call: &TriggerCall<'_>, trigger: &Trigger<'_>) {
    let arguments: Vec<_> = defined_arguments(trigger).into_iter().map(CStr::to_string_lossy).collect();
    let required = guard_requirement(command, arguments.iter().map(AsRef::as_ref)).unwrap_or_else(|error| {
        let hint = "It takes arguments like 'insert=aal2' or 'delete=enrolled,max_age=300 seconds', one for each of its commands.";
        raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(hint))
    });
    let what = || Some(format!("{} on table \"{}\"", command.in_lower_case(), call.table_name()));
    match required {
        Requirement::Fixed(required) => require(required, what),
        Requirement::Enrolled(max_age) => require_enrolled(max_age, what),
    };
}

/// Whether one of the trigger's columns that the statement names has another value in the new row.
fn changes_a_column(call: &TriggerCall<'_>, trigger: &Trigger<'_>) -> bool {
    trigger.columns().iter().any(|column| call.names_column(*column) && call.changes_column(*column))
}

fn wrong_call(message: &str) -> ! {
    raise(SqlState::TRIGGER_PROTOCOL_VIOLATED, message, None, Some("auth.protect_table makes such triggers."))
}

fn command(operation: PgTriggerOperation) -> Command {
    match operation {
        PgTriggerOperation::Insert => Command::Insert,
        PgTriggerOperation::Update => Command::Update,
        PgTriggerOperation::Delete => Command::Delete,
        PgTriggerOperation::Truncate => Command::Truncate,
    }
}

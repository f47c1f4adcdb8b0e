//! The guard: a trigger function that raises a clear error, for statement-level triggers before any row is looked at.
//!
//! It explains what the policies decide. So it is silent wherever they don't bind: for roles for whom row security
//! isn't active on the table, and for roles that its policies don't name. Who is bound is decided when the statement begins
//! ([`statement_guards`]).
//!
//! About sensitive columns it decides, for each row: an update is refused where one of them changes its value.

use std::ffi::c_int;

use aal::protection::guard_requirement;
use aal::{Command, Requirement};
use pgrx::prelude::*;
use pgrx::trigger_support::{PgTriggerLevel, PgTriggerWhen};

use crate::functions::enrollment::require_enrolled;
use crate::functions::session::require;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::row_security;
use crate::statement_guards::{self, Mark};

extension_sql!(
    "create function auth.aal_guard() returns trigger
       language c volatile parallel safe called on null input
       as 'MODULE_PATHNAME', 'aal_guard';",
    name = "aal_guard"
);

crate::pg::v1_function_info!(pg_finfo_aal_guard);

/// The trigger function. Written without `#[pg_trigger]`, which panics where it isn't called as a trigger.
///
/// Errors: insufficient_aal; 22P02 for claims that are no JSON object; 28000 for a token that doesn't verify; 55000 where the
/// enrolled level is asked and nobody can be looked up; 22023 for a trigger whose arguments don't
/// say what to ask for; 39P01 where it isn't a BEFORE trigger or an AFTER UPDATE … FOR EACH ROW trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_guard(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls this with a valid call info, and keeps the table and the trigger open meanwhile.
    let trigger = unsafe { fcinfo.as_ref() }.and_then(|fcinfo| {
        // SAFETY: as above. It checks that this is a trigger call.
        unsafe { PgTrigger::from_fcinfo(fcinfo) }.ok()
    });
    match trigger {
        Some(trigger) => check(&trigger),
        None => wrong_call("auth.aal_guard can only be called as a trigger"),
    }
}

/// Returns the row that a BEFORE trigger for each row returns. The others return NULL as a pointer, not as an SQL null;
/// Postgres asks for no more.
fn check(trigger: &PgTrigger<'_>) -> pg_sys::Datum {
    let Some(command) = command(trigger) else { wrong_call("auth.aal_guard was fired by an unknown command") };
    let data = trigger.trigger_data();
    // SAFETY: Postgres' trigger data holds the trigger's definition for the whole call.
    let definition = unsafe { &*data.tg_trigger };
    let mark = Mark::of(definition);
    let nothing = pg_sys::Datum::null();
    let (speaks_up, row) = match (trigger.when(), trigger.level()) {
        (Ok(PgTriggerWhen::Before), PgTriggerLevel::Statement) => (true, nothing),
        (Ok(PgTriggerWhen::Before), PgTriggerLevel::Row) => {
            let row = if command == Command::Update { data.tg_newtuple } else { data.tg_trigtuple };
            let decides_columns = mark.is_some_and(Mark::is_added);
            (!decides_columns || changes_a_column(data, definition), pg_sys::Datum::from(row))
        }
        // The one that decides about sensitive columns. It fires on the partition that holds the row, also for a
        // statement that names the table above it.
        (Ok(PgTriggerWhen::After), PgTriggerLevel::Row) if command == Command::Update => {
            let is_own = mark.is_some() || is_written_by_the_statement(data);
            let columns = statement_guards::columns(definition);
            (is_own && (columns.is_empty() || changes_a_column(data, definition)), nothing)
        }
        _ => wrong_call("auth.aal_guard must be fired before the statement or the row, or after the update of a row"),
    };
    let is_queued = matches!(trigger.when(), Ok(PgTriggerWhen::After));
    let is_bound = || match mark {
        Some(mark) if is_queued => mark.binds_queued_update(),
        Some(mark) => mark.binds(command),
        // TRUNCATE, rows routed to a partition, COPY, and what began before the library was loaded.
        // SAFETY: Postgres' trigger data holds an open relation for the whole call.
        None => row_security::binds_unknown_role(unsafe { (*data.tg_relation).rd_id }, command),
    };
    if speaks_up && is_bound() {
        demand(command, data, definition);
    }
    row
}

/// Raises unless the session shows what the trigger's arguments ask for.
fn demand(command: Command, data: &pg_sys::TriggerData, definition: &pg_sys::Trigger) {
    let arguments: Vec<String> = statement_guards::defined_arguments(definition).collect();
    let required = guard_requirement(command, arguments.iter().map(String::as_str)).unwrap_or_else(|error| {
        let hint = "It takes arguments like 'insert=aal2' or 'delete=enrolled,max_age=300 seconds', one for each of its commands.";
        raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(hint))
    });
    // SAFETY: Postgres' trigger data holds an open relation for the whole call; `from_pg` doesn't close it.
    let name = || unsafe { pgrx::PgRelation::from_pg(data.tg_relation) }.name().to_owned();
    let what = || Some(format!("{} on table \"{}\"", command.in_lower_case(), name()));
    match required {
        Requirement::Fixed(required) => require(required, what),
        Requirement::Enrolled(max_age) => require_enrolled(max_age, what),
    };
}

/// Whether one of the trigger's columns that the statement names has another value in the new row: other bytes. No operator of a type is
/// asked, which might be a user's.
fn changes_a_column(data: &pg_sys::TriggerData, definition: &pg_sys::Trigger) -> bool {
    // SAFETY: the columns of an open relation, which live as long as it is open; nothing is released.
    let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*data.tg_relation).rd_att) };
    statement_guards::columns(definition).iter().filter(|number| is_named(data, **number)).any(|number| {
        let place = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
        // What isn't there counts as changed.
        let Some(column) = place.and_then(|place| columns.get(place)) else { return true };
        let (mut old_is_null, mut new_is_null) = (false, false);
        // SAFETY: both rows have the relation's columns, and this is one of them. The values are of its type, neither of them NULL
        // where they are compared. `datum_image_eq` may read a value that is stored elsewhere, and so raise: it's called within
        // pgrx's guard, in a closure that holds nothing to drop.
        unsafe {
            let description = (*data.tg_relation).rd_att;
            let old = pg_sys::heap_getattr(data.tg_trigtuple, c_int::from(*number), description, &mut old_is_null);
            let new = pg_sys::heap_getattr(data.tg_newtuple, c_int::from(*number), description, &mut new_is_null);
            let (by_value, length) = (column.attbyval, c_int::from(column.attlen));
            if old_is_null || new_is_null {
                old_is_null != new_is_null
            } else {
                !pg_sys::ffi::pg_guard_ffi_boundary(|| datum_image_eq(old, new, by_value, length))
            }
        }
    })
}

/// Whether a statement names a column, or Postgres computes it anew.
fn is_named(data: &pg_sys::TriggerData, column: pg_sys::AttrNumber) -> bool {
    let named = data.tg_updatedcols;
    let member = c_int::from(column) - pg_sys::FirstLowInvalidHeapAttributeNumber;
    // SAFETY: the set of columns that Postgres hands to an UPDATE trigger for each row. Without one, each counts.
    named.is_null() || unsafe { pg_sys::bms_is_member(member, named) }
}

/// Whether the new row was written by the statement whose triggers fire, and not by a foreign key's action within it: those queue their
/// triggers with the statement's. Each statement writes with a command number of its own, which its snapshot holds.
fn is_written_by_the_statement(data: &pg_sys::TriggerData) -> bool {
    // SAFETY: an AFTER UPDATE trigger has the new row as it is stored, written by this transaction. Where it doesn't say so (another
    // kind of storage), it counts as the statement's. A trigger runs under the snapshot of its statement.
    unsafe {
        let row = (*data.tg_newtuple).t_data;
        if !pg_sys::ActiveSnapshotSet() || !pg_sys::TransactionIdIsCurrentTransactionId((*row).t_choice.t_heap.t_xmin) {
            return true;
        }
        pg_sys::HeapTupleHeaderGetCmin(row) == (*pg_sys::GetActiveSnapshot()).curcid
    }
}

fn wrong_call(message: &str) -> ! {
    raise(SqlState::TRIGGER_PROTOCOL_VIOLATED, message, None, Some("auth.protect_table makes such triggers."))
}

fn command(trigger: &PgTrigger<'_>) -> Option<Command> {
    match trigger.op().ok()? {
        PgTriggerOperation::Insert => Some(Command::Insert),
        PgTriggerOperation::Update => Some(Command::Update),
        PgTriggerOperation::Delete => Some(Command::Delete),
        PgTriggerOperation::Truncate => Some(Command::Truncate),
    }
}

// SAFETY: declared as in Postgres' utils/datum.h, which pgrx doesn't bind.
unsafe extern "C-unwind" {
    fn datum_image_eq(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: c_int) -> bool;
}

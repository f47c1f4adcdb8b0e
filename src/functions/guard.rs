//! The guard: a trigger function that raises a clear error, for statement-level triggers before any row is looked at.
//!
//! It explains what the policies decide. So it is silent for a role that they don't bind: row security isn't
//! active for it on the table, or the policies don't name it. Which roles are bound is decided when the statement
//! begins ([`crate::statement_guards`]). And it is silent for a session that they exempt ([`crate::applies_when`]).
//!
//! About sensitive columns it decides, for each row: an update is refused where one of them changes its value.

use std::ffi::CStr;

use aal::protection::{InvalidGuard, guard_asks_for_live, guard_exempts, guard_requirement};
use aal::{Claims, Command, FixedRequirement, Level, Requirement, What};
use pgrx::prelude::*;
use pgrx::trigger_support::{PgTriggerLevel, PgTriggerWhen};

use crate::applies_when;
use crate::functions::enrollment::{meets_enrolled, require_enrolled};
use crate::functions::liveness::{is_live, require_live};
use crate::functions::session::require;
use crate::pg::elog::raise;
use crate::pg::relation::ancestors;
use crate::pg::sqlstate::SqlState;
use crate::pg::trigger::{Trigger, TriggerCall};
use crate::pg::{function, lookup, role};
use crate::row_security;
use crate::session::{from_claims, meets};
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
/// - 55000 where the enrolled level is asked and nobody can be looked up, or a live session and no session can be;
/// - 22023 for a trigger whose arguments don't say what to ask for;
/// - 55000 where it exempts sessions by the table's policies, and these don't say which;
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

/// Raises unless the session shows what the trigger's arguments ask for, or the policies exempt it.
fn demand(command: Command, call: &TriggerCall<'_>, trigger: &Trigger<'_>) {
    let arguments: Vec<_> = defined_arguments(trigger).map(CStr::to_string_lossy).collect();
    let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
    let required = guard_requirement(command, arguments.iter().copied()).unwrap_or_else(|error| invalid_guard(&error));
    let Some(required) = required else { return };
    let (table, what) = (call.table(), command.in_lower_case());
    let demand = Demand { command, required, arguments: &arguments, table, what };
    demand.raise_unless_met(|demand| is_exempt(demand, call, trigger));
}

/// What a guard asks of a statement.
pub struct Demand<'a> {
    pub command: Command,
    pub required: Requirement,
    /// The guard's arguments.
    pub arguments: &'a [&'a str],
    pub table: pg_sys::Oid,
    /// What the statement does, in a word.
    pub what: &'a str,
}

impl Demand<'_> {
    /// Raises unless the session meets it, or the policies exempt the session. They are asked only where the guard follows them,
    /// and the session doesn't meet it.
    pub fn raise_unless_met(&self, is_exempt: impl FnOnce(&Self) -> bool) {
        let exempts = guard_exempts(self.arguments.iter().copied()).unwrap_or_else(|error| invalid_guard(&error));
        let asks_for_live =
            guard_asks_for_live(self.arguments.iter().copied()).unwrap_or_else(|error| invalid_guard(&error));
        let has_level = || match self.required {
            Requirement::Fixed(required) => meets(required),
            Requirement::Enrolled(max_age) => meets_enrolled(max_age),
        };
        let is_met = || has_level() && (!asks_for_live || is_live());
        if exempts && (is_met() || is_exempt(self)) {
            return;
        }
        let what = || {
            let words = format!("{} on table \"{}\"", self.what, self.table_name());
            Some(What { words, table: lookup::qualified_relation_name(self.table), command: Some(self.command) })
        };
        // A session that is over reaches no level. One without any level is told so first.
        if asks_for_live && from_claims(Claims::level).is_some() {
            require_live(Some(lowest(self.required)), what);
        }
        match self.required {
            Requirement::Fixed(required) => require(required, what),
            Requirement::Enrolled(max_age) => require_enrolled(max_age, what),
        };
    }

    /// Whether the policies exempt the session: by a function, which is asked as they ask it. The first of the tables with policies of
    /// ours decides.
    pub fn exempts_session(&self, tables: impl IntoIterator<Item = pg_sys::Oid>) -> bool {
        let function = applies_when::in_policies(tables, self.command).unwrap_or_else(|| {
            let message =
                format!("the policies of table \"{}\" do not say for which sessions they are", self.table_name());
            let hint = "Call auth.protect_table again, with applies_when or without it.";
            raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, None, Some(hint))
        });
        if !role::may_execute(role::current(), function) {
            let name = lookup::function_name(function).unwrap_or_default();
            raise(SqlState::INSUFFICIENT_PRIVILEGE, &format!("permission denied for function {name}"), None, None);
        }
        function::ask(function) == Some(false)
    }

    /// For messages: looked up only where one is raised.
    fn table_name(&self) -> String {
        lookup::relation_name(self.table).unwrap_or_default()
    }
}

/// The least that a requirement comes to.
fn lowest(required: Requirement) -> FixedRequirement {
    match required {
        Requirement::Fixed(required) => required,
        Requirement::Enrolled(max_age) => FixedRequirement { level: Level::Aal1, max_age },
    }
}

pub fn invalid_guard(error: &InvalidGuard) -> ! {
    let hint =
        "It takes arguments like 'insert=aal2' or 'delete=enrolled,max_age=300 seconds', one for each of its commands.";
    raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(hint))
}

/// Whether the policies exempt the session. A policy asks its function once a statement, and so does a trigger that fires for each
/// row.
fn is_exempt(demand: &Demand<'_>, call: &TriggerCall<'_>, trigger: &Trigger<'_>) -> bool {
    call.kept_answer().unwrap_or_else(|| {
        let answer = demand.exempts_session(tables_with_policies(call, trigger));
        call.keep_answer(answer);
        answer
    })
}

/// The tables of which the first with policies of ours decides: the one on which the trigger was made comes first, and then those that
/// it is a partition of.
fn tables_with_policies(call: &TriggerCall<'_>, trigger: &Trigger<'_>) -> Vec<pg_sys::Oid> {
    let is_added = Mark::on(trigger).is_some_and(Mark::is_added);
    let table = if is_added { trigger.made_on() } else { call.table() };
    let mut tables: Vec<pg_sys::Oid> = ancestors(table).collect();
    tables.insert(if trigger.is_copy() { tables.len() } else { 0 }, table);
    tables
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

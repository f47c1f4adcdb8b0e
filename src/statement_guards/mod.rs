//! Whom a statement's guards bind. That is decided when the statement begins, as row security decides it: later the statement may have
//! changed the role.
//!
//! The executor copies the triggers of each table that a statement changes, for that statement alone. In these copies this file
//!
//! - marks the triggers that call `auth.aal_guard`: for which commands they bind (see [`Mark`]);
//! - switches those off that bind for none. So a foreign key's own action queues no check of sensitive columns, which would run
//!   when the action has given the owner's name back;
//! - switches those off that would fire once, before any other code, and whose level the session shows already;
//! - adds a last BEFORE UPDATE trigger to the partitions and children that the statement reaches through the table it names. It
//!   checks sensitive columns where the named table's own trigger doesn't fire. Postgres fires no AFTER UPDATE trigger for a row
//!   that moves to another partition, and a child that isn't a partition has no copy of its parent's triggers.
//!
//! Nothing here is kept beyond the statement, or outside its memory.

mod mark;

use aal::protection::{Made, guard_asks_for_live, guard_exempts, guard_requirement};
use aal::{Command, Requirement};
use pgrx::prelude::*;

pub use self::mark::{Mark, defined_arguments};
use crate::own_function::OwnFunction;
use crate::pg::changed_table::{ChangedTable, StartedQuery};
use crate::pg::lookup;
use crate::pg::role::RowSecurity;
use crate::pg::trigger::Trigger;
use crate::{row_security, session};

/// Decides for a statement that has just begun. `role` is the role that began it. A second call changes nothing.
pub fn begin(query: &StartedQuery<'_>, role: pg_sys::Oid) {
    let tables = query.changed_tables();
    // Where no part in WITH runs before it, and it runs at all.
    let fires_first = query.only_command().is_some() && !query.is_only_shown();
    let mut guards = GuardFunction::default();
    let mut known: Option<(ChangedTable<'_>, Mark)> = None;
    for table in &tables {
        let ours = guards.unmarked(table);
        let added_for = guards.checks_to_add(table);
        if ours.is_empty() && added_for.is_empty() {
            continue;
        }
        let root = table.root();
        let mark = match known {
            Some((known, mark)) if known == root => mark,
            _ => decide(table, &tables, role, commands(query, table)),
        };
        // Where row security is off for the named table, each table that holds rows is asked.
        if tables.len() > 1 && RowSecurity::for_role(root.oid(), root.acts_as().unwrap_or(role)) != RowSecurity::Off {
            known = Some((root, mark));
        }
        for (place, trigger) in ours {
            put(mark, table, place, &trigger, fires_first);
        }
        if mark.binds(Command::Update) {
            for Check { of, trigger, columns } in added_for {
                if !columns.is_empty() {
                    table.add_check((of, &trigger), &columns, &mark.added().behind(&trigger));
                }
            }
        }
    }
}

/// Marks the triggers of partitions that the statement's rows were routed to: the executor copies those while it runs. Called
/// before the triggers fire that were queued.
pub fn finish(query: &mut StartedQuery<'_>) {
    if query.changed_tables().iter().any(may_update_where_rows_are_routed) {
        query.run_secondary_parts();
    }
    let mut guards = GuardFunction::default();
    let mut decided = Vec::new();
    for table in query.routed_tables() {
        let mark = table.root().triggers().find_map(|trigger| Mark::on(&trigger));
        if let (Some(mark), false) = (mark, guards.unmarked(&table).is_empty()) {
            decided.push((table, mark));
        }
    }
    for (table, _) in &decided {
        // Rows may have come here by two ways, as two roles.
        let same = decided.iter().filter(|(other, _)| other.oid() == table.oid());
        let mark = Mark::routed(same.map(|(_, mark)| *mark));
        for table in [*table, table.as_queued_triggers_see_it()] {
            for (place, trigger) in guards.unmarked(&table) {
                put(mark, &table, place, &trigger, false);
            }
        }
    }
}

/// Whether the statement inserts here or updates instead (ON CONFLICT), where partitions hold the rows and a guard was marked.
fn may_update_where_rows_are_routed(table: &ChangedTable<'_>) -> bool {
    table.is_partitioned()
        && table.has_on_conflict_update()
        && table.triggers().any(|trigger| Mark::on(&trigger).is_some())
}

/// The commands that triggers of a table may fire for in a statement. Rows that move between partitions are deleted and inserted.
fn commands(query: &StartedQuery<'_>, table: &ChangedTable<'_>) -> &'static [Command] {
    let has_one_place = *table == table.root() && table.is_plain();
    match query.only_command() {
        Some(pg_sys::CmdType::CMD_UPDATE) if has_one_place => &[Command::Update],
        Some(pg_sys::CmdType::CMD_DELETE) if has_one_place => &[Command::Delete],
        // It updates instead with ON CONFLICT.
        Some(pg_sys::CmdType::CMD_INSERT) if has_one_place => &[Command::Insert, Command::Update],
        _ => &[Command::Insert, Command::Update, Command::Delete],
    }
}

/// For which of these commands the statement's role is bound.
fn decide(table: &ChangedTable<'_>, tables: &[ChangedTable<'_>], role: pg_sys::Oid, commands: &[Command]) -> Mark {
    let root = table.root();
    let role = root.acts_as().unwrap_or(role);
    Mark::binding(commands.iter().copied().filter(|command| {
        let policy = Made::policy_for(*command);
        // The decision made when the statement was planned stands in its plan.
        plan_has_policy(&root, tables, policy) || row_security::binds(root.oid(), table.oid(), role, policy)
    }))
}

/// Whether the plan checks new rows of the named table by this policy.
fn plan_has_policy(root: &ChangedTable<'_>, tables: &[ChangedTable<'_>], policy: Made) -> bool {
    let siblings = tables.iter().filter(|table| table.root() == *root);
    siblings.flat_map(ChangedTable::checked_policies).any(|name| name.to_bytes() == policy.name().as_bytes())
}

/// Marks the trigger at this place, or switches it off where it has nothing to say. It binds for none of its commands, or the session
/// shows what it asks for, and no other code runs before it. `fires_first` says that of all but the table's other triggers.
fn put<'q>(mark: Mark, table: &ChangedTable<'q>, place: usize, trigger: &Trigger<'q>, fires_first: bool) {
    let events = [
        (pg_sys::TRIGGER_TYPE_INSERT, Command::Insert),
        (pg_sys::TRIGGER_TYPE_UPDATE, Command::Update),
        (pg_sys::TRIGGER_TYPE_DELETE, Command::Delete),
    ];
    let bound = events.into_iter().filter(|(event, command)| trigger.fires_for(*event) && mark.binds(*command));
    // Triggers of other kinds report their misuse, for every role.
    let may_be_switched_off = trigger.is_before() || trigger.is_after_row_update();
    let has_nothing_to_say = bound.clone().next().is_none()
        || fires_first
            && trigger.always_fires_before_statements()
            && is_alone(table, place)
            && is_met(trigger, bound.map(|(_, command)| command));
    if has_nothing_to_say && may_be_switched_off {
        table.switch_off(place);
        // Only rows that are routed to partitions ask for the mark of one that is off.
        if table.is_plain() && *table == table.root() {
            return;
        }
    }
    table.change_arguments(place, &mark.behind(trigger));
}

/// Whether no other trigger fires before the statement than the one at this place. Those for each row come later.
fn is_alone(table: &ChangedTable<'_>, place: usize) -> bool {
    let may_come_first = |trigger: &Trigger<'_>| trigger.is_before_statement() && trigger.is_enabled();
    !table.triggers().enumerate().any(|(other, trigger)| other != place && may_come_first(&trigger))
}

/// Whether a guard asks for levels for these commands, and for nothing else, and the session shows them.
fn is_met(trigger: &Trigger<'_>, mut commands: impl Iterator<Item = Command>) -> bool {
    let arguments: Option<Vec<&str>> = defined_arguments(trigger).map(|argument| argument.to_str().ok()).collect();
    let Some(arguments) = arguments else { return false };
    let arguments = || arguments.iter().copied();
    guard_asks_for_live(arguments()) == Ok(false)
        && guard_exempts(arguments()).is_ok()
        && commands.all(|command| match guard_requirement(command, arguments()) {
            Ok(Some(Requirement::Fixed(required))) => session::meets(required),
            _ => false,
        })
}

/// A check of sensitive columns to add: the trigger that makes it with its table, and the columns' numbers in the table to add it to.
struct Check<'q> {
    /// The table of the trigger.
    of: pg_sys::Oid,
    trigger: Trigger<'q>,
    columns: Vec<pg_sys::AttrNumber>,
}

/// Recognises triggers that call `auth.aal_guard`.
#[derive(Default)]
struct GuardFunction {
    /// The function that was looked up last, and whether it is the guard.
    last: Option<(pg_sys::Oid, bool)>,
}

impl GuardFunction {
    fn is_called_by(&mut self, trigger: &Trigger<'_>) -> bool {
        let function = trigger.function();
        match self.last {
            Some((last, is_guard)) if last == function => is_guard,
            _ => {
                let is_guard = is_guard(function);
                self.last = Some((function, is_guard));
                is_guard
            }
        }
    }

    /// The triggers that call it and aren't marked yet, with their places.
    fn unmarked<'q>(&mut self, table: &ChangedTable<'q>) -> Vec<(usize, Trigger<'q>)> {
        let mut unmarked = |trigger: &Trigger<'_>| self.is_called_by(trigger) && Mark::on(trigger).is_none();
        table.triggers().enumerate().filter(|(_, trigger)| unmarked(trigger)).collect()
    }

    /// The triggers that check sensitive columns.
    fn column_checks<'q>(&mut self, table: &ChangedTable<'q>) -> Vec<Trigger<'q>> {
        let mut checks_columns = |trigger: &Trigger<'_>| {
            trigger.is_after_row_update()
                && trigger.is_enabled()
                && !trigger.has_condition()
                && !trigger.columns().is_empty()
                && self.is_called_by(trigger)
        };
        table.triggers().filter(|trigger| checks_columns(trigger)).collect()
    }

    /// The checks of sensitive columns that this table needs beside its own triggers.
    fn checks_to_add<'q>(&mut self, table: &ChangedTable<'q>) -> Vec<Check<'q>> {
        let root = table.root();
        let is_added = |trigger: &Trigger<'_>| Mark::on(trigger).is_some_and(Mark::is_added);
        if *table == root || !table.is_plain() || table.triggers().any(|trigger| is_added(&trigger)) {
            return Vec::new();
        }
        let of_root = self.column_checks(&root);
        if of_root.is_empty() {
            // A row may leave this partition while the table above it has no sensitive columns.
            let own = if root.sets_columns() { self.column_checks(table) } else { Vec::new() };
            let of = table.oid();
            return own.into_iter().map(|trigger| Check { of, columns: trigger.columns().to_vec(), trigger }).collect();
        }
        let checks = of_root.into_iter().filter(|trigger| may_update(&root, trigger.columns()));
        let here = |column: &pg_sys::AttrNumber| table.number_of(&root, *column);
        let of = root.oid();
        checks
            .map(|trigger| Check { of, columns: trigger.columns().iter().filter_map(here).collect(), trigger })
            .collect()
    }
}

/// Whether a statement may set one of these columns: it names one, or one is computed from others.
fn may_update(table: &ChangedTable<'_>, columns: &[pg_sys::AttrNumber]) -> bool {
    table.sets_columns()
        && columns.iter().any(|column| table.sets_column(*column) || lookup::is_generated(table.oid(), *column))
}

thread_local! {
    static GUARD: OwnFunction = const { OwnFunction::new("aal_guard") };
}

/// Whether a function is `aal_guard` of this library.
pub fn is_guard(function: pg_sys::Oid) -> bool {
    GUARD.with(|guard| guard.is(function))
}

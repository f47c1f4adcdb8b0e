//! What the commands on one table need, by its own policies.

use std::collections::HashMap;

use super::attempt::Attempt;
use super::decision::Decision;
use super::effort::Effort;
use super::need::Need;
use super::threshold::RequiredLevel;
use crate::catalog::{ByCitus, Bypass, Catalog, Policy, Standing, Table};
use crate::evaluation::Recall;
use crate::expression::Expression;
use crate::ids::{ByRole, ByTable, RoleIndex, TableIndex};
use aal::Command;

/// For each role, what each command needs, in the order of [`Command::ALL`].
pub(crate) type Cells = ByRole<[Need; Command::ALL.len()]>;

/// Which rows a command is weighed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// The table's own.
    Own,
    /// Those that go to a foreign partition or child: for them Postgres does not ask WITH CHECK.
    Unchecked,
    /// None: what a statement does that touches no row.
    NoRow,
}

/// What every table needs by its own policies. Those with the smallest policies come first: if it gets too much, it does so
/// for the others.
pub(super) fn own_needs(catalog: &Catalog, effort: &Effort, pause: &dyn Fn()) -> ByTable<Cells> {
    let size = |table: &Table| -> usize {
        table.policies.iter().flat_map(Policy::expressions).map(|expression| expression.extent().0).sum()
    };
    let mut smallest_first: Vec<(usize, TableIndex)> =
        catalog.tables.indexed().map(|(index, table)| (size(table), index)).collect();
    smallest_first.sort_unstable();
    let mut own: ByTable<Cells> = catalog.tables.iter().map(|_| Cells::default()).collect();
    for (_, table) in smallest_first {
        own[table] = needs_of_table(catalog, table, RowKind::Own, effort, pause);
    }
    own
}

/// What a table's commands need of each role, by its own policies.
pub(super) fn needs_of_table(
    catalog: &Catalog,
    table: TableIndex,
    rows: RowKind,
    effort: &Effort,
    pause: &dyn Fn(),
) -> Cells {
    let table = &catalog.tables[table];
    let (before, share) = (effort.table_share(), effort.table_share());
    let mut known = KnownNeeds::new(table);
    let recall = Recall::of(&table.policies);
    let recall = known.is_same_for_all.then_some(&recall);
    let needs = catalog
        .roles
        .indexes()
        .map(|role| {
            Command::ALL.map(|command| {
                pause();
                let without = without_policies(table, &table.standings[role], command);
                without.unwrap_or_else(|| known.need(&Attempt { catalog, table, role, command, rows, recall }, &share))
            })
        })
        .collect();
    effort.take(&before, &share);
    needs
}

/// The needs that were weighed before: roles that the same policies bind need the same, unless a policy asks who they are
/// or what they may read.
struct KnownNeeds {
    is_same_for_all: bool,
    known: HashMap<(Command, Bound, [bool; 2], ByCitus), Need>,
}

/// For each policy, whether it binds a role, whether the role may change it, and whether it may leave it.
type Bound = Vec<(bool, bool, bool)>;

impl KnownNeeds {
    fn new(table: &Table) -> KnownNeeds {
        let is_same_for_all = !table.policies.iter().flat_map(Policy::expressions).any(Expression::depends_on_role);
        KnownNeeds { is_same_for_all, known: HashMap::new() }
    }

    fn need(&mut self, attempt: &Attempt<'_>, effort: &Effort) -> Need {
        if !self.is_same_for_all {
            return attempt.need(effort);
        }
        let may = [attempt.standing().may_undo_guards, attempt.may_change_enrollment()];
        let key = (attempt.command, bound(attempt.table, attempt), may, attempt.by_citus());
        self.known.entry(key).or_insert_with(|| attempt.need(effort)).clone()
    }
}

fn bound(table: &Table, attempt: &Attempt<'_>) -> Bound {
    let role: RoleIndex = attempt.role;
    let stands = |policy: &Policy| (policy.binds[role], attempt.may_change(policy), attempt.may_leave(policy));
    table.policies.iter().map(stands).collect()
}

/// What a command needs where no policy has a say.
pub(super) fn without_policies(table: &Table, standing: &Standing, command: Command) -> Option<Need> {
    if standing.bypass != Some(Bypass::Superuser) {
        // Postgres asks for usage where a name is looked up, and nowhere else.
        if !standing.may_use_schema && !table.reached_by_oid {
            return Some(Need::new(RequiredLevel::Denied, Decision::NoUsageOnSchema));
        }
        if !standing.privileges[command.index()] {
            return Some(Need::new(RequiredLevel::Denied, Decision::NoPrivilege));
        }
    }
    if let Some(bypass) = standing.bypass {
        return Some(Need::new(RequiredLevel::None, Decision::Bypass(bypass)));
    }
    if table.ruled.contains(&command) {
        return Some(Need::new(RequiredLevel::None, Decision::TableRule));
    }
    (!table.row_security).then(|| Need::new(RequiredLevel::None, Decision::RowSecurityOff))
}

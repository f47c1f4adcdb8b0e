//! The matrix: what each command on each table needs of each role.

mod attempt;
mod decision;
mod effort;
mod inheritance;
mod need;
mod table;
mod threshold;

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Role, Table};
use crate::evaluation::{Evaluation, Work};
use crate::expression::Expression;
use crate::ids::{ByTable, RoleIndex, TableId, TableIndex};
use crate::session_kind::Session;
use aal::{Command, MaxAge};
use attempt::Attempt;
pub(crate) use attempt::{collect_ages, guard_expression};
use effort::Effort;
use inheritance::{Ancestor, Indexes, ancestors, unchecked_needs, with_ways_from_above, with_ways_from_beneath};
pub(crate) use table::Cells;
use table::{RowKind, own_needs, without_policies};

pub use decision::Decision;
pub use need::Need;
pub use threshold::{RequiredLevel, Threshold};

/// What every command on every table needs of every role.
#[derive(Debug)]
pub struct Matrix<'a> {
    catalog: &'a Catalog,
    effort: Effort,
    indexes: Indexes,
    ancestry: ByTable<Vec<Ancestor>>,
    /// By each table's own policies.
    own: ByTable<Cells>,
    /// With the ways through tables above and beneath.
    all: ByTable<Cells>,
}

impl<'a> Matrix<'a> {
    /// Derives all cells, in time linear in policies, roles and tables. It calls `pause` now and then, which may unwind.
    pub fn derive(catalog: &'a Catalog, pause: &dyn Fn()) -> Matrix<'a> {
        let indexes: Indexes = catalog.tables.indexed().map(|(index, table)| (table.id, index)).collect();
        let ancestry: ByTable<Vec<Ancestor>> =
            catalog.tables.indexes().map(|table| ancestors(catalog, &indexes, table)).collect();
        let effort = Effort::new();
        let own = own_needs(catalog, &effort, pause);
        let unchecked = unchecked_needs(catalog, &ancestry, &effort, pause);
        let from_above = with_ways_from_above(catalog, &ancestry, &own, &unchecked);
        let mut all = with_ways_from_beneath(catalog, &ancestry, &from_above);
        all.iter_mut().flat_map(Cells::iter_mut).flatten().for_each(Need::note_live_only);
        Matrix { catalog, effort, indexes, ancestry, own, all }
    }

    /// A matrix of these cells, without a look at the policies.
    #[cfg(test)]
    pub(crate) fn with_needs(catalog: &'a Catalog, needs: ByTable<Cells>) -> Matrix<'a> {
        let ancestry = catalog.tables.iter().map(|_| Vec::new()).collect();
        Matrix { catalog, effort: Effort::new(), indexes: Indexes::new(), ancestry, own: needs.clone(), all: needs }
    }

    /// What a command needs.
    pub fn need(&self, table: TableIndex, role: RoleIndex, command: Command) -> &Need {
        &self.all[table][role][command.index()]
    }

    /// What a command needs by the table's own policies, without the other ways to its rows.
    pub fn own_need(&self, table: TableIndex, role: RoleIndex, command: Command) -> &Need {
        &self.own[table][role][command.index()]
    }

    /// What a command needs to fire a trigger, by the table's own policies and guards: before a row is checked, or in a
    /// statement that touches no row.
    pub(crate) fn need_to_fire(
        &self,
        table: TableIndex,
        role: RoleIndex,
        command: Command,
        for_each_statement: bool,
    ) -> Need {
        let (catalog, table) = (self.catalog, &self.catalog.tables[table]);
        let rows = if for_each_statement { RowKind::NoRow } else { RowKind::Unchecked };
        let attempt = Attempt { catalog, table, role, command, rows, recall: None };
        let without = without_policies(table, &table.standings[role], command);
        without.unwrap_or_else(|| attempt.need(&self.effort))
    }

    /// The index of a table of the catalog.
    pub fn table_index(&self, table: TableId) -> Option<TableIndex> {
        self.indexes.get(&table).copied()
    }

    /// Every table above one.
    pub fn ancestors(&self, table: TableIndex) -> impl Iterator<Item = TableIndex> {
        self.ancestry[table].iter().map(|ancestor| ancestor.table)
    }

    /// Every cell.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Table, &'a Role, Command, &Need)> {
        self.catalog.tables.indexed().flat_map(move |(t, table)| {
            self.catalog.roles.indexed().flat_map(move |(r, role)| {
                Command::ALL.into_iter().map(move |command| (table, role, command, self.need(t, r, command)))
            })
        })
    }

    /// Whether an expression of the catalog could be true for an anonymous user, though those have no level.
    pub(crate) fn lets_guests_pass(&self, expression: &Expression) -> bool {
        self.lets_guests_pass_as(None, expression)
    }

    fn lets_guests_pass_as(&self, role: Option<RoleIndex>, expression: &Expression) -> bool {
        let passes = |work: &Work, closely| {
            self.evaluation_as(role, Session::GUEST, work, closely).could_pass(None, &[expression])
        };
        !self.catalog.guests_have_level && self.effort.weigh(passes).0
    }

    /// The least that a session of this role, or of any, must show to pass a function's gate. With it, whether guests pass by their
    /// claim `aal`.
    pub(crate) fn lowest_past(&self, gate: &Expression, role: Option<RoleIndex>) -> (Threshold, bool) {
        let threshold = self.lowest_of(gate, role);
        let reads_claims = |it: &Expression| matches!(it, Expression::Claims | Expression::Setting { .. });
        let may_tell_apart = threshold.level != RequiredLevel::None && gate.any(&reads_claims);
        (threshold, may_tell_apart && self.lets_guests_pass_as(role, gate))
    }

    /// The lowest threshold at which an expression of the catalog could be true, for any role.
    pub(crate) fn lowest(&self, expression: &Expression) -> Threshold {
        self.lowest_of(expression, None)
    }

    fn evaluation_as<'b>(
        &'b self,
        role: Option<RoleIndex>,
        session: Session,
        work: &'b Work,
        closely: bool,
    ) -> Evaluation<'b> {
        let role = role.map(|role| self.catalog.roles[role].name.as_str());
        Evaluation::new(session, role, None, self.catalog.trusts_settings)
            .of_any_token()
            .by_profiles(&self.catalog.profiles, self.catalog.level_of_guests())
            .within(work, closely)
    }

    fn lowest_of(&self, expression: &Expression, role: Option<RoleIndex>) -> Threshold {
        let mut ages = BTreeSet::new();
        collect_ages(expression, &mut ages);
        let ages: Vec<MaxAge> = ages.into_iter().collect();
        let weigh = |work: &Work, closely: bool| {
            let ages = if closely { ages.as_slice() } else { &[] };
            let passes = |session| self.evaluation_as(role, session, work, closely).could_pass(None, &[expression]);
            Threshold::lowest(ages, passes)
        };
        self.effort.weigh(weigh).0
    }
}

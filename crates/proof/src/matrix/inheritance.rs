//! The other ways to a table's rows: through the tables above it, and through those beneath it.

use std::collections::{BTreeSet, HashMap};

use super::effort::Effort;
use super::table::{Cells, RowKind, needs_of_table};
use crate::catalog::Catalog;
use crate::ids::{ByTable, TableId, TableIndex};
use aal::Command;

/// The catalog's tables by their OIDs.
pub(super) type Indexes = HashMap<TableId, TableIndex>;

/// A table above another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ancestor {
    pub table: TableIndex,
    /// Whether the way there leads over partitions alone. Only partitions get new rows of the tables above them.
    pub by_partitions: bool,
}

/// Every table above one.
pub(super) fn ancestors(catalog: &Catalog, indexes: &Indexes, table: TableIndex) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(TableId, bool)> = catalog.tables[table].parents.clone();
    while let Some((id, by_partitions)) = open.pop() {
        let Some(index) = indexes.get(&id).copied() else { continue };
        if seen.insert(id) {
            found.push(Ancestor { table: index, by_partitions });
            let parents = catalog.tables[index].parents.iter();
            open.extend(parents.map(|(id, is_partition)| (*id, by_partitions && *is_partition)));
        }
    }
    found
}

/// What the tables above foreign ones need where no WITH CHECK counts: Postgres skips it for rows that go to a foreign table.
pub(super) fn unchecked_needs(
    catalog: &Catalog,
    ancestry: &ByTable<Vec<Ancestor>>,
    effort: &Effort,
    pause: &dyn Fn(),
) -> HashMap<TableIndex, Cells> {
    let mut unchecked = HashMap::new();
    for (_, ancestors) in ancestry.indexed().filter(|(table, _)| catalog.tables[*table].takes_unchecked_rows) {
        for ancestor in ancestors {
            let weigh = || needs_of_table(catalog, ancestor.table, RowKind::Unchecked, effort, pause);
            unchecked.entry(ancestor.table).or_insert_with(weigh);
        }
    }
    unchecked
}

/// Adds the ways from above: a command on a table acts on the tables beneath it, too.
pub(super) fn with_ways_from_above(
    catalog: &Catalog,
    ancestry: &ByTable<Vec<Ancestor>>,
    own: &ByTable<Cells>,
    unchecked: &HashMap<TableIndex, Cells>,
) -> ByTable<Cells> {
    let mut needs = own.clone();
    for (table, ancestors) in ancestry.indexed() {
        for Ancestor { table: above, by_partitions } in ancestors.iter().copied() {
            let commands = if by_partitions { &Command::ALL[..] } else { &Command::BUT_INSERT };
            let name = &catalog.tables[above].display_name;
            let to = &mut needs[table];
            match unchecked.get(&above) {
                Some(from) if catalog.tables[table].takes_unchecked_rows => add_ways(to, from, name, commands),
                // An update can move a row from here to a foreign partition.
                Some(from) if by_partitions => {
                    add_ways(to, &own[above], name, commands);
                    add_ways(to, from, name, &[Command::Update]);
                }
                _ => add_ways(to, &own[above], name, commands),
            }
        }
    }
    needs
}

/// Adds the ways from beneath: a table's rows include those of the tables beneath it, however these are reached.
pub(super) fn with_ways_from_beneath(
    catalog: &Catalog,
    ancestry: &ByTable<Vec<Ancestor>>,
    from_above: &ByTable<Cells>,
) -> ByTable<Cells> {
    let mut needs = from_above.clone();
    for (table, ancestors) in ancestry.indexed() {
        for ancestor in ancestors {
            let name = &catalog.tables[table].display_name;
            add_ways(&mut needs[ancestor.table], &from_above[table], name, &Command::ALL);
        }
    }
    needs
}

/// Adds, for every role, what these commands need where the rows are reached through the table of this name.
fn add_ways(to: &mut Cells, from: &Cells, through: &str, commands: &[Command]) {
    for (to, from) in to.iter_mut().zip(from) {
        for command in commands {
            to[command.index()].add_way(&from[command.index()], through);
        }
    }
}

//! Tables.

use std::collections::{HashMap, HashSet};

use aal::Command;
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{ByRole, ByTable, Table, TableId, TableIndex};

use super::ids;
use crate::citus::Held;
use crate::pg::query::{catalog_query, rows};

/// The tables, or this one with all that it inherits from and all that inherit from it.
pub fn read(client: &SpiClient<'_>, wanted: Option<Oid>) -> Result<ByTable<Table>, spi::Error> {
    let tables = rows(client, catalog_query!("tables"), &[wanted.into()], |row| {
        let is_partition: bool = row.get("is_partition")?;
        let parents: Vec<TableId> = ids::tables(row, "parents")?;
        let rule_events: Vec<String> = row.get("rule_events")?;
        Ok(Table {
            id: ids::table(row, "oid")?,
            schema: row.get("schema")?,
            name: row.get("name")?,
            display_name: row.get("display_name")?,
            owner: ids::role(row, "owner")?,
            row_security: row.get("row_security")?,
            takes_unchecked_rows: row.get("takes_unchecked_rows")?,
            policies: Vec::new(),
            guards: Vec::new(),
            ruled: rule_events.iter().filter_map(|event| command_of_rule(event)).collect(),
            reached_by_oid: row.get("reached_by_oid")?,
            standings: ByRole::default(),
            parents: parents.into_iter().map(|parent| (parent, is_partition)).collect(),
            publications: Vec::new(),
            held_by_citus: false,
            takes_copied_rows: false,
        })
    })?;
    Ok(tables.into())
}

/// The command of a rule, by `pg_rewrite.ev_type`.
pub fn command_of_rule(ev_type: &str) -> Option<Command> {
    match ev_type {
        "1" => Some(Command::Select),
        "2" => Some(Command::Update),
        "3" => Some(Command::Insert),
        "4" => Some(Command::Delete),
        _ => None,
    }
}

/// Notes which tables Citus holds, with their partitions, and of which it may copy rows into shards of this node.
pub fn hold_by_citus(tables: &mut ByTable<Table>, indexes: &HashMap<TableId, TableIndex>) {
    let held = Held::read();
    if held.is_nothing() {
        return;
    }
    let local = Held::read_local();
    for index in tables.indexes() {
        if is_in(&held, tables, indexes, index) {
            tables[index].held_by_citus = true;
            tables[index].takes_copied_rows = is_in(&local, tables, indexes, index);
        }
    }
}

/// Whether a table, or one that it is a partition of, is among these.
fn is_in(held: &Held, tables: &ByTable<Table>, indexes: &HashMap<TableId, TableIndex>, index: TableIndex) -> bool {
    let mut seen = HashSet::new();
    let mut next = Some(index);
    while let Some(table) = next.filter(|next| seen.insert(*next)).map(|next| &tables[next]) {
        if held.has(table.id.oid().into()) {
            return true;
        }
        let parent = table.parents.iter().find(|(_, is_partition)| *is_partition);
        next = parent.and_then(|(parent, _)| indexes.get(parent).copied());
    }
    false
}

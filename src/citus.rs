//! The tables that Citus holds. Their rows are in shards. Citus hands neither RESTRICTIVE on to those, nor triggers for TRUNCATE.
//!
//! `pg_catalog.pg_dist_partition` lists them. It counts only as a member of the extension `citus`: another table of that
//! name says nothing. It is read below SQL: nobody's code runs, and no rights matter.

use std::collections::HashSet;
use std::ffi::CStr;

use pgrx::prelude::*;

use crate::pg::table_scan::{Column, Patience, Table};
use crate::pg::{guc, lookup};

/// The types of numbers in Citus' lists.
const NUMBER: &[pg_sys::Oid] = &[pg_sys::INT4OID, pg_sys::INT8OID];

/// Which tables Citus holds.
pub enum Held {
    /// None: there is no Citus.
    Nothing,
    /// These.
    These(HashSet<pg_sys::Oid>),
    /// It can't be told, so it could be any.
    Anything,
}

impl Held {
    /// Reads which, as it stands now.
    pub fn read() -> Held {
        // Waiting is short: Citus alters its lists only when it is installed or upgraded.
        let find = || list(c"pg_dist_partition");
        let Ok(Some(list)) = Table::open(find, Patience::Wait) else { return Held::Nothing };
        match column(&list, c"logicalrelid", &[pg_sys::REGCLASSOID]) {
            Some(column) => {
                let mut held = HashSet::new();
                let mut rows = list.rows();
                while let Some(row) = rows.next() {
                    held.extend(row.oid(column));
                }
                Held::These(held)
            }
            None => Held::Anything,
        }
    }

    /// Of which tables a shard is on this node.
    pub fn read_local() -> Held {
        local_shards().map_or(Held::Anything, Held::These)
    }

    /// Whether it can't be told.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Held::Anything)
    }

    /// Whether there is no Citus.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Held::Nothing)
    }

    /// Whether it holds this table. A partition's parents have to be asked, too.
    pub fn has(&self, table: pg_sys::Oid) -> bool {
        match self {
            Held::Nothing => false,
            Held::These(tables) => tables.contains(&table),
            Held::Anything => true,
        }
    }
}

/// Whether there is Citus in this database.
pub fn is_there() -> bool {
    lookup::extension(c"citus").is_some()
}

/// Whether Citus hands on to other nodes what the session sets by `set local`.
pub fn hands_on_settings() -> bool {
    guc::is(c"citus.propagate_set_commands", c"local")
}

/// Whether Citus hands the session's commands on to shards and other nodes.
pub fn hands_on_commands() -> bool {
    guc::is(c"citus.enable_ddl_propagation", c"on")
}

/// Whether Citus lets the session create triggers on its tables.
pub fn allows_triggers() -> bool {
    guc::is(c"citus.enable_unsafe_triggers", c"on")
}

/// The functions that Citus passes on to a node when they are called, to run there; `None` where its list can't be read.
pub fn functions_passed_on() -> Option<Vec<pg_sys::Oid>> {
    let objects = Table::open(|| list(c"pg_dist_object"), Patience::Wait).ok().flatten()?;
    let of = |name, kinds| column(&objects, name, kinds);
    let (class, object) = (of(c"classid", &[pg_sys::OIDOID])?, of(c"objid", &[pg_sys::OIDOID])?);
    // By one of its arguments, or to any node that has a table.
    let ways = [of(c"distribution_argument_index", NUMBER)?, of(c"colocationid", NUMBER)?];
    let mut functions = Vec::new();
    let mut rows = objects.rows();
    while let Some(row) = rows.next() {
        let is_function = row.oid(class) == Some(pg_sys::ProcedureRelationId);
        if is_function && ways.iter().any(|way| row.has(*way)) {
            functions.extend(row.oid(object));
        }
    }
    Some(functions)
}

/// The tables with a shard on this node; `None` where Citus' lists can't be read.
fn local_shards() -> Option<HashSet<pg_sys::Oid>> {
    let open = |name| Table::open(|| list(name), Patience::Wait).ok().flatten();
    let (group, placements, shards) =
        (open(c"pg_dist_local_group")?, open(c"pg_dist_placement")?, open(c"pg_dist_shard")?);
    let group_id = column(&group, c"groupid", NUMBER)?;
    let here = group.rows().next().and_then(|row| row.number(group_id))?;
    let (placed, place) = (column(&placements, c"shardid", NUMBER)?, column(&placements, c"groupid", NUMBER)?);
    let mut local = HashSet::new();
    let mut rows = placements.rows();
    while let Some(row) = rows.next() {
        if row.number(place) == Some(here) {
            local.extend(row.number(placed));
        }
    }
    let (table, shard) =
        (column(&shards, c"logicalrelid", &[pg_sys::REGCLASSOID])?, column(&shards, c"shardid", NUMBER)?);
    let mut tables = HashSet::new();
    let mut rows = shards.rows();
    while let Some(row) = rows.next() {
        if row.number(shard).is_some_and(|shard| local.contains(&shard)) {
            tables.extend(row.oid(table));
        }
    }
    Some(tables)
}

/// A column of one of Citus' lists, if it is of one of these types.
fn column(list: &Table, name: &CStr, kinds: &[pg_sys::Oid]) -> Option<Column> {
    list.column(name).filter(|column| list.is_plain() && kinds.contains(&column.kind()))
}

/// One of Citus' lists, if that extension is there.
fn list(name: &CStr) -> Option<pg_sys::Oid> {
    let schema = pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE);
    let list = lookup::relation(schema, name)?;
    let citus = lookup::extension(c"citus")?;
    (lookup::extension_of_relation(list) == Some(citus)).then_some(list)
}

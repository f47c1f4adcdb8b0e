//! The tables that Citus holds. Their rows are in shards, and Citus hands neither RESTRICTIVE nor triggers on to those.
//!
//! `pg_catalog.pg_dist_partition` lists them. It counts only as a member of the extension `citus`: another table of that
//! name says nothing. It is read below SQL: nobody's code runs, and no rights matter.

use std::collections::HashSet;

use pgrx::prelude::*;

use crate::pg::lookup;
use crate::pg::table_scan::{Patience, Table};

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
        // Waiting is short: Citus alters its list only when it is installed or upgraded.
        let Ok(Some(list)) = Table::open(list, Patience::Wait) else { return Held::Nothing };
        match list.column(c"logicalrelid") {
            Some(column) if list.is_plain() && column.kind() == pg_sys::REGCLASSOID => {
                let mut held = HashSet::new();
                let mut rows = list.rows();
                while let Some(row) = rows.next() {
                    held.extend(row.oid(column));
                }
                Held::These(held)
            }
            _ => Held::Anything,
        }
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

/// The list of Citus' tables, if that extension is there.
fn list() -> Option<pg_sys::Oid> {
    let schema = pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE);
    let list = lookup::relation(schema, c"pg_dist_partition")?;
    let citus = lookup::extension(c"citus")?;
    (lookup::extension_of_relation(list) == Some(citus)).then_some(list)
}

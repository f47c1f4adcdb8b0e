//! The tables that Citus holds. Their rows are in shards, and Citus hands neither RESTRICTIVE nor triggers on to those.
//!
//! `pg_catalog.pg_dist_partition` lists them. It counts only as a member of the extension `citus`: another table of that
//! name says nothing. It is read below SQL: nobody's code runs, and no rights matter.

use std::collections::HashSet;

use pgrx::prelude::*;

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
        const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as _;
        let Some(list) = list() else { return Held::Nothing };
        // SAFETY: opens a table by its OID under a lock that lasts until the transaction ends, and closes it. It is scanned
        // only if it is a plain table, and only a column of type regclass is read, while the scan stands on its row. The
        // snapshot is the latest, which the scan takes itself. After an error Postgres closes both.
        unsafe {
            let table = pg_sys::try_relation_open(list, LOCK);
            if table.is_null() {
                return Held::Nothing;
            }
            let column = pg_sys::get_attnum(list, c"logicalrelid".as_ptr());
            let is_plain = (*(*table).rd_rel).relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char;
            let can_be_read = is_plain && column > 0 && pg_sys::get_atttype(list, column) == pg_sys::REGCLASSOID;
            let mut held = HashSet::new();
            if can_be_read {
                let (no_index, any_snapshot, no_key) = (pg_sys::InvalidOid, std::ptr::null_mut(), std::ptr::null_mut());
                let scan = pg_sys::systable_beginscan(table, no_index, false, any_snapshot, 0, no_key);
                loop {
                    let row = pg_sys::systable_getnext(scan);
                    if row.is_null() {
                        break;
                    }
                    let mut is_null = false;
                    let oid = pg_sys::heap_getattr(row, i32::from(column), (*table).rd_att, &mut is_null);
                    if !is_null {
                        held.insert(pg_sys::Oid::from(oid.value() as u32));
                    }
                }
                pg_sys::systable_endscan(scan);
            }
            pg_sys::relation_close(table, pg_sys::NoLock as _);
            if can_be_read { Held::These(held) } else { Held::Anything }
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
    // SAFETY: looks names up in the catalog, and raises nothing where there is none.
    unsafe {
        let schema = pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE);
        let list = pg_sys::get_relname_relid(c"pg_dist_partition".as_ptr(), schema);
        if list == pg_sys::InvalidOid {
            return None;
        }
        let citus = pg_sys::get_extension_oid(c"citus".as_ptr(), true);
        let its_extension = pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, list);
        (citus != pg_sys::InvalidOid && its_extension == citus).then_some(list)
    }
}

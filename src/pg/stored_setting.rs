//! Settings that are stored for a role, read below SQL.

use pgrx::prelude::*;

use super::lookup;
use super::table_scan::{Patience, Table};

/// The value of a setting that is stored for a role: for it in this database, else for it in all of them.
pub fn of_role(role: pg_sys::Oid, name: &str) -> Option<String> {
    let list = || lookup::relation(pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE), c"pg_db_role_setting");
    let stored = Table::open(list, Patience::Wait).ok().flatten()?;
    let (of_database, of_role) = (stored.column(c"setdatabase")?, stored.column(c"setrole")?);
    let settings = stored.column(c"setconfig")?;
    let mut in_all = None;
    let mut rows = stored.rows();
    while let Some(row) = rows.next() {
        if row.oid(of_role) != Some(role) {
            continue;
        }
        let value = row.texts(settings).iter().find_map(|setting| {
            let (stored, value) = setting.split_once('=')?;
            stored.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        match row.oid(of_database) {
            // SAFETY: a variable of the backend, which is set before any library is called.
            Some(database) if database == unsafe { pg_sys::MyDatabaseId } && value.is_some() => return value,
            Some(pg_sys::InvalidOid) => in_all = value,
            _ => {}
        }
    }
    in_all
}

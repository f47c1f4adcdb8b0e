//! Roles, and what they may read.

use std::collections::{HashMap, HashSet};

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{Role, RoleId, TableId};

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// The roles, or the one of this name.
pub fn read(client: &SpiClient<'_>, wanted: Option<&str>) -> Result<Vec<Role>, spi::Error> {
    rows(client, catalog_query!("roles"), &[wanted.into()], |row| {
        Ok(Role {
            id: ids::role(row, "oid")?,
            name: row.shared_name("name")?,
            can_come: row.get("can_come")?,
            may_change_enrollment: false,
            readable: HashSet::new(),
        })
    })
}

/// Which of these tables and views each role may read some column of.
pub fn readable(
    client: &SpiClient<'_>,
    tables: &[Oid],
    roles: &[Oid],
) -> Result<Vec<(RoleId, HashSet<TableId>)>, spi::Error> {
    let arguments = [tables.to_vec().into(), roles.to_vec().into()];
    rows(client, catalog_query!("readable"), &arguments, |row| {
        Ok((ids::role(row, "role")?, ids::tables(row, "readable")?))
    })
}

/// The names of all roles.
pub struct Names(HashMap<RoleId, String>);

/// Reads the names of all roles.
pub fn names(client: &SpiClient<'_>) -> Result<Names, spi::Error> {
    let names =
        rows(client, catalog_query!("role_names"), &[], |row| Ok((ids::role(row, "oid")?, row.shared_name("name")?)))?;
    Ok(Names(names.into_iter().collect()))
}

impl Names {
    /// The names of these roles, in alphabetical order. A role that is gone has its number.
    pub fn sorted(&self, roles: &[RoleId]) -> Vec<String> {
        let name = |role: &RoleId| self.0.get(role).cloned().unwrap_or_else(|| role.to_string());
        let mut sorted: Vec<String> = roles.iter().map(name).collect();
        sorted.sort();
        sorted
    }
}

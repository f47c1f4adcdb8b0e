//! Roles, and what they may read.

use std::collections::{HashMap, HashSet};

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{ByCitus, Role, RoleId, TableId};

use super::ids;
use crate::citus;
use crate::pg::query::{catalog_query, rows};

/// The roles, with the one of this name in any case.
pub fn read(client: &SpiClient<'_>, wanted: Option<&str>) -> Result<Vec<Role>, spi::Error> {
    rows(client, catalog_query!("roles"), &[wanted.into()], |row| {
        Ok(Role {
            id: ids::role(row, "oid")?,
            name: row.shared_name("name")?,
            can_come: row.get("can_come")?,
            is_api: false,
            may_change_enrollment: false,
            by_citus: ByCitus::default(),
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

/// What Citus gives these roles. `by_sql`: clients run SQL of their own.
pub fn by_citus(client: &SpiClient<'_>, roles: &[Oid], by_sql: bool) -> Result<HashMap<RoleId, ByCitus>, spi::Error> {
    let arguments = [roles.to_vec().into(), citus::functions_passed_on().into(), by_sql.into()];
    let roles = rows(client, catalog_query!("roles_by_citus"), &arguments, |row| {
        let runs_on_other_nodes = row.get("runs_on_other_nodes")?;
        let reads_results_of_others = row.get("reads_results_of_others")?;
        Ok((ids::role(row, "oid")?, ByCitus { runs_on_other_nodes, reads_results_of_others }))
    })?;
    Ok(roles.into_iter().collect())
}

/// The names of all roles, in the order in which lists show them.
pub struct Names(HashMap<RoleId, Listed>);

/// A role in lists.
struct Listed {
    place: usize,
    name: String,
    is_api: bool,
}

/// Reads the names of all roles.
pub fn names(client: &SpiClient<'_>) -> Result<Names, spi::Error> {
    let names = rows(client, catalog_query!("role_names"), &[], |row| {
        Ok((ids::role(row, "oid")?, row.shared_name("name")?, row.get("is_api")?))
    })?;
    let listed = |(place, (role, name, is_api))| (role, Listed { place, name, is_api });
    Ok(Names(names.into_iter().enumerate().map(listed).collect()))
}

impl Names {
    /// The names of these roles, in the order of lists. A role that is gone has its number, and comes last.
    pub fn sorted(&self, roles: &[RoleId]) -> Vec<String> {
        let mut sorted = roles.to_vec();
        sorted.sort_by_key(|role| self.place(*role));
        let name = |role: &RoleId| self.0.get(role).map_or_else(|| role.to_string(), |listed| listed.name.clone());
        sorted.iter().map(name).collect()
    }

    /// Puts roles into the order of lists, and says which of them clients of an API have.
    pub fn sort(&self, roles: &mut [Role]) {
        roles.sort_by_key(|role| self.place(role.id));
        for role in roles {
            role.is_api = self.0.get(&role.id).is_some_and(|listed| listed.is_api);
        }
    }

    fn place(&self, role: RoleId) -> usize {
        self.0.get(&role).map_or(usize::MAX, |listed| listed.place)
    }
}

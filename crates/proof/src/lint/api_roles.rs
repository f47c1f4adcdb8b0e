//! The roles that clients of an API have, and that levels ought to bind.

use super::survey::Survey;
use crate::{Bypass, RoleId, RoleIndex, TableIndex};

impl Survey<'_> {
    /// Of these roles, those of an API that a table's policies bind, or ought to.
    pub(super) fn api_roles(&self, roles: &[RoleId], table: TableIndex) -> Vec<RoleIndex> {
        let counts = |role: &RoleIndex| {
            let its = &self.catalog.roles[*role];
            its.is_api && roles.contains(&its.id) && self.catalog.is_held(&self.catalog.tables[table], *role)
        };
        self.catalog.roles.indexes().filter(counts).collect()
    }

    /// Of these names, those of an API's roles that row security binds, or ought to.
    pub(super) fn api_names(&self, names: &[String]) -> Vec<String> {
        const OF_USERS: [&str; 2] = ["anon", "authenticated"];
        let is_bound = |role: RoleIndex| {
            let standing = self.catalog.tables.iter().next().map(|table| &table.standings[role]);
            let bypass = standing.and_then(|standing| standing.bypass);
            !matches!(bypass, Some(Bypass::Superuser | Bypass::BypassRls))
        };
        let roles = self.catalog.roles.indexed().filter(|(_, role)| role.is_api && names.contains(&role.name));
        let counting = roles.filter(|(index, role)| OF_USERS.contains(&role.name.as_str()) || is_bound(*index));
        counting.map(|(_, role)| role.name.clone()).collect()
    }
}

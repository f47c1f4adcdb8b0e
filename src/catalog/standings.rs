//! How roles stand to tables.

use std::collections::HashMap;

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{ByRole, Bypass, Role, RoleId, RoleIndex, Standing, TableId};

use super::acting::Acting;
use super::ids;
use crate::pg::query::{Row, catalog_query, rows};

/// For each table, how each role stands to it, in the order of the roles.
pub fn read(
    client: &SpiClient<'_>,
    tables: &[Oid],
    roles: &ByRole<Role>,
    acting: &Acting,
) -> Result<Vec<(TableId, ByRole<Standing>)>, spi::Error> {
    let indexes: HashMap<RoleId, RoleIndex> = roles.indexed().map(|(index, role)| (role.id, index)).collect();
    let (acting, acts_as) = acting.lists();
    let oids = ids::role_oids(roles.iter().map(|role| role.id));
    let arguments = [tables.to_vec().into(), oids.into(), acting.into(), acts_as.into()];
    // One row for each table is less to hand over than one for each table and role.
    rows(client, catalog_query!("standings"), &arguments, |row| {
        let mut standings: ByRole<Standing> = roles.iter().map(|_| Standing::default()).collect();
        for (role, standing) in ids::roles(row, "roles")?.into_iter().zip(standings_of_row(row)?) {
            if let Some(index) = indexes.get(&role) {
                standings[*index] = standing;
            }
        }
        Ok((ids::table(row, "table_id")?, standings))
    })
}

/// The standings in a row, in the order of its roles.
fn standings_of_row(row: &Row<'_>) -> Result<Vec<Standing>, spi::Error> {
    let may_use_schema = row.flags("may_use_schema")?;
    // In the order of the privileges of a standing.
    let privileges = [
        row.flags("may_select")?,
        row.flags("may_insert")?,
        row.flags("may_update")?,
        row.flags("may_delete")?,
        row.flags("may_truncate")?,
    ];
    let is_superuser = row.flags("is_superuser")?;
    let has_bypassrls = row.flags("has_bypassrls")?;
    let acts_as_owner = row.flags("acts_as_owner")?;
    let may_undo_guards = row.flags("may_undo_guards")?;
    let standing = |n: usize| Standing {
        may_use_schema: may_use_schema[n],
        privileges: std::array::from_fn(|command| privileges[command][n]),
        bypass: bypass(is_superuser[n], has_bypassrls[n], acts_as_owner[n]),
        may_undo_guards: may_undo_guards[n],
    };
    Ok((0..may_use_schema.len()).map(standing).collect())
}

/// Why policies don't count for a role.
fn bypass(is_superuser: bool, has_bypassrls: bool, acts_as_owner: bool) -> Option<Bypass> {
    if is_superuser {
        Some(Bypass::Superuser)
    } else if has_bypassrls {
        Some(Bypass::BypassRls)
    } else {
        acts_as_owner.then_some(Bypass::Owner)
    }
}

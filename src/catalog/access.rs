//! How the current role stands to one relation, for `auth.explain_access()`.

use std::collections::{HashMap, HashSet};

use aal::Command;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use proof::explain::{Access, Beneath, CallersGuard, CallersPolicy, Grant, RelationKind, RowSecurity};
use proof::{Bypass, RoleId};

use super::relation::Relation;
use super::trust::Trust;
use super::{guards, ids, policies, roles, tables};
use crate::citus::Held;
use crate::pg::memory::Memory;
use crate::pg::query::{Row, catalog_query, first_row, rows, rows_by_session};
use crate::pg::role;
use crate::reader::Reader;
use crate::settings;

/// How many bytes the tree of a condition may have and be shown.
const LARGEST_SHOWN: i32 = 16 << 10;

/// Reads it, and the name of the role; `None` if no relation has this OID. For which commands guards act isn't known here.
pub fn read_access(client: &SpiClient<'_>, relation: pg_sys::Oid) -> Result<Option<(Access, String)>, spi::Error> {
    let found = first_row(client, catalog_query!("access"), &[relation.into()], |row| {
        let (kind, owner) = (row.get::<i8>("kind")? as u8, row.oid("owner")?);
        let access = Access {
            name: row.get("display_name")?,
            schema: row.get("schema")?,
            kind: relation_kind(row, kind)?,
            role: row.get("quoted_role")?,
            row_security: row_security(relation, role::current(), bypass(row)?),
            may_use_schema: row.get("may_use_schema")?,
            grants: grants(row)?,
            held_by_citus: false,
            has_tables_beneath: row.get("has_tables_beneath")?,
            unchecked: unchecked(row, kind)?,
            ruled: row.get::<Vec<String>>("rule_events")?.iter().filter_map(|it| tables::command_of_rule(it)).collect(),
            policies: Vec::new(),
            guards: Vec::new(),
            readable: HashSet::new(),
            profiles: vec![settings::profiles().as_ref().clone()],
            level_of_guests: settings::level_of_guests(),
        };
        Ok((access, row.shared_name("role")?, owner))
    })?;
    let Some((mut access, role, owner)) = found else { return Ok(None) };
    match &mut access.kind {
        RelationKind::Table | RelationKind::Partition(_) => {
            add_policies_and_guards(client, relation, &mut access)?;
            access.held_by_citus = is_held_by_citus(client, relation)?;
        }
        RelationKind::View { invoker, reads, .. } => {
            *reads = beneath(client, relation, if *invoker { role::current() } else { owner })?;
        }
        _ => {}
    }
    Ok(Some((access, role)))
}

fn is_held_by_citus(client: &SpiClient<'_>, relation: pg_sys::Oid) -> Result<bool, spi::Error> {
    let held = Held::read();
    if held.is_nothing() {
        return Ok(false);
    }
    Relation::read(client, relation)?.map_or(Ok(false), |relation| relation.is_held(client, &held))
}

/// The values of these settings, as the session has them now.
pub fn values_of_settings(client: &SpiClient<'_>, names: Vec<String>) -> Result<HashMap<String, String>, spi::Error> {
    let values = rows_by_session(client, catalog_query!("request_settings"), &[names.into()], |row| {
        Ok((row.get::<String>("name")?, row.nullable::<String>("value")?))
    })?;
    Ok(values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn relation_kind(row: &Row<'_>, relkind: u8) -> Result<RelationKind, spi::Error> {
    if row.get("is_system")? {
        return Ok(RelationKind::SystemCatalog);
    }
    Ok(match (relkind, row.nullable::<String>("partition_of")?) {
        (b'r' | b'p', Some(parent)) => RelationKind::Partition(parent),
        (b'r' | b'p', None) => RelationKind::Table,
        (b'v', _) => RelationKind::View {
            invoker: row.get("is_invoker_view")?,
            owner: row.shared_name("owner_name")?,
            reads: Vec::new(),
        },
        (b'm', _) => RelationKind::MaterializedView,
        (b'f', _) => RelationKind::ForeignTable,
        _ => RelationKind::NoTable,
    })
}

/// The commands whose new rows may go to a foreign table beneath. Only partitions get inserted rows from above.
fn unchecked(row: &Row<'_>, relkind: u8) -> Result<Vec<Command>, spi::Error> {
    let has_foreign: bool = row.get("has_foreign_table_beneath")?;
    let commands: &[Command] = if relkind == b'p' { &[Command::Insert, Command::Update] } else { &[Command::Update] };
    Ok(if has_foreign { commands.to_vec() } else { Vec::new() })
}

/// Why the role bypasses row security, if it does.
fn bypass(row: &Row<'_>) -> Result<Bypass, spi::Error> {
    Ok(match (row.get("is_superuser")?, row.get("has_bypassrls")?) {
        (true, _) => Bypass::Superuser,
        (_, true) => Bypass::BypassRls,
        _ => Bypass::Owner,
    })
}

fn row_security(relation: pg_sys::Oid, role: pg_sys::Oid, bypass: Bypass) -> RowSecurity {
    match role::RowSecurity::for_role(relation, role) {
        role::RowSecurity::Off => RowSecurity::Off,
        role::RowSecurity::Bypassed => RowSecurity::Bypassed(bypass),
        role::RowSecurity::Active => RowSecurity::Binds,
    }
}

fn grants(row: &Row<'_>) -> Result<[Grant; Command::ALL.len()], spi::Error> {
    let (on_table, on_columns) = (row.flags("granted")?, row.flags("granted_on_columns")?);
    Ok(Command::ALL.map(|command| match (on_table[command.index()], on_columns[command.index()]) {
        (true, _) => Grant::Table,
        (false, true) => Grant::Columns,
        (false, false) => Grant::Missing,
    }))
}

fn add_policies_and_guards(client: &SpiClient<'_>, table: pg_sys::Oid, access: &mut Access) -> Result<(), spi::Error> {
    let bodies = Memory::new(c"pg_aal: bodies of functions");
    let functions = Trust::read(client)?.functions(client, &bodies)?;
    let mut reader = Reader::new(&functions);
    let role = role::current();
    let bound = policies::bound_roles(client, &[table], &[role])?;
    let names = roles::names(client)?;
    let conditions: HashMap<pg_sys::Oid, (Option<String>, Option<String>)> =
        rows(client, catalog_query!("conditions"), &[table.into(), LARGEST_SHOWN.into()], |row| {
            Ok((row.oid("oid")?, (row.nullable("using_text")?, row.nullable("check_text")?)))
        })?
        .into_iter()
        .collect();
    for (oid, _, mut policy) in policies::read(client, &[table], &mut reader)? {
        policy.role_names = names.sorted(&policy.roles);
        let binds = RoleId::new(role.to_u32()).is_some_and(|role| policies::binds(&policy, role, &bound));
        let (using, check) = conditions.get(&oid).cloned().unwrap_or_default();
        access.policies.push(CallersPolicy { policy, binds, using, check });
    }
    let guards = guards::read(client, &[table], &functions.guards())?;
    let acts = [false; Command::ALL.len()];
    access.guards = guards.into_iter().map(|(_, guard)| CallersGuard { guard, acts }).collect();
    let read: HashSet<_> = access.policies.iter().flat_map(|it| policies::tables_read(&it.policy)).collect();
    let readable = roles::readable(client, &ids::table_oids(read), &[role])?;
    access.readable = readable.into_iter().flat_map(|(_, tables)| tables).collect();
    Ok(())
}

/// The relations beneath a view, and whether row security there binds the role whose rights count.
fn beneath(client: &SpiClient<'_>, view: pg_sys::Oid, role: pg_sys::Oid) -> Result<Vec<Beneath>, spi::Error> {
    rows(client, catalog_query!("beneath_view"), &[view.into()], |row| {
        let is_table = matches!(row.get::<i8>("kind")? as u8, b'r' | b'p');
        // Why isn't told here.
        let row_security = is_table.then(|| row.oid("oid").map(|oid| row_security(oid, role, Bypass::Owner)));
        Ok(Beneath { name: row.get("display_name")?, row_security: row_security.transpose()? })
    })
}

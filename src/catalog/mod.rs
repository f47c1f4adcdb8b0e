//! What Postgres' catalog says, read by SPI: of one table for its protection, and of everything for the proof.
//!
//! The queries stand in `sql/catalog/`. They name the schema of all that they use, and they run inside functions whose
//! search_path is `pg_catalog, pg_temp`. So they call nothing that a user created.

mod access;
mod acting;
mod foreign_keys;
mod functions;
mod gates;
mod guards;
mod ids;
mod policies;
mod portable;
mod profiles;
mod protection;
mod publications;
mod recognized;
mod relation;
mod roles;
mod session_function;
mod standings;
mod stored_settings;
mod surroundings;
mod tables;
mod triggers;
mod trust;
mod views;
mod watches;

use std::collections::{BTreeSet, HashMap};

use pgrx::spi::{self, SpiClient};
use proof::{Catalog, FunctionId, FunctionIndex, TableId, TableIndex};

pub use access::{read_access, values_of_settings};
pub use protection::{found_protections, names_in_protection};
pub use recognized::{recognized, recognized_protections};
pub use relation::{Named, PostgresQuote, Relation, changed_meanwhile};
pub use session_function::SessionFunction;
pub use stored_settings::stored_values;
pub use watches::Watch;

use crate::pg::memory::Memory;
use crate::reader::Reader;
use crate::settings;
use acting::Acting;
use trust::Trust;

/// How much of the catalog is wanted.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// One table, with its partitions, its children and its parents; else all.
    pub table: Option<pgrx::pg_sys::Oid>,
    /// A role that is wanted in any case. Else those of Postgres' own count only if a role can be them and they have rights on tables.
    pub role: Option<&'a str>,
    /// Whether views, functions, foreign keys and publications are wanted, too. Only lints look at them.
    pub with_surroundings: bool,
}

/// Reads everything that decides who can do what. It is read with the caller's rights: Postgres' catalog is public.
pub fn read(client: &SpiClient<'_>, scope: Scope<'_>) -> Result<Catalog, spi::Error> {
    read_for(client, scope, None)
}

/// The same for an assertion about one table. Tables whose policies can't decide it count as open.
pub fn read_for(
    client: &SpiClient<'_>,
    scope: Scope<'_>,
    asserted: Option<pgrx::pg_sys::Oid>,
) -> Result<Catalog, spi::Error> {
    let bodies = Memory::new(c"pg_aal: bodies of functions");
    let trust = Trust::read(client)?;
    let functions = trust.functions(client, &bodies)?;
    let Trust { trusts_settings, profiles, other_profiles_of, portable } = trust;
    let guests_of_portable = portable.as_ref().is_some_and(|it| it.guests_may_have_level);
    let mut reader = Reader::new(&functions);
    let names = roles::names(client)?;
    let mut roles = roles::read(client, scope.role)?;
    names.sort(&mut roles);
    let mut catalog = Catalog {
        trusts_settings,
        profiles,
        other_profiles_of,
        portable,
        guests_have_level: settings::level_of_guests().is_some() || guests_of_portable,
        guests_may_have_level: stored_settings::stored_values(client, "pg_aal.anonymous_level")?
            .iter()
            .any(|it| it.value == "aal1"),
        roles: roles.into(),
        tables: tables::read(client, scope.table)?,
        ..Catalog::default()
    };
    let indexes: HashMap<TableId, TableIndex> =
        catalog.tables.indexed().map(|(index, table)| (table.id, index)).collect();
    tables::hold_by_citus(&mut catalog.tables, &indexes);
    let tables = ids::table_oids(catalog.tables.iter().map(|table| table.id));
    let roles = ids::role_oids(catalog.roles.iter().map(|role| role.id));

    if scope.with_surroundings {
        catalog.views = views::read(client, &roles, &functions.that_ask(), &names, &mut reader)?.into();
        catalog.functions = functions::read(client, &roles, functions.portable(), &names)?.into();
        let functions: HashMap<FunctionId, FunctionIndex> =
            catalog.functions.indexed().map(|(index, function)| (function.id, index)).collect();
        catalog.triggers = triggers::read(client, &functions)?;
        let called = functions::called_by_tables(client)?.into_iter();
        catalog.called_by_tables =
            called.filter_map(|(table, function)| Some((table, *functions.get(&function)?))).collect();
        let called = functions::called_by_policies(client)?.into_iter();
        catalog.called_by_policies =
            called.filter_map(|(table, policy, function)| Some((table, policy, *functions.get(&function)?))).collect();
        let unnamed = functions::called_unnamed(client)?;
        catalog.called_unnamed = unnamed.iter().filter_map(|function| functions.get(function).copied()).collect();
        catalog.foreign_keys = foreign_keys::read(client, &roles)?.into();
        catalog.watches = watches::of_proof(client)?.into();
        catalog.column_rights = surroundings::column_rights(client, &roles)?;
        catalog.stored_claims = surroundings::stored_claims(client)?.into();
        for (table, publication) in publications::read(client)? {
            if let Some(index) = indexes.get(&table) {
                catalog.tables[*index].publications.push(publication);
            }
        }
    }
    let with_policies = tables_with_policies(&mut catalog, asserted);
    // Where settings are trusted, clients run no SQL of their own. There no role acts as another, nor changes anything.
    let acting = if trusts_settings { Acting::default() } else { Acting::read(client, &roles)? };
    let changeable = acting.changeable(client, &tables, functions.guard(), settings::enrollment_function())?;
    for role in catalog.roles.iter_mut() {
        role.may_change_enrollment = changeable.enrollment.contains(&role.id);
    }
    if catalog.tables.iter().any(|table| table.held_by_citus) {
        let by_citus = roles::by_citus(client, &roles, !trusts_settings)?;
        for role in catalog.roles.iter_mut() {
            role.by_citus = by_citus.get(&role.id).copied().unwrap_or_default();
        }
    }
    for (table, mut standings) in standings::read(client, &tables, &catalog.roles, &acting)? {
        for (standing, role) in standings.iter_mut().zip(&catalog.roles) {
            standing.may_undo_guards |= changeable.guards.contains(&role.id);
        }
        if let Some(index) = indexes.get(&table) {
            catalog.tables[*index].standings = standings;
        }
    }
    let bound = policies::bound_roles(client, &tables, &roles)?;
    let planned = if trusts_settings { HashMap::new() } else { policies::planned_as_others(client, &tables, &roles)? };
    for (oid, table, mut policy) in policies::read(client, &with_policies, &mut reader)? {
        policy.changeable_by = changeable.policies.get(&oid).cloned().unwrap_or_default();
        policy.left_by = changeable.left.get(&oid).cloned().unwrap_or_default();
        policy.binds = catalog.roles.iter().map(|role| policies::binds(&policy, role.id, &bound)).collect();
        if let Some(planned) = planned.get(&policy.roles) {
            policies::weigh_planned_roles(&mut policy, &catalog.roles, planned);
        }
        policy.role_names = names.sorted(&policy.roles);
        if let Some(index) = indexes.get(&table) {
            catalog.tables[*index].policies.push(policy);
        }
    }
    for (table, guard) in guards::read(client, &tables, &functions.guards())? {
        if let Some(index) = indexes.get(&table) {
            catalog.tables[*index].guards.push(guard);
        }
    }
    if scope.with_surroundings {
        // A gate may read tables that ask for no level, so the policies come before.
        for (index, gate) in gates::read(client, &catalog, &mut reader)? {
            catalog.functions[index].gate = gate;
        }
    }
    let read_by_policies: BTreeSet<TableId> =
        catalog.tables.iter().flat_map(|table| &table.policies).flat_map(policies::tables_read).collect();
    for (role, readable) in roles::readable(client, &ids::table_oids(read_by_policies), &roles)? {
        if let Some(role) = catalog.roles.iter_mut().find(|it| it.id == role) {
            role.readable = readable;
        }
    }
    Ok(catalog)
}

/// The tables whose policies are read: all, or those that can decide an assertion about one. The others count as open.
fn tables_with_policies(catalog: &mut Catalog, asserted: Option<pgrx::pg_sys::Oid>) -> Vec<pgrx::pg_sys::Oid> {
    let target = asserted.and_then(|target| TableId::new(target.to_u32()));
    let deciding = target.map(|target| catalog.deciding_tables(target));
    let mut wanted = Vec::new();
    for table in catalog.tables.iter_mut() {
        if deciding.as_ref().is_none_or(|deciding| deciding.contains(&table.id)) {
            wanted.push(table.id);
        } else {
            table.row_security = false;
        }
    }
    ids::table_oids(wanted)
}

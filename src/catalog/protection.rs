//! The protection that is on a table.

use aal::protection::{
    FoundLevel, FoundProtection, FoundRoles, Gaps, Made, TableLevel, guard_asks_for_live, guard_refuses_reads,
    guard_requirement,
};
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{Expression, Guard, Policy, PolicyCommand, RoleId, Value};

use super::{guards, ids, policies};
use crate::pg::memory::Memory;
use crate::pg::query::{catalog_query, first_row, rows};
use crate::reader::{Functions, Reader};

/// The protections that are on some tables, in their order. `roles`: those that a new protection would bind.
pub fn found_protections(
    client: &SpiClient<'_>,
    tables: &[Oid],
    roles: &[String],
) -> Result<Vec<FoundProtection>, spi::Error> {
    let bodies = Memory::new(c"pg_aal: bodies of functions");
    let functions = Functions::read_of_both_editions(client, &bodies)?;
    let policies = policies::read(client, tables, &mut Reader::new(&functions))?;
    let guards = guards::read(client, tables, &functions.guards())?;
    let columns = rows(client, catalog_query!("protected_columns"), &[tables.to_vec().into()], |row| {
        Ok((row.oid("table_id")?, row.get::<String>("name")?, row.get::<bool>("is_owner")?))
    })?;
    let found = |table: &Oid| {
        let policies: Vec<&Policy> =
            policies.iter().filter(|(_, id, _)| id.oid() == table.to_u32()).map(|(_, _, policy)| policy).collect();
        let guards: Vec<&Guard> =
            guards.iter().filter(|(id, _)| id.oid() == table.to_u32()).map(|(_, guard)| guard).collect();
        let columns = |of_owner: bool| {
            let wanted = columns.iter().filter(move |(of, _, is_owner)| of == table && *is_owner == of_owner);
            wanted.map(|(_, name, _)| name.clone())
        };
        let mut found = FoundProtection {
            bound: bound(client, &policies, roles)?,
            owner_column: columns(true).next(),
            ..FoundProtection::default()
        };
        let records = policies.iter().map(|policy| &policy.record).chain(guards.iter().map(|guard| &guard.record));
        found.records = records.flatten().cloned().collect();
        found.policies = policies.iter().filter_map(|policy| Some((level_policy(policy)?, level(policy)))).collect();
        let level_policies = policies.iter().filter(|policy| level_policy(policy).is_some());
        let exempting = |it: &Expression| it.without_exemption().1.map(str::to_owned);
        let expressions = || level_policies.clone().flat_map(|policy| policy.expressions());
        found.applies_when = expressions().map(exempting).collect();
        found.live = expressions().any(|it| it.without_exemption().0.without_liveness().1);
        found.gaps = gaps(&level_policies.clone().copied().collect::<Vec<_>>());
        for guard in guards.into_iter().filter(|guard| guard.enabled) {
            add_guard(&mut found, guard, columns(false).collect());
        }
        Ok(found)
    };
    tables.iter().map(found).collect()
}

/// Where the policies that require a level fall short of one another.
fn gaps(policies: &[&Policy]) -> Gaps {
    let is_there = |made: &Made| policies.iter().any(|policy| policy.made() == Some(*made));
    let mut roles: Vec<Vec<RoleId>> = policies.iter().map(|policy| policy.roles.clone()).collect();
    roles.iter_mut().for_each(|roles| roles.sort_unstable());
    let asks_for_level_alone = |it: &Expression| {
        let (asked, live) = it.without_exemption().0.without_liveness();
        !live && *asked != Expression::Constant(Value::Bool(true))
    };
    Gaps {
        row_security_off: false,
        missing: Made::LEVEL_POLICIES.into_iter().filter(|made| !is_there(made)).collect(),
        uneven_roles: roles.windows(2).any(|two| two[0] != two[1]),
        not_live: policies.iter().flat_map(|policy| policy.expressions()).any(asks_for_level_alone),
    }
}

/// What the policies of a table name that need a level: the roles that they bind (none: everybody), and the function by which they
/// exempt sessions.
pub fn names_in_protection(client: &SpiClient<'_>, table: Oid) -> Result<(Vec<String>, Option<Oid>), spi::Error> {
    let policies: Vec<&str> = Made::LEVEL_POLICIES.into_iter().map(Made::name).collect();
    let names = first_row(client, catalog_query!("names_in_protection"), &[table.into(), policies.into()], |row| {
        Ok((row.get("roles")?, row.nullable("applies_when")?))
    })?;
    Ok(names.unwrap_or_default())
}

/// Which of the policies of `protect_table` that require a level it is, by its name. One that is permissive by now requires nothing,
/// unless it asks for the owner, too, as on a table that Citus holds.
fn level_policy(policy: &Policy) -> Option<Made> {
    policy.made().filter(|made| Made::LEVEL_POLICIES.contains(made) && (!policy.permissive || policy.is_for_shards()))
}

/// What a policy requires, if it is of the form that `protect_table` gives it.
fn level(policy: &Policy) -> FoundLevel {
    let is_for_its_command =
        policy.made().and_then(Made::command).is_some_and(|command| policy.command == PolicyCommand::One(command));
    let required = |it: &Expression| match policy.beside_owner(it).without_exemption().0.without_liveness().0 {
        Expression::Constant(Value::Bool(true)) => Some(TableLevel::None),
        it => it.requirement().map(TableLevel::Required),
    };
    let levels: Option<Vec<TableLevel>> = policy.expressions().map(required).collect();
    match levels {
        Some(levels) if is_for_its_command => FoundLevel::Requires(levels),
        _ => FoundLevel::Altered,
    }
}

/// Whom the policies bind that require a level.
fn bound(client: &SpiClient<'_>, policies: &[&Policy], roles: &[String]) -> Result<Option<FoundRoles>, spi::Error> {
    let binding: Vec<&&Policy> = policies.iter().filter(|policy| level_policy(policy).is_some()).collect();
    if binding.is_empty() {
        return Ok(None);
    }
    if binding.iter().any(|policy| policy.roles.is_empty()) {
        return Ok(Some(FoundRoles::Everybody));
    }
    let bound = ids::role_oids(binding.iter().flat_map(|policy| policy.roles.iter().copied()));
    let arguments = [bound.into(), roles.to_vec().into()];
    let unbound = rows(client, catalog_query!("roles_left_out"), &arguments, |row| row.get("role"))?;
    Ok(Some(FoundRoles::Named { unbound }))
}

/// Adds what a guard requires: of statements, or of updates that change sensitive columns.
fn add_guard(found: &mut FoundProtection, guard: &Guard, sensitive_columns: Vec<String>) {
    let arguments = || guard.arguments.iter().map(String::as_str);
    let requirement = |command| guard_requirement(command, arguments());
    found.live |= guard_asks_for_live(arguments()) == Ok(true);
    found.refuse_reads |= guard_refuses_reads(arguments());
    match guard.made() {
        Some(Made::Columns) => match requirement(aal::Command::Update) {
            Ok(Some(requirement)) => found.sensitive = Some((sensitive_columns, TableLevel::Required(requirement))),
            Ok(None) | Err(_) => found.policies.push((Made::Columns, FoundLevel::Altered)),
        },
        Some(made) if guard.always_fires => {
            found.guard |= made == Made::Guard;
            for command in &guard.commands {
                let level =
                    |it: Option<_>| FoundLevel::Requires(vec![it.map_or(TableLevel::None, TableLevel::Required)]);
                let level = requirement(*command).map(level);
                found.policies.push((Made::policy_for(*command), level.unwrap_or(FoundLevel::Altered)));
            }
        }
        _ => {}
    }
}

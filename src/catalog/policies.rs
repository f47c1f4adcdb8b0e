//! Policies, and the roles that they bind.

use std::collections::{HashMap, HashSet};

use aal::Command;
use aal::protection::{Made, RecordedProtection};
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};
use proof::{ByRole, Expression, Policy, PolicyCommand, Role, RoleId, TableId};

use super::ids;
use crate::pg::node::NodeTree;
use crate::pg::query::{Row, catalog_query, rows};
use crate::reader::Reader;

/// How many bytes of text the trees of a policy may have, and those of all policies together, and still be read.
const LARGEST_TREES: i64 = 4 << 20;
const MOST_TREES: i64 = 128 << 20;

/// How many bytes of trees, and how many policies, are read at once.
const TREES_AT_ONCE: i64 = 4 << 20;
const POLICIES_AT_ONCE: usize = 1_000;

/// The policies of these tables, with their OIDs and tables. Their trees are read a few at a time: all at once could be more than
/// there is memory.
pub fn read(
    client: &SpiClient<'_>,
    tables: &[Oid],
    reader: &mut Reader<'_, '_>,
) -> Result<Vec<(Oid, TableId, Policy)>, spi::Error> {
    let arguments = [tables.to_vec().into(), LARGEST_TREES.into(), MOST_TREES.into()];
    let policies = rows(client, catalog_query!("policy_sizes"), &arguments, |row| {
        Ok((row.oid("oid")?, row.get::<i64>("size")?, row.get("is_read")?))
    })?;
    let mut found = Vec::new();
    let mut batch: Vec<(Oid, bool)> = Vec::new();
    let mut batch_size = 0;
    for (oid, size, is_read) in policies {
        let size = if is_read { size } else { 0 };
        if batch.len() == POLICIES_AT_ONCE || (batch_size + size > TREES_AT_ONCE && !batch.is_empty()) {
            found.extend(read_batch(&batch, reader)?);
            batch.clear();
            batch_size = 0;
        }
        batch.push((oid, is_read));
        batch_size += size;
    }
    found.extend(read_batch(&batch, reader)?);
    Ok(found)
}

/// These policies. Each has with it whether its trees are read.
fn read_batch(
    policies: &[(Oid, bool)],
    reader: &mut Reader<'_, '_>,
) -> Result<Vec<(Oid, TableId, Policy)>, spi::Error> {
    let (wanted, are_read): (Vec<Oid>, Vec<bool>) = policies.iter().copied().unzip();
    // A connection of its own: what it reads is freed when it ends.
    Spi::connect(|client| {
        rows(client, catalog_query!("policies"), &[wanted.into(), are_read.into()], |row| {
            Ok((row.oid("oid")?, ids::table(row, "table_id")?, policy(row, reader)?))
        })
    })
}

fn policy(row: &Row<'_>, reader: &mut Reader<'_, '_>) -> Result<Policy, spi::Error> {
    // The invalid OID stands for PUBLIC.
    let binds_everybody = row.get::<Vec<Oid>>("roles")?.contains(&pg_sys::InvalidOid);
    let record = row.nullable::<String>("comment")?.as_deref().and_then(RecordedProtection::from_record);
    let name: String = row.get("name")?;
    let requires_level = Made::from_name(&name).is_some_and(|made| made.command().is_some());
    // Where the record is lost, the shape tells.
    let exempts = requires_level && record.as_ref().is_none_or(|record| record.for_some);
    let mut expression = |tree: &str, is_there: &str, exempts: bool| {
        Ok::<_, spi::Error>(match row.nullable::<NodeTree>(tree)? {
            Some(tree) => Some(reader.read(&tree, exempts)),
            None => row.get::<bool>(is_there)?.then(Expression::too_large),
        })
    };
    let mut policy = Policy {
        name,
        command: policy_command(&row.get::<String>("command")?),
        permissive: row.get("permissive")?,
        roles: if binds_everybody { Vec::new() } else { ids::roles(row, "roles")? },
        role_names: Vec::new(),
        binds: ByRole::default(),
        changeable_by: HashSet::new(),
        left_by: HashSet::new(),
        using: expression("using_tree", "has_using", exempts)?,
        check: expression("check_tree", "has_check", exempts)?,
        permits_own_rows: row.get("permits_own_rows")?,
        record,
    };
    if exempts && policy.record.is_none() && !policy.is_as_made() {
        policy.using = expression("using_tree", "has_using", false)?;
        policy.check = expression("check_tree", "has_check", false)?;
    }
    Ok(policy)
}

/// The command of a policy, by `pg_policy.polcmd`.
fn policy_command(polcmd: &str) -> PolicyCommand {
    match polcmd {
        "r" => PolicyCommand::One(Command::Select),
        "a" => PolicyCommand::One(Command::Insert),
        "w" => PolicyCommand::One(Command::Update),
        "d" => PolicyCommand::One(Command::Delete),
        _ => PolicyCommand::All,
    }
}

/// Pairs of a role and a role that a policy names, if the first has the rights of the second.
pub fn bound_roles(
    client: &SpiClient<'_>,
    tables: &[Oid],
    roles: &[Oid],
) -> Result<HashSet<(RoleId, RoleId)>, spi::Error> {
    let arguments = [tables.to_vec().into(), roles.to_vec().into()];
    let pairs = rows(client, catalog_query!("bound_roles"), &arguments, |row| {
        Ok((ids::role(row, "role")?, ids::role(row, "named")?))
    })?;
    Ok(pairs.into_iter().collect())
}

/// Whether a policy binds a role. `bound` is the answer of [`bound_roles`].
pub fn binds(policy: &Policy, role: RoleId, bound: &HashSet<(RoleId, RoleId)>) -> bool {
    policy.roles.is_empty() || policy.roles.iter().any(|named| bound.contains(&(role, *named)))
}

/// Which of the roles that a session can be a policy binds.
pub struct Planned {
    /// Whether it binds all of them.
    pub all_bound: bool,
    /// Whether it binds any of them.
    pub some_bound: bool,
}

/// By the roles that policies name, for each role: which roles a statement of a session of that role could be planned as. It
/// matters in token mode, where clients run SQL of their own. Postgres chooses policies when it plans a statement, and a function
/// that the planner calls may change the role. Sessions that could bypass row security anyway are left out.
pub fn planned_as_others(
    client: &SpiClient<'_>,
    tables: &[Oid],
    roles: &[Oid],
) -> Result<HashMap<Vec<RoleId>, HashMap<RoleId, Planned>>, spi::Error> {
    let arguments = [tables.to_vec().into(), roles.to_vec().into()];
    let rows = rows(client, catalog_query!("planned_as_others"), &arguments, |row| {
        let bound = Planned { all_bound: row.get("all_bound")?, some_bound: row.get("some_bound")? };
        Ok((ids::roles(row, "named")?, ids::role(row, "role")?, bound))
    })?;
    let mut planned: HashMap<Vec<RoleId>, HashMap<RoleId, Planned>> = HashMap::new();
    for (named, role, bound) in rows {
        planned.entry(named).or_default().insert(role, bound);
    }
    Ok(planned)
}

/// Counts a policy for a role as for the roles that the role's statements could be planned as. A permissive policy counts if it binds
/// any of them, a restrictive one only if it binds all of them.
pub fn weigh_planned_roles(policy: &mut Policy, roles: &ByRole<Role>, planned: &HashMap<RoleId, Planned>) {
    for (role, binds) in roles.iter().zip(policy.binds.iter_mut()) {
        let Some(planned) = planned.get(&role.id) else { continue };
        if policy.permissive {
            *binds |= planned.some_bound;
        } else if !planned.all_bound {
            policy.left_by.insert(role.id);
        }
    }
}

/// The tables that a policy reads with the caller's rights.
pub fn tables_read(policy: &Policy) -> Vec<TableId> {
    use proof::Expression::*;
    let mut found = Vec::new();
    for expression in policy.expressions() {
        expression.visit(&mut |it| {
            if let Select { rows, .. } | Exists(rows) | AnyRow { rows, .. } | ArrayOf { rows, .. } = it {
                found.extend(&rows.reads);
            }
            true
        });
    }
    found
}

//! As whom roles can act, and what they can change that way. It matters in token mode, where clients run SQL of their own.

use std::collections::{HashMap, HashSet};

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::RoleId;

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// Pairs of a role and another one as which it can act.
#[derive(Default)]
pub struct Acting(Vec<(RoleId, RoleId)>);

impl Acting {
    /// Reads as whom these roles can act.
    pub fn read(client: &SpiClient<'_>, roles: &[Oid]) -> Result<Acting, spi::Error> {
        let pairs = rows(client, catalog_query!("acting_as"), &[roles.to_vec().into()], |row| {
            Ok((ids::role(row, "role")?, ids::role(row, "acts_as")?))
        })?;
        Ok(Acting(pairs))
    }

    /// The pairs as two lists, as a query takes them.
    pub fn lists(&self) -> (Vec<Oid>, Vec<Oid>) {
        (ids::oids(self.0.iter().map(|pair| pair.0)), ids::oids(self.0.iter().map(|pair| pair.1)))
    }
}

/// The roles that can replace or drop what policies and guards are made of, or get what they need to. DROP … CASCADE takes a policy
/// along, whichever role owns its table. CREATE OR REPLACE gives a function another meaning.
#[derive(Default)]
pub struct Changeable {
    /// For a policy's OID, the roles that can do so with what it is made of.
    pub policies: HashMap<Oid, HashSet<RoleId>>,
    /// The roles that can do so with `auth.aal_guard`.
    pub guards: HashSet<RoleId>,
}

/// Reads which roles can change what the policies of these tables and all guards are made of.
pub fn changeable(
    client: &SpiClient<'_>,
    tables: &[Oid],
    guard: Oid,
    acting: &Acting,
) -> Result<Changeable, spi::Error> {
    let mut acting_as_owner: HashMap<RoleId, Vec<RoleId>> = HashMap::new();
    for (role, owner) in &acting.0 {
        acting_as_owner.entry(*owner).or_default().push(*role);
    }
    let owners =
        rows(client, catalog_query!("owners_behind_policies"), &[tables.to_vec().into(), guard.into()], |row| {
            Ok((row.nullable::<Oid>("policy")?, ids::role(row, "owner")?))
        })?;
    let mut changeable = Changeable::default();
    for (policy, owner) in owners {
        let by = match policy {
            Some(policy) => changeable.policies.entry(policy).or_default(),
            None => &mut changeable.guards,
        };
        by.extend(acting_as_owner.get(&owner).into_iter().flatten());
    }
    Ok(changeable)
}

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

    /// Reads which roles can change the objects that guards, the policies of these tables and the look-up of factors depend on.
    /// `enrollment_function` is the setting `pg_aal.enrollment_function`.
    pub fn changeable(
        &self,
        client: &SpiClient<'_>,
        tables: &[Oid],
        guard: Oid,
        enrollment_function: Option<String>,
    ) -> Result<Changeable, spi::Error> {
        let mut changeable = Changeable::default();
        if self.0.is_empty() {
            return Ok(changeable);
        }
        let mut acting_as: HashMap<RoleId, Vec<RoleId>> = HashMap::new();
        for (role, acts_as) in &self.0 {
            acting_as.entry(*acts_as).or_default().push(*role);
        }
        let query = catalog_query!("owners_behind_policies");
        let owners = rows(client, query, &[tables.to_vec().into(), guard.into(), enrollment_function.into()], |row| {
            Ok((row.get::<String>("about")?, row.oid("policy")?, ids::role(row, "owner")?))
        })?;
        for (about, policy, owner) in owners {
            let roles = match about.as_str() {
                "guards" => &mut changeable.guards,
                "enrollment" => &mut changeable.enrollment,
                "named" => changeable.left.entry(policy).or_default(),
                _ => changeable.policies.entry(policy).or_default(),
            };
            roles.extend(acting_as.get(&owner).into_iter().flatten());
        }
        Ok(changeable)
    }

    /// The pairs as two lists, as a query takes them.
    pub fn lists(&self) -> (Vec<Oid>, Vec<Oid>) {
        (ids::role_oids(self.0.iter().map(|pair| pair.0)), ids::role_oids(self.0.iter().map(|pair| pair.1)))
    }
}

/// The roles that can replace or drop the objects that policies and guards depend on, or give themselves the right to.
/// DROP … CASCADE takes a policy along, though another role owns its table. CREATE OR REPLACE gives a function another meaning.
#[derive(Default)]
pub struct Changeable {
    /// For a policy's OID, the roles that can do so with its objects.
    pub policies: HashMap<Oid, HashSet<RoleId>>,
    /// For a policy's OID, the roles that can take a role out of it that it names.
    pub left: HashMap<Oid, HashSet<RoleId>>,
    /// The roles that can do so with `auth.aal_guard`.
    pub guards: HashSet<RoleId>,
    /// The roles that can change who has enrolled a second factor: by `pg_aal.enrollment_function`, or in Supabase Auth's tables.
    pub enrollment: HashSet<RoleId>,
}

//! A table as far as its protection goes.

use aal::protection::{Before, Made, Quote, Recognized};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::recognized;
use crate::citus::Held;
use crate::pg::elog::raise;
use crate::pg::lookup;
use crate::pg::query::{catalog_query, first_row, quoted_name, rows};
use crate::pg::sqlstate::SqlState;

/// A relation, as far as protecting it goes.
pub struct Relation {
    /// Its OID.
    pub oid: pg_sys::Oid,
    /// `pg_class.relkind`.
    pub kind: u8,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether the current role may do what its owner may.
    pub is_owned: bool,
    /// Whether it belongs to Postgres itself.
    pub is_system: bool,
    /// Whether row security is on.
    pub row_security: bool,
}

/// A column of a table.
pub struct Column {
    /// Whether it is a UUID, or a domain over one.
    pub is_uuid: bool,
    /// Whether it is a text of some kind, or a domain over one.
    pub is_text: bool,
}

/// A policy or trigger that bears one of the names that `protect_table` gives.
pub struct Named {
    /// `policy` or `trigger`.
    pub kind: &'static str,
    /// Its OID.
    pub oid: pg_sys::Oid,
    /// Its name.
    pub name: String,
    /// Its comment, which holds the record if `protect_table` made it.
    pub comment: Option<String>,
    /// Whether it is a trigger that Postgres copied from the parent of a partition. It comes and goes with that one.
    pub is_copy: bool,
}

impl Named {
    /// How `protect_table` found the table, if it made this.
    pub fn record(&self) -> Option<Before> {
        self.comment.as_deref().and_then(Before::from_record)
    }
}

/// Quotes with Postgres' own functions.
pub struct PostgresQuote;

impl PostgresQuote {
    /// A name as a message shows it.
    pub fn name(name: &str) -> String {
        quoted_name(name)
    }
}

impl Quote for PostgresQuote {
    fn identifier(&self, name: &str) -> String {
        quoted_name(name)
    }

    fn literal(&self, text: &str) -> String {
        spi::quote_literal(text)
    }
}

impl Relation {
    /// Reads one relation; `None` if there is none with this OID.
    pub fn read(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<Option<Relation>, spi::Error> {
        first_row(client, catalog_query!("relation"), &[oid.into()], |row| {
            Ok(Relation {
                oid,
                kind: row.get::<i8>("kind")?.unsigned_abs(),
                schema: row.get("schema")?,
                name: row.get("name")?,
                is_owned: row.get("is_owned")?,
                is_system: row.nullable("is_system")?.unwrap_or(true),
                row_security: row.get("row_security")?,
            })
        })
    }

    /// Its name as a message shows it.
    pub fn display_name(&self) -> String {
        format!("{}.{}", PostgresQuote.identifier(&self.schema), PostgresQuote.identifier(&self.name))
    }

    /// All partitions beneath it, at every depth.
    pub fn partitions(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        self.related(client, catalog_query!("partitions"))
    }

    /// Whether Citus holds it, or a table that it is a partition of.
    pub fn is_held(&self, client: &SpiClient<'_>, held: &Held) -> Result<bool, spi::Error> {
        if held.is_nothing() || held.has(self.oid) {
            return Ok(!held.is_nothing());
        }
        let ancestors = rows(client, catalog_query!("partition_ancestors"), &[self.oid.into()], |row| row.oid("oid"))?;
        Ok(ancestors.into_iter().any(|oid| held.has(oid)))
    }

    /// The tables that inherit from it without being partitions.
    pub fn inheriting_tables(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        self.related(client, catalog_query!("inheriting_tables"))
    }

    /// The tables it inherits from, or is a partition of, that `protect_table` made nothing on.
    pub fn unprotected_parents(&self, client: &SpiClient<'_>) -> Result<Vec<Relation>, spi::Error> {
        let parents = self.related(client, catalog_query!("unprotected_parents"))?;
        let oids: Vec<pg_sys::Oid> = parents.iter().map(|parent| parent.oid).collect();
        let recognized = recognized(client, &oids)?;
        let is_unprotected = |(_, recognized): &(Relation, Recognized)| recognized.policies.is_empty();
        Ok(parents.into_iter().zip(recognized).filter(is_unprotected).map(|(parent, _)| parent).collect())
    }

    fn related(&self, client: &SpiClient<'_>, query: &str) -> Result<Vec<Relation>, spi::Error> {
        let oids = rows(client, query, &[self.oid.into()], |row| row.oid("oid"))?;
        let read = |oid| Relation::read(client, oid).map(|found| found.unwrap_or_else(|| changed_meanwhile(self)));
        oids.into_iter().map(read).collect()
    }

    /// A column by name; `None` if the table has none such that users created and haven't dropped.
    pub fn column(&self, client: &SpiClient<'_>, name: &str) -> Result<Option<Column>, spi::Error> {
        first_row(client, catalog_query!("column"), &[self.oid.into(), name.into()], |row| {
            Ok(Column { is_uuid: row.get("is_uuid")?, is_text: row.get("is_text")? })
        })
    }

    /// Whether a column is computed from others.
    pub fn is_generated(&self, column: &str) -> bool {
        let Ok(name) = std::ffi::CString::new(column) else { return false };
        lookup::column(self.oid, &name).is_some_and(|number| lookup::is_generated(self.oid, number))
    }

    /// A fingerprint of the policies that aren't ours: of all that they say. `None` if there are none.
    pub fn fingerprint_of_other_policies(&self, client: &SpiClient<'_>) -> Result<Option<String>, spi::Error> {
        let arguments = [self.oid.into(), names(&Made::POLICIES).into()];
        let query = catalog_query!("fingerprint_of_other_policies");
        Ok(first_row(client, query, &arguments, |row| row.nullable("fingerprint"))?.flatten())
    }

    /// The names of its policies that aren't ours.
    pub fn other_policies(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        let arguments = [self.oid.into(), names(&Made::POLICIES).into()];
        rows(client, catalog_query!("other_policies"), &arguments, |row| row.get("name"))
    }

    /// The names of its permissive policies that aren't ours.
    pub fn other_permissive_policies(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        let arguments = [self.oid.into(), names(&Made::POLICIES).into()];
        rows(client, catalog_query!("other_permissive_policies"), &arguments, |row| row.get("name"))
    }

    /// The roles, as SQL names them, that may do on this table what row security doesn't see.
    pub fn roles_with_rights_past_row_security(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        self.grantees(client, &["TRIGGER", "TRUNCATE", "REFERENCES"], &[])
    }

    /// The roles, as SQL names them, that may read or write this table and whom policies for `bound` don't bind.
    pub fn roles_not_bound(&self, client: &SpiClient<'_>, bound: &[String]) -> Result<Vec<String>, spi::Error> {
        if bound.iter().any(|role| role == "public") {
            return Ok(Vec::new());
        }
        let mut roles = self.grantees(client, &["SELECT", "INSERT", "UPDATE", "DELETE"], bound)?;
        roles.extend(roles_with_rights_on_all_data(client, bound)?);
        Ok(roles)
    }

    /// The roles among these, as SQL names them, that its policies don't bind, however they name them.
    pub fn roles_that_bypass(&self, client: &SpiClient<'_>, roles: &[String]) -> Result<Vec<String>, spi::Error> {
        let arguments = [self.oid.into(), roles.to_vec().into()];
        rows(client, catalog_query!("roles_that_bypass"), &arguments, |row| row.get("role"))
    }

    /// The roles, as SQL names them, that may read this table and whom policies for `bound` bind.
    pub fn readers_bound(&self, client: &SpiClient<'_>, bound: &[String]) -> Result<Vec<String>, spi::Error> {
        let mut readers = self.grantees(client, &["SELECT"], &[])?;
        if !bound.iter().any(|role| role == "public") {
            let unbound = self.grantees(client, &["SELECT"], bound)?;
            readers.retain(|role| !unbound.contains(role));
        }
        Ok(readers)
    }

    /// The roles that hold one of these privileges, without the owner, those that row security doesn't bind, and
    /// those that have the rights of one of `except`.
    pub fn grantees(
        &self,
        client: &SpiClient<'_>,
        privileges: &[&str],
        except: &[String],
    ) -> Result<Vec<String>, spi::Error> {
        let arguments = [self.oid.into(), privileges.to_vec().into(), except.to_vec().into()];
        rows(client, catalog_query!("grantees"), &arguments, |row| row.get("role"))
    }

    /// The commands, in capitals, that no permissive policy allows to anybody.
    pub fn commands_without_permissive_policy(&self, client: &SpiClient<'_>) -> Result<Vec<String>, spi::Error> {
        rows(client, catalog_query!("commands_without_permissive_policy"), &[self.oid.into()], |row| row.get("name"))
    }

    /// The policies and triggers that bear one of our names.
    pub fn named_as_ours(&self, client: &SpiClient<'_>) -> Result<Vec<Named>, spi::Error> {
        rows(client, catalog_query!("named_as_ours"), &[self.oid.into(), names(&Made::ALL).into()], |row| {
            Ok(Named {
                kind: if row.get("is_policy")? { "policy" } else { "trigger" },
                oid: row.oid("oid")?,
                name: row.get("name")?,
                comment: row.nullable("comment")?,
                is_copy: row.get("is_copy")?,
            })
        })
    }
}

/// `pg_read_all_data` and `pg_write_all_data` if a role that row security binds has them. Roles of `except`, and those that have
/// the rights of one of them, are left out.
fn roles_with_rights_on_all_data(client: &SpiClient<'_>, except: &[String]) -> Result<Vec<String>, spi::Error> {
    rows(client, catalog_query!("roles_with_rights_on_all_data"), &[except.to_vec().into()], |row| row.get("role"))
}

/// Their names in the catalog.
fn names(made: &[Made]) -> Vec<&'static str> {
    made.iter().map(|made| made.name()).collect()
}

/// Raises 40001: somebody changed the catalog while it was being read or written here. Nothing is done.
pub fn changed_meanwhile(relation: &Relation) -> ! {
    let message = format!("{} was changed by somebody else meanwhile: nothing was done", relation.display_name());
    raise(SqlState::SERIALIZATION_FAILURE, &message, None, Some("Try again."))
}

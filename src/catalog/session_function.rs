//! A function that says for which sessions a protection is.

use aal::protection::AppliesWhen;
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};

use crate::pg::query::{catalog_query, first_row, rows};

/// A function, as far as it can say for which sessions a protection is.
pub struct SessionFunction {
    oid: Oid,
    /// Its schema's name.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its full name with the types of its arguments.
    pub display_name: String,
    /// Whether it is a function: no aggregate, no window function and no procedure.
    pub is_plain: bool,
    /// Whether it has no parameters.
    pub takes_nothing: bool,
    /// Whether it returns one boolean.
    pub returns_boolean: bool,
    /// `pg_proc.provolatile`.
    pub volatility: String,
    /// Whether it is in `pg_catalog` or in a temporary schema.
    pub is_in_schema_of_postgres: bool,
    /// Whether it belongs to pg_aal.
    pub is_ours: bool,
}

impl From<SessionFunction> for AppliesWhen {
    fn from(it: SessionFunction) -> AppliesWhen {
        AppliesWhen { schema: it.schema, function: it.name, display_name: it.display_name }
    }
}

impl SessionFunction {
    /// Reads one function; `None` if there is none with this OID.
    pub fn read(client: &SpiClient<'_>, oid: Oid) -> Result<Option<SessionFunction>, spi::Error> {
        first_row(client, catalog_query!("session_function"), &[oid.into()], |row| {
            Ok(SessionFunction {
                oid,
                schema: row.get("schema")?,
                name: row.get("name")?,
                display_name: row.get("display_name")?,
                is_plain: row.get("is_plain")?,
                takes_nothing: row.get("takes_nothing")?,
                returns_boolean: row.get("returns_boolean")?,
                volatility: row.get("volatility")?,
                is_in_schema_of_postgres: row.get("is_in_schema_of_postgres")?,
                is_ours: row.get("is_ours")?,
            })
        })
    }

    /// The roles, as SQL names them, that may use one of these tables, that policies for `bound` bind, and that may not execute it.
    pub fn roles_without_execute(
        &self,
        client: &SpiClient<'_>,
        tables: &[Oid],
        bound: &[String],
    ) -> Result<Vec<String>, spi::Error> {
        let arguments = [tables.to_vec().into(), bound.to_vec().into(), self.oid.into()];
        rows(client, catalog_query!("roles_without_execute"), &arguments, |row| row.get("role"))
    }
}

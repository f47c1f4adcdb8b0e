//! The watches over schemas that `protect_schema` made.

use aal::protection::{SchemaProtection, WATCHED_TAGS};
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};

use super::relation::PostgresQuote;
use crate::pg::query::{catalog_query, first_row, rows};

/// A watch: an event trigger with a function, which holds the record of the schema's protection.
pub struct Watch {
    /// The event trigger's name.
    pub name: String,
    /// Its function.
    pub function: Oid,
    /// The function's name, in schema auth.
    pub function_name: String,
    /// What it watches for; `None` if its record can't be read.
    pub protection: Option<SchemaProtection>,
    /// Whether it fires for each command by which tables come into a schema, and has the rights to protect them.
    pub is_whole: bool,
}

impl Watch {
    /// All watches, or that of one function.
    pub fn read(client: &SpiClient<'_>, function: Option<Oid>) -> Result<Vec<Watch>, spi::Error> {
        rows(client, catalog_query!("watches"), &[function.into()], |row| {
            let record: String = row.get("record")?;
            // Without a list it fires for all commands.
            let tags: Option<Vec<String>> = row.nullable("tags")?;
            let has_tag = |tag: &&str| tags.as_ref().is_none_or(|tags| tags.iter().any(|it| it == tag));
            let is_whole = row.get("always_fires")? && row.get("has_all_rights")?;
            Ok(Watch {
                name: row.get("name")?,
                function: row.oid("function")?,
                function_name: row.get("function_name")?,
                protection: SchemaProtection::from_record(&record, &PostgresQuote),
                is_whole: is_whole && WATCHED_TAGS.iter().all(has_tag),
            })
        })
    }

    /// Whether it watches a schema of this name.
    pub fn is_of(&self, schema: &str) -> bool {
        self.protection.as_ref().is_some_and(|it| it.schemas.iter().any(|name| name == schema))
    }
}

/// The watches, as the proof wants them: with the extension's own.
pub fn of_proof(client: &SpiClient<'_>) -> Result<Vec<proof::Watch>, spi::Error> {
    let schemas = Watch::read(client, None)?.into_iter().map(|watch| proof::Watch {
        name: watch.name,
        protection: watch.protection,
        is_of_partitions: false,
        is_whole: watch.is_whole,
    });
    let is_whole = first_row(client, catalog_query!("watch_of_partitions"), &[], |row| row.get("is_whole"))?;
    let of_partitions = proof::Watch {
        name: "aal_new_partitions".to_owned(),
        protection: None,
        is_of_partitions: true,
        is_whole: is_whole.unwrap_or(false),
    };
    Ok(schemas.chain(std::iter::once(of_partitions)).collect())
}

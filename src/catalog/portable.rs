//! The portable edition, where its functions are in the database, too.

use pgrx::spi::{self, SpiClient};
use proof::{Definition, PortableEdition, PortableFunction};

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// How many bytes the body of one of its functions may have. The longest that a release made is a tenth of that.
const LARGEST_BODY: i32 = 1 << 20;

/// The portable edition; `None` where it isn't there.
pub fn read(client: &SpiClient<'_>) -> Result<Option<PortableEdition>, spi::Error> {
    let functions = rows(client, catalog_query!("portable_functions"), &[LARGEST_BODY.into()], |row| {
        let definition = Definition {
            name: row.get("name")?,
            types: row.get("types")?,
            arguments: row.get("arguments")?,
            returns: row.get("returns")?,
            language: row.get("language")?,
            volatility: row.get("volatility")?,
            parallel: row.get("parallel")?,
            strict: row.get("strict")?,
            security_definer: row.get("security_definer")?,
            settings: row.get("settings")?,
            body: row.get("body")?,
        };
        Ok(PortableFunction {
            id: ids::function(row, "oid")?,
            definition,
            replaceable_by: ids::roles(row, "replaceable_by")?,
            replaceable_by_all: row.get("replaceable_by_all")?,
        })
    })?;
    Ok(PortableEdition::of(&functions))
}

//! Functions that run with their owner's rights, or are marked IMMUTABLE.

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::Function;

use super::ids;
use super::roles::Names;
use crate::pg::query::{catalog_query, rows};

/// Those functions, without the ones that belong to extensions.
pub fn read(client: &SpiClient<'_>, roles: &[Oid], names: &Names) -> Result<Vec<Function>, spi::Error> {
    rows(client, catalog_query!("functions"), &[roles.to_vec().into()], |row| {
        Ok(Function {
            schema: row.get("schema")?,
            name: row.get("name")?,
            display_name: row.get("display_name")?,
            owner: ids::role(row, "owner")?,
            security_definer: row.get("security_definer")?,
            immutable: row.get("immutable")?,
            language: row.get("language")?,
            body: row.get("body")?,
            reaches: ids::tables(row, "reaches")?,
            open_to: names.sorted(&ids::roles(row, "open_to")?),
        })
    })
}

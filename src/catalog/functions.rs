//! Functions, and who may execute those that run with their owner's rights.

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::Function;

use super::ids;
use super::roles::Names;
use crate::pg::query::{catalog_query, rows};

/// How many bytes the text of a function's body may have, and the texts of all of them, and still be searched for names.
const LARGEST_TEXT: i64 = 1 << 20;
const MOST_TEXT: i64 = 64 << 20;

/// The functions, without the ones that belong to extensions.
pub fn read(client: &SpiClient<'_>, roles: &[Oid], names: &Names) -> Result<Vec<Function>, spi::Error> {
    rows(client, catalog_query!("functions"), &[roles.to_vec().into(), LARGEST_TEXT.into(), MOST_TEXT.into()], |row| {
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

//! Publications.

use pgrx::spi::{self, SpiClient};
use proof::TableId;

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// The tables that are published, each with the name of a publication.
pub fn read(client: &SpiClient<'_>) -> Result<Vec<(TableId, String)>, spi::Error> {
    rows(client, catalog_query!("publications"), &[], |row| Ok((ids::table(row, "table_id")?, row.get("publication")?)))
}

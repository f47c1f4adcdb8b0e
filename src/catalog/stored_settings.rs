//! Settings that are stored for roles and databases.

use pgrx::spi::{self, SpiClient};

use crate::pg::query::{catalog_query, first_row};

/// Whether some session may trust settings less than this one does, by the settings stored for its role or for this
/// database.
pub fn are_untrusted(client: &SpiClient<'_>) -> Result<bool, spi::Error> {
    let stored = first_row(client, catalog_query!("untrusted_settings"), &[], |row| row.nullable("are_untrusted"))?;
    Ok(stored.flatten().unwrap_or(true))
}

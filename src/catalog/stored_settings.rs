//! Settings that are stored for roles and databases.

use pgrx::spi::{self, SpiClient};

use super::PostgresQuote;
use crate::pg::query::{catalog_query, first_row, rows};

/// Whether some session may trust settings less than this one does, by the settings stored for its role or for this
/// database.
pub fn are_untrusted(client: &SpiClient<'_>) -> Result<bool, spi::Error> {
    let stored = first_row(client, catalog_query!("untrusted_settings"), &[], |row| row.nullable("are_untrusted"))?;
    Ok(stored.flatten().unwrap_or(true))
}

/// A value of a setting that is stored for a role, a database, or both.
pub struct StoredValue {
    /// For whom, in words: `role authenticator`.
    pub holder: String,
    /// The value.
    pub value: String,
}

/// The values of a setting that are stored for roles in this database, or for all of them.
pub fn stored_values(client: &SpiClient<'_>, setting: &str) -> Result<Vec<StoredValue>, spi::Error> {
    rows(client, catalog_query!("stored_values"), &[setting.into()], |row| {
        let role = row.shared_name("role")?;
        let holder =
            if role.is_empty() { "this database".to_owned() } else { format!("role {}", PostgresQuote::name(&role)) };
        Ok(StoredValue { holder, value: row.get("value")? })
    })
}

//! Rights on single columns, and claims that are stored as settings.

use aal::Command;
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{ColumnRight, RoleId, StoredClaims, TableId, ViewOfColumns};

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// Which of these roles may use the columns that decide more than their rows.
pub fn column_rights(client: &SpiClient<'_>, roles: &[Oid]) -> Result<Vec<ColumnRight>, spi::Error> {
    rows(client, catalog_query!("column_rights"), &[roles.to_vec().into()], |row| {
        let view = TableId::new(row.oid("view_id")?.to_u32()).zip(RoleId::new(row.oid("view_owner")?.to_u32()));
        let display_name: String = row.get("view_name")?;
        Ok(ColumnRight {
            table: ids::table(row, "table_id")?,
            view: view.map(|(id, owner)| ViewOfColumns { id, display_name, owner }),
            columns: row.get("columns")?,
            command: Command::from_name(&row.get::<String>("privilege")?).unwrap_or(Command::Select),
            roles: ids::roles(row, "roles")?,
        })
    })
}

/// The claims that are stored for roles and for this database.
pub fn stored_claims(client: &SpiClient<'_>) -> Result<Vec<StoredClaims>, spi::Error> {
    rows(client, catalog_query!("stored_claims"), &[], |row| {
        Ok(StoredClaims {
            name: row.shared_name("name")?,
            is_database: row.get("is_database")?,
            settings: row.get("settings")?,
        })
    })
}

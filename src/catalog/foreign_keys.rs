//! Foreign keys.

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::ForeignKey;

use super::ids;
use crate::pg::query::{catalog_query, rows};

/// The foreign keys, with which of these roles may update the keys that they refer to.
pub fn read(client: &SpiClient<'_>, roles: &[Oid]) -> Result<Vec<ForeignKey>, spi::Error> {
    rows(client, catalog_query!("foreign_keys"), &[roles.to_vec().into()], |row| {
        let columns: Vec<String> = row.get("columns")?;
        let referenced_columns: Vec<String> = row.get("referenced_columns")?;
        Ok(ForeignKey {
            name: row.get("name")?,
            table: ids::table(row, "table_id")?,
            referenced: ids::table(row, "referenced")?,
            on_delete: action(&row.get::<String>("on_delete")?),
            on_update: action(&row.get::<String>("on_update")?),
            key_updated_by: ids::roles(row, "key_updated_by")?,
            columns: columns.into_iter().zip(referenced_columns).collect(),
            set_on_delete: row.get("set_on_delete")?,
        })
    })
}

/// How a foreign key changes rows, if it does, by `pg_constraint.confdeltype` or `confupdtype`.
fn action(letter: &str) -> Option<&'static str> {
    match letter {
        "c" => Some("CASCADE"),
        "n" => Some("SET NULL"),
        "d" => Some("SET DEFAULT"),
        _ => None,
    }
}

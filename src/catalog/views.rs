//! Views and rules.

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{View, ViewKind};

use super::ids;
use super::roles::Names;
use crate::pg::query::{Row, catalog_query, rows};

/// The views, and the rules of views and tables. `that_ask` are the functions that ask for a level.
pub fn read(client: &SpiClient<'_>, roles: &[Oid], that_ask: &[Oid], names: &Names) -> Result<Vec<View>, spi::Error> {
    rows(client, catalog_query!("views"), &[roles.to_vec().into(), that_ask.to_vec().into()], |row| {
        Ok(View {
            id: ids::table(row, "oid")?,
            schema: row.get("schema")?,
            name: row.get("name")?,
            display_name: row.get("display_name")?,
            kind: view_kind(&row.get::<String>("kind")?),
            owner: ids::role(row, "owner")?,
            reads: ids::tables(row, "reads")?,
            read_by: names.sorted(&ids::roles(row, "read_by")?),
            written_by: names.sorted(&ids::roles(row, "written_by")?),
            owner_as_user: owner_as_user(row, names)?,
            asks_for_level: row.get("asks_for_level")?,
        })
    })
}

/// The name of the owner, if the query counts it among the roles.
fn owner_as_user(row: &Row<'_>, names: &Names) -> Result<Option<String>, spi::Error> {
    let is_user = row.nullable::<Oid>("owner_as_user")?.is_some();
    Ok(if is_user { names.sorted(&[ids::role(row, "owner_as_user")?]).pop() } else { None })
}

/// The kind of a view, by the word that the query has for it.
fn view_kind(word: &str) -> ViewKind {
    match word {
        "materialized" => ViewKind::Materialized,
        "invoker rights" => ViewKind::InvokerRights,
        "table rule" => ViewKind::TableRule,
        "view rule" => ViewKind::ViewRule,
        _ => ViewKind::OwnerRights,
    }
}

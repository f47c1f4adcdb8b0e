//! Views and rules.

use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{View, ViewKind};

use super::ids;
use super::roles::Names;
use crate::pg::node::NodeTree;
use crate::pg::query::{Row, catalog_query, rows};
use crate::reader::Reader;

/// How many bytes of text the tree of a view's query may have, and those of all views together, and still be read.
const LARGEST_TREE: i64 = 1 << 20;
const MOST_TREES: i64 = 32 << 20;

/// The views, and the rules of views and tables. `that_ask` are the functions that ask for a level.
pub fn read(
    client: &SpiClient<'_>,
    roles: &[Oid],
    that_ask: &[Oid],
    names: &Names,
    reader: &mut Reader<'_, '_>,
) -> Result<Vec<View>, spi::Error> {
    let arguments = [roles.to_vec().into(), that_ask.to_vec().into(), LARGEST_TREE.into(), MOST_TREES.into()];
    rows(client, catalog_query!("views"), &arguments, |row| {
        let query = row.nullable::<NodeTree>("tree")?.and_then(|tree| reader.read_view(&tree));
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
            inserted_by: names.sorted(&ids::roles(row, "inserted_by")?),
            owner_as_user: owner_as_user(row, names)?,
            asks_for_level: row.get("asks_for_level")?,
            is_steady: query.as_ref().is_some_and(|query| query.is_steady),
            condition: query.and_then(|query| query.condition),
            checks_new_rows: row.get("checks_new_rows")?,
            is_barrier: row.get("is_barrier")?,
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

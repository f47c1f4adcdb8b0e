//! OIDs and the proof's own identities. They are made of one another only here.

use pgrx::pg_sys::Oid;
use pgrx::spi;
use proof::{FunctionId, RoleId, TableId};

use crate::pg::query::Row;

/// The table in a column that is never NULL.
pub fn table(row: &Row<'_>, column: &str) -> Result<TableId, spi::Error> {
    id(row.oid(column)?)
}

/// The tables in a column that is an array.
pub fn tables<Tables: FromIterator<TableId>>(row: &Row<'_>, column: &str) -> Result<Tables, spi::Error> {
    row.get::<Vec<Oid>>(column)?.into_iter().map(id).collect()
}

/// The function in a column that is never NULL.
pub fn function(row: &Row<'_>, column: &str) -> Result<FunctionId, spi::Error> {
    id(row.oid(column)?)
}

/// The functions in a column that is an array.
pub fn functions(row: &Row<'_>, column: &str) -> Result<Vec<FunctionId>, spi::Error> {
    row.get::<Vec<Oid>>(column)?.into_iter().map(id).collect()
}

/// The role in a column that is never NULL.
pub fn role(row: &Row<'_>, column: &str) -> Result<RoleId, spi::Error> {
    id(row.oid(column)?)
}

/// The roles in a column that is an array.
pub fn roles(row: &Row<'_>, column: &str) -> Result<Vec<RoleId>, spi::Error> {
    row.get::<Vec<Oid>>(column)?.into_iter().map(id).collect()
}

/// An identity; the invalid OID, which names nothing, is an error.
fn id<Id: TryFrom<u32>>(oid: Oid) -> Result<Id, spi::Error> {
    Id::try_from(oid.to_u32()).map_err(|_| spi::Error::InvalidPosition)
}

/// The OIDs of tables, as a query takes them.
pub fn table_oids(ids: impl IntoIterator<Item = TableId>) -> Vec<Oid> {
    ids.into_iter().map(|id| id.oid().into()).collect()
}

/// The OIDs of roles, as a query takes them.
pub fn role_oids(ids: impl IntoIterator<Item = RoleId>) -> Vec<Oid> {
    ids.into_iter().map(|id| id.oid().into()).collect()
}

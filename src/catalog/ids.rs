//! OIDs and the proof's own identities. They are made of one another only here.

use pgrx::pg_sys::Oid;
use pgrx::spi;
use proof::{RoleId, TableId};

use crate::pg::query::Row;

/// The table in a column.
pub fn table(row: &Row<'_>, column: &str) -> Result<TableId, spi::Error> {
    Ok(row.oid(column)?.to_u32())
}

/// The tables in a column that is an array.
pub fn tables<Tables: FromIterator<TableId>>(row: &Row<'_>, column: &str) -> Result<Tables, spi::Error> {
    Ok(row.get::<Vec<Oid>>(column)?.into_iter().map(Oid::to_u32).collect())
}

/// The role in a column.
pub fn role(row: &Row<'_>, column: &str) -> Result<RoleId, spi::Error> {
    Ok(row.oid(column)?.to_u32())
}

/// The roles in a column that is an array.
pub fn roles(row: &Row<'_>, column: &str) -> Result<Vec<RoleId>, spi::Error> {
    Ok(row.get::<Vec<Oid>>(column)?.into_iter().map(Oid::to_u32).collect())
}

/// Their OIDs, as a query takes them.
pub fn oids<Id: Into<Oid>>(ids: impl IntoIterator<Item = Id>) -> Vec<Oid> {
    ids.into_iter().map(Into::into).collect()
}

//! Supabase Auth's table of factors, as the catalog has it.

use std::collections::HashSet;
use std::ffi::CStr;

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::budget::Nesting;
use crate::pg::lookup;
use crate::pg::query::{catalog_query, rows};

/// Supabase Auth's table of factors.
pub struct FactorStore {
    pub table: pg_sys::Oid,
    user: i16,
    status: i16,
    pub status_type: pg_sys::Oid,
    never_null: Vec<i16>,
    seen_whole_by: HashSet<pg_sys::Oid>,
    pub status_has_casts: bool,
}

/// What a column of it says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FactorColumn {
    /// Whose factor it is.
    User,
    /// Whether it is verified.
    Status,
    /// Anything else; whether it is never NULL.
    Other { never_null: bool },
}

impl FactorStore {
    /// The table, if it says who has enrolled.
    pub fn read(client: &SpiClient<'_>) -> Result<Option<FactorStore>, spi::Error> {
        let stores = rows(client, catalog_query!("factor_store"), &[], |row| {
            let seen: Vec<pg_sys::Oid> = row.get("seen_whole_by")?;
            Ok(FactorStore {
                table: row.oid("table")?,
                user: row.get("user_column")?,
                status: row.get("status_column")?,
                status_type: row.oid("status_type")?,
                never_null: row.get("never_null")?,
                seen_whole_by: seen.into_iter().collect(),
                status_has_casts: row.nullable("status_has_casts")?.unwrap_or(true),
            })
        })?;
        Ok(stores.into_iter().next())
    }

    /// Whether all of its rows are seen here.
    pub fn is_seen_whole(&self, place: Nesting<'_>) -> bool {
        place.runs_as().is_some_and(|owner| self.seen_whole_by.contains(&owner))
    }

    /// The column of this number.
    pub fn column(&self, number: i16) -> FactorColumn {
        match number {
            _ if number == self.user => FactorColumn::User,
            _ if number == self.status => FactorColumn::Status,
            _ => FactorColumn::Other { never_null: self.never_null.contains(&number) },
        }
    }

    /// The column of this name; `None` where it has none.
    pub fn column_named(&self, name: &CStr) -> Option<FactorColumn> {
        lookup::column(self.table, name).map(|number| self.column(number))
    }
}

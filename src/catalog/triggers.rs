//! Triggers.

use std::collections::HashMap;

use pgrx::spi::{self, SpiClient};
use proof::{FunctionId, FunctionIndex, Trigger};

use super::guards::commands;
use super::ids;
use crate::pg::query::{catalog_query, rows};

/// The triggers that can fire and call one of these functions.
pub fn read(
    client: &SpiClient<'_>,
    functions: &HashMap<FunctionId, FunctionIndex>,
) -> Result<Vec<Trigger>, spi::Error> {
    let triggers = rows(client, catalog_query!("triggers"), &[], |row| {
        let Some(function) = functions.get(&ids::function(row, "function")?) else { return Ok(None) };
        Ok(Some(Trigger {
            name: row.get("name")?,
            table: ids::table(row, "table_id")?,
            function: *function,
            commands: commands(row)?,
            for_each_statement: row.get("for_each_statement")?,
            is_before: row.get("is_before")?,
        }))
    })?;
    Ok(triggers.into_iter().flatten().collect())
}

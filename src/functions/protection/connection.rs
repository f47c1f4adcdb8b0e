//! Connections to the server's own SQL, and whether anything can be written.

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::{process, transaction};

/// Works in a connection that may write.
pub fn connect<T>(work: impl FnOnce(&mut SpiClient<'_>) -> Result<T, spi::Error>) -> T {
    let work = |client: &mut SpiClient<'_>| {
        // Makes this a connection that writes: from here on every query sees what was committed before it.
        client.update("select", None, &[])?;
        work(client)
    };
    Spi::connect_mut(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

/// Works in a connection that writes nothing, so that it can be done on a standby, too.
pub fn connect_to_read<T>(work: impl FnOnce(&SpiClient<'_>) -> Result<T, spi::Error>) -> T {
    Spi::connect(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

/// Raises 25006 where nothing can be written.
pub fn require_writable(function: &str) {
    let hint = "auth.protect_table_sql only returns the statements.";
    if process::is_standby() {
        let hint = format!("Run it on the primary. {hint}");
        raise(
            SqlState::READ_ONLY_SQL_TRANSACTION,
            &format!("{function} cannot run on a standby: it changes the catalog"),
            None,
            Some(&hint),
        );
    }
    if transaction::is_read_only() {
        let message = format!("{function} cannot run in a read-only transaction: it changes the catalog");
        raise(SqlState::READ_ONLY_SQL_TRANSACTION, &message, None, Some(hint));
    }
}

/// Runs statements, in order.
pub fn run(client: &mut SpiClient<'_>, statements: &[String]) -> Result<(), spi::Error> {
    statements.iter().try_for_each(|statement| client.update(statement, None, &[]).map(drop))
}

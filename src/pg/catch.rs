//! Errors of Postgres' that mustn't end a statement.

use std::panic::AssertUnwindSafe;

use pgrx::PgTryBuilder;
use pgrx::pg_sys::panic::CaughtError;

use super::elog::is_cancellation;

/// What one call into Postgres returns; `None` if it raised an ERROR. A cancellation, and a lack of memory, are raised on.
///
/// Only for a call that takes no lock and opens nothing which it leaves open when it raises: there is no
/// subtransaction to give them back.
pub(super) fn unless_it_raises<T>(call: impl FnOnce() -> T) -> Option<T> {
    let call = AssertUnwindSafe(call);
    PgTryBuilder::new(move || {
        let call = call;
        Some((call.0)())
    })
    .catch_others(|error| match &error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)
            if !is_cancellation(report.sql_error_code()) =>
        {
            None
        }
        _ => error.rethrow(),
    })
    .execute()
}

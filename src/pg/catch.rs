//! Errors of Postgres' that mustn't end a statement.

use std::panic::AssertUnwindSafe;

use pgrx::PgTryBuilder;
use pgrx::pg_sys::panic::CaughtError;

use super::elog::is_cancellation;

/// The answer of one call into Postgres; `None` if it raised an ERROR. A cancellation, and a lack of memory, are raised on.
///
/// There is no subtransaction to give back what the call holds when it raises. So it must take no lock and open nothing; or an
/// error must follow in any case, after which Postgres cleans up.
pub fn unless_it_raises<T>(call: impl FnOnce() -> T) -> Option<T> {
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

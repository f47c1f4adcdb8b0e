//! The claims in force, and the clock that judges them.
//!
//! A request's state lives in settings that the gateway makes (`set_config('request.jwt.claims', …, true)`), so it
//! follows transactions, savepoints, poolers and parallel workers. Here is only a cache of the last text read:
//! it is compared byte by byte on each use, because claims may change between two calls in one transaction.

use std::cell::RefCell;
use std::ffi::CString;

use aal::{Claims, Clock, InvalidClaims, Timestamp};
use pgrx::prelude::*;

use crate::foreign_setting::{ForeignSetting, Value};
use crate::settings;

/// Microseconds from 1970-01-01, where JSON Web Tokens count from, to 2000-01-01, where Postgres does.
const POSTGRES_EPOCH: i64 = 946_684_800 * 1_000_000;

struct Cached {
    text: CString,
    claims: Result<Claims, InvalidClaims>,
}

thread_local! {
    static CACHE: RefCell<Option<Cached>> = const { RefCell::new(None) };

    /// The settings that hold claims, in the order in which Supabase's `auth.jwt()` looks at them.
    static SOURCES: [ForeignSetting; 2] =
        const { [ForeignSetting::new(c"request.jwt.claim"), ForeignSetting::new(c"request.jwt.claims")] };
}

/// Calls `read` with the claims in force: `None` without any, an error where their text can't be read.
///
/// `read` must not raise a Postgres error or call back into SQL: the cache is borrowed while it runs.
pub fn with_claims<T>(read: impl FnOnce(Option<Result<&Claims, &InvalidClaims>>) -> T) -> T {
    let Some(text) = claims_text() else { return read(None) };
    CACHE.with_borrow_mut(|cache| {
        let cached = match cache {
            Some(cached) if text.is(&cached.text) => cached,
            stale => {
                let text = text.as_c_str();
                stale.insert(Cached { text: text.to_owned(), claims: Claims::from_json(text.to_bytes()) })
            }
        };
        read(Some(cached.claims.as_ref()))
    })
}

/// The text of the claims in force: the first source that is set and not empty.
pub fn claims_text() -> Option<Value> {
    SOURCES.with(|sources| sources.iter().find_map(ForeignSetting::get))
}

/// The clock: the statement's start, and `pg_aal.clock_skew`.
pub fn clock() -> Clock {
    // SAFETY: reads a variable of the backend; parallel workers get their leader's.
    let start = unsafe { unguarded::GetCurrentStatementStartTimestamp() };
    Clock::new(Timestamp::from_unix_micros(start.saturating_add(POSTGRES_EPOCH)), settings::clock_skew())
}

/// A core timestamp as Postgres' own; `None` where it lies outside what Postgres can hold.
pub fn to_timestamptz(at: Timestamp) -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(at.unix_micros() - POSTGRES_EPOCH).ok()
}

/// Postgres' functions that raise no errors, without the guard that pgrx puts around each.
mod unguarded {
    // SAFETY: declared as in Postgres' access/xact.h.
    unsafe extern "C-unwind" {
        pub fn GetCurrentStatementStartTimestamp() -> pgrx::pg_sys::TimestampTz;
    }
}

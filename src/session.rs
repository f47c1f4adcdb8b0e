//! The claims in force, and the clock that judges them.
//!
//! A request's state lives in settings that the gateway makes (`set_config('request.jwt.claims', …, true)`), so it
//! follows transactions, savepoints, poolers and parallel workers. Here is only a cache of the last text read:
//! it is compared byte by byte on each use, because claims may change between two calls in one statement.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};

use aal::{Claims, Clock, InvalidClaims, Timestamp};
use pgrx::prelude::*;

/// The settings that hold claims, in the order in which Supabase's `auth.jwt()` looks at them.
const SOURCES: [&CStr; 2] = [c"request.jwt.claim", c"request.jwt.claims"];

/// Microseconds from 1970-01-01, where JSON Web Tokens count from, to 2000-01-01, where Postgres does.
const POSTGRES_EPOCH: i64 = 946_684_800 * 1_000_000;

struct Cached {
    text: Vec<u8>,
    claims: Result<Claims, InvalidClaims>,
}

thread_local! {
    static CACHE: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// Calls `read` with the claims in force: `None` without any, an error where their text can't be read.
///
/// `read` must not raise a Postgres error or call back into SQL: the cache is borrowed while it runs.
pub fn with_claims<T>(read: impl FnOnce(Option<Result<&Claims, &InvalidClaims>>) -> T) -> T {
    let Some(text) = claims_text() else { return read(None) };
    let text = text.to_bytes();
    CACHE.with_borrow_mut(|cache| {
        let cached = match cache {
            Some(cached) if cached.text == text => cached,
            stale => stale.insert(Cached { text: text.to_vec(), claims: Claims::from_json(text) }),
        };
        read(Some(cached.claims.as_ref()))
    })
}

/// The text of the claims in force: the first source that is set and not empty. After a transaction-local set
/// a setting's value is empty, not absent.
pub fn claims_text() -> Option<&'static CStr> {
    SOURCES.iter().find_map(|source| setting(source))
}

/// A setting's value if it is set to anything but the empty text.
fn setting(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: GetConfigOption looks a name up and, with missing_ok, raises nothing: it neither parses nor calls a
    // hook for a string setting, and these names need no privilege. (No guard: it can't longjmp.)
    let value = unsafe { guc::GetConfigOption(name.as_ptr(), true, false) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so a NUL-terminated string owned by the setting. It stays until the setting changes, and
    // no caller keeps it across anything that could change one.
    let value = unsafe { CStr::from_ptr(value) };
    if value.is_empty() { None } else { Some(value) }
}

/// The clock: the statement's start, and `pg_aal.clock_skew`.
pub fn clock() -> Clock {
    // SAFETY: reads a variable of the backend; parallel workers get their leader's.
    let start = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    Clock::new(Timestamp::from_unix_micros(start.saturating_add(POSTGRES_EPOCH)), crate::settings::clock_skew())
}

/// A core timestamp as Postgres' own; `None` where it lies outside what Postgres can hold.
pub fn to_timestamptz(at: Timestamp) -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(at.unix_micros() - POSTGRES_EPOCH).ok()
}

/// Postgres' settings (guc.h), called without pgrx's guard on the hot path.
mod guc {
    use super::c_char;

    unsafe extern "C-unwind" {
        pub fn GetConfigOption(name: *const c_char, missing_ok: bool, restrict_privileged: bool) -> *const c_char;
    }
}

//! Intervals, as Postgres reads them.

use std::ffi::CString;

use pgrx::datum::Interval;
use pgrx::prelude::*;

use super::catch::unless_it_raises;

/// The interval that a text says, by Postgres' own rules; `None` where it says none.
pub fn parse_interval(text: &str) -> Option<Interval> {
    let text = CString::new(text).ok()?;
    let arguments = [
        Some(pg_sys::Datum::from(text.as_ptr())),
        Some(pg_sys::Datum::from(pg_sys::InvalidOid)),
        // Without a type modifier.
        Some(pg_sys::Datum::from(-1i32)),
    ];
    // SAFETY: interval_in takes a C string, an OID and an int4. It only reads them, and allocates its answer. What it raises
    // becomes a panic by pgrx's guard, which is caught here: it holds nothing when it raises.
    unless_it_raises(|| unsafe { pgrx::direct_function_call::<Interval>(pg_sys::interval_in, &arguments) }).flatten()
}

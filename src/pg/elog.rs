//! Raising errors and giving warnings, with any SQLSTATE.

use std::ffi::{CString, c_char, c_int};
use std::panic::Location;

use pgrx::prelude::*;

use super::sqlstate::SqlState;

/// Writes a line to the server's log, and to no client.
#[track_caller]
pub fn log(message: &str) {
    report(PgLogLevel::LOG_SERVER_ONLY, SqlState::SUCCESSFUL_COMPLETION, message, None, None, None);
}

/// Gives a WARNING.
#[track_caller]
pub fn warn(message: &str, hint: &str) {
    report(PgLogLevel::WARNING, SqlState::WARNING, message, None, Some(hint), None);
}

/// Gives a NOTICE.
#[track_caller]
pub fn notice(message: &str, hint: Option<&str>) {
    report(PgLogLevel::NOTICE, SqlState::SUCCESSFUL_COMPLETION, message, None, hint, None);
}

/// Raises an ERROR with any SQLSTATE. pgrx's own reporting knows a closed list of them, without PGRST.
#[track_caller]
pub fn raise(sqlstate: SqlState, message: &str, detail: Option<&str>, hint: Option<&str>) -> ! {
    raise_and_log(sqlstate, message, detail, hint, None)
}

/// The same, with another DETAIL in the server's log, if there is one.
#[track_caller]
pub fn raise_and_log(
    sqlstate: SqlState,
    message: &str,
    detail: Option<&str>,
    hint: Option<&str>,
    detail_in_log: Option<&str>,
) -> ! {
    report(PgLogLevel::ERROR, sqlstate, message, detail, hint, detail_in_log);
    unreachable!("errfinish does not return from an ERROR")
}

#[track_caller]
fn report(
    level: PgLogLevel,
    sqlstate: SqlState,
    message: &str,
    detail: Option<&str>,
    hint: Option<&str>,
    detail_in_log: Option<&str>,
) {
    // These live in this frame, which pg_guard_ffi_boundary unwinds: nothing leaks.
    let message = c_string(message);
    let (detail, hint, in_log) = (detail.map(c_string), hint.map(c_string), detail_in_log.map(c_string));
    let text = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    let (message, detail, hint, in_log) = (message.as_ptr(), text(&detail), text(&hint), text(&in_log));
    let (level, sqlstate) = (level as c_int, sqlstate.packed());
    let caller = Location::caller();
    // Postgres keeps the pointer, and takes the folders off.
    let (file, line) = (caller.file_as_c_str().as_ptr(), c_int::try_from(caller.line()).unwrap_or_default());
    // SAFETY: this is the main thread, inside a function that Postgres called. The closure holds only pointers and
    // numbers, so the longjmp out of errfinish skips no destructor. The strings outlive it; Postgres copies
    // them, but for the file's name, which lives as long as the program.
    // Their text is an argument of "%s", never a format. Where errstart returns false nobody is to hear of it, and
    // nothing may follow it; with level ERROR it returns true and errfinish doesn't return.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            if !c::errstart(level, std::ptr::null()) {
                return;
            }
            c::errcode(sqlstate);
            c::errmsg_internal(c"%s".as_ptr(), message);
            if !detail.is_null() {
                c::errdetail_internal(c"%s".as_ptr(), detail);
            }
            if !in_log.is_null() {
                c::errdetail_log(c"%s".as_ptr(), in_log);
            }
            if !hint.is_null() {
                c::errhint(c"%s".as_ptr(), hint);
            }
            c::errfinish(file, line, std::ptr::null());
        });
    }
}

/// Whether an error must not be caught for good: somebody wants this to end, or there's no memory to go on.
pub fn is_cancellation(code: PgSqlErrorCode) -> bool {
    use PgSqlErrorCode::*;
    matches!(code, ERRCODE_QUERY_CANCELED | ERRCODE_ADMIN_SHUTDOWN | ERRCODE_CRASH_SHUTDOWN | ERRCODE_OUT_OF_MEMORY)
}

/// A C string, without the NUL bytes that no text of Postgres has.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// Postgres' error reporting (elog.h), which pgrx keeps to itself.
mod c {
    use super::{c_char, c_int};

    // SAFETY: declared as in Postgres' elog.h.
    unsafe extern "C-unwind" {
        pub fn errstart(level: c_int, domain: *const c_char) -> bool;
        pub fn errcode(sqlstate: c_int) -> c_int;
        pub fn errmsg_internal(format: *const c_char, ...) -> c_int;
        pub fn errdetail_internal(format: *const c_char, ...) -> c_int;
        pub fn errdetail_log(format: *const c_char, ...) -> c_int;
        pub fn errhint(format: *const c_char, ...) -> c_int;
        pub fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
}

//! Raising errors: `insufficient_aal`, and those that bad arguments, claims and tokens deserve.

use std::ffi::{CString, c_char, c_int};

use aal::{Denial, InvalidClaims, InvalidMaxAge, InvalidToken, UnknownLevel};
use pgrx::prelude::*;

use crate::session::Refused;
use crate::settings::{self, ErrorFormat};

/// Raises `insufficient_aal` in the format of `pg_aal.error_format`. `what` names what was asked for.
pub fn insufficient_aal(denial: &Denial, what: Option<&str>) -> ! {
    match settings::error_format() {
        ErrorFormat::Sql => raise(b"42501", &denial.message(what), Some(&denial.detail()), Some(denial.hint())),
        ErrorFormat::Postgrest => {
            let http = denial.http(what);
            raise(b"PGRST", &http.body, Some(&http.response), None)
        }
    }
}

/// Raises what says why there are no claims that could be read.
pub fn refused(refused: &Refused) -> ! {
    match refused {
        Refused::Claims(error) => invalid_claims(error),
        Refused::Token(error) => invalid_token(*error),
        Refused::UnusableSource => {
            let hint = "A superuser must set it to one of them; and the options of a connection must not set what only a superuser may.";
            raise(b"55000", "pg_aal.claims_source is neither request nor token", None, Some(hint))
        }
    }
}

/// Raises `invalid_token` (28000, or PGRST). Says which check failed, never what the token or a key is.
pub fn invalid_token(error: InvalidToken) -> ! {
    match settings::error_format() {
        ErrorFormat::Sql => raise(b"28000", &error.message(), None, Some(error.hint())),
        ErrorFormat::Postgrest => {
            let http = error.http();
            raise(b"PGRST", &http.body, Some(&http.response), None)
        }
    }
}

/// Raises `invalid_claims` (22P02). Says where the claims can't be read, never what they are.
fn invalid_claims(error: &InvalidClaims) -> ! {
    let hint = "Whatever sets request.jwt.claims, such as PostgREST, must set it to one JSON object.";
    raise(b"22P02", &format!("invalid_claims: {error}"), None, Some(hint))
}

/// Raises `invalid_claims` (22P02) for a JSON object that jsonb can't hold.
pub fn claims_beyond_jsonb() -> ! {
    let hint = "jsonb holds no \\u0000, no half of a surrogate pair, and no number beyond numeric.";
    raise(b"22P02", "invalid_claims: the claims hold something that jsonb cannot", None, Some(hint))
}

/// Raises 22023 for a text that names no level.
pub fn unknown_level(error: &UnknownLevel) -> ! {
    raise(b"22023", &error.to_string(), None, Some(&error.valid_levels()))
}

/// Raises 22023 where a fixed level is asked for and `enrolled` is not one: it is another for each user.
pub fn enrolled_is_no_level() -> ! {
    let hint = "Ask auth.has_enrolled_aal(), auth.require_enrolled_aal() or auth.enrolled_aal().";
    raise(b"22023", "level \"enrolled\" is another for each user", None, Some(hint))
}

/// Raises 22023 for a negative or infinite `max_age`.
pub fn invalid_max_age(error: InvalidMaxAge) -> ! {
    raise(b"22023", &error.to_string(), None, Some("Leave max_age out to ask for a level of any age."))
}

/// Raises 22004 for an argument that must not be NULL.
pub fn null_argument(name: &str) -> ! {
    raise(b"22004", &format!("{name} must not be null"), None, None)
}

/// Writes a line to the server's log, and to no client.
pub fn log(message: &str) {
    report(PgLogLevel::LOG_SERVER_ONLY, b"00000", message, None, None);
}

/// Gives a WARNING.
pub fn warn(message: &str, hint: &str) {
    report(PgLogLevel::WARNING, b"01000", message, None, Some(hint));
}

/// Raises an ERROR with any SQLSTATE. pgrx's own reporting knows a closed list of them, without PGRST.
pub fn raise(sqlstate: &[u8; 5], message: &str, detail: Option<&str>, hint: Option<&str>) -> ! {
    report(PgLogLevel::ERROR, sqlstate, message, detail, hint);
    unreachable!("errfinish does not return from an ERROR")
}

fn report(level: PgLogLevel, sqlstate: &[u8; 5], message: &str, detail: Option<&str>, hint: Option<&str>) {
    // These live in this frame, which pg_guard_ffi_boundary unwinds: nothing leaks.
    let message = c_string(message);
    let (detail, hint) = (detail.map(c_string), hint.map(c_string));
    let text = |text: &Option<CString>| text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    let (message, detail, hint) = (message.as_ptr(), text(&detail), text(&hint));
    let (level, sqlstate) = (level as c_int, pack_sqlstate(sqlstate));
    // SAFETY: this is the main thread, inside a function that Postgres called. The closure holds only pointers and
    // numbers, so the longjmp out of errfinish skips no destructor. The strings outlive it; Postgres copies them.
    // Their text is an argument of "%s", never a format. Where errstart returns false nobody is to hear of it, and
    // nothing may follow it; with level ERROR it returns true and errfinish doesn't return.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            if !elog::errstart(level, std::ptr::null()) {
                return;
            }
            elog::errcode(sqlstate);
            elog::errmsg_internal(c"%s".as_ptr(), message);
            if !detail.is_null() {
                elog::errdetail_internal(c"%s".as_ptr(), detail);
            }
            if !hint.is_null() {
                elog::errhint(c"%s".as_ptr(), hint);
            }
            elog::errfinish(c"denial.rs".as_ptr(), 0, c"report".as_ptr());
        });
    }
}

/// A C string, without the NUL bytes that no text of Postgres has.
fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// `MAKE_SQLSTATE` of Postgres' elog.h: six bits a character, the first lowest.
const fn pack_sqlstate(sqlstate: &[u8; 5]) -> c_int {
    let mut packed = 0;
    let mut i = 0;
    while i < 5 {
        packed |= ((sqlstate[i].wrapping_sub(b'0') & 0x3F) as c_int) << (6 * i);
        i += 1;
    }
    packed
}

/// Postgres' error reporting (elog.h), which pgrx keeps to itself.
mod elog {
    use super::{c_char, c_int};

    // SAFETY: declared as in Postgres' elog.h.
    unsafe extern "C-unwind" {
        pub fn errstart(level: c_int, domain: *const c_char) -> bool;
        pub fn errcode(sqlstate: c_int) -> c_int;
        pub fn errmsg_internal(format: *const c_char, ...) -> c_int;
        pub fn errdetail_internal(format: *const c_char, ...) -> c_int;
        pub fn errhint(format: *const c_char, ...) -> c_int;
        pub fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
}

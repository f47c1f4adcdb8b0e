//! Every setting, `pg_aal.*`.
//!
//! A value that a session set before the library was loaded goes through the same checks when it is: Postgres
//! drops it with a warning if that role may not set it.

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

/// How `insufficient_aal` is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum ErrorFormat {
    /// SQLSTATE 42501 with DETAIL and HINT.
    #[name = c"sql"]
    Sql,
    /// SQLSTATE PGRST, which PostgREST 12 and later answer with 401 and the challenge of RFC 9470.
    #[name = c"postgrest"]
    Postgrest,
}

static ERROR_FORMAT: GucSetting<ErrorFormat> = GucSetting::<ErrorFormat>::new(ErrorFormat::Sql);
static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(30);

/// How denials are raised.
pub fn error_format() -> ErrorFormat {
    ERROR_FORMAT.get()
}

/// How far, in seconds, a time in a token may lie in the future.
pub fn clock_skew() -> u32 {
    CLOCK_SKEW.get().unsigned_abs()
}

/// Defines the settings. Called once, when the library is loaded.
pub fn define() {
    // Anyone may choose how a refusal reads: it decides nothing.
    GucRegistry::define_enum_guc(
        c"pg_aal.error_format",
        c"How insufficient_aal is raised.",
        c"sql: SQLSTATE 42501 with DETAIL and HINT. postgrest: SQLSTATE PGRST, for PostgREST 12 and later.",
        &ERROR_FORMAT,
        GucContext::Userset,
        GucFlags::empty(),
    );
    // Decides what counts as fresh: superusers only.
    GucRegistry::define_int_guc(
        c"pg_aal.clock_skew",
        c"How far a time in a token may lie in the future and still count.",
        c"For servers whose clocks differ. It never makes an old time younger.",
        &CLOCK_SKEW,
        0,
        600,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    // SAFETY: a C string that lives as long as the program; Postgres copies it.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"pg_aal".as_ptr()) };
}

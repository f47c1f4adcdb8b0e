//! Every setting, `pg_aal.*`: [`table`] lists them, [`hooks`] judge new values.
//!
//! A value that a session set before the library was loaded goes through the same checks when it is loaded. Postgres
//! drops it with a warning if that role may not set it.

// The functions that Postgres calls, and where Postgres is told of them.
#[allow(unsafe_code)]
mod hooks;
#[allow(unsafe_code)]
mod table;
mod values;

use std::ffi::{CStr, CString};

pub use aal::ClaimsSource;
use aal::Level;
use aal::token::Expected;

use self::table::{
    ANONYMOUS_LEVEL, CLAIMS_PROFILE, CLOCK_SKEW, DOCS_URL, ENROLLMENT_FUNCTION, ERROR_FORMAT, JWKS, JWKS_FILE,
    JWT_AUDIENCE, JWT_ISSUER, LOG_DENIALS, REFUSE_READS, SESSION_FUNCTION, SESSION_TIMEBOX, SETTINGS,
    SHARED_TOKEN_CACHE_SIZE, TOKEN_CACHE_SIZE,
};
pub use self::table::{HANDED_ON_NAME, TOKEN_NAME, WORKER_CLAIMS_NAME, jwks, profiles};
pub use self::values::ErrorFormat;
use self::values::{LOADING, LevelOfGuests, PROFILE_CHANGES, SHARED, SOURCE, TRUST_CHANGES};
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::text_setting::TextSetting;
use crate::pg::{guc, process, transaction};

/// How denials are raised.
pub fn error_format() -> ErrorFormat {
    ERROR_FORMAT.get()
}

/// The same, as SHOW shows it.
pub fn error_format_as_text() -> &'static CStr {
    match ERROR_FORMAT.get() {
        ErrorFormat::Sql => c"sql",
        ErrorFormat::Postgrest => c"postgrest",
    }
}

/// The highest level of anonymous users, by `pg_aal.anonymous_level`.
pub fn level_of_guests() -> Option<Level> {
    match ANONYMOUS_LEVEL.get() {
        LevelOfGuests::None => None,
        LevelOfGuests::Aal1 => Some(Level::Aal1),
    }
}

/// Whether the server's log says who was refused what.
pub fn logs_denials() -> bool {
    LOG_DENIALS.get()
}

/// Whether statements that read below the level of a table are refused, where the table asks for it.
pub fn refuse_reads() -> bool {
    REFUSE_READS.get()
}

/// How far, in seconds, a time in a token may lie in the future.
pub fn clock_skew() -> u32 {
    CLOCK_SKEW.get().unsigned_abs()
}

/// Where the claims in force come from.
pub fn claims_source() -> ClaimsSource {
    SOURCE.get()
}

/// A number that is another one after each change of `pg_aal.claims_profile`.
pub fn profile_changes() -> u64 {
    PROFILE_CHANGES.get()
}

/// `pg_aal.claims_profile` as it is written. A text that is no UTF-8 comes out as one that can't be read.
pub fn profiles_as_text() -> String {
    let text = CLAIMS_PROFILE.get().unwrap_or_default();
    text.to_str().map_or_else(|_| "?".to_owned(), str::to_owned)
}

/// A number that is another one after each change of a setting that decides which tokens verify.
pub fn trust_changes() -> u64 {
    TRUST_CHANGES.get()
}

/// The keys of `pg_aal.jwks`, as they are written.
pub fn jwks_as_text() -> CString {
    JWKS.get().unwrap_or_default()
}

/// The file of `pg_aal.jwks_file`, if there is one.
pub fn jwks_file() -> Option<CString> {
    JWKS_FILE.get().filter(|file| !file.is_empty())
}

/// What tokens must say of themselves: `pg_aal.jwt_issuer` and `pg_aal.jwt_audience`.
pub fn expected() -> Expected {
    let text = |setting: &pgrx::GucSetting<Option<CString>>| {
        setting.get().filter(|text| !text.is_empty()).map(|text| text.to_string_lossy().into_owned())
    };
    Expected { issuer: text(&JWT_ISSUER), audience: text(&JWT_AUDIENCE) }
}

/// The function of `pg_aal.enrollment_function`, if there is one.
pub fn enrollment_function() -> Option<String> {
    ENROLLMENT_FUNCTION.get().filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned())
}

/// The function of `pg_aal.session_function`, if there is one.
pub fn session_function() -> Option<String> {
    SESSION_FUNCTION.get().filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned())
}

/// How long sessions of Supabase Auth are live, in microseconds; `None` if that has no end.
pub fn session_timebox() -> Option<i64> {
    Some(SESSION_TIMEBOX.get()).filter(|seconds| *seconds > 0).map(|seconds| i64::from(seconds) * 1_000_000)
}

/// How much memory each backend has for verified tokens, in bytes.
pub fn token_cache_size() -> usize {
    usize::try_from(TOKEN_CACHE_SIZE.get()).unwrap_or_default() * 1024
}

/// How much shared memory there is to be for verified tokens, in bytes.
pub fn shared_token_cache_size() -> usize {
    usize::try_from(SHARED_TOKEN_CACHE_SIZE.get()).unwrap_or_default() * 1024
}

/// The address of the documentation, without a slash at its end. Without `pg_aal.docs_url` it is the folder's path in the
/// repository.
pub fn docs() -> String {
    let url = DOCS_URL.get().map(|url| url.to_string_lossy().trim_end_matches('/').to_owned());
    url.filter(|url| !url.is_empty()).unwrap_or_else(|| "docs".to_owned())
}

/// In parallel mode Postgres lets no setting change, not even to take over values that were set before the library was
/// loaded. All would have their defaults, for the rest of the session. A parallel worker loads what its leader has before
/// that.
pub fn refuse_to_load_in_parallel_mode() {
    if transaction::is_in_parallel_mode() {
        let hint = "Add pg_aal to shared_preload_libraries or session_preload_libraries.";
        raise(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "pg_aal cannot be loaded within a parallel query",
            None,
            Some(hint),
        );
    }
}

/// The names of the settings that decide which claims count, or what is known of a user.
pub fn names_that_decide_trust() -> impl Iterator<Item = &'static CStr> {
    SETTINGS.iter().filter(|setting| setting.decides_trust).map(|setting| setting.name)
}

/// Whether this setting holds keys, or names their file.
pub fn hold_keys(name: &CStr) -> bool {
    [c"pg_aal.jwks", c"pg_aal.jwks_file"].contains(&name)
}

/// Defines the settings. Called once, when the library is loaded.
pub fn define() {
    LOADING.set(true);
    SHARED.set(process::is_preloading_for_all());
    let from_options: Vec<&CStr> = names_that_decide_trust().filter(|name| comes_with_the_connection(name)).collect();
    SETTINGS.into_iter().for_each(table::Setting::define);
    guc::reserve_prefix(c"pg_aal");
    // As long as nobody had said who may set these, the options that a client connected with put those aside that a
    // superuser had stored. Postgres has now dropped the client's, and what they hid is lost: the defaults stand in for
    // it, which trust more.
    if from_options.into_iter().any(|name| !comes_with_the_connection(name)) {
        trust_nothing();
    }
    LOADING.set(false);
}

fn comes_with_the_connection(name: &'static CStr) -> bool {
    TextSetting::new(name).comes_with_the_connection()
}

/// Leaves this session without any claims, and its parallel workers too.
fn trust_nothing() {
    guc::override_stored_value(c"pg_aal.claims_source", c"unusable");
}

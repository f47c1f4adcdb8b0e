//! Every setting, `pg_aal.*`.
//!
//! A value that a session set before the library was loaded goes through the same checks when it is: Postgres
//! drops it with a warning if that role may not set it.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};

use aal::KeySet;
use aal::token::Expected;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use crate::pg::elog::{raise, warn};
use crate::pg::sqlstate::SqlState;
use crate::pg::text_setting::TextSetting;

/// How `insufficient_aal` and `invalid_token` are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum ErrorFormat {
    /// SQLSTATE 42501 or 28000, with DETAIL and HINT.
    #[name = c"sql"]
    Sql,
    /// SQLSTATE PGRST, which PostgREST 12 and later answer with 401 and a challenge.
    #[name = c"postgrest"]
    Postgrest,
}

/// Where the claims in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsSource {
    /// The gateway's claims, trusted.
    Request,
    /// A token, verified here.
    Token,
    /// Somebody meant to set it, and it can't be read: nowhere.
    Unusable,
}

static ERROR_FORMAT: GucSetting<ErrorFormat> = GucSetting::<ErrorFormat>::new(ErrorFormat::Sql);
static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(30);
static CLAIMS_SOURCE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"request"));
static JWKS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static JWKS_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static JWT_ISSUER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static JWT_AUDIENCE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static ENROLLMENT_FUNCTION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static TOKEN: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static WORKER_CLAIMS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// The token that a transaction puts in force.
pub const TOKEN_NAME: &CStr = c"pg_aal.token";
/// The claims of a verified token, which a leader hands to its parallel workers.
pub const WORKER_CLAIMS_NAME: &CStr = c"pg_aal.worker_claims";

/// The settings that decide trust.
static TRUST: [&CStr; 7] = [
    c"pg_aal.claims_source",
    c"pg_aal.jwks",
    c"pg_aal.jwks_file",
    c"pg_aal.jwt_issuer",
    c"pg_aal.jwt_audience",
    c"pg_aal.clock_skew",
    c"pg_aal.enrollment_function",
];

thread_local! {
    /// `CLAIMS_SOURCE`, read once.
    static SOURCE: Cell<ClaimsSource> = const { Cell::new(ClaimsSource::Request) };
    /// How often a setting changed that decides which tokens verify.
    static TRUST_CHANGES: Cell<u64> = const { Cell::new(0) };
    /// Whether the settings are just being defined, and take over what was set before.
    static LOADING: Cell<bool> = const { Cell::new(false) };
    /// Whether the library is one of `shared_preload_libraries`: then no session ever was without it.
    static SHARED: Cell<bool> = const { Cell::new(false) };
}

/// How denials are raised.
pub fn error_format() -> ErrorFormat {
    ERROR_FORMAT.get()
}

/// How far, in seconds, a time in a token may lie in the future.
pub fn clock_skew() -> u32 {
    CLOCK_SKEW.get().unsigned_abs()
}

/// Where the claims in force come from.
pub fn claims_source() -> ClaimsSource {
    SOURCE.get()
}

/// A number that is another one after each change of a setting that decides which tokens verify.
pub fn trust_changes() -> u64 {
    TRUST_CHANGES.get()
}

/// The keys of `pg_aal.jwks`. Its text was checked when it was set.
pub fn jwks() -> KeySet {
    let text = JWKS.get().unwrap_or_default();
    KeySet::from_json(text.to_bytes()).unwrap_or_default()
}

/// The file of `pg_aal.jwks_file`, if there is one.
pub fn jwks_file() -> Option<CString> {
    JWKS_FILE.get().filter(|file| !file.is_empty())
}

/// What tokens must say of themselves: `pg_aal.jwt_issuer` and `pg_aal.jwt_audience`.
pub fn expected() -> Expected {
    let text = |setting: &GucSetting<Option<CString>>| {
        setting.get().filter(|text| !text.is_empty()).map(|text| text.to_string_lossy().into_owned())
    };
    Expected { issuer: text(&JWT_ISSUER), audience: text(&JWT_AUDIENCE) }
}

/// The function of `pg_aal.enrollment_function`, if there is one.
pub fn enrollment_function() -> Option<String> {
    ENROLLMENT_FUNCTION.get().filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned())
}

/// In parallel mode Postgres lets no setting change, not even to take over what was set before the library was loaded: all
/// would have their defaults, for the rest of the session. A parallel worker loads what its leader has before that.
pub fn refuse_to_load_in_parallel_mode() {
    // SAFETY: reads the transaction's state.
    if unsafe { pg_sys::IsInParallelMode() } {
        let hint = "Add pg_aal to shared_preload_libraries or session_preload_libraries.";
        raise(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "pg_aal cannot be loaded within a parallel query",
            None,
            Some(hint),
        );
    }
}

/// Defines the settings. Called once, when the library is loaded.
pub fn define() {
    LOADING.set(true);
    // SAFETY: reads a variable of the backend.
    SHARED.set(unsafe { pg_sys::process_shared_preload_libraries_in_progress });
    let from_options: Vec<&CStr> = TRUST.into_iter().filter(|name| comes_with_the_connection(name)).collect();
    // Anyone may choose how a refusal reads: it decides nothing.
    GucRegistry::define_enum_guc(
        c"pg_aal.error_format",
        c"How insufficient_aal and invalid_token are raised.",
        c"sql: SQLSTATE 42501 and 28000 with DETAIL and HINT. postgrest: SQLSTATE PGRST, for PostgREST 12 and later.",
        &ERROR_FORMAT,
        GucContext::Userset,
        GucFlags::empty(),
    );
    // All that decide trust: superusers only.
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
    define_text(Definition {
        name: c"pg_aal.claims_source",
        short: c"Where the claims in force come from.",
        long: c"request: request.jwt.claims, as a gateway sets it. token: a token that Postgres verifies itself.",
        setting: &CLAIMS_SOURCE,
        context: GucContext::Suset,
        flags: GucFlags::empty(),
        hooks: (Some(check_claims_source), Some(assign_claims_source), None),
    });
    define_text(Definition {
        name: c"pg_aal.jwks",
        short: c"The keys that tokens are signed by: a JSON Web Key Set.",
        long: c"SHOW names the keys and shows none. HMAC secrets are better kept in the file of pg_aal.jwks_file.",
        setting: &JWKS,
        context: GucContext::Suset,
        flags: GucFlags::SUPERUSER_ONLY | GucFlags::NO_SHOW_ALL,
        hooks: (Some(check_jwks), Some(assign_trust), Some(show_jwks)),
    });
    define_text(Definition {
        name: c"pg_aal.jwks_file",
        short: c"A file with a JSON Web Key Set, whose keys count besides those of pg_aal.jwks.",
        long: c"Read when it is first needed, and again after each reload of the configuration.",
        setting: &JWKS_FILE,
        context: GucContext::Suset,
        flags: GucFlags::SUPERUSER_ONLY,
        hooks: (None, Some(assign_trust), None),
    });
    define_text(Definition {
        name: c"pg_aal.jwt_issuer",
        short: c"What the claim iss of a token must be.",
        long: c"Empty: anything.",
        setting: &JWT_ISSUER,
        context: GucContext::Suset,
        flags: GucFlags::empty(),
        hooks: (None, Some(assign_trust), None),
    });
    define_text(Definition {
        name: c"pg_aal.jwt_audience",
        short: c"What the claim aud of a token must be, or hold.",
        long: c"Empty: anything.",
        setting: &JWT_AUDIENCE,
        context: GucContext::Suset,
        flags: GucFlags::empty(),
        hooks: (None, Some(assign_trust), None),
    });
    define_text(Definition {
        name: c"pg_aal.enrollment_function",
        short: c"A function (subject text) that returns whether the user has a verified second factor.",
        long: c"With its schema. Empty: Supabase Auth's own tables tell. It runs with its owner's rights.",
        setting: &ENROLLMENT_FUNCTION,
        context: GucContext::Suset,
        flags: GucFlags::empty(),
        hooks: (None, None, None),
    });
    // Anyone may show a token: it counts if it verifies.
    define_text(Definition {
        name: TOKEN_NAME,
        short: c"The access token in force, where pg_aal.claims_source is token.",
        long: c"It counts in the transaction that sets it, and in no other.",
        setting: &TOKEN,
        context: GucContext::Userset,
        flags: GucFlags::NO_SHOW_ALL | GucFlags::DISALLOW_IN_FILE,
        hooks: (None, None, None),
    });
    define_text(Definition {
        name: WORKER_CLAIMS_NAME,
        short: c"The claims that parallel workers take over. Not for people.",
        long: c"Set before each parallel query to those of the verified token then in force.",
        setting: &WORKER_CLAIMS,
        context: GucContext::Suset,
        flags: GucFlags::SUPERUSER_ONLY | GucFlags::NO_SHOW_ALL | GucFlags::DISALLOW_IN_FILE,
        hooks: (None, None, None),
    });
    // SAFETY: a C string that lives as long as the program; Postgres copies it.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"pg_aal".as_ptr()) };
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
    // SAFETY: both are C strings, which Postgres copies; pgrx guards the call.
    unsafe {
        pg_sys::SetConfigOption(
            c"pg_aal.claims_source".as_ptr(),
            c"unusable".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_OVERRIDE,
        );
    }
}

/// Sets a setting until the transaction (or the savepoint) ends, by the rights of `context`.
pub fn set_until_transaction_ends(name: &CStr, value: &CStr, context: pg_sys::GucContext::Type) {
    set(name, value, context, pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Sets a setting until the level of settings ends that was begun for it, by the rights of `context`.
pub fn set_as_a_function(name: &CStr, value: &CStr, context: pg_sys::GucContext::Type) {
    set(name, value, context, pg_sys::GucAction::GUC_ACTION_SAVE);
}

fn set(name: &CStr, value: &CStr, context: pg_sys::GucContext::Type, action: pg_sys::GucAction::Type) {
    // SAFETY: both are C strings, which Postgres copies; pgrx guards the call.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            context,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        )
    };
}

struct Definition {
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    flags: GucFlags,
    hooks: (pg_sys::GucStringCheckHook, pg_sys::GucStringAssignHook, pg_sys::GucShowHook),
}

fn define_text(definition: Definition) {
    let Definition { name, short, long, setting, context, flags, hooks: (check, assign, show) } = definition;
    // SAFETY: the hooks are guarded against panics by pg_guard.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(name, short, long, setting, context, flags, check, assign, show);
    }
}

/// A value that can't be read is an error where somebody is there to hear it. Where nobody is, the default would be put
/// in its place: trusting the gateway, which is what it was meant to end. There it counts as unusable. A parallel worker
/// takes over what its leader has.
#[pg_guard]
unsafe extern "C-unwind" fn check_claims_source(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes where the new value is.
    let value = unsafe { text_or_empty(*value) };
    if read_claims_source(value) != ClaimsSource::Unusable {
        return true;
    }
    if is_parallel_worker() {
        return true;
    }
    if !LOADING.get() && !is_stored_for_a_role_or_database(source) {
        return refuse_value("invalid value for parameter \"pg_aal.claims_source\"", "It must be request or token.");
    }
    warn(
        "nobody has any level in this session",
        if source == pg_sys::GucSource::PGC_S_OVERRIDE {
            "The options of its connection set what only a superuser may set."
        } else {
            "pg_aal.claims_source must be request or token."
        },
    );
    true
}

#[pg_guard]
unsafe extern "C-unwind" fn assign_claims_source(value: *const c_char, _extra: *mut c_void) {
    // SAFETY: Postgres passes NULL or a C string.
    SOURCE.set(read_claims_source(unsafe { text_or_empty(value) }));
}

fn read_claims_source(value: &CStr) -> ClaimsSource {
    match value.to_bytes() {
        request if request.eq_ignore_ascii_case(b"request") => ClaimsSource::Request,
        token if token.eq_ignore_ascii_case(b"token") => ClaimsSource::Token,
        _ => ClaimsSource::Unusable,
    }
}

/// Keys are checked when they are set; a secret is refused where others could read it.
#[pg_guard]
unsafe extern "C-unwind" fn check_jwks(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes where the new value is.
    let value = unsafe { text_or_empty(*value) };
    let hint = "Keep HMAC secrets in the file that pg_aal.jwks_file names.";
    match KeySet::from_json(value.to_bytes()) {
        Err(error) => refuse_value(&format!("invalid value for parameter \"pg_aal.jwks\": {error}"), ""),
        Ok(keys) if !keys.holds_secrets() => true,
        // What a superuser says in their own session, and what a worker takes over.
        Ok(_) if source == pg_sys::GucSource::PGC_S_SESSION || is_parallel_worker() => true,
        // pg_db_role_setting and pg_proc are for all to read.
        Ok(_) if source == pg_sys::GucSource::PGC_S_TEST || is_stored_for_a_role_or_database(source) => refuse_value(
            "pg_aal.jwks holds an HMAC secret, and what is stored for a role, a database or a function can be read by everybody",
            hint,
        ),
        // So can be what the configuration says, by SHOW, in every session that is without the library.
        Ok(_) if !SHARED.get() => refuse_value(
            "pg_aal.jwks holds an HMAC secret, and every session can read it that has not loaded the library",
            "Keep HMAC secrets in the file that pg_aal.jwks_file names, or add pg_aal to shared_preload_libraries.",
        ),
        Ok(_) => true,
    }
}

/// Notes that other tokens may verify from now on.
#[pg_guard]
unsafe extern "C-unwind" fn assign_trust(_value: *const c_char, _extra: *mut c_void) {
    TRUST_CHANGES.set(TRUST_CHANGES.get() + 1);
}

/// What SHOW says of the keys: which there are.
#[pg_guard]
unsafe extern "C-unwind" fn show_jwks() -> *const c_char {
    palloc_c_string(&jwks().summary())
}

/// # Safety
/// `value` must be NULL or a C string that outlives its use.
unsafe fn text_or_empty<'a>(value: *const c_char) -> &'a CStr {
    // SAFETY: the caller's promise.
    if value.is_null() { c"" } else { unsafe { CStr::from_ptr(value) } }
}

/// Whether this is a parallel worker, which takes over its leader's settings.
pub fn is_parallel_worker() -> bool {
    // SAFETY: reads a variable of the backend: -1 but in a parallel worker.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// Whether the value comes from `alter role`, `alter database` or both, at the start of a session.
fn is_stored_for_a_role_or_database(source: pg_sys::GucSource::Type) -> bool {
    use pg_sys::GucSource::*;
    matches!(source, PGC_S_GLOBAL | PGC_S_DATABASE | PGC_S_USER | PGC_S_DATABASE_USER)
}

/// Refuses a value, by a message in place of Postgres' own, which quotes it.
fn refuse_value(message: &str, hint: &str) -> bool {
    // SAFETY: what a check hook is to do; Postgres copies the texts before their memory is reset.
    unsafe {
        pg_sys::GUC_check_errmsg_string = palloc_c_string(message);
        if !hint.is_empty() {
            pg_sys::GUC_check_errhint_string = palloc_c_string(hint);
        }
    }
    false
}

/// A copy in Postgres' current memory.
fn palloc_c_string(text: &str) -> *mut c_char {
    let text = CString::new(text.replace('\0', "")).unwrap_or_default();
    // SAFETY: copies a C string.
    unsafe { pg_sys::pstrdup(text.as_ptr()) }
}

//! Every setting, in one table.

use std::ffi::{CStr, CString, c_char};
use std::rc::Rc;

use aal::{Keyring, Profiles};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use super::hooks::{
    assign_claims_profile, assign_claims_source, assign_trust, check_claims_profile, check_claims_source,
    check_docs_url, check_jwks,
};
use super::values::{ErrorFormat, LevelOfGuests, PROFILE_CHANGES, PROFILES, SHARED};
use crate::pg::guc::copy_of;

/// The token that a transaction puts in force.
pub const TOKEN_NAME: &CStr = c"pg_aal.token";
/// The claims of a verified token, which a leader hands to its parallel workers.
pub const WORKER_CLAIMS_NAME: &CStr = c"pg_aal.worker_claims";

/// What of the claims was handed on to Citus' other nodes.
pub const HANDED_ON_NAME: &CStr = c"pg_aal.handed_on";

/// The record of a schema's protection, in the function of its watch.
pub const PROTECTED_SCHEMA_NAME: &CStr = c"pg_aal.protected_schema";

type TextValue = GucSetting<Option<CString>>;

// The settings' values, with their defaults.
pub static ERROR_FORMAT: GucSetting<ErrorFormat> = GucSetting::<ErrorFormat>::new(ErrorFormat::Sql);
pub static ANONYMOUS_LEVEL: GucSetting<LevelOfGuests> = GucSetting::<LevelOfGuests>::new(LevelOfGuests::None);
pub static LOG_DENIALS: GucSetting<bool> = GucSetting::<bool>::new(false);
pub static REFUSE_READS: GucSetting<bool> = GucSetting::<bool>::new(true);
pub static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(aal::Clock::USUAL_SKEW as i32);
pub static CLAIMS_PROFILE: TextValue = TextValue::new(Some(c"supabase"));
pub static CLAIMS_SOURCE: TextValue = TextValue::new(Some(c"request"));
pub static JWKS: TextValue = TextValue::new(Some(c""));
pub static JWKS_FILE: TextValue = TextValue::new(Some(c""));
pub static JWT_ISSUER: TextValue = TextValue::new(Some(c""));
pub static JWT_AUDIENCE: TextValue = TextValue::new(Some(c""));
pub static ENROLLMENT_FUNCTION: TextValue = TextValue::new(Some(c""));
pub static SESSION_FUNCTION: TextValue = TextValue::new(Some(c""));
pub static SESSION_TIMEBOX: GucSetting<i32> = GucSetting::<i32>::new(0);
pub static DOCS_URL: TextValue = TextValue::new(Some(c""));
pub static TOKEN: TextValue = TextValue::new(Some(c""));
pub static WORKER_CLAIMS: TextValue = TextValue::new(Some(c""));
static HANDED_ON: TextValue = TextValue::new(Some(c""));
pub static TOKEN_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(2048);
pub static SHARED_TOKEN_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(8192);
static PROTECTED_SCHEMA: TextValue = TextValue::new(Some(c""));

/// A setting.
pub struct Setting {
    pub name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    value: Value,
    set_by: SetBy,
    /// Whether it decides which claims count, or what is known of a user.
    pub decides_trust: bool,
    flags: GucFlags,
    check: pg_sys::GucStringCheckHook,
    assign: pg_sys::GucStringAssignHook,
    show: pg_sys::GucShowHook,
}

/// Where a setting's value is, and its default.
enum Value {
    Format(&'static GucSetting<ErrorFormat>),
    Guests(&'static GucSetting<LevelOfGuests>),
    Switch(&'static GucSetting<bool>),
    /// A number, in the unit that the flags say.
    Integer(&'static GucSetting<i32>, std::ops::RangeInclusive<i32>),
    Text(&'static TextValue),
}

/// The roles that may set a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SetBy {
    Anyone,
    Superuser,
    /// The configuration, when the server starts.
    ServerStart,
}

/// A setting that superusers set, without hooks.
const SETTING: Setting = Setting {
    name: c"",
    short: c"",
    long: c"",
    value: Value::Text(&TOKEN),
    set_by: SetBy::Superuser,
    decides_trust: false,
    flags: GucFlags::empty(),
    check: None,
    assign: None,
    show: None,
};

/// All of them.
pub const SETTINGS: [Setting; 21] = [
    Setting {
        name: c"pg_aal.error_format",
        short: c"How insufficient_aal and invalid_token are raised.",
        long: c"sql: SQLSTATE 42501 and 28000 with DETAIL and HINT. postgrest: SQLSTATE PGRST, for PostgREST 12 and later.",
        value: Value::Format(&ERROR_FORMAT),
        // It decides nothing.
        set_by: SetBy::Anyone,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.anonymous_level",
        short: c"The level of an anonymous user, whose token has the claim is_anonymous.",
        long: c"none: such a user has shown no factor. aal1: the claim aal counts, and as aal1 at most.",
        value: Value::Guests(&ANONYMOUS_LEVEL),
        decides_trust: true,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.refuse_reads",
        short: c"Whether a statement raises insufficient_aal that reads below the level of a table protected with refuse_reads.",
        long: c"off: it reads no rows, as it does on other tables. The policies decide in both cases.",
        value: Value::Switch(&REFUSE_READS),
        // It decides nothing.
        set_by: SetBy::Anyone,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.clock_skew",
        short: c"How far a time in a token may lie in the future and still count.",
        long: c"For servers whose clocks differ. It never makes an old time younger.",
        value: Value::Integer(&CLOCK_SKEW, 0..=600),
        decides_trust: true,
        flags: GucFlags::UNIT_S,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.claims_source",
        short: c"Where the claims in force come from.",
        long: c"request: request.jwt.claims, as a gateway sets it. token: a token that Postgres verifies itself.",
        value: Value::Text(&CLAIMS_SOURCE),
        decides_trust: true,
        check: Some(check_claims_source),
        assign: Some(assign_claims_source),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.claims_profile",
        short: c"Which claims give the level, and when its factor was verified.",
        long: c"supabase, or a JSON array of profiles, each bound to an issuer. A token of another issuer has no level.",
        value: Value::Text(&CLAIMS_PROFILE),
        decides_trust: true,
        check: Some(check_claims_profile),
        assign: Some(assign_claims_profile),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.jwks",
        short: c"The keys that tokens are signed by: a JSON Web Key Set, or those of several issuers.",
        long: c"SHOW names the keys and shows none. HMAC secrets are better kept in the file of pg_aal.jwks_file.",
        value: Value::Text(&JWKS),
        decides_trust: true,
        flags: GucFlags::SUPERUSER_ONLY.union(GucFlags::NO_SHOW_ALL),
        check: Some(check_jwks),
        assign: Some(assign_trust),
        show: Some(show_jwks),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.jwks_file",
        short: c"A file with a JSON Web Key Set, or those of several issuers. Its keys count besides those of pg_aal.jwks.",
        long: c"Read when it is first needed, and again after each reload of the configuration.",
        value: Value::Text(&JWKS_FILE),
        decides_trust: true,
        flags: GucFlags::SUPERUSER_ONLY,
        assign: Some(assign_trust),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.jwt_issuer",
        short: c"What the claim iss of a token must be.",
        long: c"Empty: anything.",
        value: Value::Text(&JWT_ISSUER),
        decides_trust: true,
        assign: Some(assign_trust),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.jwt_audience",
        short: c"What the claim aud of a token must be, or hold.",
        long: c"Empty: anything.",
        value: Value::Text(&JWT_AUDIENCE),
        decides_trust: true,
        assign: Some(assign_trust),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.enrollment_function",
        short: c"A function (subject text) that returns whether the user has a verified second factor.",
        long: c"With its schema. Empty: Supabase Auth's own tables tell. It runs with its owner's rights.",
        value: Value::Text(&ENROLLMENT_FUNCTION),
        decides_trust: true,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.log_denials",
        short: c"Whether the server's log says who was refused what.",
        long: c"As one line of JSON in the place of the DETAIL of insufficient_aal and invalid_token, in the log only.",
        value: Value::Switch(&LOG_DENIALS),
        // Not quite, but the options of a connection must not keep its refusals out of the log.
        decides_trust: true,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.session_function",
        short: c"A function (subject text, session text) that returns whether the session is live.",
        long: c"With its schema. Empty: Supabase Auth's own tables tell. It runs with its owner's rights.",
        value: Value::Text(&SESSION_FUNCTION),
        decides_trust: true,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.session_timebox",
        short: c"How long a session of Supabase Auth is live after its sign-in.",
        long: c"What GOTRUE_SESSIONS_TIMEBOX says, which is not in the database. 0: as long as it has not ended otherwise.",
        value: Value::Integer(&SESSION_TIMEBOX, 0..=i32::MAX),
        decides_trust: true,
        flags: GucFlags::UNIT_S,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.docs_url",
        short: c"The address of the documentation's folder docs/.",
        long: c"Findings, the report and hints link to its pages. Empty: they name the pages by their path, docs/lints and so on.",
        value: Value::Text(&DOCS_URL),
        check: Some(check_docs_url),
        ..SETTING
    },
    Setting {
        name: c"pg_aal.token_cache_size",
        short: c"How much memory each backend has for the claims of tokens that it verified.",
        long: c"A token that is kept costs no signature when it comes again. 0: only the last one is kept.",
        value: Value::Integer(&TOKEN_CACHE_SIZE, 0..=1_048_576),
        flags: GucFlags::UNIT_KB,
        ..SETTING
    },
    Setting {
        name: c"pg_aal.shared_token_cache_size",
        short: c"How much shared memory there is for the claims of verified tokens.",
        long: c"Only if pg_aal is in shared_preload_libraries. A token that one backend verified costs the others no signature.",
        value: Value::Integer(&SHARED_TOKEN_CACHE_SIZE, 0..=1_048_576),
        set_by: SetBy::ServerStart,
        flags: GucFlags::UNIT_KB,
        ..SETTING
    },
    Setting {
        name: TOKEN_NAME,
        short: c"The access token in force, where pg_aal.claims_source is token.",
        long: c"It counts in the transaction that sets it, and in no other.",
        value: Value::Text(&TOKEN),
        // Anyone may show a token: it counts if it verifies.
        set_by: SetBy::Anyone,
        flags: GucFlags::NO_SHOW_ALL.union(GucFlags::DISALLOW_IN_FILE),
        ..SETTING
    },
    Setting {
        name: WORKER_CLAIMS_NAME,
        short: c"The claims that parallel workers take over. Not for people.",
        long: c"Set before each parallel query to those of the verified token then in force.",
        value: Value::Text(&WORKER_CLAIMS),
        flags: GucFlags::SUPERUSER_ONLY.union(GucFlags::NO_SHOW_ALL).union(GucFlags::DISALLOW_IN_FILE),
        ..SETTING
    },
    Setting {
        name: HANDED_ON_NAME,
        short: c"A fingerprint of the claims that were handed on to Citus' other nodes. Not for people.",
        long: c"Set by auth.hand_on_claims(). Statements fail while it is not that of the claims in force.",
        value: Value::Text(&HANDED_ON),
        // A session that sets it gives up a check of its own claims.
        set_by: SetBy::Anyone,
        flags: GucFlags::NO_SHOW_ALL.union(GucFlags::DISALLOW_IN_FILE),
        ..SETTING
    },
    Setting {
        name: PROTECTED_SCHEMA_NAME,
        short: c"The record of a schema's protection. Not for people.",
        long: c"It stands in the SET clause of a watch's function, and is read from there. Its value in a session counts for nothing.",
        value: Value::Text(&PROTECTED_SCHEMA),
        // Postgres applies the clause before each call, and must not fail if the function's owner is no longer a superuser.
        set_by: SetBy::Anyone,
        flags: GucFlags::NO_SHOW_ALL.union(GucFlags::DISALLOW_IN_FILE),
        ..SETTING
    },
];

// Only superusers set what decides trust.
const _: () = {
    let mut i = 0;
    while i < SETTINGS.len() {
        assert!(!SETTINGS[i].decides_trust || matches!(SETTINGS[i].set_by, SetBy::Superuser));
        i += 1;
    }
};

impl Setting {
    /// Tells Postgres of it.
    pub fn define(self) {
        let Setting { name, short, long, flags, check, assign, show, .. } = self;
        let context = match self.set_by {
            SetBy::Anyone => GucContext::Userset,
            SetBy::Superuser => GucContext::Suset,
            // Postgres takes such a setting only from `shared_preload_libraries`. Elsewhere it counts for nothing.
            SetBy::ServerStart if SHARED.get() => GucContext::Postmaster,
            SetBy::ServerStart => GucContext::Sighup,
        };
        match self.value {
            Value::Format(value) => GucRegistry::define_enum_guc(name, short, long, value, context, flags),
            Value::Guests(value) => GucRegistry::define_enum_guc(name, short, long, value, context, flags),
            Value::Switch(value) => GucRegistry::define_bool_guc(name, short, long, value, context, flags),
            Value::Integer(value, range) => {
                GucRegistry::define_int_guc(name, short, long, value, *range.start(), *range.end(), context, flags);
            }
            // SAFETY: the hooks are those of the table: each is made for its setting, and lives as long as the program. pg_guard
            // turns what panics there into an error of Postgres'.
            Value::Text(value) => unsafe {
                GucRegistry::define_string_guc_with_hooks(
                    name, short, long, value, context, flags, check, assign, show,
                );
            },
        }
    }
}

/// How claims are read, by `pg_aal.claims_profile`. By a value that can't be read nobody has a level.
pub fn profiles() -> Rc<Profiles> {
    let changes = PROFILE_CHANGES.get();
    PROFILES.with(|known| {
        let mut known = known.borrow_mut();
        match &*known {
            Some((read_at, profiles)) if *read_at == changes => Rc::clone(profiles),
            _ => {
                let text = CLAIMS_PROFILE.get().unwrap_or_default();
                let read = text.to_str().ok().and_then(|text| Profiles::from_setting(text).ok());
                let profiles = Rc::new(read.unwrap_or_else(Profiles::of_nobody));
                *known = Some((changes, Rc::clone(&profiles)));
                profiles
            }
        }
    })
}

/// The keys of `pg_aal.jwks`. Its text was checked when it was set.
pub fn jwks() -> Keyring {
    let text = JWKS.get().unwrap_or_default();
    Keyring::from_setting(text.to_bytes()).unwrap_or_default()
}

/// What SHOW says of the keys: which there are.
#[pg_guard]
unsafe extern "C-unwind" fn show_jwks() -> *const c_char {
    copy_of(&jwks().summary())
}

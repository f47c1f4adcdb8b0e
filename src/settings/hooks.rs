//! What Postgres calls when a setting is to change, and when it has.

use std::ffi::{CStr, c_char, c_void};

use aal::{ClaimsSource, Keyring, Profiles};
use pgrx::prelude::*;

use super::table::{JWT_ISSUER, jwks, profiles};
use super::values::{LOADING, PROFILE_CHANGES, SHARED, SOURCE, TRUST_CHANGES};
use crate::pg::elog::warn;
use crate::pg::guc::refuse_value;
use crate::pg::process;

/// A value that can't be read is an error where somebody is there to hear it. Where nobody is, the default would be put
/// in its place: trusting the gateway, which is what it was meant to end. There it counts as unusable. A parallel worker
/// takes over what its leader has.
///
/// # Safety
/// Only Postgres calls it, as a check hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn check_claims_source(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a check hook the place of the new value, which is NULL or a C string.
    let value = unsafe { text_or_empty(*value) };
    let claims_source = ClaimsSource::from_setting(value.to_bytes());
    if is_said_in_a_session(source) && would_leave_unbound(claims_source, &jwks(), &profiles()) {
        return refuse_unbound_keys();
    }
    if claims_source != ClaimsSource::Unusable || process::is_parallel_worker() {
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

/// As for the source of claims, the default must not take the place of a value that can't be read.
///
/// # Safety
/// Only Postgres calls it, as a check hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn check_claims_profile(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a check hook the place of the new value, which is NULL or a C string.
    let value = unsafe { text_or_empty(*value) };
    let read = value.to_str().map_err(|_| "it is no UTF-8".to_owned());
    let fault = match read.and_then(|text| Profiles::from_setting(text).map_err(|error| error.to_string())) {
        Ok(profiles) if is_said_in_a_session(source) && would_leave_unbound(SOURCE.get(), &jwks(), &profiles) => {
            return refuse_unbound_keys();
        }
        Ok(_) => return true,
        Err(fault) => fault,
    };
    if process::is_parallel_worker() {
        return true;
    }
    if !LOADING.get() && !is_stored_for_a_role_or_database(source) {
        return refuse_value(&format!("invalid value for parameter \"pg_aal.claims_profile\": {fault}"), "");
    }
    warn("nobody has any level in this session", &format!("pg_aal.claims_profile cannot be read: {fault}."));
    true
}

/// Notes that claims are read in another way from now on.
///
/// # Safety
/// Only Postgres calls it, as an assign hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn assign_claims_profile(_value: *const c_char, _extra: *mut c_void) {
    PROFILE_CHANGES.set(PROFILE_CHANGES.get() + 1);
}

/// Pages are linked: so it must be an address on the web, and nothing else than that.
///
/// # Safety
/// Only Postgres calls it, as a check hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn check_docs_url(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a check hook the place of the new value, which is NULL or a C string.
    let value = unsafe { text_or_empty(*value) }.to_bytes();
    let is_plain = value.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`?#".contains(byte));
    if value.is_empty() || (is_plain && value.starts_with(b"https://")) {
        return true;
    }
    let hint = "It must begin with https://, and have no query: https://example.com/docs";
    refuse_value("invalid value for parameter \"pg_aal.docs_url\"", hint)
}

/// Takes over what the setting says.
///
/// # Safety
/// Only Postgres calls it, as an assign hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn assign_claims_source(value: *const c_char, _extra: *mut c_void) {
    // SAFETY: Postgres passes an assign hook NULL or a C string.
    let value = unsafe { text_or_empty(value) };
    SOURCE.set(ClaimsSource::from_setting(value.to_bytes()));
}

/// Keys are checked when they are set; a secret is refused where others could read it.
///
/// # Safety
/// Only Postgres calls it, as a check hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn check_jwks(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a check hook the place of the new value, which is NULL or a C string.
    let value = unsafe { text_or_empty(*value) };
    let hint = "Keep HMAC secrets in the file that pg_aal.jwks_file names.";
    let keyring = Keyring::from_setting(value.to_bytes());
    if let Ok(keyring) = &keyring
        && is_said_in_a_session(source)
        && would_leave_unbound(SOURCE.get(), keyring, &profiles())
    {
        return refuse_unbound_keys();
    }
    match keyring {
        Err(error) => refuse_value(&format!("invalid value for parameter \"pg_aal.jwks\": {error}"), ""),
        Ok(keys) if !keys.holds_secrets() => true,
        // What a superuser says in their own session, and what a worker takes over.
        Ok(_) if source == pg_sys::GucSource::PGC_S_SESSION || process::is_parallel_worker() => true,
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
///
/// # Safety
/// Only Postgres calls it, as an assign hook.
#[pg_guard]
pub unsafe extern "C-unwind" fn assign_trust(_value: *const c_char, _extra: *mut c_void) {
    TRUST_CHANGES.set(TRUST_CHANGES.get() + 1);
}

/// Says in the session that sets it what every token would say later. Where several settings are stored, none of them knows
/// of the others yet: there each token is refused.
fn refuse_unbound_keys() -> bool {
    refuse_value(
        "pg_aal.claims_profile has several issuers, and the keys of pg_aal.jwks are bound to none",
        "Write them as {\"issuers\": [{\"issuer\": \"https://...\", \"keys\": [...]}]}, or set pg_aal.jwt_issuer first.",
    )
}

/// Whether tokens count and such keys would verify none, because they are bound to no issuer and there are several.
fn would_leave_unbound(claims_source: ClaimsSource, keyring: &Keyring, profiles: &Profiles) -> bool {
    claims_source == ClaimsSource::Token
        && keyring.has_unbound_keys()
        && profiles.are_of_several_issuers()
        && JWT_ISSUER.get().is_none_or(|issuer| issuer.is_empty())
}

fn is_said_in_a_session(source: pg_sys::GucSource::Type) -> bool {
    source == pg_sys::GucSource::PGC_S_SESSION && !LOADING.get() && !process::is_parallel_worker()
}

/// # Safety
/// `value` must be NULL or a C string that outlives its use.
unsafe fn text_or_empty<'a>(value: *const c_char) -> &'a CStr {
    // SAFETY: the caller's promise.
    if value.is_null() { c"" } else { unsafe { CStr::from_ptr(value) } }
}

/// Whether the value comes from `alter role`, `alter database` or both, at the start of a session.
fn is_stored_for_a_role_or_database(source: pg_sys::GucSource::Type) -> bool {
    use pg_sys::GucSource::*;
    matches!(source, PGC_S_GLOBAL | PGC_S_DATABASE | PGC_S_USER | PGC_S_DATABASE_USER)
}

//! Tokens: verifying one, and putting it in force.

use pgrx::prelude::*;

use crate::functions::session::to_jsonb;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Jsonb, Text};
use crate::pg::{guc, role};
use crate::session::Refused;
use crate::settings::{self, ClaimsSource};
use crate::{denial, session};

/// The claims of a token that verifies now. Changes nothing.
///
/// STABLE: the keys, the settings and the clock decide. PARALLEL SAFE: workers have the same.
///
/// Errors: invalid_token (28000, or PGRST), saying which check failed; 22004 for NULL; 22P02 for claims that jsonb can't hold.
#[pg_extern(stable, parallel_safe)]
fn verify_jwt(token: Option<Text>) -> Jsonb {
    to_jsonb(&session::admit(not_null(token)).unwrap_or_else(|error| denial::invalid_token(error)))
}

/// Puts a token that verifies in force until the transaction ends, and returns its claims.
///
/// VOLATILE and PARALLEL UNSAFE: it changes a setting.
///
/// Errors: as `verify_jwt`; 55000 where `pg_aal.claims_source` isn't `token`, so that no token would count.
#[pg_extern(volatile, parallel_unsafe)]
fn authenticate(token: Option<Text>) -> Jsonb {
    let token = not_null(token);
    if settings::claims_source() == ClaimsSource::Unusable {
        denial::refused(&Refused::UnusableSource);
    }
    if settings::claims_source() != ClaimsSource::Token {
        let hint = "With pg_aal.claims_source = 'token', which a superuser sets, tokens count.";
        raise(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "no token can be put in force: the claims come from the gateway",
            None,
            Some(hint),
        );
    }
    let payload = session::admit(token).unwrap_or_else(|error| denial::invalid_token(error));
    let claims = to_jsonb(&payload);
    // It was verified, so it has no NUL.
    let token = std::ffi::CString::new(token).unwrap_or_default();
    guc::set_until_transaction_ends(settings::TOKEN_NAME, &token, pg_sys::GucContext::PGC_USERSET);
    claims
}

/// The keys that tokens are verified by in this session, and those of the settings that can't be used.
///
/// STABLE: the settings decide, and the file as it was last read. PARALLEL RESTRICTED: a worker would read the file again.
///
/// Errors: 42501 for a role that may not `show pg_aal.jwks_file`.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn token_keys() -> TableIterator<
    'static,
    (
        name!(setting, String),
        name!(issuer, Option<String>),
        name!(kid, Option<String>),
        name!(algorithm, Option<String>),
        name!(fault, Option<String>),
    ),
> {
    if !role::reads_all_settings(role::current()) {
        let hint = "Grant pg_read_all_settings to it.";
        raise(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied to list the keys of pg_aal", None, Some(hint));
    }
    let keys: Vec<_> = session::listed_keys().collect();
    TableIterator::new(
        keys.into_iter().map(|(setting, key)| (setting.to_owned(), key.issuer, key.id, key.algorithm, key.fault)),
    )
}

/// The verified tokens that are kept, and what became of the questions for them: a row for each cache.
///
/// VOLATILE: each statement may change it. PARALLEL RESTRICTED: a worker would tell of its own.
///
/// Errors: 42501 for a role that may not see all statistics.
#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn token_cache() -> TableIterator<
    'static,
    (
        name!(cache, String),
        name!(tokens, i64),
        name!(bytes, i64),
        name!(size, i64),
        name!(hits, i64),
        name!(misses, i64),
        name!(evictions, i64),
    ),
> {
    if !role::reads_all_stats(role::current()) {
        let hint = "Grant pg_read_all_stats to it.";
        raise(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied to see the token cache of pg_aal", None, Some(hint));
    }
    let caches = [("backend", Some(session::kept_tokens())), ("shared", session::shared_tokens())];
    TableIterator::new(caches.into_iter().filter_map(|(cache, usage)| {
        let session::Usage { tally, tokens, bytes, size } = usage?;
        let [tokens, bytes, size] = [tokens, bytes, size].map(count);
        let [hits, misses, evictions] = [tally.hits, tally.misses, tally.evictions].map(count);
        Some((cache.to_owned(), tokens, bytes, size, hits, misses, evictions))
    }))
}

/// A number as SQL has them.
fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn not_null<'a>(token: Option<Text<'a>>) -> &'a str {
    token.map_or_else(|| denial::null_argument("token"), |Text(token)| token)
}

//! The session: its claims, its level, and what it may do.
//!
//! All are STABLE: within a statement the claims and the clock don't change (only a token can expire meanwhile). Never
//! IMMUTABLE, which would let a plan keep one caller's answer for the next. PARALLEL SAFE: settings and the statement's start
//! time reach parallel workers. None with an argument is STRICT: a NULL level is an error, not an unknown answer. None is
//! SECURITY DEFINER: reading settings needs no rights, and looking up what a denial advises asks for none.

use std::collections::HashMap;
use std::ffi::CStr;

use aal::{Action, Claims, EnrolledIsNoLevel, Enrollment, FixedRequirement, Level, MaxAge, What, assess};
use pgrx::datum::{Interval, Uuid};
use pgrx::prelude::*;
use serde_json::value::RawValue;

use crate::denial;
use crate::enrollment::{Patience, look_up};
use crate::pg::catch::unless_it_raises;
use crate::pg::types::{Jsonb, Text};
use crate::session::{self, from_claims, meets, to_timestamptz, with_claims};

/// The claims in force; NULL without any, or where their text is no JSON object.
///
/// Errors: 22P02 for a JSON object that jsonb can't hold (such as one with `\\u0000`).
#[pg_extern(stable, parallel_safe)]
fn claims() -> Option<Jsonb> {
    session::payload().map(|payload| to_jsonb(&payload))
}

/// One of the claims in force, as JSON. The others stay unread: one that is too deep or too large for a value doesn't matter.
pub fn claim(name: &str) -> Option<serde_json::Value> {
    let payload = session::payload()?;
    let claims: HashMap<String, &RawValue> = serde_json::from_slice(payload.to_bytes()).ok()?;
    let value: serde_json::Value = serde_json::from_str(claims.get(name)?.get()).ok()?;
    Some(value).filter(|value| !value.is_null())
}

/// A JSON text as jsonb; raises 22P02 for what jsonb can't hold.
pub fn to_jsonb(text: &CStr) -> Jsonb {
    let jsonb = PgTryBuilder::new(|| Jsonb::parse(text))
        // Postgres' own error quotes the text, and claims don't belong into errors or logs.
        .catch_others(|_| denial::claims_beyond_jsonb())
        .execute();
    jsonb.unwrap_or_else(|| denial::claims_beyond_jsonb())
}

/// The `sub` claim; NULL without any.
#[pg_extern(stable, parallel_safe)]
fn subject() -> Option<String> {
    from_claims(|claims| claims.subject().map(str::to_owned))
}

/// The `sub` claim if it is a UUID, else NULL.
#[pg_extern(stable, parallel_safe)]
fn subject_uuid() -> Option<Uuid> {
    from_claims(Claims::subject_uuid).map(|uuid| Uuid::from_bytes(*uuid.as_bytes()))
}

/// The session's level: `aal1`, `aal2`, `aal3`, or NULL.
#[pg_extern(stable, parallel_safe)]
fn aal() -> Option<&'static str> {
    from_claims(Claims::level).map(Level::as_str)
}

/// Whether the session is at least at `level`, its factor verified at most `max_age` ago.
///
/// Errors: 22004 for a NULL level; 22023 for an unknown one and for a negative `max_age`. Never for claims or tokens.
#[pg_extern(stable, parallel_safe)]
fn has_aal(level: Option<Text>, max_age: default!(Option<Interval>, "NULL")) -> bool {
    meets(requirement(level, max_age))
}

/// True if the session is at least at `level`, its factor verified at most `max_age` ago.
///
/// Errors: insufficient_aal (42501, or PGRST) if not; 22P02 for claims that are no JSON object; invalid_token (28000, or
/// PGRST) for a token that doesn't verify; 22004 and 22023 as `has_aal`.
#[pg_extern(stable, parallel_safe)]
fn require_aal(level: Option<Text>, max_age: default!(Option<Interval>, "NULL")) -> bool {
    require(requirement(level, max_age), || None)
}

/// The methods by which the session authenticated, newest first, and the level each proves.
#[pg_extern(stable, parallel_safe)]
#[allow(clippy::type_complexity)]
fn amr() -> TableIterator<
    'static,
    (name!(method, String), name!(authenticated_at, Option<TimestampWithTimeZone>), name!(level, Option<String>)),
> {
    let methods = from_claims(|claims| Some(claims.methods().to_vec())).unwrap_or_default();
    TableIterator::new(methods.into_iter().map(|method| {
        let at = method.authenticated_at().and_then(to_timestamptz);
        (method.name().to_owned(), at, method.proves().map(|level| level.to_string()))
    }))
}

/// When the session last proved `level`; NULL if it isn't at that level or the token doesn't say.
///
/// Errors: 22004 for a NULL level, 22023 for an unknown one.
#[pg_extern(stable, parallel_safe)]
fn authenticated_at(level: default!(Option<Text>, "'aal1'")) -> Option<TimestampWithTimeZone> {
    let level = parse_level(level);
    let clock = session::clock();
    from_claims(|claims| claims.authenticated_at(level, clock)).and_then(to_timestamptz)
}

/// Returns true where the claims in force meet `required`, and raises where they don't. `what` names what was
/// asked for, in the message; it is only asked if there is one.
pub fn require(required: FixedRequirement, what: impl FnOnce() -> Option<What>) -> bool {
    // Copies the needed parts out of the cache before anything is raised.
    let answer = with_claims(|claims| match claims.transpose() {
        Ok(claims) => Ok(assess(claims, required, session::clock)),
        Err(refused) => Err(refused.clone()),
    });
    match answer {
        Ok(Ok(())) => true,
        Ok(Err(denial)) => {
            let denial = match denial.action {
                Action::SignIn | Action::Configure => denial,
                _ => match look_up_for_hint() {
                    Some(enrollment) => denial.knowing(enrollment),
                    None => denial,
                },
            };
            denial::insufficient_aal(&denial, what().as_ref())
        }
        Err(refused) => denial::refused(&refused),
    }
}

/// Looks the user up, for a denial that is about to be raised: whether they are there, and have a factor to verify. Where
/// that can't be told, now or because asking fails, the denial advises what the claims alone allow.
fn look_up_for_hint() -> Option<Enrollment> {
    unless_it_raises(|| look_up(Patience::Skip))?.ok()
}

fn requirement(level: Option<Text>, max_age: Option<Interval>) -> FixedRequirement {
    FixedRequirement { level: parse_level(level), max_age: max_age.map(parse_max_age) }
}

fn parse_level(level: Option<Text>) -> Level {
    let Some(Text(level)) = level else { denial::null_argument("level") };
    if level == EnrolledIsNoLevel::WORD {
        denial::enrolled_is_no_level();
    }
    level.parse().unwrap_or_else(|error| denial::unknown_level(&error))
}

/// A `max_age` from a Postgres interval; raises 22023 for one that can't be.
pub fn parse_max_age(max_age: Interval) -> MaxAge {
    MaxAge::from_interval(max_age.months(), max_age.days(), max_age.micros())
        .unwrap_or_else(|error| denial::invalid_max_age(error))
}

//! Looking a user up: whether they have a verified second factor.
//!
//! There are two stores: the tables of Supabase Auth ([`supabase_auth`]), or the function that `pg_aal.enrollment_function` names
//! ([`function`]). Both are asked only about the user of the claims in force.

pub mod function;
mod no_store;
pub mod supabase_auth;

use aal::{Claims, Enrollment};

use self::function::Parameters;
pub use self::no_store::NoStore;
use self::supabase_auth::Tables;
use crate::pg::function::TextFunction;
use crate::pg::lookup;
pub use crate::pg::table_scan::Patience;
use crate::session::from_claims;
use crate::session::kept::Kept;
use crate::settings;

/// Why Supabase Auth's tables say nothing of users and sessions.
pub const OF_ANOTHER_ISSUER: &str = "the issuer of the access token is not Supabase Auth";

thread_local! {
    /// Of a user, by their UUID, in Supabase Auth's tables.
    static ENROLLMENT: Kept<Option<[u8; 16]>, Enrollment> = const { Kept::nothing() };
}

/// Whether the user of the claims in force has a verified factor.
pub fn look_up(patience: Patience) -> Result<Enrollment, NoStore> {
    let user =
        |claims: &Claims| Some((claims.subject()?.to_owned(), claims.subject_uuid(), claims.are_supabase_auths()));
    let Some((subject, uuid, is_supabase_auths)) = from_claims(user) else { return Ok(Enrollment::ForeignUser) };
    match settings::enrollment_function() {
        Some(name) => Ok(function::ask(&find_function(&name)?, &subject)),
        // Its user may have the same UUID as one of Supabase Auth's.
        None if !is_supabase_auths => Err(NoStore::Tables(OF_ANOTHER_ISSUER)),
        None => ENROLLMENT.with(|kept| {
            kept.answer(uuid.map(|uuid| *uuid.as_bytes()), |uuid| {
                let tables = Tables::find(patience)?;
                // Supabase Auth's users all have a UUID.
                Ok(uuid.map_or(Enrollment::ForeignUser, |uuid| tables.ask(&uuid)))
            })
        }),
    }
}

fn find_function(name: &str) -> Result<TextFunction, NoStore> {
    function::find(name, Parameters::Subject).map_err(NoStore::Function)
}

/// Whether a function of this name could answer.
pub fn function_fits(name: &str) -> bool {
    find_function(name).is_ok()
}

/// Whether this database has the tables of Supabase Auth, which issues no level above aal2.
pub fn has_tables_of_supabase_auth() -> bool {
    let is_there = |name| lookup::schema(c"auth").and_then(|schema| lookup::relation(schema, name)).is_some();
    is_there(c"users") && is_there(c"mfa_factors")
}

/// Whether users can be looked up here at all.
pub fn check_store() -> Result<(), NoStore> {
    match settings::enrollment_function() {
        Some(name) => find_function(&name).map(|_| ()),
        None => Tables::find(Patience::Wait).map(|_| ()),
    }
}

//! Looking a user up: whether they have a verified second factor.
//!
//! There are two stores: the tables of Supabase Auth ([`supabase_auth`]), or the function that `pg_aal.enrollment_function` names
//! ([`function`]). Both are asked only about the user of the claims in force.

mod function;
mod supabase_auth;

use std::fmt;

use aal::Enrollment;

use self::supabase_auth::Tables;
pub use crate::pg::table_scan::Patience;
use crate::session::from_claims;
use crate::settings;

/// Why nobody can be looked up.
#[derive(Clone, Debug)]
pub enum NoStore {
    /// `auth.mfa_factors` or `auth.users` isn't there, or not as Supabase Auth makes it.
    Tables(&'static str),
    /// `pg_aal.enrollment_function` doesn't name one that fits.
    Function(&'static str),
}

impl fmt::Display for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoStore::Tables(why) => write!(f, "cannot look up who has enrolled a second factor: {why}"),
            NoStore::Function(why) => {
                write!(f, "cannot look up who has enrolled a second factor: pg_aal.enrollment_function {why}")
            }
        }
    }
}

impl NoStore {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NoStore::Tables(_) => {
                "Without Supabase Auth, set pg_aal.enrollment_function to a function (text) that returns boolean."
            }
            NoStore::Function(_) => {
                "It must name, with its schema, a function (text) that returns boolean, is stable or immutable, and parallel safe."
            }
        }
    }
}

/// Whether the user of the claims in force has a verified factor.
pub fn look_up(patience: Patience) -> Result<Enrollment, NoStore> {
    let subject = from_claims(|claims| Some((claims.subject()?.to_owned(), claims.subject_uuid())));
    let Some((subject, uuid)) = subject else { return Ok(Enrollment::ForeignUser) };
    match settings::enrollment_function() {
        Some(name) => Ok(function::ask(&function::find(&name)?, &subject)),
        None => {
            let tables = Tables::find(patience)?;
            // Supabase Auth's users all have a UUID.
            Ok(uuid.map_or(Enrollment::ForeignUser, |uuid| tables.ask(uuid.as_bytes())))
        }
    }
}

/// Whether users can be looked up here at all.
pub fn check_store() -> Result<(), NoStore> {
    match settings::enrollment_function() {
        Some(name) => function::find(&name).map(|_| ()),
        None => Tables::find(Patience::Wait).map(|_| ()),
    }
}

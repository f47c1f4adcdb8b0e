//! Looking a session up: whether it is live.
//!
//! There are two stores: the tables of Supabase Auth ([`supabase_auth`]), or the function that `pg_aal.session_function` names. Both
//! are asked only about the session of the claims in force.

mod supabase_auth;

use std::fmt;

use aal::store_fault::NO_SESSIONS;
use aal::{Claims, Level, Liveness};

use self::supabase_auth::Sessions;
use crate::enrollment::OF_ANOTHER_ISSUER;
use crate::enrollment::function::{Parameters, find};
use crate::pg::function::TextFunction;
pub use crate::pg::table_scan::Patience;
use crate::session::from_claims;
use crate::settings;

/// Why no session can be looked up.
#[derive(Clone, Copy, Debug)]
pub enum NoSessions {
    /// `auth.sessions`, `auth.users` or `auth.mfa_factors` isn't there, or not as Supabase Auth makes it.
    Tables(&'static str),
    /// `pg_aal.session_function` doesn't name one that fits.
    Function(&'static str),
}

/// The session that the claims in force name.
struct Named {
    subject: String,
    session: String,
    /// Both as Supabase Auth has them: UUIDs, by their bytes.
    uuids: Option<([u8; 16], [u8; 16])>,
    level: Option<Level>,
    is_supabase_auths: bool,
}

/// Whether the session of the claims in force is live; `Ended` where they name none.
pub fn look_up(patience: Patience) -> Result<Liveness, NoSessions> {
    let Some(named) = from_claims(named) else { return Ok(Liveness::Ended) };
    match settings::session_function() {
        Some(name) => {
            let answer = find_function(&name)?.ask(&[&named.subject, &named.session]);
            Ok(if answer == Some(true) { Liveness::Live } else { Liveness::Ended })
        }
        None if !named.is_supabase_auths => Err(NoSessions::Tables(OF_ANOTHER_ISSUER)),
        None => {
            let sessions = Sessions::find(patience)?;
            let ask = |(user, session)| sessions.ask(&session, &user, named.level);
            Ok(named.uuids.map_or(Liveness::Ended, ask))
        }
    }
}

fn named(claims: &Claims) -> Option<Named> {
    Some(Named {
        subject: claims.subject()?.to_owned(),
        session: claims.session_id()?.to_owned(),
        uuids: claims
            .subject_uuid()
            .zip(claims.session_uuid())
            .map(|(user, session)| (user.into_bytes(), session.into_bytes())),
        level: claims.level(),
        is_supabase_auths: claims.are_supabase_auths(),
    })
}

/// Whether sessions can be looked up here at all.
pub fn check_store() -> Result<(), NoSessions> {
    match settings::session_function() {
        Some(name) => find_function(&name).map(|_| ()),
        None => Sessions::find(Patience::Wait).map(|_| ()),
    }
}

/// Whether a function of this name could answer.
pub fn function_fits(name: &str) -> bool {
    find_function(name).is_ok()
}

fn find_function(name: &str) -> Result<TextFunction, NoSessions> {
    find(name, Parameters::SubjectAndSession).map_err(NoSessions::Function)
}

impl fmt::Display for NoSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSessions::Tables(why) => write!(f, "{NO_SESSIONS}{why}"),
            NoSessions::Function(why) => {
                write!(f, "{NO_SESSIONS}pg_aal.session_function {why}")
            }
        }
    }
}

impl NoSessions {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NoSessions::Tables(_) => {
                "Without Supabase Auth, set pg_aal.session_function to a function (text, text) that returns boolean."
            }
            NoSessions::Function(_) => {
                "It must name, with its schema, a function (text, text) that returns boolean, is stable or immutable, and parallel safe."
            }
        }
    }
}

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
use crate::session::kept::Kept;
use crate::settings;

/// Why no session can be looked up.
#[derive(Clone, Copy, Debug)]
pub enum NoSessions {
    /// `auth.sessions`, `auth.users` or `auth.mfa_factors` isn't there, or not as Supabase Auth makes it.
    Tables(&'static str),
    /// `pg_aal.session_function` doesn't name one that fits.
    Function(&'static str),
}

/// What Supabase Auth's tables are asked.
#[derive(PartialEq)]
struct Question {
    /// The user and the session, which are UUIDs there; `None` where they are others.
    uuids: Option<([u8; 16], [u8; 16])>,
    /// The level of the token.
    level: Option<Level>,
    /// `pg_aal.session_timebox`.
    timebox: Option<i64>,
}

thread_local! {
    static LIVENESS: Kept<Question, Liveness> = const { Kept::nothing() };
}

/// Whether the session of the claims in force is live; `Ended` where they name none.
pub fn look_up(patience: Patience) -> Result<Liveness, NoSessions> {
    match settings::session_function() {
        Some(name) => {
            let named = |claims: &Claims| Some((claims.subject()?.to_owned(), claims.session_id()?.to_owned()));
            let Some((subject, session)) = from_claims(named) else { return Ok(Liveness::Ended) };
            let answer = find_function(&name)?.ask(&[&subject, &session]);
            Ok(if answer == Some(true) { Liveness::Live } else { Liveness::Ended })
        }
        None => {
            let Some((question, is_supabase_auths)) = from_claims(question) else { return Ok(Liveness::Ended) };
            if !is_supabase_auths {
                return Err(NoSessions::Tables(OF_ANOTHER_ISSUER));
            }
            LIVENESS.with(|kept| kept.answer(question, |question| ask(question, patience)))
        }
    }
}

/// The question, and whether Supabase Auth can answer it; `None` where the claims name no session.
fn question(claims: &Claims) -> Option<(Question, bool)> {
    claims.subject()?;
    claims.session_id()?;
    let uuids = claims.subject_uuid().zip(claims.session_uuid());
    let uuids = uuids.map(|(user, session)| (user.into_bytes(), session.into_bytes()));
    let question = Question { uuids, level: claims.level(), timebox: settings::session_timebox() };
    Some((question, claims.are_supabase_auths()))
}

fn ask(question: &Question, patience: Patience) -> Result<Liveness, NoSessions> {
    let sessions = Sessions::find(patience)?;
    Ok(question
        .uuids
        .map_or(Liveness::Ended, |(user, session)| sessions.ask(&session, &user, question.level, question.timebox)))
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

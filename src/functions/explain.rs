//! Why the caller's own session gets what it gets.
//!
//! STABLE: it reads the claims and the catalog as the statement sees them. PARALLEL RESTRICTED, as the proof. Not SECURITY
//! DEFINER: the current role and the claims in force are those of the caller. Its search_path is `pg_catalog, pg_temp`.

use aal::{Claims, Command, InvalidClaims, assess_live};
use pgrx::prelude::*;
use proof::explain::{self, Access, CallersSession, Fault, LeftOut};
use proof::{Factors, KnownSession, Life};

use crate::catalog;
use crate::denial;
use crate::enrollment::{Patience, look_up};
use crate::functions::proof::unknown_command;
use crate::liveness;
use crate::pg::elog::raise;
use crate::pg::role;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::Regclass;
use crate::row_security;
use crate::session::{self, Refused};
use crate::settings;

/// For the caller's own session, step by step, whether a command on a relation would succeed, and what to do next.
///
/// Errors: 22004 for a NULL target, 42P01 for a relation that doesn't exist, 22023 for an unknown command. Never for claims or
/// tokens.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn explain_access(
    target: Option<Regclass>,
    command: default!(Option<&str>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(command, Option<String>),
        name!(step, String),
        name!(subject, Option<String>),
        name!(answer, String),
        name!(note, Option<String>),
    ),
> {
    let Some(Regclass(target)) = target else { denial::null_argument("target") };
    let commands = match command {
        None => Command::ALL.to_vec(),
        Some(name) => vec![Command::from_name(name).unwrap_or_else(|| unknown_command(name))],
    };
    let (mut access, role) = access(target);
    for guard in &mut access.guards {
        guard.acts = Command::ALL.map(|command| match command {
            Command::Select => settings::refuse_reads() && row_security::policy_binds(target, role::current(), command),
            _ => row_security::binds_now(target, command),
        });
    }
    let steps = answers(&access, &role, &commands);
    TableIterator::new(steps.into_iter().map(|step| {
        let command = step.command.map(|command| command.as_str().to_owned());
        (command, step.step.to_owned(), step.subject, step.answer, step.note)
    }))
}

/// How the current role stands to a relation, and the role's name.
fn access(relation: pg_sys::Oid) -> (Access, String) {
    let found = Spi::connect(|client| catalog::read_access(client, relation));
    match found {
        Ok(Some(found)) => found,
        Ok(None) => raise(SqlState::UNDEFINED_TABLE, "the table does not exist", None, None),
        Err(error) => raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None),
    }
}

fn answers(access: &Access, role: &str, commands: &[Command]) -> Vec<explain::Step> {
    let names: Vec<String> = explain::settings_read(access).into_iter().collect();
    let settings = Spi::connect(|client| catalog::values_of_settings(client, names))
        .unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None));
    let payload: Option<serde_json::Value> =
        session::payload().and_then(|payload| serde_json::from_slice(payload.to_bytes()).ok());
    let claims = session::with_claims(|claims| claims.map(|claims| claims.cloned().map_err(Clone::clone)));
    let (claims, refused): (Option<Claims>, Option<Refused>) = match claims {
        None => (None, None),
        Some(Ok(claims)) => (Some(claims), None),
        Some(Err(refused)) => (None, Some(refused)),
    };
    let factors = if explain::asks_who_enrolled(access) { factors() } else { Factors::NotAsked };
    let life = if explain::asks_for_live(access) { life(claims.as_ref()) } else { Life::NotAsked };
    let known = KnownSession {
        role,
        claims: claims.as_ref(),
        payload: payload.as_ref(),
        settings: &settings,
        factors,
        life,
        clock: session::clock(),
    };
    let docs = settings::docs();
    let session = CallersSession {
        docs: &docs,
        claims_source: settings::claims_source(),
        held_in: session::held_in(),
        left_out: session::left_out().map(|(setting, was_set_before)| LeftOut { setting, was_set_before }),
        fault: refused.as_ref().map(fault),
        known,
    };
    explain::explain(access, &session, commands)
}

/// What the store of factors says of the session's user. A function that an administrator named isn't called: it is no code of
/// ours.
fn factors() -> Factors {
    match settings::enrollment_function() {
        Some(_) => Factors::NotAsked,
        None => look_up(Patience::Skip).map_or(Factors::NoStore, Factors::Known),
    }
}

/// What the store of sessions says of the session. A function that an administrator named isn't called here either.
fn life(claims: Option<&Claims>) -> Life {
    if settings::session_function().is_some() {
        return Life::NotAsked;
    }
    match assess_live(claims, liveness::look_up(Patience::Skip).ok()) {
        Some(Ok(())) => Life::Live,
        Some(Err(not_live)) => Life::Over(not_live),
        None => Life::NoStore,
    }
}

fn fault(refused: &Refused) -> Fault {
    match refused {
        Refused::Claims(error) => {
            Fault { kind: "invalid_claims", reason: sentence(&error.to_string()), remedy: InvalidClaims::HINT }
        }
        Refused::Token(error) => {
            Fault { kind: "invalid_token", reason: sentence(&error.to_string()), remedy: error.hint() }
        }
        Refused::UnusableSource => Fault {
            kind: "unusable_source",
            reason: "pg_aal.claims_source is neither request nor token.".to_owned(),
            remedy: "A superuser must set it to one of them.",
        },
    }
}

/// A fault as a sentence.
fn sentence(fault: &str) -> String {
    let mut letters = fault.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

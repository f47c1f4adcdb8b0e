//! Something that a role of the API reaches sets the claims.

use std::collections::HashSet;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::level_readers::{LevelReaders, is_sql};
use super::settings::{Forgery, NewRole};
use super::survey::Survey;
use crate::{Function, FunctionIndex, StoredClaims};

pub const LINT: Lint = Lint {
    name: "0035_claims_set_below",
    title: "Something that a role of the API reaches sets the claims",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A gateway sets the claims, and whatever sets them after it decides who a session is and at which level. A function that does so, or a value stored for a role or the database, gives a session a level without a token.",
    remediation: "Revoke EXECUTE on the function from the roles of the API, or alter role ... reset request.jwt.claims; With claims_source = 'token' settings count for nothing.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    // Where tokens are verified, nobody believes these settings.
    if !survey.catalog.trusts_settings {
        return Vec::new();
    }
    let readers = survey.level_readers();
    let functions = survey.catalog.functions.indexes().filter_map(|index| by_function(survey, readers, index));
    let stored = survey.catalog.stored_claims.indexed();
    functions.chain(stored.map(|(index, stored)| Found::on_stored(index, by_setting(stored)))).collect()
}

fn by_setting(stored: &StoredClaims) -> String {
    let kind = if stored.is_database { "database" } else { "role" };
    let (settings, whose) = (stored.settings.join(", "), format!("{kind} {}", stored.name));
    format!("{settings} is stored for {whose}: its sessions have these claims wherever no gateway sets others")
}

fn by_function(survey: &Survey<'_>, readers: &LevelReaders<'_>, index: FunctionIndex) -> Option<Found> {
    let function = &survey.catalog.functions[index];
    let roles = survey.api_names(&function.open_to);
    // PostgREST calls that one in each request anyway.
    if roles.is_empty() || function.is_pre_request {
        return None;
    }
    let (setter, forgery) = setter(survey, readers, index)?;
    let how =
        if setter == index { String::new() } else { format!(" by {}", survey.catalog.functions[setter].display_name) };
    // Any setting may be meant.
    let changes = match forgery.role {
        Some(NewRole::Any) if forgery.claims => "sets a setting by a name that may be that of the claims",
        _ => forgery.in_words()?,
    };
    let detail = format!("{} can call {}, which {changes}{how}", roles.join(", "), function.display_name);
    Some(Found::on_function(survey.catalog, index, detail).roles(&roles))
}

/// The function that sets claims or role where this one is called: itself, or one that it calls with its owner's rights.
fn setter(survey: &Survey<'_>, readers: &LevelReaders<'_>, called: FunctionIndex) -> Option<(FunctionIndex, Forgery)> {
    let functions = &survey.catalog.functions;
    let (mut seen, mut open) = (HashSet::from([called]), vec![called]);
    while let Some(index) = open.pop() {
        let forgery = forgery(survey, index);
        if forgery.is_some() {
            return Some((index, forgery));
        }
        // What the caller may call itself is a finding of its own.
        let hidden =
            readers.called_by(index).into_iter().filter(|it| survey.api_names(&functions[*it].open_to).is_empty());
        if functions[called].security_definer {
            open.extend(hidden.filter(|it| seen.insert(*it)));
        }
    }
    None
}

fn forgery(survey: &Survey<'_>, index: FunctionIndex) -> Forgery {
    let function = &survey.catalog.functions[index];
    // It shows each subscriber what that one may see, and returns to its caller's claims.
    if (function.schema.as_str(), function.name.as_str()) == ("realtime", "apply_rls") {
        return Forgery::default();
    }
    let by_clauses = Forgery::by_clauses(function);
    let forgery = match is_sql(function) {
        true => survey.reach.body(index).forgery.clone(),
        false => Forgery { claims: by_clauses.claims || names_claims(function), ..by_clauses },
    };
    // With its owner's rights, no function can change the role.
    let role = forgery.role.filter(|_| !function.security_definer);
    Forgery { role, ..forgery }
}

/// Whether a text in another language could set the claims by SQL.
fn names_claims(function: &Function) -> bool {
    let body = function.body.to_ascii_lowercase();
    body.contains("request.jwt.claim") && (body.contains("set_config") || body.contains("set local"))
}

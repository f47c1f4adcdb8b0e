//! A function that reads claims is marked IMMUTABLE.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Function, FunctionKind};

pub const LINT: Lint = Lint {
    name: "0019_immutable_claims_reader",
    title: "A function that reads claims is marked IMMUTABLE",
    level: Severity::Error,
    category: "SECURITY",
    description: "Postgres keeps what an IMMUTABLE function answered: in a cached plan, in an index. The next request gets the answer of the one before.",
    remediation: "alter function ... stable;",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    const SIGNS: [&str; 14] = [
        "request.jwt",
        "auth.jwt",
        "auth.uid",
        "auth.role",
        "auth.claims",
        "auth.subject",
        "auth.aal",
        "auth.amr",
        "has_aal",
        "require_aal",
        "enrolled_aal",
        "authenticated_at",
        "session_is_live",
        "require_live_session",
    ];
    let reads_claims = |body: &str| SIGNS.iter().any(|sign| body.contains(sign));
    let is_called = |it: &Function| it.kind != FunctionKind::Trigger;
    let immutable = survey.catalog.functions.indexed().filter(|(_, it)| it.immutable && is_called(it));
    let functions = immutable.filter(|(_, it)| reads_claims(&it.body));
    functions
        .map(|(index, function)| {
            let detail = format!("{} reads claims and is marked IMMUTABLE", function.display_name);
            Found::on_function(survey.catalog, index, detail)
        })
        .collect()
}

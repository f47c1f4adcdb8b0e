//! A role of the API may replace functions of the portable edition.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0047_portable_replaceable",
    title: "A role of the API may replace functions of the portable edition",
    level: Severity::Warn,
    category: "SECURITY",
    description: "This role owns schema aal or a function in it, or may create functions there. A function that it replaces answers for every policy.",
    remediation: "Let the role that runs your migrations own schema aal and its functions, and revoke CREATE on the schema.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let Some(edition) = &survey.catalog.portable else { return Vec::new() };
    let may_replace = |id| edition.replaceable_by_all || edition.replaceable_by.contains(&id);
    let roles: Vec<&str> = survey
        .catalog
        .roles
        .iter()
        .filter(|role| role.is_api && may_replace(role.id))
        .map(|role| role.name.as_str())
        .collect();
    if roles.is_empty() {
        return Vec::new();
    }
    let detail = format!("{} may replace functions of schema aal", roles.join(", "));
    vec![Found::on_portable(detail).roles(&roles)]
}

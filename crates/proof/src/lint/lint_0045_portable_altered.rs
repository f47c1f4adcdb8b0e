//! A function of the portable edition isn't as a release made it.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0045_portable_altered",
    title: "The portable edition is not as its release made it",
    level: Severity::Error,
    category: "SECURITY",
    description: "Policies and functions call schema aal. A function there was edited, is missing, or has an overload. So what has_aal and the others answer isn't known, and the proof reads them like any function of yours.",
    remediation: "Drop what the release does not have, and run its file pg_aal_portable--VERSION.sql again.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let Some(edition) = &survey.catalog.portable else { return Vec::new() };
    let found = edition.deviations.iter().map(|it| {
        let detail = format!("{} {} ({})", it.function, it.how, edition.version);
        Found::on_portable(detail).key(&it.function)
    });
    found.collect()
}

//! The portable edition is of an earlier release.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0046_portable_outdated",
    title: "The portable edition is of an earlier release",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A later release may have mended something. The proof knows the functions of each release, and takes them for what they were.",
    remediation: "Run the file of the newest release: it replaces the functions in place.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let outdated = survey.catalog.portable.iter().filter(|it| it.is_intact() && it.version != it.newest);
    outdated
        .map(|it| {
            Found::on_portable(format!("Schema aal holds release {}, and {} is the newest", it.version, it.newest))
        })
        .collect()
}

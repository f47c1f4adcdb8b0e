//! Findings and changes in the forms that other programs read: SARIF 2.1.0 for code scanning, and JUnit XML for test reports.

mod junit;
mod sarif;
mod xml;

use crate::diff::Change;
use crate::lint::{Finding, Lint, Severity};
use crate::snapshot::Snapshot;
use crate::{Catalog, diff, lint};

pub use junit::{junit_of_changes, junit_of_findings};
pub use sarif::{sarif_of_changes, sarif_of_findings};

/// What a file says of its making.
#[derive(Clone, Debug)]
pub struct Making {
    /// The address of the documentation.
    pub docs: String,
    /// When, as `2026-11-27T17:05:00`.
    pub made_at: String,
}

impl Making {
    /// The address of a lint's page, if it is one on the web.
    fn page(&self, lint: &Lint) -> Option<String> {
        self.address(&lint.page())
    }

    fn address(&self, page: &str) -> Option<String> {
        let address = format!("{}/{page}", self.docs);
        let is_link = address.starts_with("https://") && address.chars().all(|character| character.is_ascii_graphic());
        is_link.then_some(address)
    }
}

/// The findings that a baseline doesn't have, or of which it has less.
pub fn new_findings(catalog: &Catalog, findings: Vec<Finding>, baseline: &Snapshot, now: &Snapshot) -> Vec<Finding> {
    let news = diff::new_findings(baseline, now);
    findings.into_iter().filter(|finding| news.contains(&finding.cache_key(catalog))).collect()
}

/// Whether a finding counts as a failure.
fn fails(lint: &Lint) -> bool {
    diff::fails(lint.name, lint.level)
}

/// A lint by its name.
fn lint_named(name: &str) -> Option<&'static Lint> {
    lint::LINTS.iter().find(|lint| lint.name == name)
}

/// How bad a change is. All that isn't a finding is an error.
fn severity(change: &Change) -> Severity {
    change.severity.unwrap_or(Severity::Error)
}

#[cfg(test)]
mod tests;

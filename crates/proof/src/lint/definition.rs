//! A lint and its severity, and a finding: a lint with what it found.

use super::finding::{Found, listed};
pub use super::severity::Severity;
use super::survey::Survey;
use crate::Catalog;

/// A lint.
#[derive(Clone, Copy)]
pub struct Lint {
    /// Its number and name, as its page and its test are called.
    pub name: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// How bad it is.
    pub level: Severity,
    /// `SECURITY` or `PERFORMANCE`.
    pub category: &'static str,
    /// Why it matters.
    pub description: &'static str,
    /// What to do.
    pub remediation: &'static str,
    /// Looks for it.
    pub(crate) findings: fn(&Survey<'_>) -> Vec<Found>,
}

impl Lint {
    /// Its page, within the documentation.
    pub fn page(&self) -> String {
        format!("lints/{}.md", self.name)
    }
}

/// A finding.
#[derive(Clone)]
pub struct Finding {
    /// The lint.
    pub lint: &'static Lint,
    /// The finding.
    pub found: Found,
}

impl Finding {
    /// How bad it is.
    pub fn level(&self) -> Severity {
        self.found.level.unwrap_or(self.lint.level)
    }

    /// The same for the same finding, run after run.
    pub fn cache_key(&self, catalog: &Catalog) -> String {
        let (schema, name) = self.found.subject.names(catalog);
        let (policy, key) = (self.found.policy.as_deref(), self.found.key.as_deref());
        let parts: Vec<&str> = [Some(schema), Some(name), policy, key].into_iter().flatten().collect();
        format!("{}_{}", self.lint.name, parts.join("_"))
    }

    /// What it is about, for programs.
    pub fn metadata(&self, catalog: &Catalog) -> serde_json::Value {
        let Found { subject, policy, roles, commands, .. } = &self.found;
        let (schema, name) = subject.names(catalog);
        let mut metadata = serde_json::json!({ "schema": schema, "name": name, "type": subject.kind(catalog) });
        let roles = (!roles.is_empty()).then(|| roles.join(", "));
        let commands = (!commands.is_empty()).then(|| listed(commands));
        for (key, value) in [("policy", policy.clone()), ("role", roles), ("command", commands)] {
            if let (Some(value), Some(object)) = (value, metadata.as_object_mut()) {
                object.insert(key.to_owned(), value.into());
            }
        }
        metadata
    }
}

//! Findings and changes as SARIF 2.1.0, as far as GitHub's code scanning reads it.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Making, lint_named, severity};
use crate::Catalog;
use crate::diff::{Change, Kind, What};
use crate::lint::{Finding, LINTS, Lint, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The findings.
pub fn sarif_of_findings(catalog: &Catalog, findings: &[Finding], making: &Making) -> Value {
    let results = findings.iter().map(|finding| {
        let (lint, found) = (finding.lint, &finding.found);
        let mut text = format!("{}.", found.detail.trim_end_matches('.'));
        if let Some(fix) = &found.fix {
            let _ = write!(text, " Fix: {fix}");
        }
        Problem {
            rule: lint.name,
            level: lint.level,
            text,
            object: found.subject.display_name(catalog),
            kind: found.subject.kind(catalog),
            key: finding.cache_key(catalog),
        }
    });
    log(LINTS.iter().map(|lint| of_lint(lint, making)).collect(), results, making)
}

/// The changes that take protection away.
pub fn sarif_of_changes(changes: &[Change], making: &Making) -> Value {
    let mut rules: Vec<Value> = [Kind::Opened, Kind::Lowered, Kind::New].map(of_kind).into();
    rules.extend(LINTS.iter().map(|lint| of_lint(lint, making)));
    let results = changes.iter().filter(|change| change.fails).map(|change| {
        let lint =
            change.decided_now.first().filter(|_| change.what == What::Finding).and_then(|name| lint_named(name));
        Problem {
            rule: lint.map_or(change.kind.as_str(), |lint| lint.name),
            level: severity(change),
            text: format!("{}.", change.in_words().trim_end_matches('.')),
            object: change.target.clone(),
            kind: match change.what {
                What::Setting => "setting",
                What::Matrix => "table",
                What::Function => "function",
                What::Finding => "object",
            },
            key: change.key.clone(),
        }
    });
    log(rules, results, making)
}

/// One result.
struct Problem {
    rule: &'static str,
    level: Severity,
    text: String,
    object: String,
    kind: &'static str,
    key: String,
}

fn log(rules: Vec<Value>, results: impl Iterator<Item = Problem>, making: &Making) -> Value {
    let results: Vec<Value> = results.map(|problem| problem.to_json(&rules)).collect();
    let mut driver = json!({ "name": "pg_aal", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
    if let Some(address) = making.address("proof.md") {
        driver["informationUri"] = address.into();
    }
    json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [{ "tool": { "driver": driver }, "results": results }] })
}

impl Problem {
    /// Code scanning wants a file. There is none, so the object gets one that isn't there, always the same.
    fn to_json(&self, rules: &[Value]) -> Value {
        let uri = format!("database/{}", encoded(&self.object));
        let mut result = json!({
            "ruleId": self.rule,
            "level": level(self.level),
            "message": { "text": message(&self.text) },
            "locations": [{
                "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": 1 } },
                "logicalLocations": [{ "fullyQualifiedName": self.object, "kind": self.kind }],
            }],
            "partialFingerprints": { "primaryLocationLineHash": self.key, "pgAalKey/v1": self.key },
        });
        if let Some(place) = rules.iter().position(|rule| rule["id"] == self.rule) {
            result["ruleIndex"] = place.into();
        }
        result
    }
}

fn of_lint(lint: &Lint, making: &Making) -> Value {
    let is_security = lint.category == "SECURITY";
    let mut rule = json!({
        "id": lint.name,
        "name": lint.name,
        "shortDescription": { "text": lint.title },
        "fullDescription": { "text": lint.description },
        "help": { "text": lint.remediation },
        "defaultConfiguration": { "level": level(lint.level) },
        "properties": { "tags": [lint.category.to_ascii_lowercase()] },
    });
    if is_security {
        let severity = match lint.level {
            Severity::Error => "8.0",
            Severity::Warn => "5.0",
            Severity::Info => "2.0",
        };
        rule["properties"]["security-severity"] = severity.into();
    }
    if let Some(page) = making.page(lint) {
        rule["helpUri"] = page.into();
    }
    rule
}

fn of_kind(kind: Kind) -> Value {
    let (title, description) = match kind {
        Kind::Opened => (
            "Something became possible, or needs no level any more",
            "It was impossible and is possible now, or it needed a level and needs none now.",
        ),
        Kind::New => ("A finding is new", "The lint that found it isn't known here."),
        _ => (
            "Something needs less than before",
            "It needs a lower level, an older factor, or nothing of some sessions.",
        ),
    };
    json!({
        "id": kind.as_str(),
        "name": kind.as_str(),
        "shortDescription": { "text": title },
        "fullDescription": { "text": description },
        "help": { "text": "Mend what the migration changed, or accept the change by its key after a review." },
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["security"], "security-severity": "8.0" },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    }
}

/// A text without links: in a message of SARIF, brackets make one.
fn message(text: &str) -> String {
    let mut message = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '[' | ']' | '\\') {
            message.push('\\');
        }
        message.push(character);
    }
    message
}

/// A name as a segment of a URI.
fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

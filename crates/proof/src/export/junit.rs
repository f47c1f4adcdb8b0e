//! Findings and changes as JUnit XML: a test that fails for each that takes protection away.

use std::collections::BTreeSet;

use super::xml::Element;
use super::{Making, fails, severity};
use crate::Catalog;
use crate::diff::Change;
use crate::lint::{Finding, LINTS};

/// A test.
struct Case {
    name: String,
    failure: Option<Element>,
}

/// The findings. A lint without any is a test that passes.
pub fn junit_of_findings(catalog: &Catalog, findings: &[Finding], making: &Making) -> String {
    let mut cases: Vec<Case> = findings.iter().map(|finding| of_finding(catalog, finding, making)).collect();
    let found: BTreeSet<&str> = findings.iter().map(|finding| finding.lint.name).collect();
    let clean = LINTS.iter().filter(|lint| !found.contains(lint.name));
    cases.extend(clean.map(|lint| Case { name: lint.name.to_owned(), failure: None }));
    document("auth.aal_lint", &cases, making)
}

fn of_finding(catalog: &Catalog, finding: &Finding, making: &Making) -> Case {
    let (lint, found) = (finding.lint, &finding.found);
    let page = making.page(lint).unwrap_or_else(|| lint.page());
    let mut lines = vec![found.detail.as_str(), lint.description, lint.remediation];
    lines.extend(found.fix.as_deref());
    lines.push(&page);
    let failure = || failure(lint.level.as_str(), &found.detail).lines(&lines);
    Case { name: finding.cache_key(catalog), failure: fails(lint).then(failure) }
}

/// The changes between two snapshots. A change that takes nothing away is a test that passes.
pub fn junit_of_changes(changes: &[Change], making: &Making) -> String {
    let of_change = |change: &Change| {
        let words = format!("{}: {}", change.kind.as_str(), change.in_words());
        let kind = if change.severity.is_some() { severity(change).as_str() } else { change.kind.as_str() };
        let key = format!("key: {}", change.key);
        let failure = || failure(kind, &words).lines(&[&words, &key]);
        Case { name: format!("{} {}", change.kind.as_str(), change.key), failure: change.fails.then(failure) }
    };
    let mut cases: Vec<Case> = changes.iter().map(of_change).collect();
    // A report without any test counts as a failure in some places.
    if cases.iter().all(|case| case.failure.is_none()) {
        cases.insert(0, Case { name: "nothing takes protection away".to_owned(), failure: None });
    }
    document("auth.aal_diff", &cases, making)
}

fn failure(kind: &str, message: &str) -> Element {
    Element::new("failure").with("type", kind).with("message", message)
}

fn document(suite: &str, cases: &[Case], making: &Making) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count().to_string();
    let count = cases.len().to_string();
    let counted = |element: Element| {
        let counts = [("tests", count.as_str()), ("failures", &failures), ("errors", "0"), ("time", "0")];
        counts.into_iter().fold(element, |element, (name, value)| element.with(name, value))
    };
    let tests = cases.iter().map(|case| {
        let test = Element::new("testcase").with("classname", suite).with("name", &case.name).with("time", "0");
        match &case.failure {
            Some(failure) => test.child(failure.clone()),
            None => test,
        }
    });
    let version = Element::new("property").with("name", "pg_aal").with("value", env!("CARGO_PKG_VERSION"));
    let suite_element = counted(Element::new("testsuite").with("name", suite))
        .with("id", "0")
        .with("package", "pg_aal")
        .with("timestamp", &making.made_at)
        .with("hostname", "localhost")
        .child(Element::new("properties").child(version))
        .children(tests)
        .child(Element::new("system-out").lines(&[""]))
        .child(Element::new("system-err").lines(&[""]));
    Element::new("testsuites").child(suite_element).document()
}

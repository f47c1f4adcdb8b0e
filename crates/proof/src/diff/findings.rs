//! Changes of findings, by their keys.

use std::collections::BTreeSet;

use super::change::{Change, Kind, What};
use crate::lint::{LINTS, Severity};
use crate::snapshot::{Recorded, Snapshot};

/// Findings that are new or gone, and those that concern more or less than before.
pub fn findings(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, is) in &now.findings {
        match before.findings.get(key) {
            None => changes.push(change(Kind::New, key, None, Some(is))),
            Some(was) => {
                let kind = compare(was, is, before, now);
                changes.extend(kind.map(|kind| change(kind, key, Some(was), Some(is))));
            }
        }
    }
    let gone = before.findings.iter().filter(|(key, _)| !now.findings.contains_key(*key));
    changes.extend(gone.map(|(key, was)| change(Kind::Gone, key, Some(was), None)));
    changes
}

/// The keys of the findings that are new, or concern more than before.
pub fn new_findings(before: &Snapshot, now: &Snapshot) -> BTreeSet<String> {
    let news = findings(before, now).into_iter().filter(|change| matches!(change.kind, Kind::New | Kind::Lowered));
    news.map(|change| change.key).collect()
}

/// Whether a finding of this lint takes protection away, or hides that something did.
pub fn fails(lint: &str, level: Severity) -> bool {
    let is_about_speed = LINTS.iter().any(|it| it.name == lint && it.category == "PERFORMANCE");
    level != Severity::Info && !is_about_speed
}

/// A role that wasn't there before adds nothing to a finding: others could do the same.
fn compare(was: &Recorded, is: &Recorded, before: &Snapshot, now: &Snapshot) -> Option<Kind> {
    let added = |was: &BTreeSet<String>, is: &BTreeSet<String>, known: Option<&BTreeSet<String>>| {
        is.difference(was).any(|name| known.is_none_or(|known| known.contains(name)))
    };
    let differs = |was: &Recorded, is: &Recorded, roles: &BTreeSet<String>| {
        added(&was.roles, &is.roles, Some(roles))
            || added(&was.commands, &is.commands, None)
            || added(&was.reaches, &is.reaches, None)
    };
    if differs(was, is, &before.roles) {
        Some(Kind::Lowered)
    } else if differs(is, was, &now.roles) {
        Some(Kind::Raised)
    } else {
        None
    }
}

fn change(kind: Kind, key: &str, was: Option<&Recorded>, is: Option<&Recorded>) -> Change {
    let object = is.or(was).map(|it| it.object.clone());
    let detail = |it: Option<&Recorded>| it.map(|it| it.detail.clone());
    let lint = |it: Option<&Recorded>| it.map(|it| it.lint.clone()).into_iter().collect();
    let takes_away = matches!(kind, Kind::New | Kind::Lowered);
    Change {
        what: What::Finding,
        target: object.unwrap_or_default(),
        role: None,
        command: None,
        kind,
        before: detail(was),
        now: detail(is),
        decided_before: lint(was),
        decided_now: lint(is),
        severity: is.or(was).map(|it| it.level),
        fails: takes_away && is.is_some_and(|it| fails(&it.lint, it.level)),
        key: key.to_owned(),
    }
}

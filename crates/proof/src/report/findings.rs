//! The findings, as the page shows them.

use std::collections::HashMap;

use serde::Serialize;

use super::data::Data;
use super::gather::gather;
use super::patterns::Pattern;
use crate::TableIndex;
use crate::lint::{Finding, Lint};

/// What one lint found.
#[derive(Serialize)]
pub struct Findings<'a> {
    pub name: &'static str,
    pub title: &'static str,
    pub level: &'static str,
    pub description: &'static str,
    pub remediation: &'static str,
    pub remediation_is_link: bool,
    pub places: Vec<Place<'a>>,
}

/// Where a lint found it.
#[derive(Serialize)]
pub struct Place<'a> {
    pub detail: &'a str,
    /// The table that the finding is about. A finding about a view or a function has none.
    pub table: Option<LinkedTable<'a>>,
}

/// A table, and the pattern that shows it.
#[derive(Serialize)]
pub struct LinkedTable<'a> {
    pub name: &'a str,
    pub pattern: usize,
}

/// The findings of each lint together, the worst first.
pub fn findings<'a>(data: &Data<'a>, patterns: &[Pattern<'_>]) -> Vec<Findings<'a>> {
    let numbered = patterns.iter().enumerate();
    let numbers: HashMap<TableIndex, usize> =
        numbered.flat_map(|(number, pattern)| pattern.indexes.iter().map(move |table| (*table, number))).collect();
    let linked = |table: TableIndex| {
        let name = data.catalog.tables[table].display_name.as_str();
        Some(LinkedTable { name, pattern: *numbers.get(&table)? })
    };
    let place = |finding: &'a Finding| Place {
        detail: &finding.found.detail,
        table: finding.found.subject.table().and_then(linked),
    };
    let by_lint = gather(data.findings.iter().map(|finding| (finding.lint.name, (finding.lint, place(finding)))));
    let mut findings: Vec<(&Lint, Vec<Place>)> = by_lint
        .into_iter()
        .filter_map(|(_, places)| {
            let lint = places.first().map(|(lint, _)| *lint)?;
            Some((lint, places.into_iter().map(|(_, place)| place).collect()))
        })
        .collect();
    findings.sort_by_key(|(lint, _)| (lint.level, lint.name));
    findings.into_iter().map(|(lint, places)| findings_of_lint(lint, places)).collect()
}

fn findings_of_lint<'a>(lint: &Lint, places: Vec<Place<'a>>) -> Findings<'a> {
    Findings {
        name: lint.name,
        title: lint.title,
        level: lint.level.as_str(),
        description: lint.description,
        remediation: lint.remediation,
        remediation_is_link: is_link(lint.remediation),
        places,
    }
}

/// Whether a text is one address on the web. Nothing else becomes a link, least of all `javascript:`.
pub fn is_link(text: &str) -> bool {
    text.starts_with("https://") && text.chars().all(|character| character.is_ascii_graphic())
}

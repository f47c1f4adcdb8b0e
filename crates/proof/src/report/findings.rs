//! The findings, as the page shows them.

use serde::Serialize;

use super::data::Data;
use super::gather::gather;
use crate::lint::{Finding, Lint, Severity};
use crate::{ListIndex, TableIndex};

/// What one lint found, of one level.
#[derive(Serialize)]
pub struct Findings<'a> {
    pub name: &'static str,
    pub title: &'static str,
    pub level: &'static str,
    pub description: &'static str,
    pub remediation: &'static str,
    /// The address of the lint's page, if it is one on the web.
    pub page: Option<String>,
    pub places: Vec<Place<'a>>,
    #[serde(skip)]
    pub severity: Severity,
}

/// Where a lint found it.
#[derive(Serialize)]
pub struct Place<'a> {
    pub detail: &'a str,
    /// The table that the finding is about. A finding about a view or a function has none.
    pub table: Option<LinkedTable<'a>>,
    /// The tables that something else reaches.
    pub reaches: Vec<LinkedTable<'a>>,
}

impl<'a> Place<'a> {
    /// The tables whose policies are in question.
    pub fn tables(&self) -> impl Iterator<Item = &LinkedTable<'a>> {
        self.table.iter().chain(&self.reaches)
    }
}

/// A table, and the number by which a link leads to it.
#[derive(Serialize)]
pub struct LinkedTable<'a> {
    pub name: &'a str,
    pub number: usize,
    #[serde(skip)]
    pub index: TableIndex,
}

/// The findings of each lint together, where they are of one level; the worst first.
pub fn findings<'a>(data: &Data<'a>, docs: &str) -> Vec<Findings<'a>> {
    let by_lint = gather(data.findings.iter().map(|finding| {
        let level = finding.level();
        ((finding.lint.name, level), (finding.lint, level, place(data, finding)))
    }));
    let mut findings: Vec<(&'static Lint, Severity, Vec<Place>)> = by_lint
        .into_iter()
        .filter_map(|(_, places)| {
            let (lint, level) = places.first().map(|(lint, level, _)| (*lint, *level))?;
            Some((lint, level, places.into_iter().map(|(.., place)| place).collect()))
        })
        .collect();
    findings.sort_by_key(|(lint, level, _)| (*level, lint.name));
    findings.into_iter().map(|(lint, level, places)| findings_of_lint(lint, level, places, docs)).collect()
}

fn place<'a>(data: &Data<'a>, finding: &'a Finding) -> Place<'a> {
    let linked = |index: TableIndex| LinkedTable {
        name: &data.catalog.tables[index].display_name,
        number: index.to_usize(),
        index,
    };
    let found = &finding.found;
    let subject = found.subject.table();
    // The rules of a table may reach itself.
    let others = found.reaches.iter().filter(|table| Some(**table) != subject);
    Place { detail: &found.detail, table: subject.map(linked), reaches: others.map(|table| linked(*table)).collect() }
}

fn findings_of_lint<'a>(lint: &'static Lint, severity: Severity, places: Vec<Place<'a>>, docs: &str) -> Findings<'a> {
    Findings {
        name: lint.name,
        title: lint.title,
        level: severity.as_str(),
        description: lint.description,
        remediation: lint.remediation,
        page: Some(format!("{docs}/{}", lint.page())).filter(|page| is_link(page)),
        places,
        severity,
    }
}

/// Whether a text is one address on the web. Nothing else becomes a link, least of all `javascript:`.
pub fn is_link(text: &str) -> bool {
    text.starts_with("https://") && text.chars().all(|character| character.is_ascii_graphic())
}

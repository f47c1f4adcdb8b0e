//! A protection is only for some sessions.

use super::definition::{Finding, Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Catalog, Expression, Policy, Table, TableIndex};

pub const LINT: Lint = Lint {
    name: "0027_applies_to_some",
    title: "A protection is only for some sessions",
    level: Severity::Info,
    category: "SECURITY",
    description: "With applies_when, protect_table asks its levels only of sessions for which a function is true or NULL. The other sessions need no level, and the function's owner decides which they are.",
    remediation: "Review the function and who may replace it, or leave applies_when out.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let tables = survey.catalog.tables.indexed();
    let for_some = tables.filter_map(|(index, table)| Some((index, exempting_function(table)?)));
    for_some.map(|(table, function)| found(survey.catalog, table, function)).collect()
}

/// The finding that a table needs its levels only of sessions that this function doesn't exempt.
pub fn applies_to_some(catalog: &Catalog, table: TableIndex, function: &str) -> Finding {
    Finding { lint: &LINT, found: found(catalog, table, function) }
}

fn found(catalog: &Catalog, table: TableIndex, function: &str) -> Found {
    let name = &catalog.tables[table].display_name;
    let detail = format!("{name} needs its levels only in sessions where {function} is true or NULL");
    Found::on_table(table, detail).key(function)
}

/// The function by which the policies of a table exempt sessions.
pub fn exempting_function(table: &Table) -> Option<&str> {
    let expressions = table.policies.iter().flat_map(Policy::expressions);
    expressions.flat_map(Expression::exempting_functions).next()
}

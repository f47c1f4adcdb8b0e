//! A table has policies that ask for a level, and row security is off.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0022_row_security_off",
    title: "A table has policies that ask for a level, and row security is off",
    level: Severity::Error,
    category: "SECURITY",
    description: "Policies count only where row security is on: without it the grants decide alone.",
    remediation: "alter table ... enable row level security;",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let off = survey.catalog.tables.indexed().filter(|(_, table)| !table.row_security && table.asks_for_level());
    off.map(|(index, table)| {
        let detail = format!("{} has policies that ask for a level, and row security is off", table.display_name);
        Found::on_table(index, detail)
    })
    .collect()
}

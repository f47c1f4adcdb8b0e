//! The record of a protection is missing.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::Table;

pub const LINT: Lint = Lint {
    name: "0039_record_missing",
    title: "The record of a protection is missing",
    level: Severity::Info,
    category: "SECURITY",
    description: "auth.protect_table records in comments what was asked for, and whether row security was on before. Without them the policies count as before, and auth.unprotect_table leaves row security on.",
    remediation: "Call auth.protect_table again with the same options: it writes the comments again.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let unrecorded = survey.catalog.tables.indexed().filter(|(_, table)| is_unrecorded(table));
    unrecorded
        .map(|(index, table)| {
            let detail = format!(
                "The policies on {} are as auth.protect_table makes them, and no comment records it: auth.unprotect_table would leave row security on",
                table.display_name
            );
            Found::on_table(index, detail)
        })
        .collect()
}

/// Whether a table is protected by its policies' shape, and no comment says so.
fn is_unrecorded(table: &Table) -> bool {
    let recorded = || table.policies.iter().map(|it| &it.record).chain(table.guards.iter().map(|it| &it.record));
    table.protection().is_some() && recorded().all(Option::is_none)
}

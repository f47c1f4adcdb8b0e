//! A role of the API may read the secrets of second factors.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{ColumnRight, Command, RequiredLevel, RoleIndex, TableIndex};

pub const LINT: Lint = Lint {
    name: "0034_factors_readable",
    title: "A role of the API may read the secrets of second factors",
    level: Severity::Error,
    category: "SECURITY",
    description: "Who reads the secret of a second factor makes its codes. A session at aal1 that may read the row of its own factor needs no factor any more.",
    remediation: "Revoke SELECT on the column, or on the view that shows it: revoke select on auth.mfa_factors from ...; Level enrolled needs no grant.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let secrets = survey.catalog.column_rights.iter().filter(|right| right.command == Command::Select);
    let mut found = Vec::new();
    for right in secrets {
        let Some(table) = survey.matrix.table_index(right.table) else { continue };
        found.extend(finding(survey, right, table));
    }
    found
}

fn finding(survey: &Survey<'_>, right: &ColumnRight, table: TableIndex) -> Option<Found> {
    let roles: Vec<RoleIndex> = survey.api_roles(&right.roles, table);
    let reads = |role: &RoleIndex| {
        // A view shows what its owner may read.
        let reader = right.view.as_ref().map_or(Some(*role), |view| survey.catalog.role_index(view.owner));
        let need = reader.map(|reader| survey.matrix.need(table, reader, Command::Select).level());
        need.is_none_or(|level| level < RequiredLevel::Enrolled)
    };
    let roles: Vec<RoleIndex> = roles.into_iter().filter(reads).collect();
    if roles.is_empty() {
        return None;
    }
    let name = &survey.catalog.tables[table].display_name;
    let names = survey.role_names(&roles);
    let through = match &right.view {
        Some(view) => format!(", through {}", view.display_name),
        None => String::new(),
    };
    let detail = format!("{} can read {} of {name} below aal2{through}", names.join(", "), right.columns.join(", "));
    let found = match &right.view {
        Some(view) => Found::on_relation(survey.catalog, view.id, detail)?,
        None => Found::on_table(table, detail),
    };
    Some(found.roles(&names).commands(&[Command::Select]))
}

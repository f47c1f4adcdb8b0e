//! A policy looks users or factors up with the caller's rights.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Expression, Table};

pub const LINT: Lint = Lint {
    name: "0010_factors_read_as_caller",
    title: "A policy looks users or factors up with the caller's rights",
    level: Severity::Error,
    category: "SECURITY",
    description: "Users may not read auth.mfa_factors and auth.users: the policy raises 42501. Granted SELECT, they see no row, since row security is on there without a policy: everybody counts as not enrolled, and aal1 passes, or nobody is found, and nobody passes.",
    remediation: "Ask auth.has_enrolled_aal(), or call auth.protect_table with level enrolled.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let closed = |table: &&Table| table.schema == "auth" && matches!(table.name.as_str(), "mfa_factors" | "users");
    survey.catalog.tables.iter().filter(closed).flat_map(|table| readers_of(survey, table)).collect()
}

fn readers_of(survey: &Survey<'_>, table: &Table) -> Vec<Found> {
    survey.policies_with(
        |expression| {
            expression.any(&|it| match it {
                Expression::Select { rows, .. }
                | Expression::Exists(rows)
                | Expression::AnyRow { rows, .. }
                | Expression::ArrayOf { rows, .. } => rows.reads.contains(&table.id),
                _ => false,
            })
        },
        &format!("reads {} with the caller's rights", table.display_name),
    )
}

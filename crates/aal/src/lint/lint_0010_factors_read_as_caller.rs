//! A policy reads auth.mfa_factors with the caller's rights.

use super::{Found, Lint, Severity, Survey};
use crate::access::Expression;

pub const LINT: Lint = Lint {
    name: "0010_factors_read_as_caller",
    title: "A policy reads auth.mfa_factors with the caller's rights",
    level: Severity::Error,
    category: "SECURITY",
    description: "Users may not read auth.mfa_factors: the policy raises 42501. Granted SELECT, they see no row of it, since its row security has no policy: everybody counts as not enrolled, and aal1 passes.",
    remediation: "Ask auth.has_enrolled_aal(), or call auth.protect_table with level enrolled. See docs/lints/0010_factors_read_as_caller.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let factors = survey.catalog.tables.iter().find(|table| table.schema == "auth" && table.name == "mfa_factors");
    let Some(factors) = factors.map(|table| table.id) else { return Vec::new() };
    survey.policies_with(
        |expression| {
            expression.any(&|it| match it {
                Expression::Select { rows, .. }
                | Expression::Exists(rows)
                | Expression::AnyRow { rows, .. }
                | Expression::ArrayOf { rows, .. } => rows.reads.contains(&factors),
                _ => false,
            })
        },
        "reads auth.mfa_factors with the rights of whoever asks",
    )
}

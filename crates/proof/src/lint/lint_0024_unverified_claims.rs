//! A policy reads claims that nobody verified.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Expression, Value};

pub const LINT: Lint = Lint {
    name: "0024_unverified_claims",
    title: "A policy reads claims that nobody verified",
    level: Severity::Error,
    category: "SECURITY",
    description: "With pg_aal.claims_source = 'token' no gateway is trusted to have set request.jwt.claims: any client that can run SQL sets them as it likes. Only auth.claims() and functions made of it are verified.",
    remediation: "Use auth.has_aal, auth.claims() and auth.subject() instead of auth.jwt() and current_setting.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    if survey.catalog.trusts_settings {
        return Vec::new();
    }
    let is_unverified = |it: &Expression| match it {
        Expression::Setting { name, .. } => {
            matches!(&**name, Expression::Constant(Value::Text(name)) if name.to_ascii_lowercase().starts_with("request.jwt.claim"))
        }
        _ => false,
    };
    survey.policies_with(
        |expression| expression.any(&is_unverified),
        "reads claims from a setting, which anybody can set",
    )
}

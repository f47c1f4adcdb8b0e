//! A condition on the level is true without one.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::no_level::WithoutLevel;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0007_open_without_claims",
    title: "A condition on the level is true without one",
    level: Severity::Error,
    category: "SECURITY",
    description: "A session without claims, or whose token has no aal claim or an unknown one, passes: IS DISTINCT FROM and <> name what is refused, and coalesce puts a level in the place of none.",
    remediation: "Ask for the level that is needed: auth.has_aal('aal2') is false wherever there is none.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    survey.policies_where(
        |table, policy, expression| survey.without_level(table, policy, expression) == WithoutLevel::Open,
        "has a condition on the level that a session without one, or with an unknown one, can meet",
    )
}

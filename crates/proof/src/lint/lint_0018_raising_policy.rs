//! A policy raises instead of being false.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::Expression;

pub const LINT: Lint = Lint {
    name: "0018_raising_policy",
    title: "A policy raises instead of being false",
    level: Severity::Warn,
    category: "SECURITY",
    description: "Whether a policy is evaluated depends on the plan and on the rows: an error then tells that a row exists, and none tells that the table is empty. In Realtime it aborts the batch of all subscribers.",
    remediation: "Use auth.has_aal in policies; let the guard of auth.protect_table raise.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    survey.policies_with(|expression| expression.any(&Expression::requires), "raises an error instead of being false")
}

//! A policy that protect_table makes restrictive is permissive.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, Expression, Policy, PolicyCommand};
use aal::protection::Made;

pub const LINT: Lint = Lint {
    name: "0025_restrictive_lost",
    title: "A policy that protect_table makes restrictive is permissive",
    level: Severity::Error,
    category: "SECURITY",
    description: "A restrictive policy narrows what others permit; the same policy as a permissive one opens every row to sessions of its level, and asks nothing of those that another policy lets in. Tools that make a table anew may lose the word, as Citus' alter_table_set_access_method does.",
    remediation: "Call auth.protect_table again.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed() {
        for policy in table.policies.iter().filter(|policy| lost_restrictive(policy)) {
            let detail = format!(
                "Policy {} on {} is as auth.protect_table makes it, except that it is permissive",
                policy.name, table.display_name
            );
            found.push(Found::on_table(index, detail).policy(policy));
        }
    }
    found
}

/// Whether a policy has the name and the shape of one that `protect_table` makes restrictive, and is permissive.
pub fn lost_restrictive(policy: &Policy) -> bool {
    let Some(command) = policy.made().and_then(Made::command) else { return false };
    let (needs_using, needs_check) = (command != Command::Insert, matches!(command, Command::Insert | Command::Update));
    policy.permissive
        && policy.command == PolicyCommand::One(command)
        && (policy.using.is_some(), policy.check.is_some()) == (needs_using, needs_check)
        && policy
            .expressions()
            .all(|expression| is_of_protect_table(expression.without_exemption().0.without_liveness().0))
}

/// `auth.has_aal('…', …)` or `auth.has_enrolled_aal(…)`, of constants.
fn is_of_protect_table(expression: &Expression) -> bool {
    let is_constant = |it: &Expression| matches!(it, Expression::Constant(_));
    match expression {
        Expression::HasLevel { level, max_age, raises: false } => is_constant(level) && is_constant(max_age),
        Expression::HasEnrolledLevel { max_age, raises: false } => is_constant(max_age),
        _ => false,
    }
}

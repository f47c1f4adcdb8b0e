//! The level is compared with a text that no session has.

use super::conditions::{misspelt_claims, unknown_levels};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::Expression;

pub const LINT: Lint = Lint {
    name: "0006_unknown_level",
    title: "The level is compared with a text that no session has",
    level: Severity::Error,
    category: "SECURITY",
    description: "A level is exactly aal1, aal2 or aal3. Another text never matches: the policy lets nobody pass or, negated or behind coalesce, everybody.",
    remediation: "Use auth.has_aal: it raises where a level is misspelt.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    // A profile says itself which values of a claim are levels, and what the claim is called.
    let is_read_by_profile = survey.catalog.profiles.iter().any(|it| !it.are_supabases());
    for (table, policy, expression) in survey.expressions() {
        if is_read_by_profile && expression.any(&reads_claim) {
            continue;
        }
        let unknown = unknown_levels(expression, survey.catalog.trusts_settings);
        let misspelt = if is_read_by_profile { Vec::new() } else { misspelt_claims(expression) };
        let quoted = |texts: &[String]| texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ");
        let what = match (unknown.as_slice(), misspelt.as_slice()) {
            ([], []) => continue,
            ([], claims) => format!("reads claim {}, which no token has", quoted(claims)),
            (levels, _) => format!("compares the level with {}, which no session has", quoted(levels)),
        };
        let detail = format!("Policy {} on {} {what}", policy.name, survey.catalog.tables[table].display_name);
        let one = Found::on_table(table, detail).policy(policy);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// Whether this node reads the claim `aal` itself, and not by one of our functions.
fn reads_claim(expression: &Expression) -> bool {
    use Expression::{AuthenticatedAt, EnrolledLevel, HasEnrolledLevel, HasLevel, Level, Status};
    let is_ours = matches!(
        expression,
        Level | EnrolledLevel | Status | HasLevel { .. } | HasEnrolledLevel { .. } | AuthenticatedAt(_)
    );
    expression.reads_level() && !is_ours
}

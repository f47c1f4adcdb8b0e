//! The level is compared with a text that no session has.

use super::conditions::{misspelt_claims, unknown_levels};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

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
    for (table, policy, expression) in survey.expressions() {
        let unknown = unknown_levels(expression, survey.catalog.trusts_settings);
        let misspelt = misspelt_claims(expression);
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

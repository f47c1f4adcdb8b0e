//! The level is read for every row.

use super::conditions::asks_per_row;
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0011_evaluated_per_row",
    title: "The level is read for every row",
    level: Severity::Warn,
    category: "PERFORMANCE",
    description: "The claims are parsed again for each row that the policy looks at: a hundred times slower on a large table than asking once.",
    remediation: "Wrap it: (select auth.jwt() ->> 'aal'), (select aal.has_aal('aal2')); or use auth.has_aal, which is asked once as it is.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    survey.policies_with(asks_per_row, "reads the level for every row")
}

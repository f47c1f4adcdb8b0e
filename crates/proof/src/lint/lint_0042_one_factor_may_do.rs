//! A claims profile gives aal2 to a value that one factor can give.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use aal::Doubt;

pub const LINT: Lint = Lint {
    name: "0042_one_factor_may_do",
    title: "A claims profile gives aal2 to a value that one factor can give",
    level: Severity::Warn,
    category: "SECURITY",
    description: "The provider gives this value to sessions that showed a single factor, or by a policy of its own that Postgres can't see. Wherever a table asks for aal2, such a session passes.",
    remediation: "Leave the value out of the profile's map, or make sure at the provider that it needs two factors.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (profile, doubt) in survey.doubts() {
        let (value, why, level) = match doubt {
            Doubt::Issuer(_) => continue,
            Doubt::OneFactor { value, why } => (value, why, Severity::Warn),
            Doubt::DecidedElsewhere { value } => (value, OF_CONTEXTS, Severity::Info),
        };
        let detail = format!("The profile of {} gives aal2 or more to {value}: {why}", profile.issuer());
        let one = Found::on_claims_profile(detail).key(&format!("{} {value}", profile.issuer())).level(level);
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

const OF_CONTEXTS: &str = "without a Conditional Access policy for this context, every token that asks for it has it";

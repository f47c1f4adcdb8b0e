//! A claims profile is bound to an issuer that no token can name, or that isn't safe.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use aal::Doubt;

pub const LINT: Lint = Lint {
    name: "0041_issuer_unlikely",
    title: "A claims profile is bound to an issuer that tokens don't name",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A profile counts for tokens whose claim iss is its issuer, letter by letter. With a slash too many, another scheme or another path none of them has a level. A token of an issuer without https could be anybody's.",
    remediation: "Write the issuer as the claim iss of a token of yours has it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (profile, doubt) in survey.doubts() {
        let Doubt::Issuer(why) = doubt else { continue };
        let detail = format!("The issuer {} of a claims profile: {why}", profile.issuer());
        let one = Found::on_claims_profile(detail).key(profile.issuer());
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

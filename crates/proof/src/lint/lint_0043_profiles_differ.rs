//! Roles read claims by different profiles.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0043_profiles_differ",
    title: "Roles read claims by different profiles",
    level: Severity::Info,
    category: "SECURITY",
    description: "The profile of the role counts that a gateway connects as. A gateway whose role has none reads the claim aal of every issuer. The matrix takes each profile for possible, so it knows less of policies that read claims themselves.",
    remediation: "Store one profile for the whole database: alter database ... set pg_aal.claims_profile.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let differs = |holder: &String| {
        let detail = format!("pg_aal.claims_profile is stored for {holder}, and this session has another one");
        Found::on_claims_profile(detail).key(holder)
    };
    survey.catalog.other_profiles_of.iter().map(differs).collect()
}

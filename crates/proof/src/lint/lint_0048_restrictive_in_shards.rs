//! A table that Citus holds has policies that are restrictive.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;

pub const LINT: Lint = Lint {
    name: "0048_restrictive_in_shards",
    title: "Restrictive policies are permissive in the shards of a Citus table",
    level: Severity::Error,
    category: "SECURITY",
    description: "Citus creates the policies of shards without AS RESTRICTIVE. There a policy that should narrow what others permit opens rows to every session that meets it, and requires nothing of the others.",
    remediation: "Call auth.protect_table again, with owner_column. Write policies of your own as permissive ones that say all in one condition.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.catalog.tables.indexed().filter(|(_, table)| table.held_by_citus) {
        for policy in table.policies.iter().filter(|policy| !policy.permissive) {
            let detail = format!(
                "Citus holds {}, and in its shards the restrictive policy {} is permissive",
                table.display_name, policy.name
            );
            found.push(Found::on_table(index, detail).policy(policy));
        }
    }
    found
}

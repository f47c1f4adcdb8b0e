//! A restrictive policy has no expression.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Policy, PolicyCommand};

pub const LINT: Lint = Lint {
    name: "0031_restrictive_without_expression",
    title: "A restrictive policy has no expression, and refuses nobody",
    level: Severity::Error,
    category: "SECURITY",
    description: "A restrictive policy refuses by its USING and its WITH CHECK. Without both it narrows nothing: each session passes it. (A permissive policy without them permits no row.)",
    remediation: "Give the policy the expression that it lost, or drop it, or call auth.protect_table.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let is_empty = |policy: &&Policy| !policy.permissive && policy.expressions().next().is_none();
    let tables = survey.catalog.tables.indexed();
    let empty = tables.flat_map(|(index, table)| table.policies.iter().filter(is_empty).map(move |it| (index, it)));
    empty
        .map(|(index, policy)| {
            let table = &survey.catalog.tables[index];
            let command = match policy.command {
                PolicyCommand::All => "any command",
                PolicyCommand::One(command) => command.as_str(),
            };
            let detail = format!(
                "Policy {} on {} is restrictive and has neither USING nor WITH CHECK: it refuses no session, for {command}",
                policy.name, table.display_name
            );
            Found::on_table(index, detail).policy(policy)
        })
        .collect()
}

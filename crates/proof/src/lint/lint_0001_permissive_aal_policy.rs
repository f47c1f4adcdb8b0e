//! A permissive policy asks for a level that another one does not.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::in_vain::beside;
use super::lint_0025_restrictive_lost::lost_restrictive;
use super::survey::Survey;
use crate::{Command, Policy};

pub const LINT: Lint = Lint {
    name: "0001_permissive_aal_policy",
    title: "A permissive policy asks for a level that another one does not",
    level: Severity::Error,
    category: "SECURITY",
    description: "Permissive policies are ORed: a session that meets any of them reaches the row. One that asks for a level narrows nothing where another admits sessions without it.",
    remediation: "Make the policy that asks for the level restrictive, or call auth.protect_table.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.protected() {
        // Of a policy of ours that should be restrictive, that is another finding.
        let is_meant = |policy: &&Policy| policy.permissive && policy.asks_for_level() && !lost_restrictive(policy);
        for policy in table.policies.iter().filter(is_meant) {
            let commands = Command::ALL.into_iter().filter(|command| policy.command.covers(*command));
            let open = commands.filter_map(|command| Some((command, beside(survey, index, policy, command)?)));
            let open: Vec<(Command, &Policy)> = open.collect();
            if let Some((_, other)) = open.first() {
                let commands: Vec<Command> = open.iter().map(|(command, _)| *command).collect();
                let detail = format!(
                    "Policy {} on {} asks for a level and is permissive: for {}, policy {} lets sessions in that do not meet it",
                    policy.name,
                    table.display_name,
                    super::finding::listed(&commands),
                    other.name
                );
                found.push(Found::on_table(index, detail).policy(policy).commands(&commands));
            }
        }
    }
    found
}

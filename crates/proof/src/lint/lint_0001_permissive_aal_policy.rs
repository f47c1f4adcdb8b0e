//! A permissive policy asks for a level that another one does not.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::lint_0025_restrictive_lost::lost_restrictive;
use super::survey::Survey;
use crate::{Command, Expression, Policy, RequiredLevel, TableIndex};

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

/// A permissive policy that lets a role pass for the same command at a lower level, so that this one protects nothing.
fn beside<'a>(survey: &Survey<'a>, index: TableIndex, policy: &'a Policy, command: Command) -> Option<&'a Policy> {
    let table = &survey.catalog.tables[index];
    let asked = survey.policy_level(policy, command);
    if matches!(asked, RequiredLevel::None | RequiredLevel::Denied) {
        return None;
    }
    let role = survey
        .bound_roles(table)
        .find(|role| policy.binds[*role] && survey.matrix.own_need(index, *role, command).level() < asked)?;
    table.policies.iter().find(|other| {
        other.permissive
            && other.name != policy.name
            && other.command.covers(command)
            && other.binds[role]
            && survey.policy_level(other, command) < asked
            // Two policies that are each about some of the rows can go together: own rows, and those of one's team.
            && (is_about_all_rows(policy) || is_about_all_rows(other))
    })
}

fn is_about_all_rows(policy: &Policy) -> bool {
    !policy.expressions().any(|expression| {
        expression
            .any(&|it| matches!(it, Expression::Unknown { .. } | Expression::Exists(_) | Expression::AnyRow { .. }))
    })
}

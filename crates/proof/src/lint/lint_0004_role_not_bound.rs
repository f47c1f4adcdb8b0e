//! A role with rights on the table is not bound by its policies.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, Policy, RequiredLevel, Table, Threshold};

pub const LINT: Lint = Lint {
    name: "0004_role_not_bound",
    title: "A role with rights on the table is not bound by its policies",
    level: Severity::Error,
    category: "SECURITY",
    description: "A restrictive policy TO some roles narrows nothing for others. anon is not authenticated: it passes what asks only the latter for a level.",
    remediation: "Leave TO out so that the policy binds everybody, or revoke the other role's privileges.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (index, table) in survey.protected() {
        for policy in table.policies.iter().filter(|policy| !policy.permissive && policy.asks_for_level()) {
            let asked: Vec<(Command, Threshold)> =
                Command::ALL.into_iter().map(|command| (command, survey.policy_threshold(policy, command))).collect();
            for role in survey.bound_roles(table).filter(|role| !policy.binds[*role]) {
                let less = asked.iter().filter(|(command, asked)| {
                    policy.command.covers(*command)
                        && asked.level != RequiredLevel::Denied
                        && !survey.matrix.own_need(index, role, *command).threshold.implies(*asked)
                });
                let commands: Vec<Command> = less.map(|(command, _)| *command).collect();
                if !commands.is_empty() {
                    let name = survey.catalog.roles[role].name.as_str();
                    let detail = unbound(table, policy, name, &commands);
                    found.push(
                        Found::on_table(index, detail).policy(policy).roles(&[name]).commands(&commands).key(name),
                    );
                }
            }
        }
    }
    found
}

fn unbound(table: &Table, policy: &Policy, role: &str, commands: &[Command]) -> String {
    format!(
        "Policy {} on {} asks {} for a level, and {role} can {} without it",
        policy.name,
        table.display_name,
        policy.role_names.join(", "),
        super::finding::listed(commands)
    )
}

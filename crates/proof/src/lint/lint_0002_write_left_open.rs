//! A restrictive policy protects some commands and leaves a write open.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, Expression, Policy, RequiredLevel, RoleIndex};

pub const LINT: Lint = Lint {
    name: "0002_write_left_open",
    title: "A restrictive policy protects some commands and leaves a write open",
    level: Severity::Error,
    category: "SECURITY",
    description: "A policy counts for the commands it is for. Where a table asks for a level for some and a write is granted that no such policy covers, a session that cannot read may still change or delete.",
    remediation: "Give every write that is granted a policy, or call auth.protect_table, or revoke the privilege.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.protected() {
        let restrictive = |policy: &&Policy| !policy.permissive && policy.asks_for_level();
        for command in [Command::Insert, Command::Update, Command::Delete] {
            let is_open = |role: &RoleIndex| {
                let binding = || table.policies.iter().filter(restrictive).filter(|policy| policy.binds[*role]);
                let asked = binding()
                    // That deleting needs more than the rest can be meant.
                    .flat_map(|policy| {
                        [Command::Select, Command::Insert, Command::Update]
                            .map(|command| survey.policy_threshold(policy, command).level)
                    })
                    .filter(|level| *level != RequiredLevel::Denied)
                    .max();
                let is_meant = table.protection().is_some_and(|record| !record.requires_level(command));
                let covered = is_meant || binding().any(|policy| asks_for(policy, command));
                !covered && asked > Some(survey.matrix.own_need(index, *role, command).level())
            };
            let roles: Vec<RoleIndex> = survey.bound_roles(table).filter(is_open).collect();
            if !roles.is_empty() {
                let roles = survey.role_names(&roles);
                let detail = format!(
                    "{} on {} needs less than the level that its restrictive policies ask for other commands, for {}",
                    command.as_str(),
                    table.display_name,
                    roles.join(", ")
                );
                found.push(Found::on_table(index, detail).roles(&roles).commands(&[command]).key(command.as_str()));
            }
        }
    }
    found
}

/// Whether a policy asks for a level for a write, in an expression that counts for it. A WITH CHECK that asks for less than USING is
/// another finding.
fn asks_for(policy: &Policy, command: Command) -> bool {
    let counting = match command {
        Command::Delete => [policy.using.as_ref(), None],
        _ => [policy.using.as_ref(), policy.check.as_ref()],
    };
    policy.command.covers(command) && counting.into_iter().flatten().any(Expression::asks_for_level)
}

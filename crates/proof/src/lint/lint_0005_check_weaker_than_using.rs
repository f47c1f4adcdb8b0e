//! New rows are admitted at a lower level than existing ones.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, Policy, PolicyCommand, RequiredLevel, RoleIndex};

pub const LINT: Lint = Lint {
    name: "0005_check_weaker_than_using",
    title: "New rows are let in at a lower level than existing ones",
    level: Severity::Error,
    category: "SECURITY",
    description: "USING is asked of rows that are there, WITH CHECK of rows that come into being. A policy FOR ALL with a weaker WITH CHECK leaves INSERT open.",
    remediation: "Leave WITH CHECK out (USING then counts for both), or ask the same level in it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.protected() {
        // For UPDATE alone, USING is asked first: nothing is open.
        let decides_inserts = |policy: &&Policy| policy.command == PolicyCommand::All && policy.asks_for_level();
        for policy in table.policies.iter().filter(decides_inserts) {
            let (Some(using), Some(check)) = (&policy.using, &policy.check) else { continue };
            let (using, check) = (survey.lowest(using), survey.lowest(check));
            let is_open = |role: RoleIndex| {
                policy.binds[role]
                    && survey.matrix.own_need(index, role, Command::Insert).threshold.is_weaker_than(using)
            };
            if using.level != RequiredLevel::Denied
                && check.is_weaker_than(using)
                && survey.bound_roles(table).any(is_open)
            {
                let detail = format!(
                    "Policy {} on {} asks {using} of existing rows, and {check} of new ones",
                    policy.name, table.display_name
                );
                found.push(Found::on_table(index, detail).policy(policy).commands(&[Command::Insert]));
            }
        }
    }
    found
}

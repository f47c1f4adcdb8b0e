//! New rows are let in at a lower level than existing ones.

use super::{Found, Lint, Severity, Survey};
use crate::access::{Policy, PolicyCommand, RequiredLevel};

pub const LINT: Lint = Lint {
    name: "0005_check_weaker_than_using",
    title: "New rows are let in at a lower level than existing ones",
    level: Severity::Error,
    category: "SECURITY",
    description: "USING is asked of rows that are there, WITH CHECK of rows that come into being. A policy FOR ALL with a weaker WITH CHECK leaves INSERT open.",
    remediation: "Leave WITH CHECK out (USING then counts for both), or ask the same level in it. See docs/lints/0005_check_weaker_than_using.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let weaker = |policy: &Policy| {
        // For UPDATE alone, USING is asked first: nothing is open.
        let decides_inserts = policy.command == PolicyCommand::All;
        match (&policy.using, &policy.check) {
            (Some(using), Some(check)) if decides_inserts => {
                let (using, check) = (survey.level(using), survey.level(check));
                (check < using && using != RequiredLevel::Denied).then_some((using, check))
            }
            _ => None,
        }
    };
    let policies = survey.aal_policies().filter_map(|(table, policy)| Some((table, policy, weaker(policy)?)));
    policies
        .map(|(table, policy, (using, check))| {
            let detail = format!(
                "Policy {} on {} asks {using} of existing rows, and {check} of new ones",
                policy.name, table.display_name
            );
            Found::on(table, detail).policy(policy)
        })
        .collect()
}

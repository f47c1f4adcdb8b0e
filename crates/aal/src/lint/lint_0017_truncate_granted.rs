//! TRUNCATE is granted, and row security does not see it.

use super::{Found, Lint, Severity, Survey};
use crate::access::{Command, RequiredLevel};

pub const LINT: Lint = Lint {
    name: "0017_truncate_granted",
    title: "TRUNCATE is granted, and row security does not see it",
    level: Severity::Error,
    category: "SECURITY",
    description: "No policy is asked for TRUNCATE: whoever has the privilege empties the table, at any level.",
    remediation: "revoke truncate on … from …; or call auth.protect_table, whose guard asks for the level of DELETE. See docs/lints/0017_truncate_granted.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, table) in survey.protected() {
        let asked = [Command::Delete, Command::Update, Command::Insert].map(|command| survey.asked(table, command)).into_iter().max();
        let asked = asked.filter(|level| *level != RequiredLevel::None).unwrap_or_else(|| survey.asked(table, Command::Select));
        let roles: Vec<usize> = survey
            .bound_roles(table)
            .filter(|role| survey.requirements.own(place, *role, Command::Truncate).level < asked)
            .collect();
        if !roles.is_empty() {
            let roles = survey.role_names(&roles);
            let detail = format!("{} can TRUNCATE {} below {asked}", roles.join(", "), table.display_name);
            found.push(Found::on(table, detail).roles(&roles).commands(&[Command::Truncate]));
        }
    }
    found
}

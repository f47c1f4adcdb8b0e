//! TRUNCATE is granted, and row security does not see it.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Command, RequiredLevel, RoleIndex, Threshold};

pub const LINT: Lint = Lint {
    name: "0017_truncate_granted",
    title: "TRUNCATE is granted, and row security does not see it",
    level: Severity::Error,
    category: "SECURITY",
    description: "No policy is asked for TRUNCATE: a role with the privilege empties the table, at any level.",
    remediation: "revoke truncate on ... from ...; or call auth.protect_table, whose guard asks for the level of DELETE, and in token mode revoke trigger, which lets a role replace it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, table) in survey.protected() {
        let all = || Command::ALL.into_iter().map(|command| survey.asked(table, command));
        // For a role that isn't granted DELETE, TRUNCATE is no other way to it: so TRUNCATE is held against all that
        // the table asks.
        let asked = |role: RoleIndex| match survey.matrix.own_need(index, role, Command::Delete).level() {
            RequiredLevel::Denied => all().fold(Threshold::NOTHING, Threshold::and),
            _ => survey.asked(table, Command::Delete),
        };
        let roles: Vec<RoleIndex> = survey
            .bound_roles(table)
            .filter(|role| !survey.matrix.own_need(index, *role, Command::Truncate).threshold.implies(asked(*role)))
            .collect();
        if let Some(most) = roles.iter().map(|role| asked(*role)).reduce(Threshold::and) {
            let undo = roles.iter().any(|role| table.standings[*role].may_undo_guards) && !table.guards.is_empty();
            let why = if undo { ", since a role could replace its guard or keep it from firing" } else { "" };
            let roles = survey.role_names(&roles);
            let detail =
                format!("{} can TRUNCATE {} below {}{why}", roles.join(", "), table.display_name, most.in_options());
            found.push(Found::on_table(index, detail).roles(&roles).commands(&[Command::Truncate]));
        }
    }
    found
}

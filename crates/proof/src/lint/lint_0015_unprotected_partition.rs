//! A partition or child can be reached below what its parent needs.

use super::{Found, Lint, Severity, Survey};
use crate::Command;

pub const LINT: Lint = Lint {
    name: "0015_unprotected_partition",
    title: "A partition or child can be reached below what its parent needs",
    level: Severity::Error,
    category: "SECURITY",
    description: "Only the policies of the table that is named count: a partition named directly isn't protected by its parent's.",
    remediation: "Protect each partition (auth.protect_table on the parent does), or revoke access to it. See docs/lints/0015_unprotected_partition.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, table) in survey.catalog.tables.iter().enumerate() {
        let parents = survey.requirements.ancestors(table).into_iter();
        for parent in parents.filter(|parent| survey.protected().any(|(place, _)| place == *parent)) {
            let above = &survey.catalog.tables[parent];
            let mut commands = Vec::new();
            let mut roles = Vec::new();
            for role in survey.bound_roles(above) {
                for command in Command::ALL {
                    let asked = survey.asked(above, command);
                    let (direct, through) =
                        (survey.requirements.own(place, role, command), survey.requirements.own(parent, role, command));
                    if direct.level < asked && direct.level < through.level {
                        if !commands.contains(&command) {
                            commands.push(command);
                        }
                        if !roles.contains(&role) {
                            roles.push(role);
                        }
                    }
                }
            }
            if !roles.is_empty() {
                commands.sort_by_key(|command| command.index());
                let roles = survey.role_names(&roles);
                let detail = format!(
                    "{} can be reached without what {} asks: {} by {}",
                    table.display_name,
                    above.display_name,
                    super::listed(&commands),
                    roles.join(", ")
                );
                found.push(Found::on(table, detail).roles(&roles).commands(&commands));
            }
        }
    }
    found
}

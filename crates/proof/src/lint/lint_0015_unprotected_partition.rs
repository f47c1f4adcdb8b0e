//! A partition or child can be reached below what its parent needs.

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::finding::listed;
use super::survey::Survey;
use crate::{Command, TableIndex};

pub const LINT: Lint = Lint {
    name: "0015_unprotected_partition",
    title: "A partition or child can be reached below what its parent needs",
    level: Severity::Error,
    category: "SECURITY",
    description: "Only the policies of the table that is named count: a partition named directly isn't protected by its parent's.",
    remediation: "Protect each partition (auth.protect_table on the parent does), or revoke access to it.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let protected: Vec<TableIndex> = survey.protected().map(|(index, _)| index).collect();
    let mut found = Vec::new();
    for table in survey.catalog.tables.indexes() {
        let ancestors = survey.matrix.ancestors(table).filter(|ancestor| protected.contains(ancestor));
        found.extend(ancestors.filter_map(|ancestor| finding(survey, table, ancestor)));
    }
    found
}

/// The finding about a table that some role reaches for less than it would need through `above`.
fn finding(survey: &Survey<'_>, table: TableIndex, above: TableIndex) -> Option<Found> {
    let tables = &survey.catalog.tables;
    let mut commands = Vec::new();
    let mut roles = Vec::new();
    for role in survey.bound_roles(&tables[above]) {
        for command in Command::ALL {
            let direct = survey.matrix.own_need(table, role, command).threshold;
            let through = survey.matrix.own_need(above, role, command).threshold;
            if !direct.implies(survey.asked(&tables[above], command)) && !direct.implies(through) {
                if !commands.contains(&command) {
                    commands.push(command);
                }
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
        }
    }
    if roles.is_empty() {
        return None;
    }
    commands.sort_by_key(|command| command.index());
    let roles = survey.role_names(&roles);
    let detail = format!(
        "{} can be reached without what {} asks: {} by {}",
        tables[table].display_name,
        tables[above].display_name,
        listed(&commands),
        roles.join(", ")
    );
    Some(Found::on_table(table, detail).roles(&roles).commands(&commands))
}

//! A foreign partition takes rows that no WITH CHECK sees.

use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::survey::Survey;
use crate::{Command, Table, TableIndex};

pub const LINT: Lint = Lint {
    name: "0038_check_skipped_by_foreign_partition",
    title: "A foreign partition takes rows that no WITH CHECK sees",
    level: Severity::Error,
    category: "SECURITY",
    description: "Postgres doesn't ask WITH CHECK for rows that go to a foreign table. So a policy for INSERT refuses none of them, and of a policy for UPDATE only USING counts.",
    remediation: "Detach the foreign table, revoke the privilege, or add a guard, as auth.protect_table does.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let tables = survey.catalog.tables.indexed();
    let foreign = tables.filter(|(_, table)| table.takes_unchecked_rows);
    foreign.flat_map(|(index, table)| through_tables_above(survey, index, table)).collect()
}

fn through_tables_above(survey: &Survey<'_>, foreign: TableIndex, table: &Table) -> Vec<Found> {
    let partitioned = partitioned_above(survey, table);
    let protected: Vec<TableIndex> = survey.protected().map(|(index, _)| index).collect();
    let above = survey.matrix.ancestors(foreign).filter(|above| protected.contains(above));
    above.filter_map(|above| finding(survey, foreign, above, partitioned.contains(&above))).collect()
}

/// The tables above that send their new rows here: those to which partitions lead.
fn partitioned_above(survey: &Survey<'_>, table: &Table) -> Vec<TableIndex> {
    let parent = |table: &Table| {
        let parent = table.parents.iter().find(|(_, is_partition)| *is_partition)?;
        survey.matrix.table_index(parent.0)
    };
    let mut found = Vec::new();
    let mut next = parent(table);
    while let Some(above) = next.filter(|above| !found.contains(above)) {
        found.push(above);
        next = parent(&survey.catalog.tables[above]);
    }
    found
}

fn finding(survey: &Survey<'_>, foreign: TableIndex, above: TableIndex, takes_new_rows: bool) -> Option<Found> {
    let table = &survey.catalog.tables[above];
    let commands: &[Command] = if takes_new_rows { &[Command::Insert, Command::Update] } else { &[Command::Update] };
    let (mut open, mut roles) = (Vec::new(), Vec::new());
    for role in survey.bound_roles(table) {
        for command in commands.iter().copied() {
            let unchecked = survey.matrix.need_to_fire(above, role, command, false);
            if unchecked.level() < survey.matrix.own_need(above, role, command).level() {
                if !open.contains(&command) {
                    open.push(command);
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
    let roles = survey.role_names(&roles);
    let foreign = &survey.catalog.tables[foreign].display_name;
    let detail = format!(
        "{} on {} needs less where rows go to foreign table {foreign}: no WITH CHECK is asked of them, for {}",
        listed(&open),
        table.display_name,
        roles.join(", ")
    );
    Some(Found::on_table(above, detail).roles(&roles).commands(&open).key(foreign))
}

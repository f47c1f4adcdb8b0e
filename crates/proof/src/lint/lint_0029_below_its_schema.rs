//! A table needs less than its schema's protection asks.

use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::survey::Survey;
use crate::{Command, RequiredLevel, RoleIndex, TableIndex, Threshold};
use aal::Level;
use aal::Requirement;
use aal::protection::{Made, SchemaProtection, TableLevel};

pub const LINT: Lint = Lint {
    name: "0029_below_its_schema",
    title: "A table needs less than the protection of its schema",
    level: Severity::Error,
    category: "SECURITY",
    description: "The schema is protected, and this table can be used below the levels that the schema asks. Its protection was never made, was dropped, or is lower.",
    remediation: "Call auth.protect_schema again, or auth.protect_table, or have auth.protect_schema exclude the table.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for schema in survey.catalog.watches.iter().filter_map(|watch| watch.protection.as_ref()) {
        let tables = survey.catalog.tables.indexes().filter(|table| is_of(survey, schema, *table));
        found.extend(tables.filter_map(|table| finding(survey, schema, table)));
    }
    found
}

/// Whether a schema's protection is for a table. A partition goes with the tables above it.
fn is_of(survey: &Survey<'_>, schema: &SchemaProtection, table: TableIndex) -> bool {
    let is_here = |table: TableIndex| schema.schemas.contains(&survey.catalog.tables[table].schema);
    let is_excluded =
        |table: TableIndex| is_here(table) && schema.excluding.contains(&survey.catalog.tables[table].name);
    let above = || survey.matrix.ancestors(table);
    is_here(table) && !is_excluded(table) && !above().any(is_excluded)
}

fn finding(survey: &Survey<'_>, schema: &SchemaProtection, table: TableIndex) -> Option<Found> {
    let protection = &schema.protection;
    let binds = |role: &RoleIndex| {
        let bound = protection.bound_roles();
        bound.iter().any(|name| name == "public" || *name == survey.catalog.roles[*role].name)
    };
    let mut roles = Vec::new();
    let mut commands = Vec::new();
    for role in survey.bound_roles(&survey.catalog.tables[table]).filter(binds) {
        for command in Command::ALL {
            let asked = asked(schema, command);
            if is_below(survey.matrix.own_need(table, role, command).threshold, asked) {
                if !roles.contains(&role) {
                    roles.push(role);
                }
                if !commands.contains(&command) {
                    commands.push(command);
                }
            }
        }
    }
    if roles.is_empty() {
        return None;
    }
    commands.sort_by_key(|command| command.index());
    let roles = survey.role_names(&roles);
    let table_name = &survey.catalog.tables[table].display_name;
    let detail = format!("{table_name} needs less than its schema asks: {} by {}", listed(&commands), roles.join(", "));
    Some(Found::on_table(table, detail).roles(&roles).commands(&commands))
}

/// What a schema's protection asks for a command. Without a guard, nothing decides about TRUNCATE.
fn asked(schema: &SchemaProtection, command: Command) -> TableLevel {
    let protection = &schema.protection;
    if command == Command::Truncate && !protection.guard {
        return TableLevel::None;
    }
    match Made::policy_for(command) {
        Made::Read => protection.read,
        Made::Insert => protection.insert,
        Made::Update => protection.update,
        Made::Delete | Made::Owner | Made::Guard | Made::Columns => protection.delete,
    }
}

fn is_below(need: Threshold, asked: TableLevel) -> bool {
    let level = match asked.requirement() {
        None => RequiredLevel::None,
        Some(Requirement::Enrolled(_)) => RequiredLevel::Enrolled,
        Some(Requirement::Fixed(fixed)) => match fixed.level {
            Level::Aal1 => RequiredLevel::Aal1,
            Level::Aal2 => RequiredLevel::Aal2,
            Level::Aal3 => RequiredLevel::Aal3,
        },
    };
    let is_older = || asked.max_age().is_some_and(|asked| need.max_age.is_none_or(|age| age > asked));
    need.level < level || (need.level == level && is_older())
}

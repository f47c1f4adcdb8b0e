//! A table needs less than its schema's protection asks.

use super::definition::{Lint, Severity};
use super::finding::{Found, listed};
use super::survey::Survey;
use crate::{Command, RoleIndex, TableIndex};
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
    let is_excluded = |table: TableIndex| {
        let table = &survey.catalog.tables[table];
        schema.excludes(&table.schema, &table.name)
    };
    let is_here = schema.schemas.contains(&survey.catalog.tables[table].schema);
    is_here && !is_excluded(table) && !survey.matrix.ancestors(table).any(is_excluded)
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
            if survey.matrix.own_need(table, role, command).threshold.is_weaker_than(asked(schema, command).into()) {
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
        Made::Delete | Made::Owner | Made::Guard | Made::Columns | Made::Truncate => protection.delete,
    }
}

//! Rendering the templates of `sql/templates/`, one file each.
//!
//! Postgres' own rules quote every name and literal: the caller passes them as a [`Quote`].

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::guard_arguments::GuardArgument;
use super::made::Made;
use super::request::AppliesWhen;
use super::table::Table;
use crate::requirement::FixedRequirement;
use crate::requirement::Requirement;
use crate::time::MaxAge;

/// Quotes by Postgres' own rules.
pub trait Quote {
    /// `a"b` becomes `"a""b"`.
    fn identifier(&self, name: &str) -> String;
    /// `it's` becomes `'it''s'`.
    fn literal(&self, text: &str) -> String;
}

/// The statements that take away the objects that [`Protection::statements`] makes: all of them, or of these only those
/// in `existing`.
pub fn clear_statements(table: &Table, existing: Option<&[Made]>, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    let is_wanted = |made: &Made| match existing {
        Some(existing) => existing.contains(made),
        None => {
            !(table.copies_row_triggers && *made == Made::Columns) && (table.has_shards || made.is_of_every_table())
        }
    };
    let wanted = Made::ALL.into_iter().filter(is_wanted);
    wanted.flat_map(|made| renderer.render(made.drop_template(), context! { name => made.name() })).collect()
}

/// The statement that switches row security on.
pub fn row_security_on_statement(table: &Table, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    renderer.render(include_str!("../../../../sql/templates/row_security.sql"), context! {})
}

/// The statement that switches row security off.
pub fn row_security_off_statement(table: &Table, quote: &dyn Quote) -> Vec<String> {
    let renderer = Renderer { quote, table: qualified(table, quote), record: String::new() };
    renderer.render(include_str!("../../../../sql/templates/row_security_off.sql"), context! {})
}

/// The expression for a policy. All arguments, with their types: an exact match, which no other function of that name can
/// come before.
pub(super) fn policy_condition(required: Requirement, quote: &dyn Quote) -> String {
    let interval = |max_age: Option<MaxAge>| {
        let max_age = max_age.map_or("null".to_owned(), |max_age| quote.literal(&max_age.to_string()));
        format!("{max_age}::interval")
    };
    match required {
        Requirement::Fixed(FixedRequirement { level, max_age }) => {
            format!("auth.has_aal({}::text, {})", quote.literal(level.as_str()), interval(max_age))
        }
        Requirement::Enrolled(max_age) => format!("auth.has_enrolled_aal({})", interval(max_age)),
    }
}

/// The expression for a policy that asks for a live session. The level stands first: a session that lacks it isn't looked up.
pub(super) fn and_live(condition: &str) -> String {
    format!("{condition} and auth.session_is_live()")
}

/// The expression for a policy that is only for some sessions. The level stands first, so that a session that has it asks no
/// function. The sub-select asks it once, and not for each row.
pub(super) fn or_exempt(condition: String, applies_when: &AppliesWhen, quote: &dyn Quote) -> String {
    let AppliesWhen { schema, function, .. } = applies_when;
    let (schema, function) = (quote.identifier(schema), quote.identifier(function));
    format!("{condition} or (select {schema}.{function}()) is false")
}

/// `others`: what the guard asks for every command.
pub(super) fn arguments_clause(arguments: &[GuardArgument], others: &[&str], quote: &dyn Quote) -> String {
    let arguments = arguments.iter().map(GuardArgument::to_string);
    let others = others.iter().map(|argument| (*argument).to_owned());
    let arguments: Vec<String> = arguments.chain(others).map(|argument| quote.literal(&argument)).collect();
    arguments.join(", ")
}

pub(super) fn qualified(table: &Table, quote: &dyn Quote) -> String {
    format!("{}.{}", quote.identifier(&table.schema), quote.identifier(&table.name))
}

/// Renders templates for one table.
pub(super) struct Renderer<'a> {
    pub(super) quote: &'a dyn Quote,
    pub(super) table: String,
    pub(super) record: String,
}

impl Renderer<'_> {
    /// The statements of a template. It is split before anything is filled in, so that a name can't end one.
    pub(super) fn render(&self, template: &str, values: Value) -> Vec<String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let values = context! { table => &self.table, record => &self.record, ..values };
        split_statements(template)
            .into_iter()
            .map(|statement| {
                // The templates are part of the program and every one is rendered by a test.
                environment.render_str(statement, &values).expect("a template of sql/templates renders")
            })
            .collect()
    }
}

/// The statements of a template of `sql/templates/`: each ends with a semicolon at the end of a line.
pub fn split_statements(template: &str) -> Vec<&str> {
    template.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

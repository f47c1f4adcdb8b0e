//! A gate means what its caller's search_path makes of it.

use std::collections::HashSet;

use super::definition::{Lint, Severity};
use super::finding::Found;
use super::level_readers::is_sql;
use super::survey::Survey;
use crate::sql::{Token, tokens};
use crate::{Function, FunctionIndex, FunctionKind};

pub const LINT: Lint = Lint {
    name: "0036_gate_search_path",
    title: "A gate means what its caller's search_path makes of it",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A body that is stored as text looks names up each time it runs. Without a search_path of its own, a function finds what its caller's search_path names first: PostgREST lets a client choose among the exposed schemas.",
    remediation: "alter function ... set search_path = ''; with each name qualified, or write the body as RETURN or BEGIN ATOMIC.",
    findings,
};

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    let readers = survey.level_readers();
    let called: HashSet<FunctionIndex> =
        survey.catalog.called_by_policies.iter().map(|(.., function)| *function).collect();
    let functions = survey.catalog.functions.indexed().filter(|(index, function)| {
        let is_asked = called.contains(index) || !function.open_to.is_empty();
        let is_gate = called.contains(index) || function.returns_boolean || function.security_definer;
        is_asked && is_gate && depends_on_path(function) && readers.reads_level(*index)
    });
    let named = functions.filter_map(|(index, function)| {
        let names = readers.looked_up(index);
        let what = if !names.is_empty() {
            names.join(", ")
        } else if !survey.catalog.trusts_settings && (has_operators(function) || readers.calls_by_path(index)) {
            "its operators and functions".to_owned()
        } else {
            return None;
        };
        let detail = format!(
            "{} reads the level, and its caller's search_path decides what it means by {what}",
            function.display_name
        );
        Some(Found::on_function(survey.catalog, index, detail))
    });
    named.collect()
}

/// Whether a function has a body whose names are looked up when it runs, by its caller's search_path.
fn depends_on_path(function: &Function) -> bool {
    function.kind == FunctionKind::Plain && is_sql(function) && !function.is_analyzed && !function.has_search_path
}

/// Whether a text has an operator. Where clients run SQL, a schema of theirs may come before pg_catalog.
fn has_operators(function: &Function) -> bool {
    const NONE: [&str; 4] = ["*", "..", "<<", ">>"];
    let mut is_assignment = false;
    for token in tokens(&function.body) {
        let is_one = matches!(&token, Token::Operator(it) if !NONE.contains(it));
        if is_one && !(is_assignment && token == Token::Operator("=")) {
            return true;
        }
        is_assignment = token == Token::Symbol(':');
    }
    false
}

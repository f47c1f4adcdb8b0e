//! A SECURITY DEFINER function reaches a protected table and asks for no level.

use super::{Found, Lint, Severity, Survey};
use std::collections::HashSet;
use crate::access::{Command, Function, Table};

pub const LINT: Lint = Lint {
    name: "0014_security_definer_function",
    title: "A SECURITY DEFINER function reaches a protected table and asks for no level",
    level: Severity::Warn,
    category: "SECURITY",
    description: "A SECURITY DEFINER function works with its owner's rights. Where those aren't bound by a table's policies, whoever may call it goes past them.",
    remediation: "Begin it with perform auth.require_aal('aal2'), make it SECURITY INVOKER, or revoke EXECUTE. See docs/lints/0014_security_definer_function.md.",
    find,
};

fn find(survey: &Survey<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for function in survey.catalog.functions.iter().filter(|it| it.security_definer && !it.open_to.is_empty()) {
        if asks_for_level(function) {
            continue;
        }
        let words = words(&function.body);
        let reaches = |table: &Table| function.reaches.contains(&table.id) || words.contains(table.name.as_str());
        let Some(owner) = survey.catalog.role_place(function.owner) else { continue };
        let past = survey.protected().filter(|(place, table)| {
            reaches(table)
                && Command::ALL.into_iter().any(|command| {
                    survey.requirements.own(*place, owner, command).level < survey.asked(table, command)
                })
        });
        let tables: Vec<&str> = past.map(|(_, table)| table.display_name.as_str()).collect();
        if !tables.is_empty() {
            let roles = function.open_to.join(", ");
            let detail = format!(
                "{roles} can call {}, which reaches {} with its owner's rights and asks for no level",
                function.display_name, tables.join(", ")
            );
            found.push(Found {
                detail,
                schema: function.schema.clone(),
                name: function.name.clone(),
                kind: "function",
                policy: None,
                role: Some(roles),
                command: None,
            });
        }
    }
    found
}

/// Whether its body asks for a level. How, isn't looked at.
fn asks_for_level(function: &Function) -> bool {
    ["require_aal", "has_aal", "require_enrolled_aal", "has_enrolled_aal"].iter().any(|name| function.body.contains(name))
}

/// The names in a body: everything between what can't be part of one.
fn words(body: &str) -> HashSet<&str> {
    body.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$').collect()
}

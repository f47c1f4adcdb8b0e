//! A SECURITY DEFINER function reaches a protected table and asks for no level.

use super::{Found, Lint, Severity, Survey};
use crate::access::{Command, Table};
use std::collections::HashSet;

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
        let body = without_comments(&function.body);
        if asks_for_level(&body) {
            continue;
        }
        // A name that isn't quoted is in lower case.
        let lower = body.to_lowercase();
        let (as_written, folded) = (words(&body), words(&lower));
        let named = |name: &str| as_written.contains(name) || folded.contains(name);
        let reaches = |table: &Table| {
            let directly = function.reaches.contains(&table.id) || named(&table.name);
            directly
                || survey
                    .reaches_through_views(|view| function.reaches.contains(&view.id) || named(&view.name), table.id)
        };
        let Some(owner) = survey.catalog.role_place(function.owner) else { continue };
        let past = survey.protected().filter(|(place, table)| {
            reaches(table)
                && Command::ALL
                    .into_iter()
                    .any(|command| survey.requirements.own(*place, owner, command).level < survey.asked(table, command))
        });
        let tables: Vec<&str> = past.map(|(_, table)| table.display_name.as_str()).collect();
        if !tables.is_empty() {
            let roles = function.open_to.join(", ");
            let detail = format!(
                "{roles} can call {}, which names {}, runs with its owner's rights and asks for no level",
                function.display_name,
                tables.join(", ")
            );
            found.push(Found { role: Some(roles), ..Found::on_function(function, detail) });
        }
    }
    found
}

/// Whether its body reads the claim, or calls one of ours that asks for a level. What it does with the answer, isn't looked at.
fn asks_for_level(body: &str) -> bool {
    // The claim itself, by hand.
    if body.contains("'aal'") {
        return true;
    }
    const ASKING: [&str; 4] = ["require_aal", "has_aal", "require_enrolled_aal", "has_enrolled_aal"];
    ASKING.iter().any(|name| {
        body.match_indices(name).any(|(at, _)| {
            let is_whole = !body[..at].ends_with(is_of_name);
            is_whole && body[at + name.len()..].trim_start().starts_with('(')
        })
    })
}

/// The names in a body: everything between what can't be part of one.
fn words(body: &str) -> HashSet<&str> {
    body.split(|letter: char| !is_of_name(letter)).collect()
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// A body without its comments.
fn without_comments(body: &str) -> String {
    let mut kept = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("--").into_iter().chain(rest.find("/*")).min() {
        kept.push_str(&rest[..at]);
        kept.push(' ');
        let comment = &rest[at..];
        let end = if comment.starts_with("--") { comment.find('\n') } else { comment.find("*/").map(|end| end + 2) };
        rest = end.map_or("", |end| &comment[end..]);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_asks_for_a_level() {
        for body in ["perform auth.require_aal('aal2')", "if not has_aal ('aal2')", "select auth.has_enrolled_aal()"] {
            assert!(asks_for_level(&without_comments(body)), "{body}");
        }
        for body in
            ["-- TODO: has_aal('aal2')", "/* require_aal('aal2') */ delete", "my_has_aal('aal2')", "select has_aal", ""]
        {
            assert!(!asks_for_level(&without_comments(body)), "{body}");
        }
    }

    #[test]
    fn a_comment_ends_where_it_does() {
        assert_eq!(without_comments("a -- b\nc /* d */ e -- f"), "a  \nc   e  ");
        assert_eq!(without_comments("a /* never ends"), "a  ");
    }
}

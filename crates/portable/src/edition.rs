//! The templates, in the order in which they are run.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use crate::facts::Facts;
use crate::{protection, statements};

/// What the others import.
const MACROS: &str = include_str!("../../../sql/portable/macros.sql");

/// A file per topic. A function that runs while the file is run stands behind what it calls.
const PARTS: [(&str, &str); 13] = [
    ("schema.sql", include_str!("../../../sql/portable/schema.sql")),
    ("claims.sql", include_str!("../../../sql/portable/claims.sql")),
    ("session.sql", include_str!("../../../sql/portable/session.sql")),
    ("denial.sql", include_str!("../../../sql/portable/denial.sql")),
    ("enrollment.sql", include_str!("../../../sql/portable/enrollment.sql")),
    ("liveness.sql", include_str!("../../../sql/portable/liveness.sql")),
    ("status.sql", include_str!("../../../sql/portable/status.sql")),
    ("protection.sql", include_str!("../../../sql/portable/protection.sql")),
    ("protected_tables.sql", include_str!("../../../sql/portable/protected_tables.sql")),
    ("guard.sql", include_str!("../../../sql/portable/guard.sql")),
    ("schema_watch.sql", include_str!("../../../sql/portable/schema_watch.sql")),
    ("comments.sql", include_str!("../../../sql/portable/comments.sql")),
    ("grants.sql", include_str!("../../../sql/portable/grants.sql")),
];

/// What the native edition's functions say of themselves.
const NATIVE_COMMENTS: &str = include_str!("../../../sql/comments.sql");

/// The whole text of the edition.
pub fn render(version: &str) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_function("formats", statements::formats);
    environment.add_function("native_comment", native_comment);
    // Macros see globals alone.
    for (name, value) in Facts::new(version).into_globals() {
        environment.add_global(name, value);
    }
    environment.add_global("protection", protection::facts());
    environment.add_template("macros.sql", MACROS)?;
    for (name, template) in PARTS {
        environment.add_template(name, template)?;
    }
    let mut parts: Vec<String> = Vec::new();
    for (name, _) in PARTS {
        let functions: Vec<String> = parts.iter().flat_map(|part| functions_in(part)).collect();
        let part = environment.get_template(name)?.render(context! { functions })?;
        parts.push(part.trim().to_owned());
    }
    Ok(parts.join("\n\n") + "\n")
}

/// The comment of a native function, as a literal that speaks of the schema `aal`: for functions that do the same in both.
fn native_comment(function: &str) -> Result<String, Error> {
    let found = NATIVE_COMMENTS
        .split("comment on function auth.")
        .find_map(|comment| comment.strip_prefix(function)?.strip_prefix(" is\n  ")?.lines().next()?.strip_suffix(';'));
    let comment = found.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no comment on {function}")))?;
    Ok(comment.replace("auth.", "aal."))
}

/// The names of the functions that a part makes. No two have the same name.
fn functions_in(part: &str) -> Vec<String> {
    let definitions = part.lines().filter_map(|line| line.strip_prefix("create or replace function "));
    definitions.filter_map(|definition| Some(definition.split_once('(')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Supabase CLI's splitter knows neither, a session can change what a backslash means, and a migration is one transaction.
    #[test]
    fn the_splitter_of_the_supabase_cli_can_take_the_text() {
        let text = render("1.2.3").unwrap();
        for (line, nr) in text.lines().zip(1..) {
            let line = line.split("--").next().unwrap_or_default();
            assert!(!line.contains('\\') && !line.contains(" E'") && !line.contains("(E'"), "line {nr}: {line}");
            let word = line.trim_end_matches(';').trim();
            assert!(
                !["commit", "rollback", "start transaction"].contains(&word) && line != "begin;",
                "line {nr}: {line}"
            );
            assert!(!line.contains("begin atomic") && !line.starts_with("drop "), "line {nr}: {line}");
        }
        assert_eq!(text.matches("$$").count() % 2, 0);
    }

    #[test]
    fn every_function_pins_its_search_path_and_says_what_it_is() {
        let text = render("1.2.3").unwrap();
        let functions: Vec<&str> = text.split("create or replace function ").skip(1).collect();
        assert!(functions.len() > 40);
        for function in functions {
            let head = function.split("as $$").next().unwrap_or_default();
            let name = function.split('(').next().unwrap_or_default();
            let pinned = ["set search_path = ''", "set search_path = pg_catalog, pg_temp"];
            assert!(pinned.iter().any(|path| head.contains(path)), "{name}");
            assert!(["stable", "immutable", "volatile"].iter().any(|word| head.contains(word)), "{name}");
            // A parallel worker can begin no subtransaction.
            let body = function.split("$$").nth(1).unwrap_or_default();
            assert!(!head.contains("parallel safe") || !body.contains(" exception when "), "{name}");
        }
    }
}

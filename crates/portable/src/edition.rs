//! The templates, in the order in which they are run.

use minijinja::{Environment, Error, UndefinedBehavior, context};

use crate::facts::Facts;
use crate::statements;

/// What the others import.
const MACROS: &str = include_str!("../../../sql/portable/macros.sql");

/// A file per topic. A function that runs while the file is run stands behind what it calls.
const PARTS: [(&str, &str); 9] = [
    ("schema.sql", include_str!("../../../sql/portable/schema.sql")),
    ("claims.sql", include_str!("../../../sql/portable/claims.sql")),
    ("session.sql", include_str!("../../../sql/portable/session.sql")),
    ("denial.sql", include_str!("../../../sql/portable/denial.sql")),
    ("enrollment.sql", include_str!("../../../sql/portable/enrollment.sql")),
    ("liveness.sql", include_str!("../../../sql/portable/liveness.sql")),
    ("status.sql", include_str!("../../../sql/portable/status.sql")),
    ("comments.sql", include_str!("../../../sql/portable/comments.sql")),
    ("grants.sql", include_str!("../../../sql/portable/grants.sql")),
];

/// The whole text of the edition.
pub fn render(version: &str) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_function("formats", statements::formats);
    // Macros see globals alone.
    for (name, value) in Facts::new(version).into_globals() {
        environment.add_global(name, value);
    }
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

/// The names of the functions that a part makes. No two have the same name.
fn functions_in(part: &str) -> Vec<String> {
    let definitions = part.lines().filter_map(|line| line.strip_prefix("create or replace function "));
    definitions.filter_map(|definition| Some(definition.split_once('(')?.0.to_owned())).collect()
}

//! The statements of `sql/templates/`, as format() strings.

use aal::protection::split_statements;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::literal::literal;

/// The templates about tables, by their names.
const TEMPLATES: [(&str, &str); 11] = [
    ("aal_columns", include_str!("../../../sql/templates/aal_columns.sql")),
    ("aal_delete", include_str!("../../../sql/templates/aal_delete.sql")),
    ("aal_guard", include_str!("../../../sql/templates/aal_guard.sql")),
    ("aal_insert", include_str!("../../../sql/templates/aal_insert.sql")),
    ("aal_owner", include_str!("../../../sql/templates/aal_owner.sql")),
    ("aal_read", include_str!("../../../sql/templates/aal_read.sql")),
    ("aal_update", include_str!("../../../sql/templates/aal_update.sql")),
    ("drop_policy", include_str!("../../../sql/templates/drop_policy.sql")),
    ("drop_trigger", include_str!("../../../sql/templates/drop_trigger.sql")),
    ("row_security", include_str!("../../../sql/templates/row_security.sql")),
    ("row_security_off", include_str!("../../../sql/templates/row_security_off.sql")),
];

/// The statements of a template as literals for format(), with functions of schema `aal`. The values of `placeholders` are its
/// arguments, in this order: `formats("aal_read", ["table", "roles", "allowed", "record"])`.
pub fn formats(name: &str, placeholders: Vec<String>) -> Result<Vec<String>, Error> {
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("no template {name}"));
    let (_, template) = TEMPLATES.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let places = placeholders.iter().enumerate().map(|(nr, name)| (name.clone(), format!("%{}$s", nr + 1)));
    let values = Value::from_pairs(places);
    let mut found = Vec::new();
    for statement in split_statements(template) {
        // A sign that format() would read, doubled; those of the placeholders come later.
        let statement = statement.replace('%', "%%");
        let rendered = environment.render_str(&statement, &values)?.replace("auth.aal_", "aal.aal_");
        found.push(literal(rendered.trim_end_matches(';')));
    }
    Ok(found)
}

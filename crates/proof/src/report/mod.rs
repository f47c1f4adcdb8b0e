//! `auth.aal_report()`: what every table needs of each role, why, and what to mend, as one HTML page.
//!
//! The page is complete in itself: it asks for nothing from anywhere and runs no script. A name is always text there, and the
//! page spells out characters that would not be seen. The page is ASCII, so it survives any client encoding.
//!
//! It shows equal things once: roles of which a table needs the same, and tables that need the same of every role.

mod data;
mod escape;
mod findings;
mod functions;
mod gather;
mod marks;
mod patterns;
mod summary;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context, escape_formatter};

use crate::lint::{Finding, FunctionNeed};
use crate::{Catalog, Matrix};
use aal::{ClaimsSource, Command};
use data::Data;
use escape::escaped;
use findings::findings;
use functions::functions;
use marks::marks;
use patterns::patterns;
use summary::summary;

/// The database that the page is about, and when.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// When the catalog was read.
    pub made_at: String,
    /// The setting `server_version`.
    pub server_version: String,
    /// The setting `pg_aal.claims_source`.
    pub claims_source: ClaimsSource,
    /// The address of the documentation.
    pub docs: String,
}

/// The page.
pub fn render(
    database: &Database,
    catalog: &Catalog,
    matrix: &Matrix<'_>,
    findings: &[Finding],
    needs_of_functions: &[FunctionNeed],
) -> String {
    let data = Data { catalog, matrix, findings, functions: needs_of_functions };
    let by_lint = self::findings(&data, &database.docs);
    let marks = marks(&by_lint);
    let patterns = patterns(&data, &marks);
    let values = context! {
        database => &database.name,
        made_at => &database.made_at,
        server_version => &database.server_version,
        claims_source => database.claims_source.as_str(),
        commands => Serde(Command::ALL.map(Command::as_str)),
        summary => Serde(summary(&data)),
        findings => Serde(&by_lint),
        patterns => Serde(&patterns),
        functions => Serde(functions(&data)),
    };
    // The template is part of the program, and the tests render every branch of it.
    environment().render_named_str("report.html", include_str!("report.html"), values).expect("report.html renders")
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Lines that hold only a tag of the template leave nothing behind.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("minijinja's own delimiters are valid"));
    // Every text of the page passes here, even in a template that declares it safe.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) => out.write_str(&escaped(text)).map_err(Into::into),
        None => escape_formatter(out, state, value),
    });
    environment
}

#[cfg(test)]
mod tests;

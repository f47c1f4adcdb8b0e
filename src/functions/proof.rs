//! Proof: what each role needs for which command, derived from the catalog.
//!
//! STABLE: they read the catalog as the statement sees it. PARALLEL RESTRICTED: it is derived as a whole, which several
//! workers would each do again. Not SECURITY DEFINER: nobody learns by them what the catalog
//! wouldn't tell. Their search_path is `pg_catalog, pg_temp`.

use pgrx::datum::Interval;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use proof::{Catalog, Command, Matrix, RequiredLevel, TableId};
use proof::{lint, report};

use crate::catalog::{self, Relation, Scope};
use crate::denial;
use crate::functions::protection::require_table;
use crate::pg::elog::raise;
use crate::pg::query::{catalog_query, first_row};
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Name, Regclass};
use crate::settings;

/// For each table, role and command the lowest session level at which the command could succeed for some row.
///
/// Errors: 42P01 for a table that doesn't exist, 42809 for a relation that isn't a table.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_matrix(
    target: default!(Option<Regclass>, "NULL"),
) -> TableIterator<
    'static,
    (
        name!(target, Regclass),
        name!(role, Name),
        name!(command, String),
        name!(required_aal, String),
        name!(max_age, Option<Interval>),
        name!(decided_by, Vec<String>),
        name!(note, Option<String>),
    ),
> {
    let table = target.map(|Regclass(oid)| table(oid).oid);
    let catalog = catalog(Scope { table, role: None, with_surroundings: false });
    let matrix = Matrix::derive(&catalog, &interrupts);
    let wanted = matrix.iter().filter(|(it, ..)| table.is_none_or(|oid| oid.to_u32() == it.id.oid()));
    let rows: Vec<_> = wanted
        .map(|(table, role, command, need)| {
            (
                Regclass(table.id.oid().into()),
                Name(role.name.clone()),
                command.as_str().to_owned(),
                need.level().as_str().to_owned(),
                need.threshold.max_age.map(interval),
                need.reasons(),
                need.note.clone(),
            )
        })
        .collect();
    TableIterator::new(rows)
}

fn interval(max_age: aal::MaxAge) -> Interval {
    Interval::new(0, 0, max_age.micros())
        .unwrap_or_else(|_| raise(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range", None, None))
}

/// Findings: how tables come to need less than somebody meant them to. In the row shape of Supabase's splinter.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_lint() -> TableIterator<
    'static,
    (
        name!(name, String),
        name!(title, String),
        name!(level, String),
        name!(facing, String),
        name!(categories, Vec<String>),
        name!(description, String),
        name!(detail, String),
        name!(remediation, String),
        name!(metadata, pgrx::JsonB),
        name!(cache_key, String),
    ),
> {
    let catalog = catalog(Scope { table: None, role: None, with_surroundings: true });
    let matrix = Matrix::derive(&catalog, &interrupts);
    let docs = settings::docs();
    let rows: Vec<_> = lint::run(&catalog, &matrix, &interrupts)
        .into_iter()
        .map(|finding| {
            let lint = finding.lint;
            (
                lint.name.to_owned(),
                lint.title.to_owned(),
                lint.level.to_string(),
                "EXTERNAL".to_owned(),
                vec![lint.category.to_owned()],
                format!("{} {}", lint.description, lint.remediation),
                finding.found.detail.clone(),
                format!("{docs}/{}", lint.page()),
                pgrx::JsonB(finding.metadata(&catalog)),
                finding.cache_key(&catalog),
            )
        })
        .collect();
    TableIterator::new(rows)
}

/// Raises unless a command on a table needs at least `level` of a role.
///
/// Errors: P0004 if it needs less; 42P01 and 42809 as `aal_matrix`; 42704 for a role that doesn't exist; 22023 for an
/// unknown command or level; 22004 for a NULL.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn assert_aal(
    target: Option<Regclass>,
    command: Option<&str>,
    level: Option<&str>,
    role: default!(Option<Name>, "'authenticated'"),
) {
    let Some(Regclass(target)) = target else { denial::null_argument("target") };
    let Some(command) = command else { denial::null_argument("command") };
    let Some(level) = level else { denial::null_argument("level") };
    let Some(Name(role)) = role else { denial::null_argument("role") };
    let command = Command::from_name(command).unwrap_or_else(|| unknown_command(command));
    let level: RequiredLevel = level.parse().unwrap_or_else(|error| denial::unknown_level(&error));
    let relation = table(target);
    let catalog = catalog(Scope { table: Some(target), role: Some(&role), with_surroundings: false });
    let Some(role_index) = catalog.roles.indexes().next() else {
        raise(SqlState::UNDEFINED_OBJECT, &format!("role \"{role}\" does not exist"), None, None)
    };
    let matrix = Matrix::derive(&catalog, &interrupts);
    // The row was read a moment ago; if it is gone by now, nothing is asserted.
    let Some(table) = TableId::new(target.to_u32()).and_then(|table| matrix.table_index(table)) else {
        raise(SqlState::UNDEFINED_TABLE, "the table does not exist", None, None)
    };
    let need = matrix.need(table, role_index, command);
    if need.level() < level {
        let at = match need.level() {
            RequiredLevel::None => "without any level".to_owned(),
            _ => format!("at {}", need.threshold),
        };
        let name = relation.display_name();
        let message = format!("{role} can {} {name} {at}, and {level} was asserted", command.as_str());
        let mut detail = format!("Decided by: {}", need.reasons().join(", "));
        if let Some(note) = &need.note {
            detail.push_str(&format!("; {note}"));
        }
        raise(SqlState::ASSERT_FAILURE, &message, Some(&detail), Some("See auth.aal_matrix() and auth.aal_lint()."));
    }
}

/// What every table needs and what was found, as one HTML page that asks for nothing from anywhere.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_report() -> String {
    let catalog = catalog(Scope { table: None, role: None, with_surroundings: true });
    let matrix = Matrix::derive(&catalog, &interrupts);
    let findings = lint::run(&catalog, &matrix, &interrupts);
    let (database, made_at, server_version) = spi(about_server);
    let claims_source = settings::claims_source();
    let database = report::Database { name: database, made_at, server_version, claims_source, docs: settings::docs() };
    report::render(&database, &catalog, &matrix, &findings)
}

/// The database's name, the time, and the server's version.
fn about_server(client: &SpiClient<'_>) -> Result<(String, String, String), pgrx::spi::Error> {
    let about = first_row(client, catalog_query!("about_server"), &[], |row| {
        Ok((row.shared_name("database")?, row.get("made_at")?, row.get("server_version")?))
    })?;
    Ok(about.unwrap_or_default())
}

fn spi<T>(work: impl FnOnce(&SpiClient<'_>) -> Result<T, pgrx::spi::Error>) -> T {
    Spi::connect(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

fn catalog(scope: Scope<'_>) -> Catalog {
    spi(|client| catalog::read(client, scope))
}

/// A table of a user's making; raises for a relation that isn't one.
fn table(oid: pg_sys::Oid) -> Relation {
    let Some(relation) = spi(|client| Relation::read(client, oid)) else {
        raise(SqlState::UNDEFINED_TABLE, "the table does not exist", None, None)
    };
    require_table(&relation, "have a required level");
    relation
}

/// Raises if somebody wants this to end.
fn interrupts() {
    pgrx::check_for_interrupts!();
}

pub fn unknown_command(command: &str) -> ! {
    let shown: String = command.chars().take(40).collect();
    let hint = "Valid commands are SELECT, INSERT, UPDATE, DELETE and TRUNCATE.";
    raise(SqlState::INVALID_PARAMETER_VALUE, &format!("unknown command \"{shown}\""), None, Some(hint))
}

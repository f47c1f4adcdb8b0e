//! Proof: what each role needs for which command, derived from the catalog.
//!
//! STABLE: they read the catalog as the statement sees it. PARALLEL RESTRICTED: it is derived as a whole, which several
//! workers would each do again. Not SECURITY DEFINER: nobody learns by them what the catalog
//! wouldn't tell. Their search_path is `pg_catalog, pg_temp`.

use aal::protection::TableLevel;
use pgrx::datum::{Array, Interval};
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use proof::gate::{self, Assertion, Verdict};
use proof::lint::Finding;
use proof::snapshot::Snapshot;
use proof::{Catalog, Command, Matrix, RequiredLevel, RoleIndex, TableId, Threshold};
use proof::{export, lint, report};

use crate::catalog::{self, Relation, Scope};
use crate::denial;
use crate::functions::protection::{names_of, require_table, schema_of_user, table_level};
use crate::pg::elog::{notice, raise, warn};
use crate::pg::query::{catalog_query, first_row};
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Jsonb, Name, Regclass, Regnamespace};
use crate::settings;

/// For each table, role and command the lowest session level at which the command could succeed for some row.
///
/// `role` narrows it to one role.
///
/// Errors: 42P01 for a table that doesn't exist, 42809 for a relation that isn't a table, 42704 for a role that doesn't exist.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_matrix(
    target: default!(Option<Regclass>, "NULL"),
    role: default!(Option<Name>, "NULL"),
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
    let role = role.map(|Name(role)| role);
    let catalog = catalog(Scope { table, role: role.as_deref(), with_surroundings: false });
    let only = role.map(|role| catalog.roles[role_index(&catalog, &role)].id);
    let matrix = Matrix::derive(&catalog, &interrupts);
    let wanted = matrix.iter().filter(|(it, role, ..)| {
        table.is_none_or(|oid| oid.to_u32() == it.id.oid()) && only.is_none_or(|only| only == role.id)
    });
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

pub fn interval(max_age: aal::MaxAge) -> Interval {
    Interval::new(0, 0, max_age.micros())
        .unwrap_or_else(|_| raise(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range", None, None))
}

/// Findings: how tables come to need less than somebody meant them to. In the row shape of Supabase's splinter, and with SQL that
/// mends them.
///
/// `baseline` is a snapshot, whose findings are left out.
///
/// Errors: 22023 for a baseline that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_lint(
    baseline: default!(Option<Jsonb>, "NULL"),
) -> TableIterator<
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
        name!(fix, Option<String>),
    ),
> {
    let docs = settings::docs();
    let rows = weighed_against(baseline, |catalog, findings| {
        let row = |finding: Finding| {
            let lint = finding.lint;
            (
                lint.name.to_owned(),
                lint.title.to_owned(),
                finding.level().to_string(),
                "EXTERNAL".to_owned(),
                vec![lint.category.to_owned()],
                format!("{} {}", lint.description, lint.remediation),
                finding.found.detail.clone(),
                format!("{docs}/{}", lint.page()),
                pgrx::JsonB(finding.metadata(catalog)),
                finding.cache_key(catalog),
                finding.found.fix.clone(),
            )
        };
        findings.into_iter().map(row).collect::<Vec<_>>()
    });
    TableIterator::new(rows)
}

/// Reads the whole catalog, and hands the findings on that a baseline doesn't have.
pub fn weighed_against<T>(baseline: Option<Jsonb>, work: impl FnOnce(&Catalog, Vec<Finding>) -> T) -> T {
    let baseline = baseline.map(|baseline| read_snapshot(&baseline));
    derived(|catalog, matrix| {
        let findings = lint::run(catalog, matrix, &interrupts);
        let findings = match baseline {
            Some(baseline) => {
                let now = Snapshot::of_findings(catalog, &findings);
                export::new_findings(catalog, findings, &baseline, &now)
            }
            None => findings,
        };
        work(catalog, findings)
    })
}

/// Reads the whole catalog, and hands it on with its matrix.
pub fn derived<T>(work: impl FnOnce(&Catalog, &Matrix<'_>) -> T) -> T {
    let catalog = catalog(Scope { table: None, role: None, with_surroundings: true });
    let matrix = Matrix::derive(&catalog, &interrupts);
    work(&catalog, &matrix)
}

/// A snapshot from JSON; raises for any other.
pub fn read_snapshot(json: &Jsonb) -> Snapshot {
    Snapshot::from_text(&json.text()).unwrap_or_else(|error| {
        let hint = "Pass the jsonb that auth.aal_snapshot() returned.";
        raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(hint))
    })
}

/// Raises unless a command on a table needs at least `level`, of every role that row security binds and by every way.
///
/// `role` narrows it to one role. `accept` names what was reviewed, by the keys in the error.
///
/// Errors: P0004 if it needs less; 42P01 and 42809 as `aal_matrix`; 42704 for a role that doesn't exist; 22023 for an
/// unknown command or level; 22004 for a NULL.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn assert_aal(
    target: Option<Regclass>,
    command: Option<&str>,
    level: Option<&str>,
    role: default!(Option<Name>, "NULL"),
    accept: default!(Option<Array<&str>>, "'{}'"),
) {
    let Some(Regclass(target)) = target else { denial::null_argument("target") };
    let Some(command) = command else { denial::null_argument("command") };
    let command = Command::from_name(command).unwrap_or_else(|| unknown_command(command));
    let level = threshold("level", level);
    let accepted = accepted(accept);
    let relation = table(target);
    let role = role.map(|Name(role)| role);
    let scope = Scope { table: None, role: role.as_deref(), with_surroundings: true };
    let catalog = spi(|client| catalog::read_for(client, scope, Some(target)));
    let role = role.map(|role| role_index(&catalog, &role));
    let matrix = Matrix::derive(&catalog, &interrupts);
    // The row was read a moment ago; if it is gone by now, nothing is asserted.
    let Some(table) = TableId::new(target.to_u32()).and_then(|table| matrix.table_index(table)) else {
        raise(SqlState::UNDEFINED_TABLE, "the table does not exist", None, None)
    };
    let mut levels = [Threshold::NOTHING; Command::ALL.len()];
    levels[command.index()] = level;
    // TRUNCATE deletes, too.
    if command == Command::Delete {
        levels[Command::Truncate.index()] = level;
    }
    let assertion = Assertion { tables: vec![(table, levels)], role };
    let verdict = gate::check(&catalog, &matrix, &assertion, &accepted, &interrupts);
    let (command, name) = (command.as_str(), relation.display_name());
    let what = match level.level {
        RequiredLevel::Denied => format!("{command} on {name} is possible, and denied was asserted"),
        _ => format!("{command} on {name} is possible below {}, which was asserted", level.in_options()),
    };
    deliver(&verdict, &what);
}

/// Raises unless all tables of a schema need at least `reads` to be read and `writes` to be written.
///
/// `excluding` names tables of the schema that nothing is asserted of, and `including` those that alone count. `accept` names what was reviewed, by the keys in the
/// error.
///
/// Errors: P0004 if something needs less; 42P01 for a named table that isn't in the schema; 22023 for an unknown level;
/// 22004 for a NULL. 3F000 and 42809 for a schema that doesn't exist, or is Postgres' own.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn assert_schema(
    target: Option<Regnamespace>,
    writes: default!(Option<&str>, "'aal2'"),
    reads: default!(Option<&str>, "'aal1'"),
    excluding: default!(Option<Array<Name>>, "'{}'"),
    accept: default!(Option<Array<&str>>, "'{}'"),
    including: default!(Option<Array<Name>>, "NULL"),
) {
    let Some(Regnamespace(target)) = target else { denial::null_argument("target") };
    let (writes, reads) = (threshold("writes", writes), threshold("reads", reads));
    let Some(excluding) = excluding else { denial::null_argument("excluding") };
    let excluded = names_of(&excluding, "a table in excluding");
    let included = including.map(|including| names_of(&including, "a table in including"));
    let accepted = accepted(accept);
    let schema = spi(|client| schema_of_user(client, target));
    let catalog = catalog(Scope { table: None, role: None, with_surroundings: true });
    let matrix = Matrix::derive(&catalog, &interrupts);
    let levels = Command::ALL.map(|command| if command.writes() { writes } else { reads });
    let its_tables = || catalog.tables.indexed().filter(|(_, table)| table.schema == schema);
    for (names, what) in [(&excluded, "exclude"), (included.as_ref().unwrap_or(&Vec::new()), "include")] {
        if let Some(unknown) = names.iter().find(|name| !its_tables().any(|(_, table)| table.name == **name)) {
            let message = format!("schema {schema} has no table \"{unknown}\" to {what}");
            raise(SqlState::UNDEFINED_TABLE, &message, None, Some("Name tables without their schema."))
        }
    }
    let is_included = |name: &String| included.as_ref().is_none_or(|included| included.contains(name));
    let wanted = its_tables().filter(|(_, table)| is_included(&table.name) && !excluded.contains(&table.name));
    let tables: Vec<_> = wanted.map(|(index, _)| (index, levels)).collect();
    if tables.is_empty() {
        notice(&format!("schema {schema} has no table to assert anything of"), None);
    }
    let assertion = Assertion { tables, role: None };
    let verdict = gate::check(&catalog, &matrix, &assertion, &accepted, &interrupts);
    let (reads, writes) = (reads.in_options(), writes.in_options());
    deliver(&verdict, &format!("tables of schema {schema} need less than reads {reads} and writes {writes}"));
}

/// How many keys the HINT puts together.
const KEYS_IN_HINT: usize = 30;

/// Raises the findings that aren't accepted, and warns of accepted keys that name nothing: a typo, or something that was mended.
pub fn deliver(verdict: &Verdict, what: &str) {
    for key in &verdict.stale {
        let hint = "Correct it or leave it out: it would hide a finding that comes later.";
        warn(&format!("no finding has this accepted key: {key}"), hint);
    }
    if verdict.breaches.is_empty() {
        if !verdict.unbound.is_empty() {
            let roles = verdict.unbound.join(", ");
            notice(&format!("nothing is asserted of roles that bypass row security: {roles}"), None);
        }
        return;
    }
    let findings = match verdict.breaches.len() {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let lines: Vec<String> =
        verdict.breaches.iter().map(|breach| format!("{}\n    key: {}", breach.detail, breach.key)).collect();
    let mut keys: Vec<String> =
        verdict.breaches.iter().take(KEYS_IN_HINT).map(|it| pgrx::spi::quote_literal(&it.key)).collect();
    keys.extend((verdict.breaches.len() > KEYS_IN_HINT).then(|| "...".to_owned()));
    let hint = format!(
        "Mend each finding, or accept it by its key after a review. See auth.aal_matrix() and auth.aal_lint(). To accept all: accept => array[{}].",
        keys.join(", ")
    );
    raise(SqlState::ASSERT_FAILURE, &format!("{what}: {findings}"), Some(&lines.join("\n")), Some(&hint));
}

/// What somebody asserts: a level as the matrix has them, or one with an age, as protect_table takes them.
pub fn threshold(argument: &str, text: Option<&str>) -> Threshold {
    let Some(text) = text else { denial::null_argument(argument) };
    match text.parse::<RequiredLevel>() {
        Ok(level) => Threshold::at_any_age(level),
        Err(_) if has_age(text) => table_level(argument, Some(text)).into(),
        Err(error) => denial::unknown_level(&error),
    }
}

fn has_age(level: &str) -> bool {
    TableLevel::split(level).1.is_some()
}

/// The keys of findings that were reviewed.
pub fn accepted(accept: Option<Array<'_, &str>>) -> Vec<String> {
    let Some(accept) = accept else { denial::null_argument("accept") };
    accept.iter().map(|key| key.unwrap_or_else(|| denial::null_argument("a key in accept")).to_owned()).collect()
}

pub fn role_index(catalog: &Catalog, name: &str) -> RoleIndex {
    let named = catalog.roles.indexed().find(|(_, role)| role.name == name);
    named
        .map(|(index, _)| index)
        .unwrap_or_else(|| raise(SqlState::UNDEFINED_OBJECT, &format!("role \"{name}\" does not exist"), None, None))
}

/// What every table needs and what was found, as one HTML page that asks for nothing from anywhere.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_report() -> String {
    derived(|catalog, matrix| {
        let (findings, functions) = lint::run_with_functions(catalog, matrix, &interrupts);
        let (name, made_at, server_version) = spi(about_server);
        let claims_source = settings::claims_source();
        let database = report::Database { name, made_at, server_version, claims_source, docs: settings::docs() };
        report::render(&database, catalog, matrix, &findings, &functions)
    })
}

/// The database's name, the time, and the server's version.
pub fn about_server(client: &SpiClient<'_>) -> Result<(String, String, String), pgrx::spi::Error> {
    let about = first_row(client, catalog_query!("about_server"), &[], |row| {
        Ok((row.shared_name("database")?, row.get("made_at")?, row.get("server_version")?))
    })?;
    Ok(about.unwrap_or_default())
}

pub fn spi<T>(work: impl FnOnce(&SpiClient<'_>) -> Result<T, pgrx::spi::Error>) -> T {
    Spi::connect(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

pub fn catalog(scope: Scope<'_>) -> Catalog {
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
pub fn interrupts() {
    pgrx::check_for_interrupts!();
}

pub fn unknown_command(command: &str) -> ! {
    let shown: String = command.chars().take(40).collect();
    let hint = "Valid commands are SELECT, INSERT, UPDATE, DELETE and TRUNCATE.";
    raise(SqlState::INVALID_PARAMETER_VALUE, &format!("unknown command \"{shown}\""), None, Some(hint))
}

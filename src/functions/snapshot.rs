//! What a migration changes: snapshots, their difference, and both as files for other programs.
//!
//! STABLE and PARALLEL RESTRICTED, as the proof. Not SECURITY DEFINER. Their search_path is `pg_catalog, pg_temp`.

use pgrx::datum::Array;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use proof::diff::{self, Change};
use proof::export::{self, Making};
use proof::lint;
use proof::snapshot::Snapshot;

use crate::denial;
use crate::functions::proof::{accepted, deliver, derived, interrupts, read_snapshot, spi, weighed_against};
use crate::pg::elog::notice;
use crate::pg::query::{catalog_query, first_row};
use crate::pg::types::{Jsonb, Name};
use crate::settings;

/// What every table needs and what was found, to be committed, reviewed and compared.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_snapshot() -> pgrx::JsonB {
    pgrx::JsonB(taken().to_json())
}

/// A row for each change since a snapshot. Those that take protection away come first.
///
/// Errors: 22004 for a NULL, 22023 for a value that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn aal_diff(
    before: Option<Jsonb>,
) -> TableIterator<
    'static,
    (
        name!(what, String),
        name!(target, String),
        name!(role, Option<Name>),
        name!(command, Option<String>),
        name!(change, String),
        name!(before, Option<String>),
        name!(now, Option<String>),
        name!(decided_before, Vec<String>),
        name!(decided_now, Vec<String>),
        name!(fails, bool),
        name!(key, String),
    ),
> {
    let row = |change: Change| {
        (
            change.what.as_str().to_owned(),
            change.target,
            change.role.map(Name),
            change.command.map(|command| command.as_str().to_owned()),
            change.kind.as_str().to_owned(),
            change.before,
            change.now,
            change.decided_before,
            change.decided_now,
            change.fails,
            change.key,
        )
    };
    let (before, now) = (snapshot_before(before), taken());
    TableIterator::new(diff::changes(&before, &now).into_iter().map(row).collect::<Vec<_>>())
}

/// Raises if protection was taken away since a snapshot: if a command needs less, or there is a new finding that is an error or a
/// warning.
///
/// `accept` names the changes that were reviewed, by the keys in the error.
///
/// Errors: P0004 if so; 22004 for a NULL, 22023 for a value that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn assert_aal_not_lowered(before: Option<Jsonb>, accept: default!(Option<Array<&str>>, "'{}'")) {
    let before = snapshot_before(before);
    let accepted = accepted(accept);
    let now = taken();
    let open = diff::new_and_open(&before, &now);
    if !open.is_empty() {
        let hint = "To assert levels of new tables, too: auth.assert_schema.";
        notice(&format!("some commands on these new tables need no level: {}", open.join(", ")), Some(hint));
    }
    let verdict = diff::check(&diff::changes(&before, &now), &accepted);
    deliver(&verdict, "protection was taken away since the snapshot");
}

/// The findings as SARIF 2.1.0, for code scanning.
///
/// Errors: 22023 for a baseline that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_findings_sarif(baseline: default!(Option<Jsonb>, "NULL")) -> pgrx::JsonB {
    let making = making();
    weighed_against(baseline, |catalog, findings| pgrx::JsonB(export::sarif_of_findings(catalog, &findings, &making)))
}

/// The findings as JUnit XML, for test reports.
///
/// Errors: 22023 for a baseline that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_findings_junit(baseline: default!(Option<Jsonb>, "NULL")) -> String {
    let making = making();
    weighed_against(baseline, |catalog, findings| export::junit_of_findings(catalog, &findings, &making))
}

/// The changes since a snapshot that take protection away, as SARIF 2.1.0.
///
/// Errors: 22004 for a NULL, 22023 for a value that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_diff_sarif(before: Option<Jsonb>) -> pgrx::JsonB {
    let changes = diff::changes(&snapshot_before(before), &taken());
    pgrx::JsonB(export::sarif_of_changes(&changes, &making()))
}

/// The changes since a snapshot as JUnit XML.
///
/// Errors: 22004 for a NULL, 22023 for a value that is no snapshot.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn aal_diff_junit(before: Option<Jsonb>) -> String {
    let changes = diff::changes(&snapshot_before(before), &taken());
    export::junit_of_changes(&changes, &making())
}

/// A snapshot of the database as it is.
fn taken() -> Snapshot {
    derived(|catalog, matrix| {
        let (findings, calls) = lint::run_with_functions(catalog, matrix, &interrupts);
        Snapshot::take(catalog, matrix, &findings, &calls)
    })
}

fn snapshot_before(before: Option<Jsonb>) -> Snapshot {
    let Some(before) = before else { denial::null_argument("before") };
    read_snapshot(&before)
}

fn making() -> Making {
    Making { docs: settings::docs(), made_at: spi(made_at) }
}

/// The time of the statement.
fn made_at(client: &SpiClient<'_>) -> Result<String, pgrx::spi::Error> {
    let made_at = first_row(client, catalog_query!("about_server"), &[], |row| row.get("made_at_second"))?;
    Ok(made_at.unwrap_or_default())
}

//! Proof: what each role needs for which command, derived from the catalog.
//!
//! STABLE: they read the catalog as the statement sees it. PARALLEL UNSAFE: reading the body of a function takes a
//! subtransaction, which a parallel query can't have. Not SECURITY DEFINER: nobody learns by them what the catalog
//! wouldn't tell. Their search_path is `pg_catalog, pg_temp`.

use aal::access::Requirements;
use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::catalog::access::{Scope, read};
use crate::denial::raise;
use crate::types::{Name, Regclass};

/// For each table, role and command the lowest session level at which the command could succeed for some row.
///
/// Errors: 42P01 for a table that doesn't exist, 42809 for what isn't one.
#[pg_extern(stable, parallel_unsafe)]
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
    let table = target.map(|Regclass(oid)| oid);
    let scope = Scope { table, role: None, with_surroundings: false };
    let catalog = Spi::connect(|client| read(client, scope)).unwrap_or_else(|error| raise(b"XX000", &error.to_string(), None, None));
    let requirements = Requirements::derive(&catalog);
    let wanted = requirements.iter().filter(|(it, ..)| table.is_none_or(|oid| oid.to_u32() == it.id));
    let rows: Vec<_> = wanted
        .map(|(table, role, command, required)| {
            (
                Regclass(table.id.into()),
                Name(role.name.clone()),
                command.as_str().to_owned(),
                required.level.as_str().to_owned(),
                required.max_age.map(interval),
                required.decided_by.clone(),
                required.note.clone(),
            )
        })
        .collect();
    TableIterator::new(rows)
}

fn interval(max_age: aal::MaxAge) -> Interval {
    Interval::new(0, 0, max_age.micros()).unwrap_or_else(|_| raise(b"22008", "interval out of range", None, None))
}

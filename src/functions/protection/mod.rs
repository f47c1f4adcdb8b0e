//! Protecting a table: `protect_table`, `protect_table_sql`, `unprotect_table`.
//!
//! They run with their caller's rights: creating a policy needs ownership of the table, and so does this. VOLATILE
//! and PARALLEL UNSAFE: they change the catalog. Not STRICT: a NULL level is an error. Their search_path is
//! `pg_catalog, pg_temp`, so that no name in them, nor in the statements they run, means what a user made it mean.

mod applies_when;
mod arrival;
mod connection;
mod cover;
mod lowering;
mod options;
pub mod pending;
mod schema;
mod shards;
mod target;
mod warnings;

use aal::protection::{
    Before, RecordedProtection, clear_statements, row_security_off_statement, row_security_on_statement,
};
use pgrx::datum::{Array, Interval};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use self::connection::{connect, connect_to_read, require_writable, run};
use self::cover::apply;
use self::lowering::refuse_to_lower;
use self::options::{Levels, Options};
pub use self::options::{names_of, table_level};
pub use self::schema::schema_of_user;
use self::shards::{require_propagation, require_to_fit_shards};
pub use self::target::require_table;
use self::target::{Target, lock, protection_fits, relation, targets, with_partitions};
use self::warnings::{Warnings, notice_lost_reads, notice_other_rows, warn_of_opened_rows};
use crate::catalog::{self, PostgresQuote};
use crate::denial;
use crate::pg::elog::notice;
use crate::pg::types::{Name, Regclass, Regprocedure};

/// Puts a table under AAL policies; says in one row what it is now.
///
/// Errors:
///
/// - 42501 without ownership;
/// - 42809 for a relation that isn't a table;
/// - 22023 for an unknown level, a negative age, an unsuitable function or a request that makes no sense;
/// - 22007 for an age that is no interval;
/// - 22004 for a NULL `target`, `read` or `write`;
/// - 42703 for an unknown column;
/// - 42704 for a role that doesn't exist;
/// - 42P10 for a sensitive column that is generated;
/// - 42804 for an owner column of another type than uuid or text;
/// - 42710 where a policy or trigger of somebody else bears one of our names;
/// - 55000 where it would lower the protection of the table, without `lower`;
/// - 0A000 where it would not hold in the shards of a table that Citus holds;
/// - 25006 where nothing can be written.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn protect_table(
    target: Option<Regclass>,
    read: default!(Option<&str>, "'aal1'"),
    write: default!(Option<&str>, "'aal2'"),
    on_insert: default!(Option<&str>, "NULL"),
    on_update: default!(Option<&str>, "NULL"),
    on_delete: default!(Option<&str>, "NULL"),
    max_age: default!(Option<Interval>, "NULL"),
    roles: default!(Option<Array<Name>>, "'{public}'"),
    owner_column: default!(Option<Name>, "NULL"),
    sensitive_columns: default!(Option<Array<Name>>, "NULL"),
    guard: default!(Option<bool>, "true"),
    applies_when: default!(Option<Regprocedure>, "NULL"),
    live: default!(Option<bool>, "false"),
    refuse_reads: default!(Option<bool>, "false"),
    lower: default!(Option<bool>, "false"),
) -> TableIterator<
    'static,
    (
        name!(target, Regclass),
        name!(read, String),
        name!(write, String),
        name!(roles, Vec<Name>),
        name!(owner_column, Option<Name>),
        name!(partitions, i32),
        name!(warnings, i32),
    ),
> {
    let target = oid(target);
    require_writable("auth.protect_table");
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let options = Options {
        levels,
        max_age,
        roles,
        owner_column,
        sensitive_columns,
        guard,
        applies_when,
        live,
        refuse_reads,
        lower,
    };
    let row = connect(|client| {
        let relations = lock(client, target)?;
        let protection = options.protection(client, &relations[0])?;
        let targets = targets(client, relations)?;
        require_to_fit_shards(client, &targets, &protection)?;
        protection_fits(&protection, &targets[0]);
        if !options.lower() {
            refuse_to_lower(client, &targets, &protection)?;
        }
        apply(client, &targets, &protection)?;
        let root = &targets[0].relation;
        let mut warnings = Warnings::default();
        warnings.of_ways_around(client, &targets, &protection.roles)?;
        warnings.of_options(client, root, &protection)?;
        warnings.of_closed_commands(client, root)?;
        notice_lost_reads(client, &targets[0], &protection)?;
        if let Some(function) = options.session_function(client)? {
            warnings.of_roles_without_execute(client, &targets, &protection.roles, &function)?;
        }
        if protection.owner.is_some() {
            notice_other_rows(client, root)?;
        }
        warnings.of_missing_store(client, &protection)?;
        warnings.of_missing_sessions(client, &protection)?;
        Ok((
            Regclass(target),
            protection.with_sessions(protection.reads()),
            protection.with_sessions(protection.writes()),
            protection.bound_roles().into_iter().map(Name).collect::<Vec<_>>(),
            protection.owner.as_ref().map(|owner| Name(owner.column.clone())),
            count(targets.len() - 1),
            count(warnings.given),
        ))
    });
    TableIterator::once(row)
}

/// The statements that `protect_table` would run, without running them: for a migration, say. They drop objects that
/// may be there, and switch row security on for good.
///
/// Errors: as `protect_table`, but for ownership and for 25006, which only running them needs.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
fn protect_table_sql(
    target: Option<Regclass>,
    read: default!(Option<&str>, "'aal1'"),
    write: default!(Option<&str>, "'aal2'"),
    on_insert: default!(Option<&str>, "NULL"),
    on_update: default!(Option<&str>, "NULL"),
    on_delete: default!(Option<&str>, "NULL"),
    max_age: default!(Option<Interval>, "NULL"),
    roles: default!(Option<Array<Name>>, "'{public}'"),
    owner_column: default!(Option<Name>, "NULL"),
    sensitive_columns: default!(Option<Array<Name>>, "NULL"),
    guard: default!(Option<bool>, "true"),
    applies_when: default!(Option<Regprocedure>, "NULL"),
    live: default!(Option<bool>, "false"),
    refuse_reads: default!(Option<bool>, "false"),
    lower: default!(Option<bool>, "false"),
) -> String {
    let target = oid(target);
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let options = Options {
        levels,
        max_age,
        roles,
        owner_column,
        sensitive_columns,
        guard,
        applies_when,
        live,
        refuse_reads,
        lower,
    };
    let statements = connect_to_read(|client| {
        let relation = relation(client, target)?;
        let protection = options.protection(client, &relation)?;
        let relations = with_partitions(client, relation)?;
        let mut targets = targets(client, relations)?;
        require_to_fit_shards(client, &targets, &protection)?;
        protection_fits(&protection, &targets[0]);
        if !options.lower() {
            refuse_to_lower(client, &targets, &protection)?;
        }
        for target in &mut targets {
            // The text may be run elsewhere, where row security is on. So it never says that it was off, unless that
            // is on record: unprotect_table then leaves it on.
            if target.existing.iter().all(|named| named.record().is_none()) {
                target.table.before = Before { row_security: true, policies: None };
            }
        }
        let clear = targets.iter().flat_map(|target| clear_statements(&target.table, None, &PostgresQuote));
        let protect = targets.iter().flat_map(|target| {
            let mut statements = row_security_on_statement(&target.table, &PostgresQuote);
            statements.extend(protection.statements(&target.table, &PostgresQuote));
            statements
        });
        Ok(clear.chain(protect).collect::<Vec<_>>())
    });
    statements.join("\n\n")
}

/// Takes back what `protect_table` made; says in one row how the table is now.
///
/// Row security goes off again if it was off before and no policy has come since; else it stays on, so that
/// nothing is opened that somebody meanwhile relied on.
///
/// Errors:
///
/// - 42501 without ownership;
/// - 42809 for a relation that isn't a table;
/// - 22004 for a NULL `target`;
/// - 42710 where a policy or trigger of somebody else bears one of our names;
/// - 25006 where nothing can be written.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn unprotect_table(
    target: Option<Regclass>,
) -> TableIterator<'static, (name!(target, Regclass), name!(partitions, i32), name!(row_security, bool))> {
    let target = oid(target);
    require_writable("auth.unprotect_table");
    let row = connect(|client| {
        let relations = lock(client, target)?;
        let mut row_security = relations[0].row_security;
        let mut targets = targets(client, relations)?;
        require_propagation(&targets);
        targets.retain(|target| target.existing.iter().any(|named| !named.is_copy));
        if targets.is_empty() {
            notice("the table is not protected", None);
        }
        let mut statements: Vec<String> = targets.iter().flat_map(Target::clear).collect();
        let mut goes_off = Vec::new();
        for target in &targets {
            let off = row_security_goes_off(client, target)?;
            if off {
                warn_of_opened_rows(client, &target.relation)?;
                statements.extend(row_security_off_statement(&target.table, &PostgresQuote));
            }
            goes_off.push(off);
        }
        run(client, &statements)?;
        for (unprotected, goes_off) in targets.iter().zip(goes_off) {
            unprotected.verify_unprotected(client, goes_off)?;
            row_security &= !(goes_off && unprotected.relation.oid == target);
        }
        let partitions = targets.iter().filter(|unprotected| unprotected.relation.oid != target).count();
        Ok((Regclass(target), count(partitions), row_security))
    });
    TableIterator::once(row)
}

/// Whether row security goes off with the protection: only if it was off before, and nothing has changed since in
/// the policies that aren't ours. Else somebody relies on it by now.
fn row_security_goes_off(client: &SpiClient<'_>, target: &Target) -> Result<bool, spi::Error> {
    let Target { relation, table, record_is_lost, .. } = target;
    if *record_is_lost && relation.row_security {
        let name = relation.display_name();
        let hint = "If it is not needed: alter table ... disable row level security.";
        notice(&format!("row security stays on for {name}: no record says how it was before"), Some(hint));
    }
    let was_off = relation.row_security && !table.before.row_security;
    let unchanged = relation.fingerprint_of_other_policies(client)? == table.before.policies;
    if was_off && !unchanged {
        let name = relation.display_name();
        let hint = "If they are not needed: alter table ... disable row level security.";
        notice(&format!("row security stays on for {name}: other policies came or changed meanwhile"), Some(hint));
    }
    Ok(was_off && unchanged)
}

/// The tables that `protect_table` protects without a record that can be read, because their comments got lost: they are known by
/// the shape of their policies and triggers. With each a record, as its comments would have it. For `auth.protected_tables`.
#[pg_extern(stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn recognized_protections() -> TableIterator<'static, (name!(target, Regclass), name!(record, String))> {
    let found = connect_to_read(catalog::recognized_protections);
    let row =
        |(table, protection): (_, RecordedProtection)| (Regclass(table), protection.to_record(&Before::unknown()));
    TableIterator::new(found.into_iter().map(row).collect::<Vec<_>>())
}

fn oid(target: Option<Regclass>) -> pg_sys::Oid {
    let Some(Regclass(oid)) = target else { denial::null_argument("target") };
    oid
}

/// A number as a column of type int shows it.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

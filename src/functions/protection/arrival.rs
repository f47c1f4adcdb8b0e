//! Tables that come into a protected schema, or beneath a protected table: what the event triggers do about them.
//!
//! They run with the rights of the superuser who made them: the owner of a new table may have no right to what a policy names. Their
//! search_path is `pg_catalog, pg_temp`. `protect` acts at once. `refuse` and `warn` wait until the transaction commits, so that a
//! migration can protect its tables itself.

use aal::protection::{Made, NewTables, SchemaProtection, TableLevel};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::connection::{connect, run};
use super::cover::{Standing, cover, is_protected, of_table, same_as};
use super::pending::{self, Pending};
use crate::catalog::{PostgresQuote, Relation, Watch};
use crate::citus::Held;
use crate::pg::elog::{notice, raise, warn};
use crate::pg::event_trigger::{Done, EventTriggerCall};
use crate::pg::query::{catalog_query, rows};
use crate::pg::relation::{Opened, ancestors};
use crate::pg::sqlstate::SqlState;
use crate::pg::transaction;

extension_sql!(
    "create function auth.aal_new_partitions() returns event_trigger
       language c volatile parallel unsafe called on null input security definer
       set search_path = pg_catalog, pg_temp
       as 'MODULE_PATHNAME', 'aal_new_partitions';

     create event trigger aal_new_partitions on ddl_command_end
       when tag in ('ALTER TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'CREATE TABLE')
       execute function auth.aal_new_partitions();

     alter event trigger aal_new_partitions enable always;",
    name = "aal_new_partitions"
);

crate::pg::v1_function_info!(pg_finfo_aal_new_tables);
crate::pg::v1_function_info!(pg_finfo_aal_new_partitions);

/// The function of a schema's watch. Each schema has an SQL function of its own, which holds the record.
///
/// Errors:
///
/// - 42809 for a foreign table, which can't be protected;
/// - 55000 for a table that comes with a protection which needs less than the schema's in something, and more in something else;
/// - 55000 where the record can't be read;
/// - 42710 where a policy or trigger of somebody else bears one of our names;
/// - 39P01 where it isn't called by an event trigger.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_new_tables(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls this with a valid call info, which it keeps until this returns.
    match unsafe { EventTriggerCall::new(fcinfo) } {
        Some(call) => watch(&call),
        None => wrong_call("a watch of auth.protect_schema"),
    }
    pg_sys::Datum::null()
}

/// The function of the event trigger for partitions of protected tables.
///
/// Errors: 42809 for a foreign partition; 42710 and 39P01 as above.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_new_partitions(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    match unsafe { EventTriggerCall::new(fcinfo) } {
        Some(call) => cover_heirs(&call),
        None => wrong_call("auth.aal_new_partitions"),
    }
    pg_sys::Datum::null()
}

fn wrong_call(function: &str) -> ! {
    let message = format!("{function} can only be called as an event trigger");
    raise(SqlState::TRIGGER_PROTOCOL_VIOLATED, &message, None, None)
}

fn watch(call: &EventTriggerCall<'_>) {
    let done = call.done();
    if matches!(done, Done::Other | Done::Attached) {
        return;
    }
    connect(|client| {
        let watches = Watch::read(client, Some(call.function))?;
        if watches.is_empty() {
            unseen("the protection of a schema");
        }
        for watch in watches {
            let schema = readable(&watch);
            for oid in newcomers(client, &watch, schema, &done)? {
                if let Some(relation) = Relation::read(client, oid)?
                    && !is_excluded(client, schema, &relation)?
                    && !(matches!(done, Done::Freed { .. }) && is_protected(client, &relation)?)
                {
                    receive(client, &watch, schema, relation)?;
                }
            }
        }
        Ok(())
    });
}

/// Raises 40001: somebody has protected something since this transaction took its snapshot. At isolation level read committed each
/// query sees it.
fn unseen(what: &str) -> ! {
    let message = format!("{what} was changed by somebody else meanwhile: nothing was done");
    raise(SqlState::SERIALIZATION_FAILURE, &message, None, Some("Try again."))
}

fn readable(watch: &Watch) -> &SchemaProtection {
    watch.protection.as_ref().unwrap_or_else(|| {
        let message = format!("the record of event trigger {} cannot be read", watch.name);
        let hint = "A superuser can drop it, and call auth.protect_schema again.";
        raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, None, Some(hint))
    })
}

/// The tables that a command brought into the schema. A schema that gets another name stays watched, and so does the name that it had:
/// clients know a schema by its name.
fn newcomers(
    client: &mut SpiClient<'_>,
    watch: &Watch,
    schema: &SchemaProtection,
    done: &Done,
) -> Result<Vec<pg_sys::Oid>, spi::Error> {
    let schemas = schema.schemas.clone().into();
    match done {
        Done::RenamedSchema { from, to } if watch.is_of(from) => {
            if schema.schemas.first() != Some(to) {
                let mut renamed = schema.clone();
                renamed.schemas.retain(|name| name != to);
                renamed.schemas.insert(0, to.clone());
                run(client, &renamed.record_statement(&watch.function_name, &PostgresQuote))?;
            }
            Ok(Vec::new())
        }
        Done::RenamedSchema { to, .. } if watch.is_of(to) => {
            rows(client, catalog_query!("tables_of_schema"), &[to.as_str().into()], |row| row.oid("oid"))
        }
        Done::MadeTables { .. } | Done::Moved => {
            rows(client, catalog_query!("new_tables"), &[schemas], |row| row.oid("oid"))
        }
        // An excluded name, or a partition of an excluded table, must not lead to another table without protection.
        Done::Freed { from, name } if from.as_ref().is_none_or(|from| schema.excluding.contains(from)) => {
            rows(client, catalog_query!("tables_named"), &[schemas, name.as_str().into()], |row| row.oid("oid"))
        }
        Done::MovedExtension => {
            rows(client, catalog_query!("tables_of_moved_extension"), &[schemas], |row| row.oid("oid"))
        }
        Done::RenamedSchema { .. } | Done::Freed { .. } | Done::Attached | Done::Other => Ok(Vec::new()),
    }
}

/// Whether a schema's protection is not for a table. A partition goes with the tables above it.
pub fn is_excluded(client: &SpiClient<'_>, schema: &SchemaProtection, relation: &Relation) -> Result<bool, spi::Error> {
    let is_named = |it: &Relation| schema.excludes(&it.schema, &it.name);
    if is_named(relation) {
        return Ok(true);
    }
    for above in ancestors(relation.oid) {
        if Relation::read(client, above)?.is_some_and(|above| is_named(&above)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Does what the schema's protection says about a table that came in.
fn receive(
    client: &mut SpiClient<'_>,
    watch: &Watch,
    schema: &SchemaProtection,
    relation: Relation,
) -> Result<(), spi::Error> {
    if relation.kind == b'f' {
        receive_foreign(schema, &relation);
        return Ok(());
    }
    if schema.new_tables != NewTables::Protect {
        pending::add(Pending::Newcomer { table: relation.oid, watch: watch.function });
        return Ok(());
    }
    if has_that_of_above(client, &relation)? {
        return Ok(());
    }
    let protection = of_table(client, schema, &relation)?;
    match Standing::of(client, &relation, &protection)? {
        Standing::Met => Ok(()),
        Standing::Unprotected | Standing::Below(_) => {
            let (name, in_schema) = (relation.display_name(), relation.schema.clone());
            cover(client, relation, &protection)?;
            let message = format!(
                "{name} got the protection of schema {}: reads {}, writes {}",
                PostgresQuote::name(&in_schema),
                protection.reads(),
                protection.writes()
            );
            let hint = "Permissive policies say which rows a session may use. Without one it can use none.";
            notice(&message, protection.owner.is_none().then_some(hint));
            Ok(())
        }
        Standing::Differs(lines) => differs(&relation, &lines),
    }
}

fn differs(relation: &Relation, lines: &[String]) -> ! {
    let message = format!(
        "{} has a protection that needs less than that of schema {}",
        relation.display_name(),
        PostgresQuote::name(&relation.schema)
    );
    let hint = "Raise it by auth.protect_table before the table comes into the schema, or have auth.protect_schema exclude it.";
    raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, Some(&lines.join("\n")), Some(hint))
}

/// Whether a table is a partition that is protected as a table above it is: a differing protection stays as it is.
pub fn has_that_of_above(client: &SpiClient<'_>, relation: &Relation) -> Result<bool, spi::Error> {
    if !is_protected(client, relation)? {
        return Ok(false);
    }
    for above in ancestors(relation.oid) {
        if let Some(above) = Relation::read(client, above)?
            && is_protected(client, &above)?
        {
            let (protection, _) = same_as(client, above.oid, relation)?;
            return Ok(matches!(Standing::of(client, relation, &protection)?, Standing::Met));
        }
    }
    Ok(false)
}

fn receive_foreign(schema: &SchemaProtection, relation: &Relation) {
    let message = format!("{} is a foreign table, which cannot be protected", relation.display_name());
    let name = PostgresQuote::name(&relation.schema);
    let hint = format!("Create it in another schema, or have auth.protect_schema exclude it from schema {name}.");
    match schema.new_tables {
        NewTables::Warn => warn(&message, &hint),
        NewTables::Protect | NewTables::Refuse => {
            raise(SqlState::WRONG_OBJECT_TYPE, &message, None, Some(&hint));
        }
    }
}

/// A table that may have come beneath another.
struct Heir {
    oid: pg_sys::Oid,
    is_partition: bool,
    protected_parent: Option<pg_sys::Oid>,
}

fn cover_heirs(call: &EventTriggerCall<'_>) {
    if !matches!(call.done(), Done::MadeTables { may_inherit: true } | Done::Attached) {
        return;
    }
    connect(|client| {
        let names: Vec<&str> = Made::ALL.into_iter().map(Made::name).collect();
        let heirs = rows(client, catalog_query!("new_heirs"), &[names.into()], |row| {
            Ok(Heir {
                oid: row.oid("oid")?,
                is_partition: row.get("is_partition")?,
                protected_parent: row.nullable("protected_parent")?,
            })
        })?;
        for Heir { oid, is_partition, protected_parent } in heirs {
            let Some(parent) = protected_parent else {
                if transaction::keeps_its_snapshot() && ancestors(oid).any(has_level_policy) {
                    unseen("the protection of a partitioned table");
                }
                continue;
            };
            match Relation::read(client, oid)? {
                Some(partition) if is_partition => cover_partition(client, partition, parent)?,
                Some(_) => pending::add(Pending::Child { table: oid, parent }),
                None => {}
            }
        }
        Ok(())
    });
}

/// Whether a table has one of our policies now, also one that the transaction's snapshot doesn't show.
fn has_level_policy(table: pg_sys::Oid) -> bool {
    let names = Made::LEVEL_POLICIES.map(Made::name);
    Opened::table(table).is_some_and(|table| table.roles_of_policy(&names).is_some())
}

/// Gives a partition the protection of a table above it.
fn cover_partition(client: &mut SpiClient<'_>, partition: Relation, above: pg_sys::Oid) -> Result<(), spi::Error> {
    let (protection, unknown) = same_as(client, above, &partition)?;
    // Something of the user's own that bears one of our names protects nothing that we know.
    if protection.levels().into_iter().all(|(_, level)| level == TableLevel::None) {
        return Ok(());
    }
    let Some(parent) = Relation::read(client, above)? else { return Ok(()) };
    let (name, parent) = (partition.display_name(), parent.display_name());
    if partition.kind == b'f' {
        let message = format!("{name} is a foreign table, and cannot be a partition of {parent}, which is protected");
        let hint = "Row security does not apply to foreign tables: use a table, or unprotect the parent.";
        raise(SqlState::WRONG_OBJECT_TYPE, &message, None, Some(hint));
    }
    // Citus makes a partition anew while it comes to hold a table that was protected before. That protection is not for shards.
    if protection.fits_shards().is_err() && partition.is_held(client, &Held::read())? {
        let message = format!("{name} cannot get the protection of {parent} in shards");
        warn(&message, "Run auth.protect_table on the parent again, when Citus holds it.");
        return Ok(());
    }
    if !unknown.is_empty() {
        let policies: Vec<&str> = unknown.into_iter().map(Made::name).collect();
        let message =
            format!("{name} cannot get all of the protection of {parent}: {} was altered by hand", policies.join(", "));
        warn(&message, "Run auth.protect_table on the parent again, with all its options.");
    }
    match Standing::of(client, &partition, &protection)? {
        Standing::Met => {}
        Standing::Unprotected | Standing::Below(_) => {
            cover(client, partition, &protection)?;
            notice(&format!("{name} got the protection of {parent}, of which it is a partition"), None);
        }
        Standing::Differs(lines) => {
            let message =
                format!("{name} keeps its own protection, which needs less than {parent}: {}", lines.join("; "));
            warn(&message, "Run auth.protect_table on the parent again, with all its options.");
        }
    }
    Ok(())
}

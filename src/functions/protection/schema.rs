//! Protecting a schema: `protect_schema` and `unprotect_schema`.
//!
//! They run with their caller's rights. The watch over new tables is an event trigger, which only superusers create. VOLATILE and
//! PARALLEL UNSAFE: they change the catalog. Their search_path is `pg_catalog, pg_temp`.

use aal::protection::{NewTables, Protection, SchemaProtection, unwatch_statements};
use pgrx::datum::{Array, Interval};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::arrival::is_excluded;
use super::connection::{connect, require_writable};
use super::count;
use super::cover::{Standing, apply, found, is_protected, of_table};
use super::options::{Levels, Options, names_of};
use super::shards::{require_to_fit_shards, run_on_this_node};
use super::target::{Target, lock, targets};
use super::warnings::{Warnings, notice_lost_reads};
use crate::catalog::{PostgresQuote, Relation, Watch};
use crate::citus::Held;
use crate::denial;
use crate::pg::elog::{notice, raise};
use crate::pg::query::{Row, catalog_query, first_row, rows};
use crate::pg::role;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Name, Regnamespace, Regprocedure};

/// Protects every table of a schema that isn't protected yet, and has new ones watched; says in one row what it did.
///
/// Errors: as `protect_table`, and
///
/// - 3F000 and 42809 for a schema that doesn't exist, or isn't a user's;
/// - 42501 for a watch, without a superuser's rights;
/// - 42809 for tables that can't be protected and aren't excluded;
/// - 55000 where it would lower the protection of the schema, without `lower`;
/// - 22023 for an unknown `new_tables`.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn protect_schema(
    target: Option<Regnamespace>,
    read: default!(Option<&str>, "'aal1'"),
    write: default!(Option<&str>, "'aal2'"),
    on_insert: default!(Option<&str>, "NULL"),
    on_update: default!(Option<&str>, "NULL"),
    on_delete: default!(Option<&str>, "NULL"),
    max_age: default!(Option<Interval>, "NULL"),
    roles: default!(Option<Array<Name>>, "'{public}'"),
    owner_column: default!(Option<Name>, "NULL"),
    guard: default!(Option<bool>, "true"),
    applies_when: default!(Option<Regprocedure>, "NULL"),
    live: default!(Option<bool>, "false"),
    refuse_reads: default!(Option<bool>, "false"),
    excluding: default!(Option<Array<Name>>, "'{}'"),
    new_tables: default!(Option<&str>, "'protect'"),
    lower: default!(Option<bool>, "false"),
) -> TableIterator<
    'static,
    (
        name!(target, Name),
        name!(read, String),
        name!(write, String),
        name!(new_tables, String),
        name!(protected, i32),
        name!(kept, i32),
        name!(excluded, i32),
        name!(warnings, i32),
    ),
> {
    require_writable("auth.protect_schema");
    let name = schema_name(target);
    let new_tables = parse_new_tables(new_tables);
    if new_tables.is_some() && !role::is_superuser(role::current()) {
        let hint = "A superuser can call it for you. Without a watch over new tables: new_tables => 'ignore'.";
        let message = format!("must be superuser to watch schema {}", PostgresQuote::name(&name));
        raise(SqlState::INSUFFICIENT_PRIVILEGE, &message, None, Some(hint));
    }
    let excluding = names(excluding);
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let options = Options {
        levels,
        max_age,
        roles,
        owner_column: None,
        sensitive_columns: None,
        guard,
        applies_when,
        live,
        refuse_reads,
        lower,
    };
    let row = connect(|client| {
        let protection = options.protection_on(client, None)?;
        let schema = SchemaProtection {
            schemas: vec![name.clone()],
            new_tables: new_tables.unwrap_or(NewTables::Warn),
            excluding,
            owner_column: owner_column.map(|Name(column)| column),
            protection,
        };
        let watches = watches_of(client, &name)?;
        if let (None, Some(watch)) = (new_tables, watches.first()) {
            refuse_to_ignore(&name, watch);
        }
        let old: Vec<&SchemaProtection> = watches.iter().filter_map(|watch| watch.protection.as_ref()).collect();
        if !options.lower() {
            refuse_to_lower(&name, &schema, &old);
        }
        let mut done = Done::default();
        let tables = done.sort(client, &name, &schema, &old)?;
        for (targets, protection) in &tables {
            apply(client, targets, protection)?;
            done.warnings.of_ways_around(client, targets, &protection.roles)?;
            notice_lost_reads(client, &targets[0], protection)?;
            done.warnings.of_closed_commands(client, &targets[0].relation)?;
        }
        done.warn_of_options(client, &schema, &options, &tables)?;
        if let Some(new_tables) = new_tables {
            rewatch(client, &name, schema.clone(), &watches)?;
            return Ok(done.row(&name, &schema, new_tables.as_str(), tables.len()));
        }
        Ok(done.row(&name, &schema, "ignore", tables.len()))
    });
    TableIterator::once(row)
}

type AnswerRow = (Name, String, String, String, i32, i32, i32, i32);

/// What one call of `protect_schema` did.
#[derive(Default)]
struct Done {
    kept: usize,
    excluded: usize,
    without_owner_column: Vec<String>,
    warnings: Warnings,
}

impl Done {
    /// The tables to protect, with their partitions, and the protection of each. Counts the others. Raises if a table can't be protected.
    fn sort(
        &mut self,
        client: &SpiClient<'_>,
        name: &str,
        schema: &SchemaProtection,
        old: &[&SchemaProtection],
    ) -> Result<Vec<(Vec<Target>, Protection)>, spi::Error> {
        let (mut wanted, mut unfit, mut known) = (Vec::new(), Vec::new(), Vec::new());
        let held = Held::read();
        for (oid, is_beneath_another) in tables_of(client, name)? {
            let Some(relation) = Relation::read(client, oid)? else { continue };
            known.push(relation.name.clone());
            if is_excluded(client, schema, &relation)? {
                self.excluded += 1;
            } else if let Some(why) = why_unfit(client, schema, &relation, &held)? {
                unfit.push((relation, why));
            } else if !is_beneath_another {
                wanted.push(relation);
            }
        }
        refuse_unfit(name, schema, &unfit);
        self.warn_of_unknown_exclusions(name, schema, &known);
        let mut tables = Vec::new();
        for relation in wanted {
            let relations = lock(client, relation.oid)?;
            let protection = of_table(client, schema, &relations[0])?;
            if self.keeps(client, &relations[0], &protection, old)? {
                self.kept += 1;
                continue;
            }
            if schema.owner_column.is_some() && protection.owner.is_none() {
                self.without_owner_column.push(relations[0].display_name());
            }
            let targets = targets(client, relations)?;
            require_to_fit_shards(client, &targets, &protection)?;
            tables.push((targets, protection));
        }
        Ok(tables)
    }

    /// Whether a table keeps the protection that it has. What the schema gave it before is replaced.
    fn keeps(
        &mut self,
        client: &SpiClient<'_>,
        relation: &Relation,
        protection: &Protection,
        old: &[&SchemaProtection],
    ) -> Result<bool, spi::Error> {
        let Some(on_table) = found(client, relation, protection)? else { return Ok(false) };
        for old in old {
            let old = of_table(client, old, relation)?;
            if found(client, relation, &old)?.is_some_and(|found| old.is(&found)) {
                return Ok(false);
            }
        }
        if let Standing::Below(lines) | Standing::Differs(lines) = Standing::to(&on_table, protection) {
            let message =
                format!("{} keeps its own protection, which needs less: {}", relation.display_name(), lines.join("; "));
            self.warnings.give(&message, "Raise it by auth.protect_table, or exclude the table.");
        }
        Ok(true)
    }

    fn warn_of_unknown_exclusions(&mut self, name: &str, schema: &SchemaProtection, known: &[String]) {
        let unknown: Vec<&str> =
            schema.excluding.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
        if !unknown.is_empty() {
            let message = format!(
                "excluding names what schema {} does not hold yet: {}",
                PostgresQuote::name(name),
                unknown.join(", ")
            );
            self.warnings
                .give(&message, "Name tables without their schema. A new table of that name is not protected.");
        }
    }

    fn warn_of_options(
        &mut self,
        client: &SpiClient<'_>,
        schema: &SchemaProtection,
        options: &Options<'_>,
        tables: &[(Vec<Target>, Protection)],
    ) -> Result<(), spi::Error> {
        if let Some((targets, _)) = tables.first() {
            self.warnings.of_options(client, &targets[0].relation, &schema.protection)?;
        }
        if let Some(function) = options.session_function(client)? {
            for (targets, _) in tables {
                self.warnings.of_roles_without_execute(client, targets, &schema.protection.roles, &function)?;
            }
        }
        if let (Some(column), false) = (&schema.owner_column, self.without_owner_column.is_empty()) {
            let tables = self.without_owner_column.join(", ");
            let message =
                format!("tables without a column {column} of type uuid or text got no policy for it: {tables}");
            notice(&message, Some("Permissive policies of yours say which rows a session may use."));
        }
        self.warnings.of_missing_store(client, &schema.protection)?;
        self.warnings.of_missing_sessions(client, &schema.protection)?;
        Ok(())
    }

    fn row(&self, name: &str, schema: &SchemaProtection, new_tables: &str, protected: usize) -> AnswerRow {
        let protection = &schema.protection;
        (
            Name(name.to_owned()),
            protection.with_sessions(protection.reads()),
            protection.with_sessions(protection.writes()),
            new_tables.to_owned(),
            count(protected),
            count(self.kept),
            count(self.excluded),
            count(self.warnings.given),
        )
    }
}

/// The tables of a schema: whether each is beneath another one of the schema.
fn tables_of(client: &SpiClient<'_>, schema: &str) -> Result<Vec<(pg_sys::Oid, bool)>, spi::Error> {
    let read = |row: &Row<'_>| Ok((row.oid("oid")?, row.get("is_beneath_another")?));
    rows(client, catalog_query!("tables_of_schema"), &[schema.into()], read)
}

/// Why a table can't be protected so; `None` where it can.
fn why_unfit(
    client: &SpiClient<'_>,
    schema: &SchemaProtection,
    relation: &Relation,
    held: &Held,
) -> Result<Option<&'static str>, spi::Error> {
    let partitions = if relation.kind == b'p' { relation.partitions(client)? } else { Vec::new() };
    if relation.kind == b'f' || partitions.iter().any(|partition| partition.kind == b'f') {
        return Ok(Some("Row security does not apply to foreign tables."));
    }
    let is_unfit = relation.is_held(client, held)?
        && (held.is_unknown() || of_table(client, schema, relation)?.fits_shards().is_err());
    Ok(is_unfit.then_some("In the shards of Citus a protection needs the owner's column, and fixed levels alone."))
}

fn refuse_unfit(name: &str, schema: &SchemaProtection, unfit: &[(Relation, &str)]) {
    if unfit.is_empty() {
        return;
    }
    let tables: Vec<String> = unfit.iter().map(|(it, _)| it.display_name()).collect();
    let message =
        format!("tables of schema {} that cannot be protected: {}", PostgresQuote::name(name), tables.join(", "));
    let mut details: Vec<&str> = unfit.iter().map(|(_, why)| *why).collect();
    details.sort_unstable();
    details.dedup();
    let detail = details.join(" ");
    let excluded: Vec<String> =
        schema.excluding.iter().chain(unfit.iter().map(|(it, _)| &it.name)).map(spi::quote_literal).collect();
    let hint = format!("Exclude them after a review of who may use them: excluding => array[{}]", excluded.join(", "));
    raise(SqlState::WRONG_OBJECT_TYPE, &message, Some(&detail), Some(&hint));
}

fn refuse_to_ignore(name: &str, watch: &Watch) -> ! {
    let message = format!("schema {} is watched by event trigger {}", PostgresQuote::name(name), watch.name);
    let hint = "Say what becomes of new tables, or call auth.unprotect_schema first.";
    raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, None, Some(hint))
}

fn refuse_to_lower(name: &str, schema: &SchemaProtection, old: &[&SchemaProtection]) {
    let lines: Vec<String> = old.iter().flat_map(|old| schema.lowers(old)).collect();
    if lines.is_empty() {
        return;
    }
    let message = format!("this would lower the protection of schema {}", PostgresQuote::name(name));
    let hint = "Repeat the options that are to stay: each call replaces all of them. To lower it on purpose, add lower => true.";
    raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, Some(&lines.join("\n")), Some(hint));
}

/// The watches over a schema.
fn watches_of(client: &SpiClient<'_>, schema: &str) -> Result<Vec<Watch>, spi::Error> {
    Ok(Watch::read(client, None)?.into_iter().filter(|watch| watch.is_of(schema)).collect())
}

/// Replaces the watches over a schema by one.
fn rewatch(
    client: &mut SpiClient<'_>,
    name: &str,
    mut schema: SchemaProtection,
    watches: &[Watch],
) -> Result<(), spi::Error> {
    // A schema that got another name stays watched by the old one.
    let is_its_own = |watch: &&Watch| watch.protection.as_ref().is_some_and(|it| it.schemas[0] == name);
    let former = watches.iter().filter(is_its_own).filter_map(|watch| watch.protection.as_ref());
    for former in former.flat_map(|it| &it.schemas) {
        if !schema.schemas.contains(former) {
            schema.schemas.push(former.clone());
        }
    }
    unwatch(client, name, watches)?;
    let taken: Vec<String> = Watch::read(client, None)?.into_iter().map(|watch| watch.name).collect();
    let mut names = std::iter::once(format!("aal_schema_{name}"))
        .filter(|it| it.len() < pg_sys::NAMEDATALEN as usize)
        .chain((1..).map(|n| format!("aal_schema_{n}")))
        .filter(|it| !taken.contains(it));
    let watch = names.next().unwrap_or_default();
    run_on_this_node(client, &schema.watch_statements(&watch, &PostgresQuote))
}

/// Ends the watches over a schema. One that is another schema's by now, and has this one's name from before, forgets it.
fn unwatch(client: &mut SpiClient<'_>, name: &str, watches: &[Watch]) -> Result<(), spi::Error> {
    for watch in watches {
        let others = watch.protection.as_ref().filter(|it| it.schemas[0] != name);
        let statements = match others {
            Some(schema) => {
                let mut schema = schema.clone();
                schema.schemas.retain(|it| it != name);
                schema.record_statement(&watch.function_name, &PostgresQuote)
            }
            None => unwatch_statements(&watch.name, &watch.function_name, &PostgresQuote),
        };
        run_on_this_node(client, &statements)?;
    }
    Ok(())
}

/// Ends the watch over a schema, and unprotects the tables whose protection is the schema's; says in one row what it did.
///
/// Errors: as `unprotect_table`, and 42501 without a superuser's rights; 3F000 and 42809 as `protect_schema`.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn unprotect_schema(
    target: Option<Regnamespace>,
    keep_tables: default!(Option<bool>, "false"),
) -> TableIterator<'static, (name!(target, Name), name!(unprotected, i32), name!(kept, i32))> {
    require_writable("auth.unprotect_schema");
    let name = schema_name(target);
    let keep_tables = keep_tables.unwrap_or_else(|| denial::null_argument("keep_tables"));
    let row = connect(|client| {
        let watches = watches_of(client, &name)?;
        if watches.is_empty() {
            notice("the schema is not protected", Some("auth.unprotect_table is for a single table."));
        } else if !role::is_superuser(role::current()) {
            let message = format!("must be superuser to end the watch over schema {}", PostgresQuote::name(&name));
            raise(SqlState::INSUFFICIENT_PRIVILEGE, &message, None, None);
        }
        let (mut unprotected, mut kept) = (0, 0);
        for (oid, is_beneath_another) in tables_of(client, &name)? {
            let Some(relation) = Relation::read(client, oid)?.filter(|it| it.kind != b'f') else { continue };
            if is_beneath_another {
                continue;
            }
            match is_the_schemas(client, &relation, &watches)? {
                Some(true) if !keep_tables => {
                    client.update("select from auth.unprotect_table($1)", None, &[oid.into()])?;
                    unprotected += 1;
                }
                Some(_) => kept += 1,
                None => {}
            }
        }
        unwatch(client, &name, &watches)?;
        Ok((Name(name.clone()), unprotected, kept))
    });
    TableIterator::once(row)
}

/// Whether a table's protection is what a schema gave it; `None` for a table without one.
fn is_the_schemas(client: &SpiClient<'_>, relation: &Relation, watches: &[Watch]) -> Result<Option<bool>, spi::Error> {
    let mut answer = is_protected(client, relation)?.then_some(false);
    for schema in watches.iter().filter_map(|watch| watch.protection.as_ref()) {
        let protection = of_table(client, schema, relation)?;
        if found(client, relation, &protection)?.is_some_and(|found| protection.is(&found)) {
            answer = Some(true);
        }
    }
    Ok(answer)
}

/// The name of a schema that can be protected; raises for another one.
fn schema_name(target: Option<Regnamespace>) -> String {
    let Some(Regnamespace(oid)) = target else { denial::null_argument("target") };
    let name = connect(|client| schema_of_user(client, oid));
    if name.starts_with("pg_") {
        refuse_system_schema(&name);
    }
    if name == "auth" {
        let hint = "Its tables are those of Supabase Auth, which has no assurance level itself.";
        raise(SqlState::WRONG_OBJECT_TYPE, "schema auth cannot be protected", None, Some(hint));
    }
    name
}

/// The name of a schema of a user's making; raises for another one.
pub fn schema_of_user(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<String, spi::Error> {
    let read = |row: &Row<'_>| Ok((row.get::<String>("name")?, row.get::<bool>("is_system")?));
    Ok(match first_row(client, catalog_query!("schema"), &[oid.into()], read)? {
        None => raise(SqlState::INVALID_SCHEMA_NAME, "the schema does not exist", None, None),
        Some((name, true)) => refuse_system_schema(&name),
        Some((name, false)) => name,
    })
}

fn refuse_system_schema(name: &str) -> ! {
    let hint = "Row security does not apply to system catalogs.";
    raise(SqlState::WRONG_OBJECT_TYPE, &format!("{name} is a system schema"), None, Some(hint))
}

/// What becomes of new tables; `None` where nobody is to watch.
fn parse_new_tables(text: Option<&str>) -> Option<NewTables> {
    let Some(text) = text else { denial::null_argument("new_tables") };
    if text == "ignore" {
        return None;
    }
    let parsed = text.parse().unwrap_or_else(|()| {
        let shown: String = text.chars().take(40).collect();
        let message = format!("unknown value \"{shown}\" for new_tables");
        let hint = "Valid values are protect, refuse, warn and ignore.";
        raise(SqlState::INVALID_PARAMETER_VALUE, &message, None, Some(hint))
    });
    Some(parsed)
}

fn names(excluding: Option<Array<'_, Name>>) -> Vec<String> {
    let Some(excluding) = excluding else { denial::null_argument("excluding") };
    let mut names = names_of(&excluding, "a table in excluding");
    names.sort();
    names.dedup();
    names
}

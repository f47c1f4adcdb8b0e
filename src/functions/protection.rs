//! Protecting a table: `protect_table`, `protect_table_sql`, `unprotect_table`.
//!
//! They run with their caller's rights: creating a policy needs ownership of the table, and so does this. VOLATILE
//! and PARALLEL UNSAFE: they change the catalog. Not STRICT: a NULL level is an error. Their search_path is
//! `pg_catalog, pg_temp`, so that no name in them, nor in the statements they run, means what a user made it mean.

use aal::policy::{Owner, Protection, Table, TableLevel, unprotect_statements};
use pgrx::datum::{Array, Interval};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::catalog::{Foreign, PostgresQuote, Relation};
use crate::denial::{self, raise};
use crate::functions::session::parse_max_age;
use crate::types::{Name, Regclass};

/// Puts a table under AAL policies; runs and returns the statements.
///
/// Errors: 42501 without ownership; 42809 for what isn't a table; 22023 for an unknown level, a negative `max_age`
/// or a request that makes no sense; 22004 for a NULL `target`, `read` or `write`; 0A000 for level `enrolled`;
/// 42703 for an unknown column; 42804 for an owner column of another type than uuid or text; 42710 where a policy
/// or trigger of somebody else bears one of our names.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::too_many_arguments)]
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
) -> SetOfIterator<'static, String> {
    let target = oid(target);
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let wish = Wish { levels, max_age, roles, owner_column, sensitive_columns, guard };
    let statements = connect(|client| {
        lock(client, target)?;
        let statements = wish.statements(client, target)?;
        run(client, &statements)?;
        let relation = relation(client, target)?;
        warn_of_ways_around(client, &relation)?;
        notice_closed_commands(client, &relation)?;
        Ok(statements)
    });
    SetOfIterator::new(statements)
}

/// The statements that `protect_table` would run, without running them.
///
/// Errors: as `protect_table`, but for ownership, which only running them needs.
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
) -> String {
    let target = oid(target);
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let wish = Wish { levels, max_age, roles, owner_column, sensitive_columns, guard };
    connect(|client| wish.statements(client, target)).join("\n\n")
}

/// Takes back what `protect_table` made; runs and returns the statements.
///
/// Row security goes off again if it was off before and no policy has come since; else it stays on, so that
/// nothing is opened that somebody meanwhile relied on.
///
/// Errors: 42501 without ownership; 42809 for what isn't a table; 22004 for a NULL `target`; 42710 where a policy
/// or trigger of somebody else bears one of our names.
#[pg_extern(volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn unprotect_table(target: Option<Regclass>) -> SetOfIterator<'static, String> {
    let target = oid(target);
    let statements = connect(|client| {
        lock(client, target)?;
        let mut statements = Vec::new();
        for relation in with_partitions(client, relation(client, target)?)? {
            statements.extend(unprotect(client, relation)?);
        }
        if statements.is_empty() {
            notice("the table is not protected", None);
        }
        run(client, &statements)?;
        Ok(statements)
    });
    SetOfIterator::new(statements)
}

fn unprotect(client: &SpiClient<'_>, relation: Relation) -> Result<Vec<String>, spi::Error> {
    let name = relation.display_name();
    let Some(before) = ours_or_nothing(client, &relation)? else { return Ok(Vec::new()) };
    let ours = aal::policy::POLICIES;
    let others: Vec<String> =
        relation.policies(client)?.into_iter().filter(|policy| !ours.contains(&policy.as_str())).collect();
    let nothing_new = others.iter().all(|policy| before.policies.contains(policy));
    let was_off = relation.row_security && !before.row_security;
    if was_off && !nothing_new {
        let hint = "If they are not needed: alter table … disable row level security.";
        notice(
            &format!("row security stays on for {name}: other policies were added since it was protected"),
            Some(hint),
        );
    }
    let table = Table { schema: relation.schema, name: relation.name, before };
    Ok(unprotect_statements(&table, was_off && nothing_new, &PostgresQuote))
}

/// The arguments of `protect_table`, as they came.
struct Wish<'a> {
    levels: Levels<'a>,
    max_age: Option<Interval>,
    roles: Option<Array<'a, Name>>,
    owner_column: Option<Name>,
    sensitive_columns: Option<Array<'a, Name>>,
    guard: Option<bool>,
}

struct Levels<'a> {
    read: Option<&'a str>,
    write: Option<&'a str>,
    on_insert: Option<&'a str>,
    on_update: Option<&'a str>,
    on_delete: Option<&'a str>,
}

impl Wish<'_> {
    fn statements(&self, client: &SpiClient<'_>, target: pg_sys::Oid) -> Result<Vec<String>, spi::Error> {
        let relation = relation(client, target)?;
        let protection = self.protection(client, &relation)?;
        let mut statements = Vec::new();
        for relation in with_partitions(client, relation)? {
            let before = ours_or_nothing(client, &relation)?;
            let table = relation.into_table(client, before)?;
            statements.extend(protection.statements(&table, &PostgresQuote));
        }
        Ok(statements)
    }

    fn protection(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Protection, spi::Error> {
        let write = level("write", self.levels.write);
        let or_write = |name, text: Option<&str>| text.map_or(write, |text| level(name, Some(text)));
        let Some(guard) = self.guard else { denial::null_argument("guard") };
        let protection = Protection {
            read: level("read", self.levels.read),
            insert: or_write("on_insert", self.levels.on_insert),
            update: or_write("on_update", self.levels.on_update),
            delete: or_write("on_delete", self.levels.on_delete),
            max_age: self.max_age.map(parse_max_age),
            roles: names("roles", self.roles.as_ref()).unwrap_or_else(|| denial::null_argument("roles")),
            owner: self.owner(client, relation)?,
            sensitive_columns: self.sensitive_columns(client, relation)?,
            guard,
        };
        match protection.validate() {
            Ok(()) => Ok(protection),
            Err(error @ aal::policy::InvalidProtection::EnrolledNotSupported) => {
                raise(b"0A000", &error.to_string(), None, Some(error.hint()))
            }
            Err(error) => raise(b"22023", &error.to_string(), None, Some(error.hint())),
        }
    }

    fn owner(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Option<Owner>, spi::Error> {
        let Some(Name(column)) = &self.owner_column else { return Ok(None) };
        let found = relation.column(client, column)?.unwrap_or_else(|| no_column(relation, column));
        if !found.is_uuid && !found.is_text {
            let message =
                format!("owner_column \"{column}\" of {} must be of type uuid or text", relation.display_name());
            raise(b"42804", &message, None, Some("It is compared with the subject of the access token."));
        }
        Ok(Some(Owner { column: column.clone(), is_uuid: found.is_uuid }))
    }

    fn sensitive_columns(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Vec<String>, spi::Error> {
        let mut columns = names("sensitive_columns", self.sensitive_columns.as_ref()).unwrap_or_default();
        columns.sort();
        columns.dedup();
        for column in &columns {
            if relation.column(client, column)?.is_none() {
                no_column(relation, column);
            }
        }
        Ok(columns)
    }
}

fn no_column(relation: &Relation, column: &str) -> ! {
    raise(b"42703", &format!("column \"{column}\" of {} does not exist", relation.display_name()), None, None)
}

fn level(argument: &str, text: Option<&str>) -> TableLevel {
    let Some(text) = text else { denial::null_argument(argument) };
    text.parse().unwrap_or_else(|error| denial::unknown_level(&error))
}

fn names(argument: &str, array: Option<&Array<'_, Name>>) -> Option<Vec<String>> {
    let array = array?;
    let name = |name: Option<Name>| name.map_or_else(|| denial::null_argument(argument), |Name(name)| name);
    Some(array.iter().map(name).collect())
}

fn oid(target: Option<Regclass>) -> pg_sys::Oid {
    let Some(Regclass(oid)) = target else { denial::null_argument("target") };
    oid
}

fn connect<T>(work: impl FnOnce(&mut SpiClient<'_>) -> Result<T, spi::Error>) -> T {
    Spi::connect_mut(work).unwrap_or_else(|error| raise(b"XX000", &error.to_string(), None, None))
}

/// The target, if it is a table of the user's own making.
fn relation(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<Relation, spi::Error> {
    let Some(relation) = Relation::read(client, oid)? else { raise(b"42P01", "the table does not exist", None, None) };
    require_table(&relation);
    Ok(relation)
}

fn require_table(relation: &Relation) {
    let name = relation.display_name();
    let refuse = |what: &str, hint: &str| -> ! {
        raise(b"42809", &format!("{name} is {what}: only tables can be protected"), None, Some(hint))
    };
    if relation.is_system {
        refuse("a system catalog", "Row security does not apply to system catalogs.");
    }
    match relation.kind {
        b'r' | b'p' => {}
        b'v' => refuse("a view", "Protect the tables beneath it, and make it a security_invoker view."),
        b'm' => refuse("a materialized view", "Row security does not apply to it: revoke access, or use a view."),
        b'f' => refuse("a foreign table", "Row security does not apply to it: protect the table it stands for."),
        _ => refuse("not a table", "Name a table."),
    }
}

/// Keeps others from changing the table, or attaching partitions, until the transaction ends.
fn lock(client: &mut SpiClient<'_>, target: pg_sys::Oid) -> Result<(), spi::Error> {
    let relation = relation(client, target)?;
    let statement = format!("lock table {} in access exclusive mode", relation.display_name());
    with_partitions(client, relation)?.iter().for_each(require_ownership);
    client.update(&statement, None, &[])?;
    // Partitions that came before the lock was there.
    with_partitions(client, self::relation(client, target)?)?.iter().for_each(require_ownership);
    Ok(())
}

fn require_ownership(relation: &Relation) {
    if !relation.is_owned {
        let hint = "Creating a policy needs ownership of the table.";
        raise(b"42501", &format!("must be owner of table {}", relation.display_name()), None, Some(hint));
    }
}

/// The table and, if it is partitioned, all its partitions: each can be named directly, and then only its own
/// policies count.
fn with_partitions(client: &SpiClient<'_>, relation: Relation) -> Result<Vec<Relation>, spi::Error> {
    let mut relations = if relation.kind == b'p' { relation.partitions(client)? } else { Vec::new() };
    relations.iter().for_each(require_table);
    relations.insert(0, relation);
    Ok(relations)
}

/// How the table stood before `protect_table` first made something on it; `None` if it never did. Raises if
/// something bears one of our names that isn't ours: it must not be dropped.
fn ours_or_nothing(client: &SpiClient<'_>, relation: &Relation) -> Result<Option<aal::policy::Before>, spi::Error> {
    Ok(relation.protected_since(client)?.unwrap_or_else(|Foreign { kind, name }| {
        let message = format!("{kind} \"{name}\" on {} was not made by auth.protect_table", relation.display_name());
        raise(b"42710", &message, None, Some("Rename it, or drop it if it is not needed."))
    }))
}

/// Runs statements, without the NOTICEs about what `drop … if exists` didn't find.
fn run(client: &mut SpiClient<'_>, statements: &[String]) -> Result<(), spi::Error> {
    let quiet = "select pg_catalog.set_config('client_min_messages', $1, true)";
    let before: Option<String> =
        client.select("select pg_catalog.current_setting('client_min_messages')", Some(1), &[])?.first().get(1)?;
    let loud = !matches!(before.as_deref(), None | Some("warning" | "error" | "fatal" | "panic"));
    if loud {
        client.update(quiet, None, &["warning".into()])?;
    }
    for statement in statements {
        client.update(statement, None, &[])?;
    }
    if let (true, Some(before)) = (loud, before) {
        client.update(quiet, None, &[before.into()])?;
    }
    Ok(())
}

/// A table that inherits can be used by its own name and through its parent: each way only the policies of the
/// table that is named count.
fn warn_of_ways_around(client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
    let names = |relations: Vec<Relation>| relations.iter().map(Relation::display_name).collect::<Vec<_>>().join(", ");
    let name = relation.display_name();
    let children = names(relation.inheriting_tables(client)?);
    if !children.is_empty() {
        let message = format!("tables that inherit from {name} are not protected: {children}");
        report(PgLogLevel::WARNING, &message, Some("Protect each, or revoke access to it."));
    }
    let parents = names(relation.unprotected_parents(client)?);
    if !parents.is_empty() {
        let message = format!("the rows of {name} can be reached without its policies through {parents}");
        report(PgLogLevel::WARNING, &message, Some("Protect the parent, too."));
    }
    Ok(())
}

fn notice_closed_commands(client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
    let commands = relation.commands_without_permissive_policy(client)?.join(", ");
    if !commands.is_empty() {
        let message = format!(
            "no permissive policy on {} allows {commands}: no one can use it that way",
            relation.display_name()
        );
        let hint = "AAL policies only narrow what permissive policies allow: create one, or name the owner_column.";
        notice(&message, Some(hint));
    }
    Ok(())
}

fn notice(message: &str, hint: Option<&str>) {
    report(PgLogLevel::NOTICE, message, hint);
}

fn report(level: PgLogLevel, message: &str, hint: Option<&str>) {
    let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message, "protect_table");
    match hint {
        Some(hint) => report.set_hint(hint).report(level),
        None => report.report(level),
    }
}

//! Protecting a table: `protect_table`, `protect_table_sql`, `unprotect_table`.
//!
//! They run with their caller's rights: creating a policy needs ownership of the table, and so does this. VOLATILE
//! and PARALLEL UNSAFE: they change the catalog. Not STRICT: a NULL level is an error. Their search_path is
//! `pg_catalog, pg_temp`, so that no name in them, nor in the statements they run, means what a user made it mean.

use aal::protection::{
    Before, Made, Owner, Protection, Table, TableLevel, clear_statements, row_security_off_statement,
    row_security_on_statement,
};
use pgrx::datum::{Array, Interval};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::catalog::{Named, PostgresQuote, Relation, changed_meanwhile};
use crate::citus::Held;
use crate::denial;
use crate::enrollment::check_store;
use crate::functions::session::parse_max_age;
use crate::pg::elog::{notice, raise, warn};
use crate::pg::relation::lock_exclusively;
use crate::pg::sqlstate::SqlState;
use crate::pg::types::{Name, Regclass};
use crate::pg::{process, transaction};

/// Puts a table under AAL policies; runs and returns the statements.
///
/// Errors:
///
/// - 42501 without ownership;
/// - 42809 for a relation that isn't a table;
/// - 22023 for an unknown level, a negative `max_age` or a request that makes no sense;
/// - 22004 for a NULL `target`, `read` or `write`;
/// - 42703 for an unknown column;
/// - 42P10 for a sensitive column that is generated;
/// - 42804 for an owner column of another type than uuid or text;
/// - 42710 where a policy or trigger of somebody else bears one of our names;
/// - 0A000 for a table that Citus holds;
/// - 25006 where nothing can be written.
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
    require_writable("auth.protect_table");
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let wish = Wish { levels, max_age, roles, owner_column, sensitive_columns, guard };
    let statements = connect(|client| {
        let relations = lock(client, target)?;
        refuse_citus_tables(client, &relations)?;
        let protection = wish.protection(client, &relations[0])?;
        let targets = targets(client, relations)?;
        protection_fits(&protection, &targets[0]);
        let mut statements: Vec<String> = targets.iter().flat_map(Target::clear).collect();
        for target in &targets {
            statements.extend(target.protect(&protection));
        }
        run(client, &statements)?;
        for target in &targets {
            target.verify_protected(client, &protection)?;
        }
        let root = &targets[0].relation;
        warn_of_ways_around(client, &targets, &protection.roles)?;
        if protection.owner.is_some() {
            notice_other_rows(client, root)?;
        }
        notice_closed_commands(client, root)?;
        if protection.requires_enrolled()
            && let Err(error) = check_store()
        {
            warn(&format!("only sessions at aal2 pass where level enrolled is asked: {error}"), error.hint());
        }
        Ok(statements)
    });
    SetOfIterator::new(statements)
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
) -> String {
    let target = oid(target);
    let levels = Levels { read, write, on_insert, on_update, on_delete };
    let wish = Wish { levels, max_age, roles, owner_column, sensitive_columns, guard };
    let statements = connect_to_read(|client| {
        let relation = relation(client, target)?;
        let protection = wish.protection(client, &relation)?;
        let relations = with_partitions(client, relation)?;
        refuse_citus_tables(client, &relations)?;
        let mut targets = targets(client, relations)?;
        protection_fits(&protection, &targets[0]);
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

/// Takes back what `protect_table` made; runs and returns the statements.
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
fn unprotect_table(target: Option<Regclass>) -> SetOfIterator<'static, String> {
    let target = oid(target);
    require_writable("auth.unprotect_table");
    let statements = connect(|client| {
        let relations = lock(client, target)?;
        let mut targets = targets(client, relations)?;
        targets.retain(|target| target.existing.iter().any(|named| !named.is_copy));
        if targets.is_empty() {
            notice("the table is not protected", None);
        }
        let mut statements: Vec<String> = targets.iter().flat_map(Target::clear).collect();
        let mut goes_off = Vec::new();
        for target in &targets {
            let off = row_security_goes_off(client, target)?;
            if off {
                statements.extend(row_security_off_statement(&target.table, &PostgresQuote));
            }
            goes_off.push(off);
        }
        run(client, &statements)?;
        for (target, goes_off) in targets.iter().zip(goes_off) {
            target.verify_unprotected(client, goes_off)?;
        }
        Ok(statements)
    });
    SetOfIterator::new(statements)
}

/// Whether row security goes off with the protection: only if it was off before, and nothing has changed since in
/// the policies that aren't ours. Else somebody relies on it by now.
fn row_security_goes_off(client: &SpiClient<'_>, target: &Target) -> Result<bool, spi::Error> {
    let Target { relation, table, .. } = target;
    let was_off = relation.row_security && !table.before.row_security;
    let unchanged = relation.fingerprint_of_other_policies(client)? == table.before.policies;
    if was_off && !unchanged {
        let name = relation.display_name();
        let hint = "If they are not needed: alter table … disable row level security.";
        notice(&format!("row security stays on for {name}: other policies came or changed meanwhile"), Some(hint));
    }
    Ok(was_off && unchanged)
}

/// One table to work on: the target, or a partition of it.
struct Target {
    relation: Relation,
    table: Table,
    /// What bears one of our names: all of it ours.
    existing: Vec<Named>,
}

impl Target {
    /// The statements that take away the objects that are there. Only those: a statement names its table, and what that
    /// name stands for is checked afterwards, by what became of the table. So each must leave a mark.
    fn clear(&self) -> Vec<String> {
        let existing: Vec<Made> = self
            .existing
            .iter()
            .filter(|named| !named.is_copy)
            .filter_map(|named| Made::from_name(&named.name))
            .collect();
        clear_statements(&self.table, Some(&existing), &PostgresQuote)
    }

    fn protect(&self, protection: &Protection) -> Vec<String> {
        let mut statements = Vec::new();
        if !self.relation.row_security {
            statements.extend(row_security_on_statement(&self.table, &PostgresQuote));
        }
        statements.extend(protection.statements(&self.table, &PostgresQuote));
        statements
    }

    /// Raises unless everything stands now on this very table. Names may have come to mean another one meanwhile, if
    /// somebody renamed schemas; then the error undoes all of it.
    fn verify_protected(&self, client: &SpiClient<'_>, protection: &Protection) -> Result<(), spi::Error> {
        let record = protection.record(&self.table.before);
        let (row_security, made) = self.now(client)?;
        let is_new = |named: &Named| self.existing.iter().all(|old| old.oid != named.oid);
        let is_made = |named: &Named| is_new(named) && named.comment.as_deref() == Some(record.as_str());
        let mut names: Vec<&str> = made.iter().map(|named| named.name.as_str()).collect();
        let mut expected: Vec<&str> = protection.made(&self.table).into_iter().map(Made::name).collect();
        names.sort_unstable();
        expected.sort_unstable();
        if !row_security || names != expected || !made.iter().all(is_made) {
            changed_meanwhile(&self.relation);
        }
        Ok(())
    }

    fn verify_unprotected(&self, client: &SpiClient<'_>, went_off: bool) -> Result<(), spi::Error> {
        let (row_security, left) = self.now(client)?;
        if !left.is_empty() || row_security != (self.relation.row_security && !went_off) {
            changed_meanwhile(&self.relation);
        }
        Ok(())
    }

    /// Whether row security is on now, and what bears our names now (copies aside).
    fn now(&self, client: &SpiClient<'_>) -> Result<(bool, Vec<Named>), spi::Error> {
        let relation = Relation::read(client, self.relation.oid)?.unwrap_or_else(|| changed_meanwhile(&self.relation));
        let named = relation.named_as_ours(client)?.into_iter().filter(|named| !named.is_copy).collect();
        Ok((relation.row_security, named))
    }
}

/// The tables to work on, with the objects that are there. Raises if something bears one of our names that
/// `protect_table` didn't make: it must not be dropped.
fn targets(client: &SpiClient<'_>, relations: Vec<Relation>) -> Result<Vec<Target>, spi::Error> {
    let root = relations[0].oid;
    let target = |relation: Relation| {
        let existing = relation.named_as_ours(client)?;
        if let Some(foreign) = existing.iter().find(|named| !named.is_copy && named.record().is_none()) {
            let (kind, name, table) = (foreign.kind, &foreign.name, relation.display_name());
            let message = format!("{kind} \"{name}\" on {table} was not made by auth.protect_table");
            raise(SqlState::DUPLICATE_OBJECT, &message, None, Some("Rename it, or drop it if it is not needed."));
        }
        let before = match existing.iter().find_map(Named::record) {
            Some(before) => before,
            None if relation.row_security => Before { row_security: true, policies: None },
            None => Before { row_security: false, policies: relation.fingerprint_of_other_policies(client)? },
        };
        let copies_row_triggers = relation.oid != root || existing.iter().any(|named| named.is_copy);
        let (schema, name) = (relation.schema.clone(), relation.name.clone());
        Ok(Target { relation, table: Table { schema, name, before, copies_row_triggers }, existing })
    };
    relations.into_iter().map(target).collect()
}

/// Raises if a partition alone is to have sensitive columns while it has those of its parent.
fn protection_fits(protection: &Protection, target: &Target) {
    if target.table.copies_row_triggers && !protection.sensitive_columns.is_empty() {
        let message = format!(
            "the sensitive columns of {} are those of the table it is a partition of",
            target.relation.display_name()
        );
        raise(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            &message,
            None,
            Some("Protect that table, or leave sensitive_columns out."),
        );
    }
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
            Err(error) => raise(SqlState::INVALID_PARAMETER_VALUE, &error.to_string(), None, Some(error.hint())),
        }
    }

    fn owner(&self, client: &SpiClient<'_>, relation: &Relation) -> Result<Option<Owner>, spi::Error> {
        let Some(Name(column)) = &self.owner_column else { return Ok(None) };
        let found = relation.column(client, column)?.unwrap_or_else(|| no_column(relation, column));
        if !found.is_uuid && !found.is_text {
            let message =
                format!("owner_column \"{column}\" of {} must be of type uuid or text", relation.display_name());
            raise(
                SqlState::DATATYPE_MISMATCH,
                &message,
                None,
                Some("It is compared with the subject of the access token."),
            );
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
            if relation.is_generated(column) {
                let message =
                    format!("sensitive column \"{column}\" of {} is a generated column", relation.display_name());
                raise(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    &message,
                    None,
                    Some("Name the columns that it is computed from."),
                );
            }
        }
        Ok(columns)
    }
}

fn no_column(relation: &Relation, column: &str) -> ! {
    raise(
        SqlState::UNDEFINED_COLUMN,
        &format!("column \"{column}\" of {} does not exist", relation.display_name()),
        None,
        None,
    )
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
    let work = |client: &mut SpiClient<'_>| {
        // Makes this a connection that writes: from here on every query sees what was committed before it.
        client.update("select", None, &[])?;
        work(client)
    };
    Spi::connect_mut(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

/// Writes nothing, so that it can be done on a standby, too.
fn connect_to_read<T>(work: impl FnOnce(&SpiClient<'_>) -> Result<T, spi::Error>) -> T {
    Spi::connect(work).unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None))
}

/// Raises 25006 where nothing can be written.
fn require_writable(function: &str) {
    let hint = "auth.protect_table_sql only returns the statements.";
    if process::is_standby() {
        let hint = format!("Run it on the primary. {hint}");
        raise(
            SqlState::READ_ONLY_SQL_TRANSACTION,
            &format!("{function} cannot run on a standby: it changes the catalog"),
            None,
            Some(&hint),
        );
    }
    if transaction::is_read_only() {
        let message = format!("{function} cannot run in a read-only transaction: it changes the catalog");
        raise(SqlState::READ_ONLY_SQL_TRANSACTION, &message, None, Some(hint));
    }
}

/// Raises 0A000 for what Citus holds: nothing that would be made there counts in the shards.
fn refuse_citus_tables(client: &SpiClient<'_>, relations: &[Relation]) -> Result<(), spi::Error> {
    let held = Held::read();
    for relation in relations {
        if relation.is_held(client, &held)? {
            let message = format!("{} is a Citus table, which cannot be protected", relation.display_name());
            let detail = "Citus makes restrictive policies permissive in its shards, and has no triggers there.";
            raise(
                SqlState::FEATURE_NOT_SUPPORTED,
                &message,
                Some(detail),
                Some("undistribute_table() makes it a local table."),
            );
        }
    }
    Ok(())
}

/// The target, if it is a table of the user's own making.
fn relation(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<Relation, spi::Error> {
    let Some(relation) = Relation::read(client, oid)? else {
        raise(SqlState::UNDEFINED_TABLE, "the table does not exist", None, None)
    };
    require_table(&relation, "can be protected");
    Ok(relation)
}

/// Raises 42809 for a relation that isn't a table of a user's making. `done`: what only tables can be.
pub fn require_table(relation: &Relation, done: &str) {
    let name = relation.display_name();
    let refuse = |what: &str, hint: &str| -> ! {
        raise(SqlState::WRONG_OBJECT_TYPE, &format!("{name} is {what}: only tables {done}"), None, Some(hint))
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

/// The target and its partitions, locked by their OIDs until the transaction ends, so that nobody changes them or
/// attaches partitions meanwhile. A name may come to mean another table while it is waited for.
fn lock(client: &SpiClient<'_>, target: pg_sys::Oid) -> Result<Vec<Relation>, spi::Error> {
    if transaction::keeps_its_snapshot() {
        let hint = "set transaction isolation level read committed";
        raise(
            SqlState::ACTIVE_SQL_TRANSACTION,
            "tables can only be protected at isolation level read committed",
            None,
            Some(hint),
        );
    }
    let mut locked = Vec::new();
    loop {
        let relations = with_partitions(client, relation(client, target)?)?;
        let Some(next) = relations.iter().find(|relation| !locked.contains(&relation.oid)) else {
            return Ok(relations);
        };
        require_ownership(next);
        lock_exclusively(next.oid);
        locked.push(next.oid);
    }
}

fn require_ownership(relation: &Relation) {
    if !relation.is_owned {
        let hint = "Creating a policy needs ownership of the table.";
        raise(
            SqlState::INSUFFICIENT_PRIVILEGE,
            &format!("must be owner of table {}", relation.display_name()),
            None,
            Some(hint),
        );
    }
}

/// The table and, if it is partitioned, all its partitions: each can be named directly, and then only its own
/// policies count.
fn with_partitions(client: &SpiClient<'_>, relation: Relation) -> Result<Vec<Relation>, spi::Error> {
    let mut relations = if relation.kind == b'p' { relation.partitions(client)? } else { Vec::new() };
    relations.iter().for_each(|relation| require_table(relation, "can be protected"));
    relations.insert(0, relation);
    Ok(relations)
}

fn run(client: &mut SpiClient<'_>, statements: &[String]) -> Result<(), spi::Error> {
    statements.iter().try_for_each(|statement| client.update(statement, None, &[]).map(drop))
}

/// Warns of the ways around the policies of these tables that are the owner's to close.
fn warn_of_ways_around(client: &SpiClient<'_>, targets: &[Target], bound: &[String]) -> Result<(), spi::Error> {
    // A table that inherits can be used by its own name and through its parent: each way only the policies of the
    // table that is named count.
    let names = |relations: Vec<Relation>| relations.iter().map(Relation::display_name).collect::<Vec<_>>().join(", ");
    let root = &targets[0].relation;
    let name = root.display_name();
    let children = names(root.inheriting_tables(client)?);
    if !children.is_empty() {
        let message = format!("tables that inherit from {name} are not protected: {children}");
        warn(&message, "Protect each, or revoke access to it.");
    }
    let parents = names(root.unprotected_parents(client)?);
    if !parents.is_empty() {
        let message = format!("the rows of {name} can be reached without its policies through {parents}");
        warn(&message, "Protect the parent, too.");
    }
    let unbound = root.roles_not_bound(client, bound)?.join(", ");
    if !unbound.is_empty() {
        let message = format!("roles with privileges on {name} that its policies do not bind: {unbound}");
        let hint =
            "They can do what permissive policies allow, at any level: leave roles out to bind everybody, or revoke.";
        warn(&message, hint);
    }
    // Row security doesn't see TRUNCATE; a foreign key tells which keys exist; a trigger runs in other sessions, and a
    // role that may create one may replace the guard.
    for Target { relation, .. } in targets {
        let roles = relation.roles_with_rights_past_row_security(client)?.join(", ");
        if !roles.is_empty() {
            let name = relation.display_name();
            let message = format!("privileges on {name} that row security does not check are granted to {roles}");
            warn(&message, &format!("revoke trigger, truncate, references on {name} from {roles};"));
        }
    }
    Ok(())
}

fn notice_other_rows(client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
    let policies = relation.other_permissive_policies(client)?.join(", ");
    if !policies.is_empty() {
        let message =
            format!("other permissive policies on {} open more than own rows: {policies}", relation.display_name());
        notice(&message, Some("Permissive policies add up. Drop those, or give owner_column up."));
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

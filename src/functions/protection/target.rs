//! The tables to work on: the target and its partitions, as they stand.

use aal::protection::{Before, Made, Protection, Recognized, Table, clear_statements, row_security_on_statement};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::shards::has_shards;
use crate::catalog::{Named, PostgresQuote, Relation, changed_meanwhile, recognized};
use crate::pg::elog::raise;
use crate::pg::relation::lock_exclusively;
use crate::pg::sqlstate::SqlState;
use crate::pg::transaction;

/// One table to work on: the target, or a partition of it.
pub struct Target {
    /// As the catalog has it.
    pub relation: Relation,
    /// As the statements name it.
    pub table: Table,
    /// What bears one of our names: all of it ours.
    pub existing: Vec<Named>,
    /// Whether some of it is ours, and its comments no longer say how the table stood before.
    pub record_is_lost: bool,
}

impl Target {
    /// The statements that take away the objects that are there. Only those: a statement names its table, and what that
    /// name stands for is checked afterwards, by what became of the table. So each must leave a mark.
    pub fn clear(&self) -> Vec<String> {
        let existing: Vec<Made> = self
            .existing
            .iter()
            .filter(|named| !named.is_copy)
            .filter_map(|named| Made::from_name(&named.name))
            .collect();
        clear_statements(&self.table, Some(&existing), &PostgresQuote)
    }

    /// The statements that protect it.
    pub fn protect(&self, protection: &Protection) -> Vec<String> {
        let mut statements = protection.statements(&self.table, &PostgresQuote);
        // Last, because it fires event triggers: one that watches the schema finds a protected table. That of the shards isn't known.
        if !self.relation.row_security || self.table.has_shards {
            statements.extend(row_security_on_statement(&self.table, &PostgresQuote));
        }
        statements
    }

    /// Raises unless everything stands now on this very table. Names may have come to mean another one meanwhile, if
    /// somebody renamed schemas; then the error undoes all of it.
    pub fn verify_protected(&self, client: &SpiClient<'_>, protection: &Protection) -> Result<(), spi::Error> {
        let record = protection.record(&self.table);
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

    /// Raises unless everything is gone from this very table, and row security as it was meant to be.
    pub fn verify_unprotected(&self, client: &SpiClient<'_>, went_off: bool) -> Result<(), spi::Error> {
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
pub fn targets(client: &SpiClient<'_>, relations: Vec<Relation>) -> Result<Vec<Target>, spi::Error> {
    let root = relations[0].oid;
    let has_shards = has_shards(client, &relations)?;
    let target = |relation: Relation| {
        let existing = relation.named_as_ours(client)?;
        refuse_those_of_others(client, &relation, &existing)?;
        let record = existing.iter().find_map(Named::record);
        let record_is_lost = record.is_none() && existing.iter().any(|named| !named.is_copy);
        let before = match record {
            Some(before) => before,
            None if record_is_lost => Before::unknown(),
            None if relation.row_security => Before { row_security: true, policies: None },
            None => Before { row_security: false, policies: relation.fingerprint_of_other_policies(client)? },
        };
        let copies_row_triggers = relation.oid != root || existing.iter().any(|named| named.is_copy);
        let (schema, name) = (relation.schema.clone(), relation.name.clone());
        Ok(Target {
            relation,
            table: Table { schema, name, before, copies_row_triggers, has_shards },
            existing,
            record_is_lost,
        })
    };
    relations.into_iter().map(target).collect()
}

/// Raises if one of these has neither a record of ours nor exactly the shape that `protect_table` gives it.
fn refuse_those_of_others(client: &SpiClient<'_>, relation: &Relation, existing: &[Named]) -> Result<(), spi::Error> {
    let unrecorded = || existing.iter().filter(|named| !named.is_copy && named.record().is_none());
    if unrecorded().next().is_none() {
        return Ok(());
    }
    let ours: Vec<Made> = recognized(client, &[relation.oid])?.iter().flat_map(Recognized::made).collect();
    let is_foreign = |named: &&Named| !Made::from_name(&named.name).is_some_and(|made| ours.contains(&made));
    match unrecorded().find(is_foreign) {
        None => Ok(()),
        Some(Named { kind, name, .. }) => {
            let table = relation.display_name();
            let message = format!("{kind} \"{name}\" on {table} was not made by auth.protect_table");
            raise(SqlState::DUPLICATE_OBJECT, &message, None, Some("Rename it, or drop it if it is not needed."))
        }
    }
}

/// Raises if a partition alone is to have sensitive columns while it has those of its parent.
pub fn protection_fits(protection: &Protection, target: &Target) {
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

/// The target, if it is a table of the user's own making.
pub fn relation(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<Relation, spi::Error> {
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
pub fn lock(client: &SpiClient<'_>, target: pg_sys::Oid) -> Result<Vec<Relation>, spi::Error> {
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
pub fn with_partitions(client: &SpiClient<'_>, relation: Relation) -> Result<Vec<Relation>, spi::Error> {
    let mut relations = if relation.kind == b'p' { relation.partitions(client)? } else { Vec::new() };
    relations.iter().for_each(|relation| require_table(relation, "can be protected"));
    relations.insert(0, relation);
    Ok(relations)
}

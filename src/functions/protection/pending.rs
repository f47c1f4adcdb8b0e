//! Tables that are looked at when the transaction commits.
//!
//! The list has no destructor: see `session::statements`.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use aal::protection::{NewTables, Protection, SchemaProtection};
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use super::arrival::{has_that_of_above, is_excluded};
use super::connection::connect;
use super::cover::{Standing, is_protected, line_to_run, of_table};
use crate::catalog::{PostgresQuote, Relation, Watch};
use crate::pg::elog::{raise, warn};
use crate::pg::guc::SettingsLevel;
use crate::pg::sqlstate::SqlState;
use crate::pg::transaction::{AtEnd, call_at_end, with_snapshot};

/// A table to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// It came into a protected schema.
    Newcomer {
        /// The table.
        table: pg_sys::Oid,
        /// The function of the schema's watch.
        watch: pg_sys::Oid,
    },
    /// It inherits from a protected table, without being a partition.
    Child {
        /// The table.
        table: pg_sys::Oid,
        /// The one that it inherits from.
        parent: pg_sys::Oid,
    },
}

thread_local! {
    static PENDING: ManuallyDrop<RefCell<Vec<Pending>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Looks at it when the transaction commits.
pub fn add(pending: Pending) {
    PENDING.with(|list| {
        let mut list = list.borrow_mut();
        if !list.contains(&pending) {
            list.push(pending);
        }
    });
}

fn take() -> Vec<Pending> {
    PENDING.with(|list| std::mem::take(&mut *list.borrow_mut()))
}

/// Called once, when the library is loaded.
pub fn install() {
    call_at_end(&AtEnd { before_commit: look, ended: || drop(take()) });
}

/// Looks at the tables that are waiting. No function of SQL is running, so the search_path is pinned here.
fn look() {
    let pending = take();
    if pending.is_empty() {
        return;
    }
    with_snapshot(|| {
        let settings = SettingsLevel::keeping_nothing();
        settings.set(c"search_path", c"pg_catalog, pg_temp", pgrx::pg_sys::GucContext::PGC_USERSET);
        connect(|client| {
            let mut refused = Vec::new();
            for it in pending {
                match it {
                    Pending::Newcomer { table, watch } => refused.extend(newcomer(client, table, watch)?),
                    Pending::Child { table, parent } => child(client, table, parent)?,
                }
            }
            refuse(&refused);
            Ok(())
        });
    });
}

/// A table that a schema refuses.
struct Refused {
    schema: String,
    table: String,
    lacks: Vec<String>,
    line: String,
}

/// What refuses a table that came into a schema, if it isn't protected by now.
fn newcomer(client: &SpiClient<'_>, table: pg_sys::Oid, watch: pg_sys::Oid) -> Result<Option<Refused>, spi::Error> {
    // The table may be gone by now, or have moved on, and so may the watch.
    let Some(schema) = Watch::read(client, Some(watch))?.pop().and_then(|watch| watch.protection) else {
        return Ok(None);
    };
    let Some(relation) = Relation::read(client, table)? else { return Ok(None) };
    if !schema.schemas.contains(&relation.schema)
        || is_excluded(client, &schema, &relation)?
        || has_that_of_above(client, &relation)?
    {
        return Ok(None);
    }
    let protection = of_table(client, &schema, &relation)?;
    let lacks = match Standing::of(client, &relation, &protection)? {
        Standing::Met => return Ok(None),
        Standing::Unprotected => Vec::new(),
        Standing::Below(lines) | Standing::Differs(lines) => lines,
    };
    Ok(judge(&schema, &relation, lacks, &protection))
}

fn judge(
    schema: &SchemaProtection,
    relation: &Relation,
    lacks: Vec<String>,
    protection: &Protection,
) -> Option<Refused> {
    let name = PostgresQuote::name(&relation.schema);
    let table = relation.display_name();
    let line = line_to_run(relation, protection);
    if schema.new_tables == NewTables::Refuse {
        return Some(Refused { schema: name, table, lacks, line });
    }
    let message = match lacks.is_empty() {
        true => format!("{table} is not protected, and schema {name} is"),
        false => format!("{table} needs less than schema {name}: {}", lacks.join("; ")),
    };
    warn(&message, &line);
    None
}

fn refuse(refused: &[Refused]) {
    let Some(first) = refused.first() else { return };
    let tables: Vec<&str> = refused.iter().map(|it| it.table.as_str()).collect();
    let message = format!("schema {} takes no tables without its protection: {}", first.schema, tables.join(", "));
    let lacking = refused.iter().filter(|it| !it.lacks.is_empty());
    let detail: Vec<String> = lacking.map(|it| format!("{}: {}", it.table, it.lacks.join("; "))).collect();
    let detail = (!detail.is_empty()).then(|| detail.join("\n"));
    let lines: Vec<&str> = refused.iter().map(|it| it.line.as_str()).collect();
    let hint = format!("Run this in the transaction that brings them: {}", lines.join(" "));
    raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, &message, detail.as_deref(), Some(&hint));
}

/// Warns of a table that inherits from a protected one and isn't protected itself.
fn child(client: &SpiClient<'_>, table: pg_sys::Oid, parent: pg_sys::Oid) -> Result<(), spi::Error> {
    let (Some(table), Some(parent)) = (Relation::read(client, table)?, Relation::read(client, parent)?) else {
        return Ok(());
    };
    if !is_protected(client, &table)? {
        let (name, parent) = (table.display_name(), parent.display_name());
        let message = format!("{name} inherits from {parent}, which is protected, and is not protected itself");
        warn(&message, "Protect it, or revoke access to it.");
    }
    Ok(())
}

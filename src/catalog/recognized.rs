//! What `protect_table` made, recognized by its shape: where the comments with its record are lost.

use aal::protection::{Made, Recognized, RecordedProtection};
use pgrx::pg_sys::Oid;
use pgrx::spi::{self, SpiClient};
use proof::{Guard, Policy, recognize};

use super::{guards, policies, roles};
use crate::pg::memory::Memory;
use crate::pg::query::{catalog_query, rows};
use crate::reader::{Functions, Reader};

/// What of these tables' policies and triggers is as `protect_table` makes it, in their order.
pub fn recognized(client: &SpiClient<'_>, tables: &[Oid]) -> Result<Vec<Recognized>, spi::Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let bodies = Memory::new(c"pg_aal: bodies of functions");
    let functions = Functions::read_of_both_editions(client, &bodies)?;
    let names = roles::names(client)?;
    let mut policies = policies::read(client, tables, &mut Reader::new(&functions))?;
    for (_, _, policy) in &mut policies {
        policy.role_names = names.sorted(&policy.roles);
    }
    let guards = guards::read(client, tables, &functions.guards())?;
    let on = |table: &Oid| {
        let policies = policies.iter().filter(|(_, id, _)| id.oid() == table.to_u32());
        let guards = guards.iter().filter(|(id, _)| id.oid() == table.to_u32());
        let policies: Vec<&Policy> = policies.map(|(_, _, policy)| policy).collect();
        let guards: Vec<&Guard> = guards.map(|(_, guard)| guard).collect();
        recognize(policies, guards)
    };
    Ok(tables.iter().map(on).collect())
}

/// The tables without a record that can be read, and the protection that their policies and triggers come to.
pub fn recognized_protections(client: &SpiClient<'_>) -> Result<Vec<(Oid, RecordedProtection)>, spi::Error> {
    let names = Made::ALL.map(Made::name).to_vec();
    let tables = rows(client, catalog_query!("comments_on_ours"), &[names.into()], |row| {
        Ok((row.oid("table_id")?, row.get::<Vec<Option<String>>>("comments")?))
    })?;
    let has_record = |comments: &[Option<String>]| {
        comments.iter().flatten().any(|comment| RecordedProtection::from_record(comment).is_some())
    };
    let tables: Vec<Oid> =
        tables.into_iter().filter(|(_, comments)| !has_record(comments)).map(|(table, _)| table).collect();
    let found = recognized(client, &tables)?;
    Ok(tables.into_iter().zip(found).filter_map(|(table, found)| Some((table, found.protection()?))).collect())
}

//! Postgres' cache of tables.

use std::ffi::CStr;

use pgrx::datum::Array;
use pgrx::prelude::*;

use super::list::{oids, pointers};
use super::node::Node;
use super::trigger::Trigger;

/// An entry of Postgres' cache of tables, held until it is dropped.
pub struct Opened(pg_sys::Relation);

impl Opened {
    /// Looks a table up; `None` where there is none.
    pub fn table(oid: pg_sys::Oid) -> Option<Opened> {
        // SAFETY: looks a table up; NULL where there is none. The entry stays until RelationClose.
        let relation = unsafe { pg_sys::RelationIdGetRelation(oid) };
        (!relation.is_null()).then_some(Opened(relation))
    }

    fn entry(&self) -> &pg_sys::RelationData {
        // SAFETY: held since `table`, and released by `drop`.
        unsafe { &*self.0 }
    }

    /// Its owner.
    pub fn owner(&self) -> pg_sys::Oid {
        // SAFETY: the catalog's row of an entry that is held.
        unsafe { (*self.entry().rd_rel).relowner }
    }

    /// Whether it is a partition.
    pub fn is_partition(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.entry().rd_rel).relispartition }
    }

    /// The first policy with one of these names.
    fn policy(&self, wanted: &[&str]) -> Option<&pg_sys::RowSecurityPolicy> {
        // SAFETY: null, or the entry's own description of its policies, which lives as long as the entry is held.
        let list = unsafe { self.entry().rd_rsdesc.as_ref() }.map_or(std::ptr::null_mut(), |desc| desc.policies);
        // SAFETY: the list holds RowSecurityPolicy, which live as long as the description.
        unsafe { pointers::<pg_sys::RowSecurityPolicy>(list) }.find_map(|policy| {
            // SAFETY: as above.
            let policy = unsafe { policy.as_ref() }?;
            // SAFETY: a policy's name is a C string.
            let name = unsafe { CStr::from_ptr(policy.policy_name) };
            wanted.iter().any(|wanted| name.to_bytes() == wanted.as_bytes()).then_some(policy)
        })
    }

    /// The condition of the first policy with one of these names: USING, or WITH CHECK where it has only that.
    pub fn condition_of_policy(&self, wanted: &[&str]) -> Option<Node<'_>> {
        let policy = self.policy(wanted)?;
        let condition = if policy.qual.is_null() { policy.with_check_qual } else { policy.qual };
        // SAFETY: NULL or a tree of the description, which lives as long as the entry is held. Nobody changes it.
        unsafe { Node::new(condition.cast()) }
    }

    /// The roles that the first policy with one of these names is for.
    pub fn roles_of_policy(&self, wanted: &[&str]) -> Option<Vec<pg_sys::Oid>> {
        self.policy(wanted).map(roles)
    }

    /// The roles that a policy of this name is for, if it is restrictive and counts for a command: `ACL_SELECT_CHR` …
    pub fn roles_of_restrictive_policy(&self, name: &str, command: u8) -> Option<Vec<pg_sys::Oid>> {
        let counts = |it: &&pg_sys::RowSecurityPolicy| [command, b'*'].contains(&(it.polcmd as u8)) && !it.permissive;
        self.policy(&[name]).filter(counts).map(roles)
    }

    /// Whether row security is on.
    pub fn has_row_security(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.entry().rd_rel).relrowsecurity }
    }

    /// Its triggers as `find` reads them, without those that it answers `None` for. `find` must look nothing up: Postgres may then read the triggers anew.
    pub fn find_in_triggers<T>(&self, find: impl Fn(Trigger<'_>) -> Option<T>) -> Vec<T> {
        // SAFETY: NULL, or the entry's own description of its triggers: as many as the number says. Nobody changes it as long as
        // nothing is looked up, and the lifetime of what `find` gets ends with the call.
        let triggers = unsafe {
            match self.entry().trigdesc.as_ref() {
                Some(all) if all.numtriggers > 0 => std::slice::from_raw_parts(all.triggers, all.numtriggers as usize),
                _ => &[],
            }
        };
        // SAFETY: as above.
        triggers.iter().filter_map(|trigger| find(unsafe { Trigger::new(trigger) })).collect()
    }
}

/// The roles that a policy is for.
fn roles(policy: &pg_sys::RowSecurityPolicy) -> Vec<pg_sys::Oid> {
    // SAFETY: an array of OIDs, copied whole into the description.
    let roles = unsafe { Array::<pg_sys::Oid>::from_datum(pg_sys::Datum::from(policy.roles), false) };
    // An array that can't be read binds every role.
    roles.map_or_else(|| vec![pg_sys::InvalidOid], |roles| roles.iter().flatten().collect())
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: held since `table`, by nobody but this.
        unsafe { pg_sys::RelationClose(self.0) }
    }
}

/// Locks a table against all others until the transaction ends. There need be no such table.
pub fn lock_exclusively(table: pg_sys::Oid) {
    // SAFETY: LockRelationOid takes any OID. What it raises, a deadlock say, becomes a panic by pgrx's guard.
    unsafe { pg_sys::LockRelationOid(table, pg_sys::AccessExclusiveLock as i32) }
}

/// The tables that a table is a partition of, at any height.
pub fn ancestors(table: pg_sys::Oid) -> impl Iterator<Item = pg_sys::Oid> {
    let is_partition = Opened::table(table).is_some_and(|table| table.is_partition());
    let ancestors = if is_partition {
        // SAFETY: the OID of a partition; the list is the caller's. It may raise, so it's called within pgrx's guard,
        // in a closure that holds nothing to drop.
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| get_partition_ancestors(table)) }
    } else {
        std::ptr::null_mut()
    };
    // SAFETY: NIL, or the list of OIDs that get_partition_ancestors made for the caller. Nobody frees it before the query's memory.
    unsafe { oids(ancestors) }
}

// SAFETY: declared as in Postgres' catalog/partition.h, which pgrx doesn't bind.
unsafe extern "C-unwind" {
    fn get_partition_ancestors(partition: pg_sys::Oid) -> *mut pg_sys::List;
}

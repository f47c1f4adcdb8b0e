//! The guard: a trigger function that raises a clear error, for statement-level triggers before any row is looked at.
//!
//! It explains what the policies decide. So it is silent wherever they don't bind: for roles for whom row security
//! isn't active on the table, and for roles that its policies don't name.

use aal::Asked;
use aal::policy::{Command, POLICIES, guard_requirement};
use pgrx::datum::Array;
use pgrx::prelude::*;
use pgrx::trigger_support::{PgTriggerLevel, PgTriggerWhen};

use crate::denial::raise;
use crate::functions::enrollment::require_enrolled;
use crate::functions::session::require;
use crate::types::{oids, pointers};

extension_sql!(
    "create function auth.aal_guard() returns trigger
       language c volatile parallel safe called on null input
       as 'MODULE_PATHNAME', 'aal_guard';",
    name = "aal_guard"
);

crate::v1_function_info!(pg_finfo_aal_guard);

/// The trigger function. Written without `#[pg_trigger]`, which panics where it isn't called as a trigger.
///
/// Errors: insufficient_aal; 22P02 for claims that are no JSON object; 28000 for a token that doesn't verify; 55000 where the
/// enrolled level is asked and nobody can be looked up; 22023 for a trigger whose arguments don't
/// say what to ask for; 39P01 where it isn't a BEFORE STATEMENT or an AFTER UPDATE … FOR EACH ROW trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_guard(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls this with a valid call info, and keeps the table and the trigger open meanwhile.
    let trigger = unsafe { fcinfo.as_ref() }.and_then(|fcinfo| {
        // SAFETY: as above. It checks that this is a trigger call.
        unsafe { PgTrigger::from_fcinfo(fcinfo) }.ok()
    });
    match trigger {
        Some(trigger) => check(&trigger),
        None => wrong_call("auth.aal_guard can only be called as a trigger"),
    }
    // These triggers return NULL as a pointer, not as an SQL null; Postgres asks for no more.
    pg_sys::Datum::null()
}

fn check(trigger: &PgTrigger<'_>) {
    let Some(command) = command(trigger) else { wrong_call("auth.aal_guard was fired by an unknown command") };
    let table = Table(trigger.trigger_data().tg_relation);
    let row_security_is_active = match (trigger.when(), trigger.level()) {
        (Ok(PgTriggerWhen::Before), PgTriggerLevel::Statement) => table.has_active_row_security(),
        // The one that decides about sensitive columns. It fires on the partition that holds the row, also for a
        // statement that names the table above it.
        (Ok(PgTriggerWhen::After), PgTriggerLevel::Row) if command == Command::Update => {
            table.has_active_row_security() || table.ancestor_has_active_row_security()
        }
        _ => wrong_call("auth.aal_guard must be fired before the statement, or after the update of a row"),
    };
    if !row_security_is_active || !table.policy_binds_current_role(command.policy()) {
        return;
    }
    let arguments = trigger.extra_args().unwrap_or_default();
    let required = guard_requirement(command, arguments.iter().map(String::as_str)).unwrap_or_else(|error| {
        let hint = "It takes arguments like 'insert=aal2' or 'delete=enrolled,max_age=300 seconds', one for each of its commands.";
        raise(b"22023", &error.to_string(), None, Some(hint))
    });
    let what = || Some(format!("{} on table \"{}\"", command.as_str(), table.name()));
    match required {
        Asked::Level(required) => require(required, what),
        Asked::Enrolled(max_age) => require_enrolled(max_age, what),
    };
}

fn wrong_call(message: &str) -> ! {
    raise(b"39P01", message, None, Some("auth.protect_table makes such triggers."))
}

fn command(trigger: &PgTrigger<'_>) -> Option<Command> {
    match trigger.op().ok()? {
        PgTriggerOperation::Insert => Some(Command::Insert),
        PgTriggerOperation::Update => Some(Command::Update),
        PgTriggerOperation::Delete => Some(Command::Delete),
        PgTriggerOperation::Truncate => Some(Command::Truncate),
    }
}

/// The table a trigger fired for: open, and locked, as long as the trigger runs.
struct Table(pg_sys::Relation);

impl Table {
    fn entry(&self) -> &pg_sys::RelationData {
        // SAFETY: Postgres' trigger data holds an open relation for the whole call, and `Table` stays within it.
        unsafe { &*self.0 }
    }

    fn name(&self) -> String {
        // SAFETY: the relation is open and stays so; `from_pg` doesn't close it.
        unsafe { pgrx::PgRelation::from_pg(self.0) }.name().to_owned()
    }

    /// Whether the policies count for the current role: not for superusers, roles with BYPASSRLS, nor the owner
    /// (unless row security is forced), nor while a foreign key's action runs in the owner's name.
    fn has_active_row_security(&self) -> bool {
        row_security_is_active(self.entry().rd_id)
    }

    /// The same of a table that this one is a partition of, at any height.
    fn ancestor_has_active_row_security(&self) -> bool {
        // SAFETY: the catalog's row of an open relation.
        let is_partition = unsafe { (*self.entry().rd_rel).relispartition };
        if !is_partition {
            return false;
        }
        let partition = self.entry().rd_id;
        // SAFETY: the OID of a partition; the list is the caller's. It may raise, so it's called within pgrx's guard,
        // in a closure that holds nothing to drop.
        let ancestors = unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| get_partition_ancestors(partition)) };
        oids(ancestors).any(row_security_is_active)
    }

    /// Whether the policy of this name, or for want of it another of ours, binds the current role. All are made
    /// for the same roles. If there is none at all, the guard speaks up for everybody.
    fn policy_binds_current_role(&self, name: &str) -> bool {
        let named = |wanted: &[&str]| {
            self.policies().find(|policy| {
                // SAFETY: a policy's name is a C string.
                let name = unsafe { std::ffi::CStr::from_ptr(policy.policy_name) };
                wanted.iter().any(|wanted| name.to_bytes() == wanted.as_bytes())
            })
        };
        named(&[name]).or_else(|| named(&POLICIES)).is_none_or(binds_current_role)
    }

    /// The table's policies.
    fn policies(&self) -> impl Iterator<Item = &pg_sys::RowSecurityPolicy> {
        // SAFETY: null or the relation's own description of its policies, which lives as long as the open relation.
        let list = unsafe { self.entry().rd_rsdesc.as_ref() }.map_or(std::ptr::null_mut(), |desc| desc.policies);
        pointers::<pg_sys::RowSecurityPolicy>(list).filter_map(|policy| {
            // SAFETY: the list holds RowSecurityPolicy, which live as long as the relation's description.
            unsafe { policy.as_ref() }
        })
    }
}

// SAFETY: declared as in Postgres' catalog/partition.h, which pgrx doesn't bind.
unsafe extern "C-unwind" {
    fn get_partition_ancestors(partition: pg_sys::Oid) -> *mut pg_sys::List;
}

/// Whether row security is on for a table and counts for the current role.
fn row_security_is_active(table: pg_sys::Oid) -> bool {
    // SAFETY: the OID of a table. With InvalidOid it asks for the current role; with noError true it doesn't raise
    // where row_security is off.
    let enabled = unsafe { pg_sys::check_enable_rls(table, pg_sys::InvalidOid, true) };
    enabled == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}

fn binds_current_role(policy: &pg_sys::RowSecurityPolicy) -> bool {
    // SAFETY: an array of OIDs, copied whole into the relation's description.
    let roles = unsafe { Array::<pg_sys::Oid>::from_datum(pg_sys::Datum::from(policy.roles), false) };
    // SAFETY: reads a variable of the backend.
    let current = unsafe { pg_sys::GetUserId() };
    let binds = |role: pg_sys::Oid| {
        // ACL_ID_PUBLIC is 0.
        role == pg_sys::InvalidOid
            // SAFETY: looks two roles up in the catalog caches.
            || unsafe { pg_sys::has_privs_of_role(current, role) }
    };
    roles.is_none_or(|roles| roles.iter().flatten().any(binds))
}

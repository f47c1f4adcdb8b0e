//! Whom row security binds: decided as Postgres decides it when it adds policies to a statement.

use aal::Command;
use aal::protection::Made;
use pgrx::prelude::*;

use crate::pg::relation::{Opened, ancestors};

/// How row security on a table stands to a role.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RowSecurity {
    /// It is off: policies bind nobody.
    Off,
    /// It is on, and the role bypasses it.
    Bypassed,
    /// It is on, and the role's statements get its policies.
    Active,
}

impl RowSecurity {
    /// Asks Postgres' own function.
    pub fn of(table: pg_sys::Oid, role: pg_sys::Oid) -> RowSecurity {
        // SAFETY: takes the OIDs of a table and of a role. With noError true it doesn't raise where row_security is off.
        let enabled = unsafe { pg_sys::check_enable_rls(table, role, true) };
        match enabled as pg_sys::CheckEnableRlsResult::Type {
            pg_sys::CheckEnableRlsResult::RLS_ENABLED => RowSecurity::Active,
            pg_sys::CheckEnableRlsResult::RLS_NONE_ENV => RowSecurity::Bypassed,
            _ => RowSecurity::Off,
        }
    }
}

/// Whether policies bind a role's statement that names the table `named`, for rows that the table `holds` holds: `named` itself,
/// or a partition or child of it. `policy` is ours for the command.
///
/// Where row security is on for the table that is named, it alone decides. Where it is off, the table that holds the row is
/// asked, and those that it is a partition of: a partition that came later has no row security of its own yet.
pub fn binds(named: pg_sys::Oid, holds: pg_sys::Oid, role: pg_sys::Oid, policy: Made) -> bool {
    match RowSecurity::of(named, role) {
        RowSecurity::Active => policies_bind(named, role, policy),
        RowSecurity::Bypassed => false,
        RowSecurity::Off if is_foreign_key_action(named, role) => false,
        RowSecurity::Off => std::iter::once(holds)
            .chain(ancestors(holds))
            .filter(|table| *table != named)
            .any(|table| RowSecurity::of(table, role) == RowSecurity::Active && policies_bind(table, role, policy)),
    }
}

/// The same for a statement whose role is not known any more, since nothing was decided when it began: the current role is bound,
/// or it isn't who began. A statement that needs a privilege is begun by a role that has it, on the table or one above.
pub fn binds_unknown_role(table: pg_sys::Oid, command: Command) -> bool {
    // SAFETY: reads a variable of the backend.
    let role = unsafe { pg_sys::GetUserId() };
    let may_have_begun =
        || std::iter::once(table).chain(ancestors(table)).any(|table| is_permitted(table, role, command));
    binds(table, table, role, Made::policy_for(command)) || !may_have_begun()
}

/// Whether a role has the privilege for a command on a table, or on a column of it.
fn is_permitted(table: pg_sys::Oid, role: pg_sys::Oid, command: Command) -> bool {
    let privilege = match command {
        Command::Select => pg_sys::ACL_SELECT,
        Command::Insert => pg_sys::ACL_INSERT,
        Command::Update => pg_sys::ACL_UPDATE,
        Command::Delete => pg_sys::ACL_DELETE,
        Command::Truncate => pg_sys::ACL_TRUNCATE,
    };
    let privilege = pg_sys::AclMode::from(privilege);
    let any = pg_sys::AclMaskHow::ACLMASK_ANY;
    // SAFETY: look privileges up by the OIDs of a table and of a role.
    unsafe {
        pg_sys::pg_class_aclcheck(table, role, privilege) == pg_sys::AclResult::ACLCHECK_OK
            || pg_sys::pg_attribute_aclcheck_all(table, role, privilege, any) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether a foreign key's own action runs: in the name of the table's owner, whom no policy binds then.
fn is_foreign_key_action(named: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: reads a variable of the backend.
    let is_action = unsafe { pg_sys::InNoForceRLSOperation() };
    is_action && Opened::table(named).is_some_and(|table| table.owner() == role)
}

/// Whether our policy of this name, or for want of it another of ours, names a role. All are made for the same roles. Where there
/// is none of ours, a guard speaks up for every role.
fn policies_bind(table: pg_sys::Oid, role: pg_sys::Oid, policy: Made) -> bool {
    // The roles are copied before they are compared: comparing may read the catalog.
    let Some(roles) = Opened::table(table).and_then(|table| {
        table.roles_of_policy(&[policy.name()]).or_else(|| table.roles_of_policy(&Made::POLICIES.map(Made::name)))
    }) else {
        return true;
    };
    roles.into_iter().any(|named| {
        // ACL_ID_PUBLIC is 0.
        named == pg_sys::InvalidOid
            // SAFETY: looks two roles up in the catalog caches.
            || unsafe { pg_sys::has_privs_of_role(role, named) }
    })
}

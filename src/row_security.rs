//! Whom row security binds: decided as Postgres decides it when it adds policies to a statement.

use aal::Command;
use aal::protection::Made;
use pgrx::prelude::*;

use crate::pg::relation::{Opened, ancestors};
use crate::pg::role::{self, RowSecurity};

/// Whether policies bind a role's statement that names the table `named`, for rows that the table `holds` holds: `named` itself,
/// or a partition or child of it. `policy` is ours for the command.
///
/// Where row security is on for the table that is named, it alone decides. Where it is off, the table that holds the row is
/// asked, and those that it is a partition of. A partition that came later has no row security of its own yet.
pub fn binds(named: pg_sys::Oid, holds: pg_sys::Oid, role: pg_sys::Oid, policy: Made) -> bool {
    match RowSecurity::for_role(named, role) {
        RowSecurity::Active => policies_bind(named, role, policy),
        RowSecurity::Bypassed => false,
        RowSecurity::Off if is_foreign_key_action(named, role) => false,
        RowSecurity::Off => {
            std::iter::once(holds).chain(ancestors(holds)).filter(|table| *table != named).any(|table| {
                RowSecurity::for_role(table, role) == RowSecurity::Active && policies_bind(table, role, policy)
            })
        }
    }
}

/// Whether our policy for a command narrows what a role's statement sees that names this table. Nothing else counts here: where
/// it is gone, or permits by now, it narrows nothing.
pub fn policy_binds(table: pg_sys::Oid, role: pg_sys::Oid, command: Command) -> bool {
    let policy = Made::policy_for(command).name();
    let of_command = match command {
        Command::Select => pg_sys::ACL_SELECT_CHR,
        Command::Insert => pg_sys::ACL_INSERT_CHR,
        Command::Update => pg_sys::ACL_UPDATE_CHR,
        Command::Delete => pg_sys::ACL_DELETE_CHR,
        // Row security doesn't see it.
        Command::Truncate => return false,
    };
    let roles = || Opened::table(table).and_then(|table| table.roles_of_restrictive_policy(policy, of_command));
    RowSecurity::for_role(table, role) == RowSecurity::Active && roles().is_some_and(|roles| names(roles, role))
}

/// The same for a statement that the current role would begin now on a table that holds its rows itself.
pub fn binds_now(table: pg_sys::Oid, command: Command) -> bool {
    binds(table, table, role::current(), Made::policy_for(command))
}

/// The same for a statement whose role is not known any more, since nothing was decided when it began: the current role is bound,
/// or it isn't who began. A statement that needs a privilege is begun by a role that has it, on the table or one above.
pub fn binds_unknown_role(table: pg_sys::Oid, command: Command) -> bool {
    let role = role::current();
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
    role::holds_privilege(role, table, privilege)
}

/// Whether a foreign key's own action runs: in the name of the table's owner, whom no policy binds then.
fn is_foreign_key_action(named: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    role::is_foreign_key_action() && Opened::table(named).is_some_and(|table| table.owner() == role)
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
    names(roles, role)
}

/// Whether a role is one of these, or has the rights of one. ACL_ID_PUBLIC is 0.
fn names(roles: Vec<pg_sys::Oid>, role: pg_sys::Oid) -> bool {
    roles.into_iter().any(|named| named == pg_sys::InvalidOid || role::has_rights_of(role, named))
}

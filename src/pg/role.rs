//! Roles: which is current, whose rights they have, and how row security on a table stands to them.

use pgrx::prelude::*;

/// The role whose rights count now.
pub fn current() -> pg_sys::Oid {
    // SAFETY: GetUserId reads a variable of the backend, which is set before any library is called.
    unsafe { pg_sys::GetUserId() }
}

/// The name of the session's role: that of SET ROLE, also within a function that runs with its owner's rights.
pub fn of_session() -> Option<String> {
    // SAFETY: GetOuterUserId reads a variable of the backend.
    name(unsafe { pg_sys::GetOuterUserId() })
}

/// A role's name.
pub fn name(role: pg_sys::Oid) -> Option<String> {
    // SAFETY: GetUserNameFromId looks any OID up in the catalog's cache, and with noerr answers NULL for a role that is gone, or a
    // palloc'd C string.
    let name = unsafe { pg_sys::GetUserNameFromId(role, true) };
    // SAFETY: as above.
    (!name.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

/// Whether a role is a superuser. A role that isn't there is none.
pub fn is_superuser(role: pg_sys::Oid) -> bool {
    // SAFETY: superuser_arg takes any OID, and looks it up in the catalog's cache.
    unsafe { pg_sys::superuser_arg(role) }
}

/// Whether a role has the rights of another, as a member or as itself.
pub fn has_rights_of(role: pg_sys::Oid, other: pg_sys::Oid) -> bool {
    // SAFETY: has_privs_of_role takes any two OIDs, and looks them up in the catalog's cache.
    unsafe { pg_sys::has_privs_of_role(role, other) }
}

/// Whether a role may see settings that are for superusers only: by SHOW, Postgres asks the same.
pub fn reads_all_settings(role: pg_sys::Oid) -> bool {
    has_rights_of(role, pg_sys::Oid::from(pg_sys::ROLE_PG_READ_ALL_SETTINGS))
}

/// Whether a role may see the statistics that are for superusers only.
pub fn reads_all_stats(role: pg_sys::Oid) -> bool {
    has_rights_of(role, pg_sys::Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS))
}

/// Whether a role holds a privilege (`ACL_SELECT` …) on a table, or on a column of it.
pub fn holds_privilege(role: pg_sys::Oid, table: pg_sys::Oid, privilege: u32) -> bool {
    let privilege = pg_sys::AclMode::from(privilege);
    let any = pg_sys::AclMaskHow::ACLMASK_ANY;
    // SAFETY: both functions take any OIDs, and look them up in the catalog's cache.
    unsafe {
        pg_sys::pg_class_aclcheck(table, role, privilege) == pg_sys::AclResult::ACLCHECK_OK
            || pg_sys::pg_attribute_aclcheck_all(table, role, privilege, any) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether a role may execute a function.
pub fn may_execute(role: pg_sys::Oid, function: pg_sys::Oid) -> bool {
    let arguments = [role.into_datum(), function.into_datum(), "EXECUTE".into_datum()];
    // SAFETY: Postgres' has_function_privilege(oid, oid, text). It is NULL where there is no such function.
    unsafe { pgrx::direct_function_call(pg_sys::has_function_privilege_id_id, &arguments) }.unwrap_or(false)
}

/// Whether a foreign key's own action runs now, to which row security of a table's owner does not apply.
pub fn is_foreign_key_action() -> bool {
    // SAFETY: InNoForceRLSOperation reads a variable of the backend.
    unsafe { pg_sys::InNoForceRLSOperation() }
}

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
    pub fn for_role(table: pg_sys::Oid, role: pg_sys::Oid) -> RowSecurity {
        // SAFETY: check_enable_rls takes any two OIDs. With noError true it does not raise where row_security is off.
        let enabled = unsafe { pg_sys::check_enable_rls(table, role, true) };
        match enabled as pg_sys::CheckEnableRlsResult::Type {
            pg_sys::CheckEnableRlsResult::RLS_ENABLED => RowSecurity::Active,
            pg_sys::CheckEnableRlsResult::RLS_NONE_ENV => RowSecurity::Bypassed,
            _ => RowSecurity::Off,
        }
    }
}

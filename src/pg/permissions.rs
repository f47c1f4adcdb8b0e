//! What a statement must be permitted on the tables that it names, as Postgres checks it before anything of the statement runs.

use std::marker::PhantomData;

use pgrx::prelude::*;

/// The tables that a statement names, each as often as it names it.
pub struct Permissions<'a> {
    list: *mut pg_sys::List,
    lives: PhantomData<&'a pg_sys::List>,
}

/// A table that a statement names, and what it must be permitted there.
#[derive(Clone, Copy)]
pub struct Permission {
    /// The table's OID.
    pub table: pg_sys::Oid,
    /// The role that must be permitted it, if that isn't the current one: the owner of the view through which the table is reached.
    pub acts_as: Option<pg_sys::Oid>,
    wanted: pg_sys::AclMode,
    sets_columns: bool,
}

#[cfg(feature = "pg15")]
type Entry = pg_sys::RangeTblEntry;
#[cfg(not(feature = "pg15"))]
type Entry = pg_sys::RTEPermissionInfo;

impl<'a> Permissions<'a> {
    /// # Safety
    /// `list` must be what Postgres hands to `ExecutorCheckPerms_hook`: the range table in Postgres 15, and the list of permissions
    /// in later ones. Nothing of it may change during `'a`.
    pub unsafe fn new(list: *mut pg_sys::List) -> Permissions<'a> {
        Permissions { list, lives: PhantomData }
    }

    /// Each of them. Those that a statement reaches through another that it names are not: partitions, children, and what is
    /// beneath a table that holds rows for others.
    pub fn iter(&self) -> impl Iterator<Item = Permission> {
        // SAFETY: NIL or a list of pointers, by the promise of `new`. It has as many cells as its length says.
        let entries = unsafe {
            match self.list.as_ref() {
                Some(list) => std::slice::from_raw_parts(list.elements, list.length as usize),
                None => &[],
            }
        };
        // SAFETY: the cells point to entries, by the promise of `new`.
        entries.iter().filter_map(|cell| unsafe { cell.ptr_value.cast::<Entry>().as_ref() }).filter_map(Permission::of)
    }
}

impl Permission {
    /// `None` for a function, a sub-query and the like, and for a table that needs no permission of its own.
    fn of(entry: &Entry) -> Option<Permission> {
        #[cfg(feature = "pg15")]
        let is_relation = entry.rtekind == pg_sys::RTEKind::RTE_RELATION;
        #[cfg(not(feature = "pg15"))]
        let is_relation = true;
        let acts_as = Some(entry.checkAsUser).filter(|role| *role != pg_sys::InvalidOid);
        let (table, wanted, sets_columns) = (entry.relid, entry.requiredPerms, !entry.updatedCols.is_null());
        (is_relation && wanted != 0).then_some(Permission { table, acts_as, wanted, sets_columns })
    }

    fn wants(&self, privilege: u32) -> bool {
        self.wanted & pg_sys::AclMode::from(privilege) != 0
    }

    /// Whether the statement reads rows of the table: columns of them, or which there are.
    pub fn reads(&self) -> bool {
        self.wants(pg_sys::ACL_SELECT)
    }

    /// Whether it locks rows that it reads (FOR UPDATE, FOR SHARE …), and doesn't update them: an update sets columns.
    pub fn locks_rows(&self) -> bool {
        self.reads() && self.wants(pg_sys::ACL_UPDATE) && !self.sets_columns
    }

    /// Whether it is a table of a user's making, and no system catalog.
    pub fn is_of_user(&self) -> bool {
        self.table.to_u32() >= pg_sys::FirstNormalObjectId
    }
}

//! Rows of Postgres' catalogs, held in its caches.

use std::ffi::c_int;
use std::ptr::NonNull;

use pgrx::prelude::*;

/// A catalog whose rows are looked up by OID.
///
/// # Safety
/// `CACHE` must be a cache of the catalog whose rows begin with a `Self`, and its key one OID.
pub(super) unsafe trait ByOid {
    const CACHE: pg_sys::SysCacheIdentifier::Type;
}

// SAFETY: as Postgres' syscache.c declares it.
unsafe impl ByOid for pg_sys::FormData_pg_proc {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::PROCOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_type {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::TYPEOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_namespace {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::NAMESPACEOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_database {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::DATABASEOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_collation {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::COLLOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_enum {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::ENUMOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_index {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::INDEXRELID;
}

/// A row, held in its cache until this is dropped.
pub(super) struct Row<T> {
    cache: c_int,
    tuple: pg_sys::HeapTuple,
    form: NonNull<T>,
}

impl<T> Row<T> {
    /// Looks a row up by the keys of a cache; `None` where there is none.
    ///
    /// # Safety
    /// The cache must be of the catalog whose rows begin with a `T`, and these must be all of its keys, each as syscache.c has it.
    pub(super) unsafe fn search<const KEYS: usize>(
        cache: pg_sys::SysCacheIdentifier::Type,
        keys: [pg_sys::Datum; KEYS],
    ) -> Option<Row<T>> {
        let cache = c_int::try_from(cache).ok()?;
        let key = |n: usize| keys.get(n).copied().unwrap_or(pg_sys::Datum::null());
        // SAFETY: by the caller's promise the cache has these keys. Postgres looks at no more of them than it has.
        let tuple = unsafe { pg_sys::SearchSysCache(cache, key(0), key(1), key(2), key(3)) };
        if tuple.is_null() {
            return None;
        }
        // SAFETY: a row of the cache's catalog, which begins with a `T`.
        let form = NonNull::new(unsafe { pg_sys::GETSTRUCT(tuple) }.cast())?;
        Some(Row { cache, tuple, form })
    }

    pub(super) fn form(&self) -> &T {
        // SAFETY: the row stays where it is until it is released.
        unsafe { self.form.as_ref() }
    }

    /// The value of a column that [`form`](Self::form) doesn't have; `None` for NULL.
    ///
    /// # Safety
    /// `column` must be the number of a column of the catalog, whose type `V` reads.
    pub(super) unsafe fn column<V: FromDatum>(&self, column: u32) -> Option<V> {
        let mut is_null = false;
        // SAFETY: the row is held, and by the caller's promise it has the column, with a value that `V` reads.
        unsafe {
            let datum = pg_sys::SysCacheGetAttr(self.cache, self.tuple, column as pg_sys::AttrNumber, &mut is_null);
            V::from_datum(datum, is_null)
        }
    }
}

impl<T: ByOid> Row<T> {
    /// Looks a row up; `None` where there is none.
    pub(super) fn find(oid: pg_sys::Oid) -> Option<Row<T>> {
        // SAFETY: the promise of `ByOid`.
        unsafe { Row::search(T::CACHE, [oid.into()]) }
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        // SAFETY: held since `search`, by nobody but this. Rows don't leave src/pg, and none is kept, so none outlives its
        // transaction.
        unsafe { pg_sys::ReleaseSysCache(self.tuple) }
    }
}

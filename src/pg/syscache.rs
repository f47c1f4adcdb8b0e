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

// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_opclass {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::CLAOID;
}

/// Which version of a row it is: by what Postgres' own cache of C functions compares, for the same purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version {
    oid: pg_sys::Oid,
    /// The transaction that wrote it.
    xmin: pg_sys::TransactionId,
    /// Where it is stored: block and place.
    block: (u16, u16),
    place: u16,
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

    /// Which version of the row with this OID it is.
    pub(super) fn version(&self, oid: pg_sys::Oid) -> Version {
        // SAFETY: the row stays where it is until it is released. A row of a catalog has its header as it was written.
        let (xmin, at) = unsafe { ((*(*self.tuple).t_data).t_choice.t_heap.t_xmin, (*self.tuple).t_self) };
        Version { oid, xmin, block: (at.ip_blkid.bi_hi, at.ip_blkid.bi_lo), place: at.ip_posid }
    }

    /// Whether a column is NULL. One that the catalog doesn't have is.
    pub(super) fn is_null(&self, column: u32) -> bool {
        // SAFETY: the row is held. Without a description every number up to that of the row's last column is one of its own.
        unsafe { pg_sys::heap_attisnull(self.tuple, column as std::ffi::c_int, std::ptr::null_mut()) }
    }

    /// The first OID of a column of type oidvector; `None` for NULL, and where there is none.
    ///
    /// # Safety
    /// `column` must be the number of a column of the catalog, of this type.
    pub(super) unsafe fn first_of_oidvector(&self, column: u32) -> Option<pg_sys::Oid> {
        let mut is_null = false;
        // SAFETY: by the caller's promise the row has the column. A value of this type is stored as it is, neither compressed nor
        // elsewhere, and has as many OIDs as it says.
        unsafe {
            let datum = pg_sys::SysCacheGetAttr(self.cache, self.tuple, column as pg_sys::AttrNumber, &mut is_null);
            let vector = (!is_null).then(|| datum.cast_mut_ptr::<pg_sys::oidvector>())?.as_ref()?;
            (vector.dim1 > 0).then(|| vector.values.as_slice(1)[0])
        }
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

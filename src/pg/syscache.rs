//! Postgres' caches of its catalogs. An object that is gone is no error here, as it is in many of Postgres' own look-ups. A tree
//! that was read a moment ago may name an object that was dropped meanwhile.

use std::ffi::CStr;
use std::ptr::NonNull;

use pgrx::pg_sys::{self, Oid};

use super::node::taken;

/// The catalogs whose rows are looked up by OID.
///
/// # Safety
/// `CACHE` must be a cache of the catalog whose rows begin with a `Self`, and its key one OID.
unsafe trait ByOid {
    const CACHE: pg_sys::SysCacheIdentifier::Type;
}

// SAFETY: each as Postgres' syscache.c declares it.
unsafe impl ByOid for pg_sys::FormData_pg_proc {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::PROCOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_type {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::TYPEOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_collation {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::COLLOID;
}
// SAFETY: as above.
unsafe impl ByOid for pg_sys::FormData_pg_enum {
    const CACHE: pg_sys::SysCacheIdentifier::Type = pg_sys::SysCacheIdentifier::ENUMOID;
}

/// A row, held in its cache until this is dropped.
struct Row<T> {
    tuple: pg_sys::HeapTuple,
    form: NonNull<T>,
}

impl<T: ByOid> Row<T> {
    /// Looks a row up; `None` where there is none.
    fn find(oid: Oid) -> Option<Row<T>> {
        let cache = std::ffi::c_int::try_from(T::CACHE).ok()?;
        // SAFETY: the cache has one key, an OID.
        let tuple = unsafe { pg_sys::SearchSysCache1(cache, oid.into()) };
        if tuple.is_null() {
            return None;
        }
        // SAFETY: a row of the cache's catalog, which begins with a `T`.
        let form = NonNull::new(unsafe { pg_sys::GETSTRUCT(tuple) }.cast())?;
        Some(Row { tuple, form })
    }

    fn form(&self) -> &T {
        // SAFETY: the row stays where it is until it is released.
        unsafe { self.form.as_ref() }
    }
}

impl<T> Drop for Row<T> {
    fn drop(&mut self) {
        // SAFETY: held since `find`, by nobody but this. Rows don't leave this file, so none outlives its transaction.
        unsafe { pg_sys::ReleaseSysCache(self.tuple) }
    }
}

/// Whether a function is NULL where an argument is; `None` where there is no such function.
pub fn is_strict(function: Oid) -> Option<bool> {
    Row::<pg_sys::FormData_pg_proc>::find(function).map(|row| row.form().proisstrict)
}

/// The schema and the name of a function.
pub fn function_name(function: Oid) -> Option<(String, String)> {
    let row = Row::<pg_sys::FormData_pg_proc>::find(function)?;
    // SAFETY: looks a schema up: NULL where there is none, else a copy of its name.
    let schema = unsafe { taken(pg_sys::get_namespace_name(row.form().pronamespace)) }?;
    Some((schema, text(&row.form().proname)))
}

/// The function behind an operator; no OID's own 0 where there is no such operator.
pub fn operator_function(operator: Oid) -> Oid {
    // SAFETY: looks an operator up. It raises nothing where there is none.
    unsafe { pg_sys::get_opcode(operator) }
}

/// Whether texts are equal in this collation only if their bytes are.
pub fn is_deterministic(collation: Oid) -> bool {
    Row::<pg_sys::FormData_pg_collation>::find(collation).is_some_and(|row| row.form().collisdeterministic)
}

/// The type beneath a domain, or the type itself, and whether that is an enum.
pub fn base_type(mut oid: Oid) -> Option<(Oid, bool)> {
    loop {
        let row = Row::<pg_sys::FormData_pg_type>::find(oid)?;
        match row.form().typtype as u8 {
            pg_sys::TYPTYPE_DOMAIN => oid = row.form().typbasetype,
            kind => return Some((oid, kind == pg_sys::TYPTYPE_ENUM)),
        }
    }
}

/// The type of an array's elements; `None` for a type that is no array.
pub fn element_type(array: Oid) -> Option<Oid> {
    // SAFETY: looks a type up. It raises nothing where there is none.
    let element = unsafe { pg_sys::get_element_type(array) };
    (element != pg_sys::InvalidOid).then_some(element)
}

/// The label of an enum's value.
pub fn enum_label(value: Oid) -> Option<String> {
    Row::<pg_sys::FormData_pg_enum>::find(value).map(|row| text(&row.form().enumlabel))
}

/// A table by its full name.
pub fn table(schema: &CStr, name: &CStr) -> Option<Oid> {
    // SAFETY: two C strings. Neither look-up raises where there is nothing of that name.
    let table = unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(schema.as_ptr(), true)) };
    (table != pg_sys::InvalidOid).then_some(table)
}

fn text(name: &pg_sys::NameData) -> String {
    let bytes: Vec<u8> = name.data.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

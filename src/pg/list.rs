//! Postgres' lists.

use std::ffi::c_int;

use pgrx::pg_sys;

/// The OIDs of a list; none for NIL.
pub fn oids(list: *mut pg_sys::List) -> impl Iterator<Item = pg_sys::Oid> {
    // SAFETY: NIL or a list of OIDs that outlives the iterator.
    let length = unsafe { list.as_ref() }.map_or(0, |list| list.length);
    (0..length).map(move |n: c_int| {
        // SAFETY: n is within the list.
        unsafe { pg_sys::list_nth_oid(list, n) }
    })
}

/// The pointers of a list; none for NIL. They are as valid as the list's maker says.
pub fn pointers<T>(list: *mut pg_sys::List) -> impl Iterator<Item = *mut T> {
    // SAFETY: NIL or a list of pointers that outlives the iterator.
    let length = unsafe { list.as_ref() }.map_or(0, |list| list.length);
    (0..length).map(move |n: c_int| {
        // SAFETY: n is within the list.
        unsafe { pg_sys::list_nth(list, n) }.cast()
    })
}

/// How many a list has.
pub fn length(list: *mut pg_sys::List) -> c_int {
    // SAFETY: NIL or a list.
    unsafe { list.as_ref() }.map_or(0, |list| list.length)
}

//! Look-ups in Postgres' catalog, by name or by OID. They answer `None` where there is no such object.
//!
//! A row of the catalog's cache is released as soon as it was read, and nothing in between can raise an error.

use std::ffi::{CStr, CString};

use pgrx::prelude::*;

fn valid(oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// The schema of this name.
pub fn schema(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: get_namespace_oid only reads the C string, and raises nothing as missing_ok is true.
    valid(unsafe { pg_sys::get_namespace_oid(name.as_ptr(), true) })
}

/// The relation of this name in a schema.
pub fn relation(schema: pg_sys::Oid, name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: get_relname_relid only reads the C string, and answers with no OID where there is none.
    valid(unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) })
}

/// The number of a user's column of this name. System columns are none.
pub fn column(relation: pg_sys::Oid, name: &CStr) -> Option<pg_sys::AttrNumber> {
    // SAFETY: get_attnum only reads the C string, and answers 0 where there is no such column.
    let number = unsafe { pg_sys::get_attnum(relation, name.as_ptr()) };
    (number > 0).then_some(number)
}

/// Whether a column is computed from others.
pub fn is_generated(relation: pg_sys::Oid, column: pg_sys::AttrNumber) -> bool {
    // SAFETY: get_attgenerated takes any OID and number; where there is no such column it raises, under pgrx's guard.
    unsafe { pg_sys::get_attgenerated(relation, column) != 0 }
}

/// The type of a column; no OID where there is no such column.
pub fn column_type(relation: pg_sys::Oid, column: pg_sys::AttrNumber) -> pg_sys::Oid {
    // SAFETY: get_atttype takes any OID and number.
    unsafe { pg_sys::get_atttype(relation, column) }
}

/// The extension of this name.
pub fn extension(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: get_extension_oid only reads the C string, and raises nothing as missing_ok is true.
    valid(unsafe { pg_sys::get_extension_oid(name.as_ptr(), true) })
}

/// The extension that a relation is a member of.
pub fn extension_of_relation(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: getExtensionOfObject takes any two OIDs, and searches pg_depend for them.
    valid(unsafe { pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, relation) })
}

/// The role of this name.
pub fn role(name: &CStr) -> Option<pg_sys::Oid> {
    // SAFETY: get_role_oid only reads the C string, and raises nothing as missing_ok is true.
    valid(unsafe { pg_sys::get_role_oid(name.as_ptr(), true) })
}

/// The owner of a schema.
pub fn schema_owner(schema: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = pg_sys::SysCacheIdentifier::NAMESPACEOID as _;
    // SAFETY: the cache's one key is an OID. Its rows are those of pg_namespace, and stay until they are released.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(schema));
        if row.is_null() {
            return None;
        }
        let owner = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_namespace>(row)).nspowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

/// The owner of a type.
pub fn type_owner(kind: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let cache = pg_sys::SysCacheIdentifier::TYPEOID as _;
    // SAFETY: the cache's one key is an OID. Its rows are those of pg_type, and stay until they are released.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(kind));
        if row.is_null() {
            return None;
        }
        let owner = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_type>(row)).typowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

/// The label of an enum. A value of the enum is the OID of its label.
pub fn enum_label(kind: pg_sys::Oid, label: &CStr) -> Option<pg_sys::Oid> {
    let cache = pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as _;
    // SAFETY: the cache's keys are an OID and a name, which is read as a C string. Its rows are those of pg_enum, and stay
    // until they are released.
    unsafe {
        let row = pg_sys::SearchSysCache2(cache, pg_sys::Datum::from(kind), pg_sys::Datum::from(label.as_ptr()));
        if row.is_null() {
            return None;
        }
        let label = (*pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_enum>(row)).oid;
        pg_sys::ReleaseSysCache(row);
        Some(label)
    }
}

/// The planner support function of a function.
pub fn support_function(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: get_func_support takes any OID, and answers with no OID where there is none.
    valid(unsafe { pg_sys::get_func_support(function) })
}

/// A function's name.
pub fn function_name(function: pg_sys::Oid) -> Option<CString> {
    // SAFETY: get_func_name takes any OID, and answers NULL or a C string in the current memory context.
    unsafe {
        let name = pg_sys::get_func_name(function);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_owned())
    }
}

/// A function in C.
pub struct CFunction {
    /// Its name in the library.
    pub symbol: String,
    /// The library's file.
    pub library: String,
}

/// What a function in C is; `None` for one in another language. Only superusers make functions in C.
pub fn c_function(function: pg_sys::Oid) -> Option<CFunction> {
    const C_LANGUAGE: pg_sys::Oid = pg_sys::Oid::from_u32(13);
    let cache = pg_sys::SysCacheIdentifier::PROCOID as std::ffi::c_int;
    // SAFETY: the cache's one key is an OID. Its rows are those of pg_proc, and stay until they are released; an error in between
    // releases them, too. prosrc and probin are of type text.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return None;
        }
        let text = |attribute: u32| {
            let mut is_null = false;
            let datum = pg_sys::SysCacheGetAttr(cache, row, attribute as pg_sys::AttrNumber, &mut is_null);
            String::from_datum(datum, is_null)
        };
        let form = pg_sys::heap_tuple_get_struct::<pg_sys::FormData_pg_proc>(row);
        let is_c = (*form).prolang == C_LANGUAGE;
        let texts =
            if is_c { (text(pg_sys::Anum_pg_proc_prosrc), text(pg_sys::Anum_pg_proc_probin)) } else { (None, None) };
        pg_sys::ReleaseSysCache(row);
        let (Some(symbol), Some(library)) = texts else { return None };
        Some(CFunction { symbol, library })
    }
}

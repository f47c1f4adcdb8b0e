//! Look-ups in Postgres' catalog, by name or by OID. An object that is gone is no error here, as it is in many of Postgres' own
//! look-ups: they answer `None`. A tree that was read a moment ago may name an object that was dropped meanwhile.

use std::ffi::CStr;

use pgrx::prelude::*;

use super::memory::Memory;
use super::node::{Node, NodeTree, taken};
use super::syscache::Row;
pub use super::syscache::Version;

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

/// How many keys a unique index has; `None` where it isn't one, or where its check may be deferred.
pub fn unique_index_keys(index: pg_sys::Oid) -> Option<pg_sys::AttrNumber> {
    let row = Row::<pg_sys::FormData_pg_index>::find(index)?;
    let index = row.form();
    (index.indisunique && index.indimmediate).then_some(index.indnkeyatts)
}

/// Whether an index is a valid btree that begins with this column, by the ordinary order of uuid, and has all rows.
pub fn is_btree_of_uuids(index: pg_sys::Oid, column: pg_sys::AttrNumber) -> bool {
    /// `uuid_ops` of btree, in Postgres' pg_opfamily.dat.
    const UUID_BTREE_FAMILY: pg_sys::Oid = pg_sys::Oid::from_u32(2968);
    let Some(row) = Row::<pg_sys::FormData_pg_index>::find(index) else { return false };
    // SAFETY: an index has one key at least, and the columns' numbers follow the fixed part of the row.
    let first = unsafe { row.form().indkey.values.as_slice(1) }[0];
    if first != column || !row.form().indisvalid || !row.is_null(pg_sys::Anum_pg_index_indpred) {
        return false;
    }
    // SAFETY: indclass is of type oidvector.
    let Some(class) = (unsafe { row.first_of_oidvector(pg_sys::Anum_pg_index_indclass) }) else { return false };
    // A class is of one kind of index, and so is the index.
    Row::<pg_sys::FormData_pg_opclass>::find(class).is_some_and(|row| {
        let class = row.form();
        class.opcmethod == pg_sys::BTREE_AM_OID
            && class.opcintype == pg_sys::UUIDOID
            && class.opcfamily == UUID_BTREE_FAMILY
    })
}

/// Whether the planner takes an operator for `=`, when it estimates how many rows it keeps.
pub fn estimates_equality(operator: pg_sys::Oid) -> bool {
    // SAFETY: get_oprrest takes any OID, and answers with no OID where there is none.
    unsafe { pg_sys::get_oprrest(operator) == pg_sys::Oid::from(pg_sys::F_EQSEL) }
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
    Row::<pg_sys::FormData_pg_namespace>::find(schema).map(|row| row.form().nspowner)
}

/// The owner of the current database.
pub fn database_owner() -> Option<pg_sys::Oid> {
    // SAFETY: a variable of the backend, set when it began.
    let database = unsafe { pg_sys::MyDatabaseId };
    Row::<pg_sys::FormData_pg_database>::find(database).map(|row| row.form().datdba)
}

/// The owner of a type.
pub fn type_owner(kind: pg_sys::Oid) -> Option<pg_sys::Oid> {
    Row::<pg_sys::FormData_pg_type>::find(kind).map(|row| row.form().typowner)
}

/// The value of an enum with this label: it is the OID of the label.
pub fn enum_value(kind: pg_sys::Oid, label: &CStr) -> Option<pg_sys::Oid> {
    let cache = pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME;
    // SAFETY: a cache of pg_enum, whose keys are an OID and a name, which is read as a C string.
    let row = unsafe { Row::<pg_sys::FormData_pg_enum>::search(cache, [kind.into(), label.as_ptr().into()]) }?;
    Some(row.form().oid)
}

/// Where in the order of an enum this label stands.
pub fn enum_order(kind: pg_sys::Oid, label: &CStr) -> Option<f32> {
    let cache = pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME;
    // SAFETY: a cache of pg_enum, whose keys are an OID and a name, which is read as a C string.
    let row = unsafe { Row::<pg_sys::FormData_pg_enum>::search(cache, [kind.into(), label.as_ptr().into()]) }?;
    Some(row.form().enumsortorder)
}

/// The planner support function of a function.
pub fn support_function(function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: get_func_support takes any OID, and answers with no OID where there is none.
    valid(unsafe { pg_sys::get_func_support(function) })
}

/// A function's name.
pub fn function_name(function: pg_sys::Oid) -> Option<String> {
    Row::<pg_sys::FormData_pg_proc>::find(function).map(|row| text(&row.form().proname))
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
    let row = Row::<pg_sys::FormData_pg_proc>::find(function)?;
    if row.form().prolang != C_LANGUAGE {
        return None;
    }
    // SAFETY: prosrc and probin are of type text.
    let (symbol, library) =
        unsafe { (row.column(pg_sys::Anum_pg_proc_prosrc)?, row.column(pg_sys::Anum_pg_proc_probin)?) };
    Some(CFunction { symbol, library })
}

/// Which version of its row in the catalog a function has; `None` where there is no such function.
pub fn function_version(function: pg_sys::Oid) -> Option<Version> {
    Row::<pg_sys::FormData_pg_proc>::find(function).map(|row| row.version(function))
}

/// Whether the last parameter of a function is NULL by default.
pub fn ends_with_null_by_default(function: pg_sys::Oid) -> bool {
    let Some(row) = Row::<pg_sys::FormData_pg_proc>::find(function) else { return false };
    // SAFETY: proargdefaults is of type pg_node_tree.
    let Some(defaults) = (unsafe { row.column::<NodeTree>(pg_sys::Anum_pg_proc_proargdefaults) }) else { return false };
    let memory = Memory::new(c"pg_aal: the defaults of a function");
    let last = defaults.read(&memory).and_then(Node::list).and_then(|defaults| defaults.nodes().last()).flatten();
    last.and_then(Node::cast::<pg_sys::Const>).is_some_and(|constant| constant.constisnull)
}

/// The type of a function's parameter that comes after so many others, if it is the last.
pub fn last_parameter(function: pg_sys::Oid, others: usize) -> Option<pg_sys::Oid> {
    let row = Row::<pg_sys::FormData_pg_proc>::find(function)?;
    let parameters = usize::try_from(row.form().pronargs).ok()?;
    // SAFETY: the vector ends the fixed part of the row, and has as many types as the function has parameters.
    let types = unsafe { row.form().proargtypes.values.as_slice(parameters) };
    types.get(others).copied().filter(|_| parameters == others + 1)
}

/// Whether a function is NULL where an argument is; `None` where there is no such function.
pub fn is_strict(function: pg_sys::Oid) -> Option<bool> {
    Row::<pg_sys::FormData_pg_proc>::find(function).map(|row| row.form().proisstrict)
}

/// Whether settings are changed for a function's calls, by SET clauses.
pub fn has_settings(function: pg_sys::Oid) -> bool {
    Row::<pg_sys::FormData_pg_proc>::find(function).is_some_and(|row| !row.is_null(pg_sys::Anum_pg_proc_proconfig))
}

/// `provolatile` of a function.
pub fn volatility(function: pg_sys::Oid) -> Option<u8> {
    Row::<pg_sys::FormData_pg_proc>::find(function).map(|row| row.form().provolatile as u8)
}

/// The schema and the name of a function.
pub fn qualified_function_name(function: pg_sys::Oid) -> Option<(String, String)> {
    let row = Row::<pg_sys::FormData_pg_proc>::find(function)?;
    // SAFETY: looks a schema up: NULL where there is none, else a copy of its name.
    let schema = unsafe { taken(pg_sys::get_namespace_name(row.form().pronamespace)) }?;
    Some((schema, text(&row.form().proname)))
}

/// The name of a table or view.
pub fn relation_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: looks a name up: NULL where there is none, else a copy.
    unsafe { taken(pg_sys::get_rel_name(relation)) }
}

/// The full name of a table or view, as SQL writes it.
pub fn qualified_relation_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: each looks something up; a name is NULL where there is none, else a copy.
    let schema = unsafe { taken(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation))) }?;
    Some(pgrx::spi::quote_qualified_identifier(schema, relation_name(relation)?))
}

/// The function behind an operator; no OID's own 0 where there is no such operator.
pub fn operator_function(operator: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: looks an operator up. It raises nothing where there is none.
    unsafe { pg_sys::get_opcode(operator) }
}

/// Whether an operator's operands may change places.
pub fn is_its_own_commutator(operator: pg_sys::Oid) -> bool {
    // SAFETY: looks an operator up. It raises nothing where there is none.
    valid(unsafe { pg_sys::get_commutator(operator) }) == Some(operator)
}

/// Whether texts are equal in this collation only if their bytes are.
pub fn is_deterministic(collation: pg_sys::Oid) -> bool {
    Row::<pg_sys::FormData_pg_collation>::find(collation).is_some_and(|row| row.form().collisdeterministic)
}

/// The type beneath a domain, or the type itself, and whether that is an enum.
pub fn base_type(mut oid: pg_sys::Oid) -> Option<(pg_sys::Oid, bool)> {
    loop {
        let row = Row::<pg_sys::FormData_pg_type>::find(oid)?;
        match row.form().typtype as u8 {
            pg_sys::TYPTYPE_DOMAIN => oid = row.form().typbasetype,
            kind => return Some((oid, kind == pg_sys::TYPTYPE_ENUM)),
        }
    }
}

/// The type of an array's elements; `None` for a type that is no array.
pub fn element_type(array: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: looks a type up. It raises nothing where there is none.
    valid(unsafe { pg_sys::get_element_type(array) })
}

/// Whether Postgres turns a value of one type into another where an operator takes that. An untyped literal it turns into any.
pub fn is_coercible(from: pg_sys::Oid, to: pg_sys::Oid) -> bool {
    let (from, to) = ([from], [to]);
    // SAFETY: one type each. Postgres looks casts up, and runs none.
    unsafe { pg_sys::can_coerce_type(1, from.as_ptr(), to.as_ptr(), pg_sys::CoercionContext::COERCION_IMPLICIT) }
}

/// The label of an enum's value.
pub fn enum_label(value: pg_sys::Oid) -> Option<String> {
    Row::<pg_sys::FormData_pg_enum>::find(value).map(|row| text(&row.form().enumlabel))
}

fn text(name: &pg_sys::NameData) -> String {
    let bytes: Vec<u8> = name.data.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

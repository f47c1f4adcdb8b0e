//! Types of SQL, where pgrx doesn't have them or not in a way that fits.

use std::ffi::CStr;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::UnboxDatum;
use pgrx::pgrx_sql_entity_graph::metadata::{ArgumentError, Returns, ReturnsError, SqlMapping, SqlTranslatable};
use pgrx::prelude::*;

/// A text argument, borrowed. As pgrx's `&str`, but without its guarded call where there's nothing to detoast: for the
/// functions that a policy may call for every row.
pub struct Text<'a>(pub &'a str);

// SAFETY: names the SQL type whose datums `unbox_arg_unchecked` reads.
unsafe impl SqlTranslatable for Text<'_> {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("text"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("text")))
    }
}

impl FromDatum for Text<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, oid: pg_sys::Oid) -> Option<Self> {
        let text: *const pg_sys::varlena = datum.cast_mut_ptr();
        if is_null || text.is_null() {
            return None;
        }
        // SAFETY: the caller passes a datum of type text: a varlena, whose header says how it is stored.
        let is_plain = unsafe { !pgrx::varatt_is_1b_e(text) && !pgrx::varatt_is_4b_c(text) };
        // SAFETY: stored in place and not compressed, so all its bytes follow the header.
        let plain = if is_plain { unsafe { pgrx::text_to_rust_str(text) }.ok() } else { None };
        match plain {
            Some(text) => Some(Text(text)),
            // SAFETY: the caller's promises, passed on.
            None => unsafe { <&str>::from_polymorphic_datum(datum, is_null, oid) }.map(Text),
        }
    }
}

// SAFETY: hands the argument's own datum to `from_datum`.
unsafe impl<'fcx> ArgAbi<'fcx> for Text<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `text` by SqlTranslatable.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("a text that is not null")
    }
}

/// A table by its OID. pgrx's `PgRelation` opens it, and Postgres won't alter a table that is open.
pub struct Regclass(pub pg_sys::Oid);

// SAFETY: names the SQL type whose datums `unbox_arg_unchecked` reads: an OID.
unsafe impl SqlTranslatable for Regclass {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("regclass"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("regclass")))
    }
}

// SAFETY: hands the argument's own datum to pgrx's reading of an OID.
unsafe impl<'fcx> ArgAbi<'fcx> for Regclass {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `regclass`, which is an OID, by SqlTranslatable.
        Regclass(unsafe { arg.unbox_arg_using_from_datum() }.expect("an OID that is not null"))
    }
}

impl IntoDatum for Regclass {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::REGCLASSOID
    }
}

// SAFETY: returns an OID by value.
unsafe impl BoxRet for Regclass {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0.into()) }
    }
}

/// A schema by its OID.
pub struct Regnamespace(pub pg_sys::Oid);

// SAFETY: names the SQL type whose datums `unbox_arg_unchecked` reads: an OID.
unsafe impl SqlTranslatable for Regnamespace {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("regnamespace"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("regnamespace")))
    }
}

// SAFETY: hands the argument's own datum to pgrx's reading of an OID.
unsafe impl<'fcx> ArgAbi<'fcx> for Regnamespace {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `regnamespace`, which is an OID, by SqlTranslatable.
        Regnamespace(unsafe { arg.unbox_arg_using_from_datum() }.expect("an OID that is not null"))
    }
}

/// A function by its OID. Its text names it with the types of its arguments, as in `private.is_admin()`.
pub struct Regprocedure(pub pg_sys::Oid);

// SAFETY: names the SQL type whose datums `unbox_arg_unchecked` reads: an OID.
unsafe impl SqlTranslatable for Regprocedure {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("regprocedure"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("regprocedure")))
    }
}

// SAFETY: hands the argument's own datum to pgrx's reading of an OID.
unsafe impl<'fcx> ArgAbi<'fcx> for Regprocedure {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `regprocedure`, which is an OID, by SqlTranslatable.
        Regprocedure(unsafe { arg.unbox_arg_using_from_datum() }.expect("an OID that is not null"))
    }
}

impl IntoDatum for Regprocedure {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0.into_datum()
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::REGPROCEDUREOID
    }
}

// SAFETY: returns an OID by value.
unsafe impl BoxRet for Regprocedure {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as for a table.
        unsafe { fcinfo.return_raw_datum(self.0.into()) }
    }
}

/// A value of Postgres' type `name`, which pgrx doesn't know.
pub struct Name(pub String);

// SAFETY: names the SQL type whose datums `unbox` reads.
unsafe impl SqlTranslatable for Name {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("name"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("name")))
    }
}

impl FromDatum for Name {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Name> {
        if is_null {
            return None;
        }
        // SAFETY: the caller passes a datum of type name: a pointer to NAMEDATALEN bytes with a NUL among them.
        let name = unsafe { std::ffi::CStr::from_ptr(datum.cast_mut_ptr()) };
        Some(Name(name.to_string_lossy().into_owned()))
    }
}

impl IntoDatum for Name {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        const LENGTH: usize = pg_sys::NAMEDATALEN as usize;
        let bytes = &self.0.as_bytes()[..self.0.len().min(LENGTH - 1)];
        // SAFETY: room for a name in the current memory context, all zeroes, and as many bytes of it as fit before the
        // last of them. A name that comes from the catalog does.
        unsafe {
            let name = pg_sys::palloc0(LENGTH).cast::<u8>();
            name.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            Some(pg_sys::Datum::from(name))
        }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::NAMEOID
    }
}

// SAFETY: returns a name of the current memory context.
unsafe impl BoxRet for Name {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: as above.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

// SAFETY: reads nothing but the datum it is given.
unsafe impl UnboxDatum for Name {
    type As<'src> = Name;

    unsafe fn unbox<'src>(datum: pgrx::datum::Datum<'src>) -> Name
    where
        Self: 'src,
    {
        // SAFETY: the caller passes a datum of type name, which is not null.
        unsafe { Name::from_datum(datum.sans_lifetime(), false) }.expect("a name that is not null")
    }
}

// SAFETY: hands the argument's own datum to `from_datum`.
unsafe impl<'fcx> ArgAbi<'fcx> for Name {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `name` by SqlTranslatable.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("a name that is not null")
    }
}

/// A jsonb value that Rust only passes on, so that it stays as Postgres reads it: numbers of any size included. As an argument it
/// is read only as text. pgrx's own type parses it, and panics where it is nested too deeply.
pub struct Jsonb(pg_sys::Datum);

impl Jsonb {
    /// Its text.
    pub fn text(&self) -> String {
        // SAFETY: the datum is of type jsonb and not null: `parse` and `from_polymorphic_datum` alone make one. jsonb_out reads it.
        let text = unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(self.0)]) };
        // SAFETY: jsonb_out returns a C string in the current memory context, which nothing resets before it is copied.
        let text = text.map(|text| unsafe { CStr::from_ptr(text.cast_mut_ptr()) }.to_string_lossy().into_owned());
        text.unwrap_or_default()
    }

    /// Parses a JSON text, as Postgres does: raises what it raises where this is none, or holds what jsonb can't.
    pub fn parse(text: &CStr) -> Option<Jsonb> {
        let text = pg_sys::Datum::from(text.as_ptr());
        // SAFETY: jsonb_in takes one C string, which it only reads. What it raises becomes a panic by pgrx's guard.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text)]) }.map(Jsonb)
    }
}

// SAFETY: names the SQL type of the datum in it.
unsafe impl SqlTranslatable for Jsonb {
    fn argument_sql() -> Result<SqlMapping, ArgumentError> {
        Ok(SqlMapping::literal("jsonb"))
    }

    fn return_sql() -> Result<Returns, ReturnsError> {
        Ok(Returns::One(SqlMapping::literal("jsonb")))
    }
}

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Jsonb> {
        // The caller passes a datum of type jsonb.
        (!is_null).then_some(Jsonb(datum))
    }
}

// SAFETY: hands the argument's own datum to `from_datum`.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the argument was declared as `jsonb` by SqlTranslatable.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("a jsonb that is not null")
    }
}

// SAFETY: returns the datum unchanged. It is of type jsonb: `parse` got it from jsonb_in, and else it is an argument's.
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

//! The values of constants in trees.

use std::ffi::{CStr, c_char};

use pgrx::datum::Array;
use pgrx::prelude::*;

use super::lookup;
use super::node::{NodeRef, taken};

/// The value of a constant, as far as its type is one of these.
pub enum Constant {
    Null,
    Bool(bool),
    Integer(i64),
    /// A text; of type bpchar without its blanks at the end; or of type jsonpath.
    Text(String),
    /// The text of a json or jsonb.
    Json(String),
    Interval {
        months: i32,
        days: i32,
        micros: i64,
    },
    /// An array of texts that has one dimension, which begins at 1, or none.
    Texts(Vec<Option<String>>),
    /// Another array of texts.
    OtherTexts,
    /// Another type, a value that is too large, or a text that isn't UTF-8.
    Other,
}

/// `_varchar`, which has no name among Postgres' own constants.
const VARCHAR_ARRAY: pg_sys::Oid = pg_sys::Oid::from_u32(1015);

impl NodeRef<'_, pg_sys::Const> {
    /// The value, if it has at most so many bytes.
    pub fn value(self, largest: usize) -> Constant {
        if self.constisnull {
            return Constant::Null;
        }
        // SAFETY: a constant that isn't null holds a value of its type: the parser made it so, and the catalog kept it.
        unsafe { value_of(self.consttype, self.constvalue, largest) }.unwrap_or(Constant::Other)
    }
}

/// # Safety
/// `datum` must be a value of this type, and not null.
unsafe fn value_of(type_oid: pg_sys::Oid, datum: pg_sys::Datum, largest: usize) -> Option<Constant> {
    // SAFETY: the caller's promise, for each type as Postgres represents it.
    unsafe {
        Some(match type_oid {
            pg_sys::BOOLOID => Constant::Bool(bool::from_datum(datum, false)?),
            pg_sys::INT2OID => Constant::Integer(i16::from_datum(datum, false)?.into()),
            pg_sys::INT4OID => Constant::Integer(i32::from_datum(datum, false)?.into()),
            pg_sys::INT8OID => Constant::Integer(i64::from_datum(datum, false)?),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => Constant::Text(varlena(datum, largest, text)?),
            pg_sys::BPCHAROID => Constant::Text(varlena(datum, largest, text)?.trim_end_matches(' ').to_owned()),
            // As Postgres writes it.
            pg_sys::JSONPATHOID => Constant::Text(varlena(datum, largest, |datum| {
                taken(pg_sys::OidOutputFunctionCall(pg_sys::F_JSONPATH_OUT.into(), datum))
            })?),
            pg_sys::JSONOID => Constant::Json(varlena(datum, largest, text)?),
            pg_sys::JSONBOID => Constant::Json(varlena(datum, largest, |datum| {
                taken(pg_sys::OidOutputFunctionCall(pg_sys::F_JSONB_OUT.into(), datum))
            })?),
            pg_sys::TEXTARRAYOID | VARCHAR_ARRAY => varlena(datum, largest, texts)?,
            // Both are C strings: the one ends where it ends, the other within its NAMEDATALEN bytes.
            pg_sys::UNKNOWNOID | pg_sys::NAMEOID => {
                Constant::Text(CStr::from_ptr(datum.cast_mut_ptr::<c_char>()).to_str().ok()?.to_owned())
            }
            pg_sys::INTERVALOID => {
                let interval = datum.cast_mut_ptr::<pg_sys::Interval>().as_ref()?;
                Constant::Interval { months: interval.month, days: interval.day, micros: interval.time }
            }
            _ => match lookup::base_type(type_oid)? {
                // The value of an enum is the OID of its row in pg_enum.
                (_, true) => Constant::Text(lookup::enum_label(pg_sys::Oid::from_datum(datum, false)?)?),
                _ => return None,
            },
        })
    }
}

/// Reads a value of variable length from its plain form; `None` where it is larger.
///
/// # Safety
/// `datum` must be such a value; `read` must be one for its type.
unsafe fn varlena<T>(datum: pg_sys::Datum, largest: usize, read: unsafe fn(pg_sys::Datum) -> Option<T>) -> Option<T> {
    // SAFETY: the caller's promises. A decompressed value is a copy of our own.
    unsafe {
        if pg_sys::toast_raw_datum_size(datum) > largest {
            return None;
        }
        let stored: *mut pg_sys::varlena = datum.cast_mut_ptr();
        let plain = pg_sys::pg_detoast_datum(stored);
        let value = read(plain.into());
        if plain != stored {
            pg_sys::pfree(plain.cast());
        }
        value
    }
}

/// # Safety
/// `datum` must be a text, in its plain form.
unsafe fn text(datum: pg_sys::Datum) -> Option<String> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { <&[u8]>::from_datum(datum, false) }?;
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// # Safety
/// `datum` must be an array of texts, in its plain form.
unsafe fn texts(datum: pg_sys::Datum) -> Option<Constant> {
    let header: *const pg_sys::ArrayType = datum.cast_mut_ptr();
    // SAFETY: the caller's promise. The header is followed by the lengths of the dimensions, and then by their lower bounds.
    let is_simple = unsafe {
        match (*header).ndim {
            0 => true,
            1 => *header.add(1).cast::<i32>().add(1) == 1,
            _ => false,
        }
    };
    if !is_simple {
        return Some(Constant::OtherTexts);
    }
    // SAFETY: the caller's promise. A text's bytes are read without judging them.
    let array = unsafe { Array::<&[u8]>::from_datum(datum, false) }?;
    let item = |item: Option<&[u8]>| item.map(|bytes| std::str::from_utf8(bytes).map(str::to_owned)).transpose().ok();
    Some(Constant::Texts(array.iter().map(item).collect::<Option<_>>()?))
}

//! Queries on the catalog. Each stands in a file of `sql/catalog/`, and its answer is read by the names of its columns.

use std::ffi::CStr;

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient, SpiHeapTupleData};

use super::guc::{self, SettingsLevel};
use super::types::Name;

/// The text of a query: the file of this name in `sql/catalog/`.
macro_rules! catalog_query {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/catalog/", $name, ".sql"))
    };
}
pub(crate) use catalog_query;

/// A row of an answer. To name a column that the answer doesn't have is an error.
pub struct Row<'a>(SpiHeapTupleData<'a>);

impl Row<'_> {
    /// A value that may be NULL.
    pub fn nullable<T: FromDatum + IntoDatum>(&self, column: &str) -> Result<Option<T>, spi::Error> {
        self.0.get_by_name(column)
    }

    /// A value; NULL reads as its type's default.
    pub fn get<T: FromDatum + IntoDatum + Default>(&self, column: &str) -> Result<T, spi::Error> {
        Ok(self.nullable(column)?.unwrap_or_default())
    }

    /// An OID; NULL reads as the invalid one.
    pub fn oid(&self, column: &str) -> Result<pg_sys::Oid, spi::Error> {
        Ok(self.nullable(column)?.unwrap_or(pg_sys::InvalidOid))
    }

    /// The name of something that all databases share. It may have been given in a database of another encoding.
    pub fn shared_name(&self, column: &str) -> Result<String, spi::Error> {
        Ok(self.nullable::<Name>(column)?.map(|Name(name)| name).unwrap_or_default())
    }

    /// An array of booleans; those that are NULL read as false.
    pub fn flags(&self, column: &str) -> Result<Vec<bool>, spi::Error> {
        let flags: Vec<Option<bool>> = self.get(column)?;
        Ok(flags.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// All rows of an answer, each read by `read`.
pub fn rows<T>(
    client: &SpiClient<'_>,
    query: &str,
    arguments: &[DatumWithOid<'_>],
    read: impl FnMut(&Row<'_>) -> Result<T, spi::Error>,
) -> Result<Vec<T>, spi::Error> {
    let _settings = settings();
    rows_by_session(client, query, arguments, read)
}

/// The same under the session's own settings, where the answer is about them.
pub fn rows_by_session<T>(
    client: &SpiClient<'_>,
    query: &str,
    arguments: &[DatumWithOid<'_>],
    mut read: impl FnMut(&Row<'_>) -> Result<T, spi::Error>,
) -> Result<Vec<T>, spi::Error> {
    client.select(query, None, arguments)?.map(|row| read(&Row(row))).collect()
}

/// The first row of an answer, read by `read`; `None` if it has none.
pub fn first_row<T>(
    client: &SpiClient<'_>,
    query: &str,
    arguments: &[DatumWithOid<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T, spi::Error>,
) -> Result<Option<T>, spi::Error> {
    let _settings = settings();
    client.select(query, Some(1), arguments)?.next().map(|row| read(&Row(row))).transpose()
}

/// The settings under which the server's own SQL runs, in every session.
fn settings() -> SettingsLevel {
    let settings = SettingsLevel::keeping_what_functions_set();
    // Postgres expects so many rows of the catalog that it would compile the query (JIT). That takes seconds, and the query
    // milliseconds.
    let jit = (c"jit", c"off");
    for (name, value) in HOW_POSTGRES_WRITES.into_iter().chain([jit]).filter(|(name, value)| !guc::is(name, value)) {
        settings.set(name, value, pg_sys::GucContext::PGC_USERSET);
    }
    settings
}

/// The settings by which Postgres writes names, values and expressions. No comparison may depend on them.
const HOW_POSTGRES_WRITES: [(&CStr, &CStr); 7] = [
    QUOTING,
    (c"datestyle", c"ISO, MDY"),
    (c"intervalstyle", c"postgres"),
    (c"timezone", c"UTC"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"standard_conforming_strings", c"on"),
];
const QUOTING: (&CStr, &CStr) = (c"quote_all_identifiers", c"off");

/// A name as SQL, quoted only where it must be: as the server's own SQL answers.
pub fn quoted_name(name: &str) -> String {
    let (setting, value) = QUOTING;
    if guc::is(setting, value) {
        return spi::quote_identifier(name);
    }
    let settings = SettingsLevel::keeping_what_functions_set();
    settings.set(setting, value, pg_sys::GucContext::PGC_USERSET);
    spi::quote_identifier(name)
}

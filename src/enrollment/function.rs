//! The function that `pg_aal.enrollment_function` names. It is called by its OID, with the rights of its owner and no others, as
//! Postgres itself checks foreign keys.

use std::ffi::CString;

use aal::Enrollment;

use super::no_store::NoStore;
use crate::pg::function::TextFunction;
use crate::pg::lookup;

/// The function of this name, if it fits.
pub fn find(name: &str) -> Result<TextFunction, NoStore> {
    let names = name.split_once('.').filter(|(_, function)| !function.contains('.'));
    let c_string = |name: &str| CString::new(name).ok();
    let Some((Some(schema), Some(function))) = names.map(|(schema, name)| (c_string(schema), c_string(name))) else {
        return Err(NoStore::Function("does not name a schema and a function"));
    };
    let Some(found) = lookup::schema(&schema).and_then(|schema| TextFunction::find(schema, &function)) else {
        return Err(NoStore::Function("names a function (text) that is not there"));
    };
    if !found.returns_boolean || !matches!(found.volatility, b's' | b'i') || found.parallel != b's' {
        return Err(NoStore::Function(
            "names a function that does not return boolean, is volatile, or is not parallel safe",
        ));
    }
    if found.settings.iter().any(|setting| is_open_search_path(setting)) {
        return Err(NoStore::Function(
            "names a function whose search_path does not end with pg_temp: temporary tables come before all others",
        ));
    }
    Ok(found)
}

/// Asks it about a user. NULL: there is no such user.
pub fn ask(function: &TextFunction, subject: &str) -> Enrollment {
    match function.ask(subject) {
        Some(true) => Enrollment::Factor,
        Some(false) => Enrollment::NoFactor,
        None => Enrollment::UnknownUser,
    }
}

/// Whether a function's setting is a search_path that a temporary table can come first in: all that name schemas, but don't
/// name pg_temp last.
fn is_open_search_path(setting: &str) -> bool {
    let Some(path) = setting.strip_prefix("search_path=") else { return false };
    let last = path.rsplit(',').next().unwrap_or_default().trim().trim_matches('"');
    !last.is_empty() && last != "pg_temp"
}

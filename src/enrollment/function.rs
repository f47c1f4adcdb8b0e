//! Functions that settings name: `pg_aal.enrollment_function`, and `pg_aal.session_function`. They are called by their OID, with the
//! rights of their owner and no others, as Postgres itself checks foreign keys.

use std::ffi::CString;

use aal::Enrollment;
use aal::store_fault::UNFIT_FUNCTION;

use crate::pg::function::TextFunction;
use crate::pg::lookup;

/// The parameters that a function must have, each a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// `(subject text)`.
    Subject,
    /// `(subject text, session text)`.
    SubjectAndSession,
}

/// The function of this name, if it fits; else why it doesn't.
pub fn find(name: &str, parameters: Parameters) -> Result<TextFunction, &'static str> {
    let (count, none) = match parameters {
        Parameters::Subject => (1, "names a function (text) that is not there"),
        Parameters::SubjectAndSession => (2, "names a function (text, text) that is not there"),
    };
    let names = name.split_once('.').filter(|(_, function)| !function.contains('.'));
    let c_string = |name: &str| CString::new(name).ok();
    let Some((Some(schema), Some(function))) = names.map(|(schema, name)| (c_string(schema), c_string(name))) else {
        return Err("does not name a schema and a function");
    };
    let Some(found) = lookup::schema(&schema).and_then(|schema| TextFunction::find(schema, &function, count)) else {
        return Err(none);
    };
    if !found.returns_boolean || !matches!(found.volatility, b's' | b'i') || found.parallel != b's' {
        return Err(UNFIT_FUNCTION);
    }
    if found.settings.iter().any(|setting| is_open_search_path(setting)) {
        return Err(
            "names a function whose search_path does not end with pg_temp: temporary tables come before all others",
        );
    }
    Ok(found)
}

/// Asks it about a user. NULL: there is no such user.
pub fn ask(function: &TextFunction, subject: &str) -> Enrollment {
    match function.ask(&[subject]) {
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

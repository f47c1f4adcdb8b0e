//! The argument `applies_when` of `protect_table`: a function that says for which sessions a protection is.

use pgrx::prelude::*;
use pgrx::spi::{self, SpiClient};

use crate::catalog::SessionFunction;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;

/// The function with this OID; raises 22023 for one that can't say it.
pub fn session_function(client: &SpiClient<'_>, oid: pg_sys::Oid) -> Result<SessionFunction, spi::Error> {
    let Some(function) = SessionFunction::read(client, oid)? else {
        refuse("applies_when names no function", "Name a function without arguments, as in 'private.is_admin()'.")
    };
    require_suitable(&function);
    Ok(function)
}

fn require_suitable(function: &SessionFunction) {
    let name = &function.display_name;
    if !function.is_plain || !function.takes_nothing || !function.returns_boolean {
        let message = format!("{name} is no function without arguments that returns one boolean");
        refuse(&message, "applies_when is asked about the session, and not about a row.");
    }
    if function.is_in_schema_of_postgres {
        let message = format!("{name} is in a schema of Postgres, and applies_when needs a function of yours");
        refuse(&message, "Write a function that calls it.");
    }
    if function.is_ours {
        let message = format!("{name} is a function of pg_aal, and applies_when needs a function of yours");
        refuse(&message, "To ask for live sessions: live => true.");
    }
    match function.volatility.as_str() {
        "s" => {}
        "i" => {
            let hint = format!(
                "alter function {name} stable; An IMMUTABLE one gives all sessions the same answer, and plans keep it."
            );
            refuse(&format!("{name} is IMMUTABLE, and applies_when needs a STABLE function"), &hint);
        }
        _ => {
            let hint =
                format!("alter function {name} stable; if it changes nothing and gives one answer in each statement.");
            refuse(&format!("{name} is VOLATILE, and applies_when needs a STABLE function"), &hint);
        }
    }
}

fn refuse(message: &str, hint: &str) -> ! {
    raise(SqlState::INVALID_PARAMETER_VALUE, message, None, Some(hint))
}

//! Handing the claims on to Citus' other nodes.
//!
//! VOLATILE and PARALLEL UNSAFE: it changes settings. Without a SET clause, within which Citus hands nothing on.

use pgrx::prelude::*;
use pgrx::spi;

use crate::citus;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::session::handed_on::settings_to_hand_on;
use crate::utility;

/// Hands the claims in force, or the token, on to the nodes of Citus that take part in this transaction: by `set local`. For
/// `PGRST_DB_PRE_REQUEST`. Without Citus there is nobody to hand them on to, and it does nothing.
///
/// Errors: 55000 where Citus hands no setting on.
#[pg_extern(volatile, parallel_unsafe)]
fn hand_on_claims() {
    if !citus::is_there() {
        return;
    }
    if !citus::hands_on_settings() {
        let message = "the claims cannot be handed on to Citus' other nodes: citus.propagate_set_commands is not local";
        let hint = "alter role authenticator set citus.propagate_set_commands = 'local'";
        raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message, None, Some(hint));
    }
    utility::watch();
    let set = settings_to_hand_on();
    let done = Spi::connect_mut(|client| {
        for (name, value) in set {
            let value = spi::quote_literal(value.to_string_lossy());
            client.update(&format!("set local {name} = {value}"), None, &[])?;
        }
        Ok::<(), spi::Error>(())
    });
    done.unwrap_or_else(|error| raise(SqlState::INTERNAL_ERROR, &error.to_string(), None, None));
}

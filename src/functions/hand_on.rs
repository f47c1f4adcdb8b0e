//! Handing the claims on to Citus' other nodes.
//!
//! VOLATILE and PARALLEL UNSAFE: it changes settings. Without a SET clause, within which Citus hands nothing on.

use std::ffi::CStr;

use pgrx::prelude::*;
use pgrx::spi;

use crate::citus;
use crate::pg::elog::raise;
use crate::pg::sqlstate::SqlState;
use crate::pg::{guc, role, stored_setting, transaction};
use crate::session::handed_on::settings_to_hand_on;
use crate::settings::{self, ClaimsSource};
use crate::utility;

/// Hands the claims in force, or the token, on to the nodes of Citus that take part in this transaction: by `set local`. For
/// `PGRST_DB_PRE_REQUEST`. Without Citus there is nobody to hand them on to, and it does nothing.
///
/// Errors: 55000 where Citus hands no setting on, or not for the rest of the transaction, or where others would see the token on other
/// nodes.
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
    if transaction::is_in_subtransaction() {
        let message =
            "the claims cannot be handed on to Citus' other nodes within a savepoint or a block with EXCEPTION";
        let detail = "When that is released, Citus forgets what was handed on in it, and new connections to nodes get what was before.";
        let hint = "Call auth.hand_on_claims() outside of it.";
        raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message, Some(detail), Some(hint));
    }
    require_hidden_token();
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

/// Citus hands a token on by a statement's text, in a session of the role. Every other session of that role could read it in
/// `pg_stat_activity`, and the users of an API share one. So it is handed on only where the role's settings hide its statements.
fn require_hidden_token() {
    let role = role::current();
    if settings::claims_source() != ClaimsSource::Token || role::is_superuser(role) {
        return;
    }
    for (setting, shown_by) in SHOWING_STATEMENTS.into_iter().filter(|(setting, _)| guc::is_there(setting)) {
        let setting = setting.to_string_lossy();
        let stored = stored_setting::of_role(role, &setting).map(|value| value.to_ascii_lowercase());
        if !matches!(stored.as_deref(), Some("off" | "false" | "no" | "0")) {
            let message = "the token cannot be handed on to Citus' other nodes: others would see it there";
            let name = role::name(role).unwrap_or_default();
            let name = spi::quote_identifier(name);
            let detail = format!("{shown_by} shows the statements of {name} to all its sessions.");
            let hint = format!("alter role {name} set {setting} = off, by a superuser; it counts for new connections.");
            raise(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message, Some(&detail), Some(&hint));
        }
    }
}

/// The settings by which statements are shown to others of their role, and where. Only superusers set them.
const SHOWING_STATEMENTS: [(&CStr, &str); 2] =
    [(c"track_activities", "pg_stat_activity"), (c"pg_stat_statements.track_utility", "pg_stat_statements")];

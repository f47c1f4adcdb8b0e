//! What `protect_table` warns of: ways around the policies, and tables that nobody can use.

use aal::protection::{Made, Protection, TableLevel};
use aal::{Command, Level};
use pgrx::pg_sys;
use pgrx::spi::{self, SpiClient};

use super::target::Target;
use crate::catalog::{Relation, SessionFunction, stored_values};
use crate::enrollment::{NoStore, check_store, function_fits, has_tables_of_supabase_auth};
use crate::liveness::{self, NoSessions};
use crate::pg::elog::{notice, warn};

/// The WARNINGs of one call.
#[derive(Default)]
pub struct Warnings {
    /// How many there were.
    pub given: usize,
}

impl Warnings {
    /// Gives one.
    #[track_caller]
    pub fn give(&mut self, message: &str, hint: &str) {
        self.given += 1;
        warn(message, hint);
    }

    /// Warns of the ways around the policies of these tables that are the owner's to close.
    pub fn of_ways_around(
        &mut self,
        client: &SpiClient<'_>,
        targets: &[Target],
        bound: &[String],
    ) -> Result<(), spi::Error> {
        // A table that inherits can be used by its own name and through its parent: each way only the policies of the
        // table that is named count.
        let names =
            |relations: Vec<Relation>| relations.iter().map(Relation::display_name).collect::<Vec<_>>().join(", ");
        let root = &targets[0].relation;
        let name = root.display_name();
        let children = names(root.inheriting_tables(client)?);
        if !children.is_empty() {
            let message = format!("tables that inherit from {name} are not protected: {children}");
            self.give(&message, "Protect each, or revoke access to it.");
        }
        let parents = names(root.unprotected_parents(client)?);
        if !parents.is_empty() {
            let message = format!("the rows of {name} can be reached without its policies through {parents}");
            self.give(&message, "Protect the parent, too.");
        }
        let unbound = root.roles_not_bound(client, bound)?.join(", ");
        if !unbound.is_empty() {
            let message = format!("roles with privileges on {name} that its policies do not bind: {unbound}");
            let hint = "They can do what permissive policies allow, at any level: leave roles out to bind everybody, or revoke.";
            self.give(&message, hint);
        }
        // Row security doesn't see TRUNCATE; a foreign key tells which keys exist; a trigger runs in other sessions, and a
        // role that may create one may replace the guard.
        for Target { relation, .. } in targets {
            let roles = relation.roles_with_rights_past_row_security(client)?.join(", ");
            if !roles.is_empty() {
                let name = relation.display_name();
                let message = format!("privileges on {name} that row security does not check are granted to {roles}");
                self.give(&message, &format!("revoke trigger, truncate, references on {name} from {roles};"));
            }
        }
        Ok(())
    }

    /// Warns of options that seldom mean what they say.
    pub fn of_options(
        &mut self,
        client: &SpiClient<'_>,
        relation: &Relation,
        protection: &Protection,
    ) -> Result<(), spi::Error> {
        for age in protection.short_ages() {
            let message = format!("an age of {} is too short for most sessions", age.in_words());
            self.give(&message, "An interval without a unit is in seconds: write 15 minutes, for example.");
        }
        if protection.requires(Level::Aal3) && has_tables_of_supabase_auth() {
            let message = "Supabase Auth issues no level aal3: none of its users can meet it";
            self.give(message, "Use aal2, the highest level that it issues.");
        }
        let open: Vec<&str> = protection.open_beside_reads().into_iter().map(Command::as_str).collect();
        if !open.is_empty() {
            let message =
                format!("no level is required for {}, and {} is for reads", open.join(" and "), protection.reads());
            let hint =
                "Without a WHERE, it changes rows that the session may not see, if a permissive policy allows that.";
            self.give(&message, hint);
        }
        let bypassing = relation.roles_that_bypass(client, &protection.bound_roles())?.join(", ");
        if !bypassing.is_empty() {
            let message = format!("row security does not bind these of the roles: {bypassing}");
            self.give(&message, "Superusers, roles with BYPASSRLS and the owner bypass every policy: leave them out.");
        }
        Ok(())
    }

    /// Warns of roles that the policies bind and that may not execute the function of `applies_when`: their statements fail.
    pub fn of_roles_without_execute(
        &mut self,
        client: &SpiClient<'_>,
        targets: &[Target],
        bound: &[String],
        function: &SessionFunction,
    ) -> Result<(), spi::Error> {
        let tables: Vec<pg_sys::Oid> = targets.iter().map(|target| target.relation.oid).collect();
        let roles = function.roles_without_execute(client, &tables, bound)?.join(", ");
        if !roles.is_empty() {
            let (table, name) = (targets[0].relation.display_name(), &function.display_name);
            let message = format!("every statement on {table} fails for roles that may not execute {name}: {roles}");
            self.give(&message, &format!("grant execute on function {name} to {roles};"));
        }
        Ok(())
    }

    /// Warns of a table that nobody can use. Where only some commands can't be used, it is a NOTICE: that may be meant.
    pub fn of_closed_commands(&mut self, client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
        let commands = relation.commands_without_permissive_policy(client)?;
        let (name, listed) = (relation.display_name(), commands.join(", "));
        let message = format!("no permissive policy on {name} allows {listed}: no one can use it that way");
        let hint = "AAL policies only narrow what permissive policies allow: create one, or name the owner_column.";
        match commands.len() {
            0 => {}
            4 => self.give(&message, hint),
            _ => notice(&message, Some(hint)),
        }
        Ok(())
    }

    /// Warns if live sessions are asked for and no session can be looked up.
    pub fn of_missing_sessions(&mut self, client: &SpiClient<'_>, protection: &Protection) -> Result<(), spi::Error> {
        let Some(error) = protection.live.then(liveness::check_store).and_then(Result::err) else { return Ok(()) };
        if let NoSessions::Tables(_) = error
            && let Some(holders) = holders_of(client, "pg_aal.session_function", liveness::function_fits)?
        {
            let message = format!("sessions are looked up where pg_aal.session_function is set: for {holders}");
            notice(&message, Some("In other sessions, such as this one, none counts as live."));
            return Ok(());
        }
        self.give(&format!("no session passes where a live one is asked: {error}"), error.hint());
        Ok(())
    }

    /// Warns if the enrolled level is asked for and no user can be looked up.
    pub fn of_missing_store(&mut self, client: &SpiClient<'_>, protection: &Protection) -> Result<(), spi::Error> {
        let Some(error) = protection.requires_enrolled().then(check_store).and_then(Result::err) else { return Ok(()) };
        if let NoStore::Tables(_) = error
            && let Some(holders) = holders_of(client, "pg_aal.enrollment_function", function_fits)?
        {
            let message = format!("factors are looked up where pg_aal.enrollment_function is set: for {holders}");
            notice(
                &message,
                Some("In other sessions, such as this one, only aal2 passes where level enrolled is asked."),
            );
            return Ok(());
        }
        self.give(&format!("only sessions at aal2 pass where level enrolled is asked: {error}"), error.hint());
        Ok(())
    }
}

/// The roles and databases for which a setting is stored that counts here, in a row; `None` if there are none, or if one of the stored
/// values doesn't do. A session has it that begins as one of them.
fn holders_of(
    client: &SpiClient<'_>,
    setting: &str,
    does: impl Fn(&str) -> bool,
) -> Result<Option<String>, spi::Error> {
    let stored = stored_values(client, setting)?;
    let all_do = !stored.is_empty() && stored.iter().all(|stored| does(&stored.value));
    Ok(all_do.then(|| stored.into_iter().map(|stored| stored.holder).collect::<Vec<_>>().join(", ")))
}

/// Notes the roles that could read without a level, and can no longer.
pub fn notice_lost_reads(client: &SpiClient<'_>, target: &Target, protection: &Protection) -> Result<(), spi::Error> {
    let Target { relation, existing, .. } = target;
    // Row security let nobody read where no permissive policy allows it.
    let was_open = !relation.row_security || !relation.other_permissive_policies(client)?.is_empty();
    let had_level = relation.row_security && existing.iter().any(|named| named.name == Made::Read.name());
    if protection.read == TableLevel::None || had_level || !was_open {
        return Ok(());
    }
    let readers = relation.readers_bound(client, &protection.bound_roles())?.join(", ");
    if !readers.is_empty() {
        let message =
            format!("reads of {} need {} now, for these roles: {readers}", relation.display_name(), protection.reads());
        notice(
            &message,
            Some("That is meant where only users who are signed in should read. To leave reads open: read => 'none'."),
        );
    }
    Ok(())
}

/// Notes that other policies than `aal_owner` allow rows of others.
pub fn notice_other_rows(client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
    let policies = relation.other_permissive_policies(client)?.join(", ");
    if !policies.is_empty() {
        let message =
            format!("other permissive policies on {} open more than own rows: {policies}", relation.display_name());
        notice(&message, Some("Permissive policies add up. Drop those, or give owner_column up."));
    }
    Ok(())
}

/// Warns of the roles that reach all rows of a table whose row security goes off.
pub fn warn_of_opened_rows(client: &SpiClient<'_>, relation: &Relation) -> Result<(), spi::Error> {
    let roles = relation.grantees(client, &["SELECT", "INSERT", "UPDATE", "DELETE"], &[])?.join(", ");
    if !roles.is_empty() {
        let name = relation.display_name();
        let message =
            format!("row security goes off for {name}, as it was before: these roles reach all its rows: {roles}");
        warn(
            &message,
            &format!("To keep own rows apart: alter table {name} enable row level security; and create policies."),
        );
    }
    Ok(())
}

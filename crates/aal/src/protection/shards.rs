//! A protection of a table that Citus holds: policies and triggers that count in its shards.
//!
//! Citus creates the policies of shards without AS RESTRICTIVE, refuses sub-selects in them, and hands no trigger on that fires for
//! TRUNCATE. So each policy is permissive, and asks for the owner and the level in one condition.

use std::fmt;

use minijinja::context;

use super::guard_arguments::GuardArgument;
use super::made::Made;
use super::render::{Renderer, arguments_clause, policy_condition};
use super::request::Protection;
use crate::command::Command;
use crate::requirement::Requirement;

/// An option of a protection that can't hold in shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitForShards {
    /// No `owner_column`: a permissive policy that asks for the level alone opens every row.
    NoOwner,
    /// `none` for a command: there no other policy decides, and none would allow it.
    NoLevel(Command),
    /// `enrolled`: the users are looked up on the node that holds the shard.
    Enrolled(Command),
    /// `live`: the same, of sessions.
    Live,
    /// `applies_when`, which takes a sub-select.
    AppliesWhen,
    /// `sensitive_columns`, for which a trigger decides alone.
    SensitiveColumns,
    /// `refuse_reads`, for which the table that a statement names is looked at.
    RefuseReads,
}

impl fmt::Display for UnfitForShards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOwner => f.write_str("owner_column is missing"),
            Self::NoLevel(command) => write!(f, "level none for {} cannot be", command.as_str()),
            Self::Enrolled(command) => write!(f, "level enrolled for {} cannot be", command.as_str()),
            Self::Live => f.write_str("live cannot be"),
            Self::AppliesWhen => f.write_str("applies_when cannot be"),
            Self::SensitiveColumns => f.write_str("sensitive_columns cannot be"),
            Self::RefuseReads => f.write_str("refuse_reads cannot be"),
        }
    }
}

impl UnfitForShards {
    /// Why it doesn't hold there.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::NoOwner => {
                "In shards every policy is permissive. One that requires a level alone opens all rows to each session of that level."
            }
            Self::NoLevel(_) => {
                "Its policies are the only ones of the table. Without one for a command, no row is allowed."
            }
            Self::Enrolled(_) => {
                "It is decided on the node of the shard, and the tables of Supabase Auth are not there."
            }
            Self::Live => "It is decided on the node of the shard, and auth.sessions is not there.",
            Self::AppliesWhen => "Citus refuses policies with a sub-select.",
            Self::SensitiveColumns => {
                "Only a trigger can decide by change of value, and shards may lose their triggers."
            }
            Self::RefuseReads => "It looks at the tables that a statement names, and shards have other names.",
        }
    }

    /// What to do instead.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoOwner => "Name the column that holds the owner of a row: owner_column => 'user_id', for example.",
            Self::NoLevel(_) => "Give it a level: aal1 is the lowest. To forbid the command, revoke the privilege.",
            Self::Enrolled(_) => "Give it a fixed level: aal2, for example.",
            Self::Live => "Leave live out, and keep tokens short.",
            Self::AppliesWhen => "Leave applies_when out.",
            Self::SensitiveColumns => "Leave sensitive_columns out, or keep these columns in a table of their own.",
            Self::RefuseReads => "Leave refuse_reads out: a session below the level reads no row.",
        }
    }
}

impl std::error::Error for UnfitForShards {}

impl Protection {
    /// Whether all of it can hold on a table that Citus holds.
    ///
    /// # Errors
    /// [`UnfitForShards`] names the option that can't.
    pub fn fits_shards(&self) -> Result<(), UnfitForShards> {
        let options = [
            (self.owner.is_none(), UnfitForShards::NoOwner),
            (self.live, UnfitForShards::Live),
            (self.applies_when.is_some(), UnfitForShards::AppliesWhen),
            (!self.sensitive_columns.is_empty(), UnfitForShards::SensitiveColumns),
            (self.refuse_reads, UnfitForShards::RefuseReads),
        ];
        if let Some((_, unfit)) = options.into_iter().find(|(is_asked, _)| *is_asked) {
            return Err(unfit);
        }
        for (command, level) in self.levels() {
            match level.requirement() {
                None => return Err(UnfitForShards::NoLevel(command)),
                Some(Requirement::Enrolled(_)) => return Err(UnfitForShards::Enrolled(command)),
                Some(Requirement::Fixed(_)) => {}
            }
        }
        Ok(())
    }

    /// The statements that protect such a table. One for which it doesn't fit gets no policy, and is closed.
    pub(super) fn statements_for_shards(&self, renderer: &Renderer<'_>) -> Vec<String> {
        let (Ok(()), Some(owner)) = (self.fits_shards(), &self.owner) else { return Vec::new() };
        let (roles, owner_column) = (&self.roles_clause(renderer.quote), &renderer.quote.identifier(&owner.column));
        let owns = format!("{owner_column} operator(pg_catalog.=) {}", owner.subject());
        let mut statements = Vec::new();
        for policy in Made::LEVEL_POLICIES {
            let (Some(required), Some(command)) = (self.requirement(policy), policy.command()) else { continue };
            let condition = format!("{owns} and {}", policy_condition(required, renderer.quote));
            let (uses, checks) = (command != Command::Insert, matches!(command, Command::Insert | Command::Update));
            let (name, command) = (policy.name(), command.in_lower_case());
            let values = context! { name, command, roles, condition, uses, checks };
            statements.extend(renderer.render(include_str!("../../../../sql/templates/aal_in_shards.sql"), values));
        }
        if self.guard {
            statements.extend(self.guards_for_shards(renderer));
        }
        statements
    }

    /// The guard, which Citus hands on to shards unless it fires for TRUNCATE, and the trigger for TRUNCATE, which fires on the
    /// table that a statement names.
    fn guards_for_shards(&self, renderer: &Renderer<'_>) -> Vec<String> {
        let argument =
            |command| self.requirement(Made::policy_for(command)).map(|required| GuardArgument { command, required });
        let is_of_truncate = |it: &GuardArgument| it.command == Command::Truncate;
        let (truncate, others): (Vec<_>, Vec<_>) =
            Command::WRITES.into_iter().filter_map(argument).partition(is_of_truncate);
        let mut statements = Vec::new();
        let guard = include_str!("../../../../sql/templates/aal_guard_in_shards.sql");
        for (template, arguments) in [(guard, others), (Made::Truncate.template(), truncate)] {
            let events: Vec<&str> = arguments.iter().map(|argument| argument.command.in_lower_case()).collect();
            let events = events.join(" or ");
            let arguments = arguments_clause(&arguments, &[], renderer.quote);
            statements.extend(renderer.render(template, context! { events, arguments }));
        }
        statements
    }

    /// What these statements make.
    pub(super) fn made_for_shards(&self) -> Vec<Made> {
        let mut made = if self.fits_shards().is_ok() { Made::LEVEL_POLICIES.to_vec() } else { return Vec::new() };
        if self.guard {
            made.extend([Made::Guard, Made::Truncate]);
        }
        made
    }
}

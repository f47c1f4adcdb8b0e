//! What `protect_table` made, recognized by its shape: its comments, which hold the record, may be lost.
//!
//! The levels that it finds are rendered again and compared, so all of it is exactly as `protect_table` would make it.

use super::guard_arguments::{
    EXEMPTS_BY_POLICY, LIVE_ONLY, guard_argument, guard_asks_for_live, guard_exempts, guard_requirement,
    guard_requirement_of_read,
};
use super::levels::TableLevel;
use super::made::Made;
use super::record::RecordedProtection;
use crate::command::Command;
use crate::requirement::Requirement;

/// A trigger that is as `protect_table` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognizedGuard {
    /// What it requires for each of its commands.
    pub required: Vec<(Command, Requirement)>,
    /// Whether it exempts the sessions that the table's policies exempt.
    pub exempts: bool,
    /// What it requires of a statement that reads, if it refuses reads.
    pub reads: Option<Requirement>,
    /// Whether it asks for a live session.
    pub live: bool,
}

/// What of a table's policies and triggers is as `protect_table` makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognized {
    /// The restrictive policies, and what each requires.
    pub policies: Vec<(Made, Requirement)>,
    /// Whether the policy for rows of one's own is there.
    pub owner: bool,
    /// The guard.
    pub guard: Option<RecognizedGuard>,
    /// The trigger that decides about sensitive columns.
    pub columns: Option<RecognizedGuard>,
    /// The roles that its policies bind; none: everybody.
    pub roles: Vec<String>,
    /// Whether its policies exempt sessions.
    pub for_some: bool,
    /// Whether its policies ask for a live session.
    pub live: bool,
    /// Whether they are as on a table that Citus holds.
    pub in_shards: bool,
    /// The trigger that decides about TRUNCATE on such a table.
    pub truncate: Option<RecognizedGuard>,
    /// The policies that are as `protect_table` makes restrictive ones, except that they are permissive.
    pub permissive: Vec<Made>,
}

impl RecognizedGuard {
    /// The trigger that fires for these commands with these arguments; `None` where `protect_table` would render others. On a table
    /// that Citus holds, TRUNCATE has a trigger of its own.
    pub fn from_arguments(commands: &[Command], arguments: &[String], in_shards: bool) -> Option<RecognizedGuard> {
        let given = || arguments.iter().map(String::as_str);
        let mut required = Vec::new();
        for command in Command::WRITES.into_iter().filter(|command| commands.contains(command)) {
            required.extend(guard_requirement(command, given()).ok()?.map(|required| (command, required)));
        }
        let (exempts, live) = (guard_exempts(given()).ok()?, guard_asks_for_live(given()).ok()?);
        let reads = guard_requirement_of_read(Command::Select, given()).ok()?;
        let guard = RecognizedGuard { required, exempts, reads, live };
        let mut rendered: Vec<String> =
            guard.required.iter().map(|(command, required)| guard_argument(*command, *required)).collect();
        rendered.extend(guard.reads.map(|required| guard_argument(Command::Select, required)));
        rendered.extend(guard.exempts.then(|| EXEMPTS_BY_POLICY.to_owned()));
        rendered.extend(guard.live.then(|| LIVE_ONLY.to_owned()));
        let mut arguments = arguments.to_vec();
        rendered.sort_unstable();
        arguments.sort_unstable();
        let truncates_as_it_deletes = guard.requires(Command::Truncate) == guard.requires(Command::Delete);
        let is_for_updates_only = commands == [Command::Update];
        let is_apart = in_shards && (commands == [Command::Truncate] || !commands.contains(&Command::Truncate));
        let is_whole = if in_shards { is_apart } else { truncates_as_it_deletes || is_for_updates_only };
        (rendered == arguments && is_whole).then_some(guard)
    }

    /// What it requires for a command, if it fires for it.
    fn requires(&self, command: Command) -> Option<Requirement> {
        self.required.iter().find(|(it, _)| *it == command).map(|(_, required)| *required)
    }
}

impl Recognized {
    /// The recognized policies and triggers, by their names. Without a policy that requires a level there are none: a guard alone, or
    /// the owner's policy, can be somebody else's.
    pub fn made(&self) -> Vec<Made> {
        if self.policies.is_empty() && self.permissive.is_empty() {
            return Vec::new();
        }
        let mut made: Vec<Made> = self.policies.iter().map(|(made, _)| *made).collect();
        made.extend(&self.permissive);
        made.extend(self.owner.then_some(Made::Owner));
        made.extend(self.guard.as_ref().map(|_| Made::Guard));
        made.extend(self.columns.as_ref().map(|_| Made::Columns));
        made.extend(self.truncate.as_ref().map(|_| Made::Truncate));
        made
    }

    /// The protection that it comes to; `None` where nothing was recognized. The guard also says what the policies required that are
    /// gone.
    pub fn protection(&self) -> Option<RecordedProtection> {
        if self.policies.is_empty() {
            return None;
        }
        Some(RecordedProtection {
            read: self.level(Command::Select),
            insert: self.level(Command::Insert),
            update: self.level(Command::Update),
            delete: self.level(Command::Delete),
            sensitive: self.columns.is_some(),
            guard: self.guard.is_some(),
            owner: self.owner,
            roles: self.roles.clone(),
            for_some: self.for_some,
            live: self.live,
            refuse_reads: self.guard.as_ref().is_some_and(|guard| guard.reads.is_some()),
            in_shards: self.in_shards,
        })
    }

    fn level(&self, command: Command) -> TableLevel {
        let in_policy = || {
            let made = Made::policy_for(command);
            self.policies.iter().find(|(it, _)| *it == made).map(|(_, required)| *required)
        };
        let in_guard = |guard: &Option<RecognizedGuard>| guard.as_ref().and_then(|guard| guard.requires(command));
        let required = in_guard(&self.columns).or_else(|| in_guard(&self.guard)).or_else(in_policy);
        required.map_or(TableLevel::None, TableLevel::Required)
    }
}

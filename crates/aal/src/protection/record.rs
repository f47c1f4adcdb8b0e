//! The record that a protection leaves in the comments on what it made.

use serde::{Deserialize, Serialize};

use super::levels::{CommandLevels, TableLevel};
use super::made::Made;
use super::request::Protection;
use super::table::Table;
use crate::command::Command;
use crate::requirement::Requirement;

/// How a table stood before it was protected, so that `unprotect_table` can leave it that way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Whether row security was on.
    #[serde(rename = "row_security_before")]
    pub row_security: bool,
    /// Where it was off: a fingerprint of the policies that waited on the table even so, if there were any.
    #[serde(rename = "policies_before", default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
}

/// How the comment on everything that `protect_table` makes begins.
pub const RECORD_MARK: &str = "pg_aal: ";

#[derive(Serialize)]
struct Record<'a> {
    read: String,
    insert: String,
    update: String,
    delete: String,
    sensitive: bool,
    #[serde(skip_serializing_if = "is_true")]
    guard: bool,
    #[serde(skip_serializing_if = "is_false")]
    owner: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    // Not which function: that gets other names. The policies know it.
    #[serde(skip_serializing_if = "is_false")]
    for_some: bool,
    #[serde(skip_serializing_if = "is_false")]
    live: bool,
    #[serde(skip_serializing_if = "is_false")]
    refuse_reads: bool,
    #[serde(skip_serializing_if = "is_false")]
    in_shards: bool,
    #[serde(flatten)]
    before: &'a Before,
}

impl Record<'_> {
    fn to_comment(&self) -> String {
        format!("{RECORD_MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }
}

fn is_true(it: &bool) -> bool {
    *it
}

fn is_false(it: &bool) -> bool {
    !it
}

/// What `protect_table` was asked for, read back from the record it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProtection {
    /// For SELECT.
    pub read: TableLevel,
    /// For INSERT.
    pub insert: TableLevel,
    /// For UPDATE.
    pub update: TableLevel,
    /// For DELETE and TRUNCATE.
    pub delete: TableLevel,
    /// Whether there are sensitive columns.
    pub sensitive: bool,
    /// Whether it made a guard.
    pub guard: bool,
    /// Whether it made the policy for rows of one's own.
    pub owner: bool,
    /// The roles that its policies bind; none: everybody.
    pub roles: Vec<String>,
    /// Whether it is only for the sessions that a function names.
    pub for_some: bool,
    /// Whether it asks for a live session.
    pub live: bool,
    /// Whether its guard refuses statements that read below the level.
    pub refuse_reads: bool,
    /// Whether it was made for a table that Citus holds.
    pub in_shards: bool,
}

#[derive(Deserialize)]
struct ReadRecord {
    read: String,
    insert: String,
    update: String,
    delete: String,
    #[serde(default)]
    sensitive: bool,
    #[serde(default = "yes")]
    guard: bool,
    #[serde(default)]
    owner: bool,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    for_some: bool,
    #[serde(default)]
    live: bool,
    #[serde(default)]
    refuse_reads: bool,
    #[serde(default)]
    in_shards: bool,
}

fn yes() -> bool {
    true
}

impl RecordedProtection {
    /// Reads it from a comment; `None` where `protect_table` didn't write it.
    pub fn from_record(comment: &str) -> Option<RecordedProtection> {
        let record: ReadRecord = serde_json::from_str(comment.strip_prefix(RECORD_MARK)?).ok()?;
        Some(RecordedProtection {
            read: record.read.parse().ok()?,
            insert: record.insert.parse().ok()?,
            update: record.update.parse().ok()?,
            delete: record.delete.parse().ok()?,
            sensitive: record.sensitive,
            guard: record.guard,
            owner: record.owner,
            roles: record.roles,
            for_some: record.for_some,
            live: record.live,
            refuse_reads: record.refuse_reads,
            in_shards: record.in_shards,
        })
    }

    /// The same as a record, for a table that stood like this before.
    pub fn to_record(&self, before: &Before) -> String {
        let record = Record {
            read: self.read.to_string(),
            insert: self.insert.to_string(),
            update: self.update.to_string(),
            delete: self.delete.to_string(),
            sensitive: self.sensitive,
            guard: self.guard,
            owner: self.owner,
            roles: self.roles.clone(),
            for_some: self.for_some,
            live: self.live,
            refuse_reads: self.refuse_reads,
            in_shards: self.in_shards,
            before,
        };
        record.to_comment()
    }

    /// The policies for commands that it made, and what each requires.
    pub fn policies(&self) -> impl Iterator<Item = (Made, Requirement)> {
        Made::LEVEL_POLICIES
            .into_iter()
            .filter_map(|made| self.requirement(made).map(|requirement| (made, requirement)))
    }

    /// What a policy requires.
    fn requirement(&self, policy: Made) -> Option<Requirement> {
        self.level(policy).requirement()
    }

    /// What a policy requires, as the level of its command.
    pub(super) fn level(&self, policy: Made) -> TableLevel {
        let RecordedProtection { read, insert, update, delete, sensitive: has_sensitive_columns, .. } = *self;
        CommandLevels { read, insert, update, delete, has_sensitive_columns }.of_policy(policy)
    }

    /// Whether it requires a level for any write.
    pub(super) fn requires_writes(&self) -> bool {
        Command::WRITES.into_iter().any(|command| self.requires_level(command))
    }

    /// Whether it requires a level for this command.
    pub fn requires_level(&self, command: Command) -> bool {
        self.requirement(Made::policy_for(command)).is_some()
    }

    /// The commands that its guard fires for, and what it requires for each.
    pub fn guarded(&self) -> Vec<(Command, Requirement)> {
        let requirement = |command| self.requirement(Made::policy_for(command)).map(|it| (command, it));
        // On a Citus table another trigger decides about TRUNCATE.
        let is_guarded = |command: &Command| self.guard && !(self.in_shards && *command == Command::Truncate);
        Command::WRITES.into_iter().filter(is_guarded).filter_map(requirement).collect()
    }
}

impl RecordedProtection {
    /// What its guard demands of statements that read, if it refuses them.
    pub fn refused_reads(&self) -> Option<Requirement> {
        if self.guard && self.refuse_reads { self.requirement(Made::Read) } else { None }
    }
}

impl Protection {
    /// The comment on everything that is made: the request, and how the table stood before.
    pub fn record(&self, table: &Table) -> String {
        let record = Record {
            read: self.read.to_string(),
            insert: self.insert.to_string(),
            update: self.update.to_string(),
            delete: self.delete.to_string(),
            sensitive: !self.sensitive_columns.is_empty(),
            guard: self.guard,
            owner: self.owner.is_some(),
            roles: if self.binds_everybody() { Vec::new() } else { self.roles.clone() },
            for_some: self.applies_when.is_some(),
            live: self.live,
            refuse_reads: self.refuse_reads,
            in_shards: table.has_shards,
            before: &table.before,
        };
        record.to_comment()
    }
}

impl Before {
    /// Where no record says how the table stood: row security counts as on, and stays on.
    pub const fn unknown() -> Before {
        Before { row_security: true, policies: None }
    }

    /// Reads the record back from a comment; `None` where `protect_table` didn't write it.
    pub fn from_record(comment: &str) -> Option<Before> {
        serde_json::from_str(comment.strip_prefix(RECORD_MARK)?).ok()
    }
}

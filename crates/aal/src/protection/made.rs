//! What `protect_table` makes on a table: its policies and triggers, by their names.

use crate::command::Command;

/// A policy or trigger that `protect_table` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// The restrictive policy for SELECT.
    Read,
    /// The restrictive policy for INSERT.
    Insert,
    /// The restrictive policy for UPDATE.
    Update,
    /// The restrictive policy for DELETE.
    Delete,
    /// The permissive policy for rows of one's own.
    Owner,
    /// The trigger that explains refusals, and decides about TRUNCATE.
    Guard,
    /// The trigger that decides about sensitive columns.
    Columns,
    /// The trigger that decides about TRUNCATE on a Citus table, where the guard must not: shards have no trigger that fires for it.
    Truncate,
}

impl Made {
    /// All of them, in the order in which they are made.
    pub const ALL: [Made; 8] =
        [Made::Read, Made::Insert, Made::Update, Made::Delete, Made::Owner, Made::Guard, Made::Columns, Made::Truncate];

    /// The policies.
    pub const POLICIES: [Made; 5] = [Made::Read, Made::Insert, Made::Update, Made::Delete, Made::Owner];

    /// The restrictive policies, which require a level.
    pub const LEVEL_POLICIES: [Made; 4] = [Made::Read, Made::Insert, Made::Update, Made::Delete];

    /// Whether `protect_table` makes it on every kind of table; else only on those that Citus holds.
    pub const fn is_of_every_table(self) -> bool {
        !matches!(self, Made::Truncate)
    }

    /// Its name in the catalog.
    pub const fn name(self) -> &'static str {
        match self {
            Made::Read => "aal_read",
            Made::Insert => "aal_insert",
            Made::Update => "aal_update",
            Made::Delete => "aal_delete",
            Made::Owner => "aal_owner",
            Made::Guard => "aal_guard",
            Made::Columns => "aal_columns",
            Made::Truncate => "aal_truncate",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Made> {
        Made::ALL.into_iter().find(|made| made.name() == name)
    }

    /// Whether it is a policy; else it is a trigger.
    pub const fn is_policy(self) -> bool {
        !matches!(self, Made::Guard | Made::Columns | Made::Truncate)
    }

    /// The template of the statements that make it.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Made::Read => include_str!("../../../../sql/templates/aal_read.sql"),
            Made::Insert => include_str!("../../../../sql/templates/aal_insert.sql"),
            Made::Update => include_str!("../../../../sql/templates/aal_update.sql"),
            Made::Delete => include_str!("../../../../sql/templates/aal_delete.sql"),
            Made::Owner => include_str!("../../../../sql/templates/aal_owner.sql"),
            Made::Guard => include_str!("../../../../sql/templates/aal_guard.sql"),
            Made::Columns => include_str!("../../../../sql/templates/aal_columns.sql"),
            Made::Truncate => include_str!("../../../../sql/templates/aal_truncate.sql"),
        }
    }

    /// The template of the statement that takes it away.
    pub(super) const fn drop_template(self) -> &'static str {
        if self.is_policy() {
            include_str!("../../../../sql/templates/drop_policy.sql")
        } else {
            include_str!("../../../../sql/templates/drop_trigger.sql")
        }
    }

    /// The command that its policy is for. The owner's policy and the triggers are for several.
    pub const fn command(self) -> Option<Command> {
        match self {
            Made::Read => Some(Command::Select),
            Made::Insert => Some(Command::Insert),
            Made::Update => Some(Command::Update),
            Made::Delete => Some(Command::Delete),
            Made::Owner | Made::Guard | Made::Columns | Made::Truncate => None,
        }
    }

    /// The policy that decides about a command. TRUNCATE requires what DELETE requires.
    pub const fn policy_for(command: Command) -> Made {
        match command {
            Command::Select => Made::Read,
            Command::Insert => Made::Insert,
            Command::Update => Made::Update,
            Command::Delete | Command::Truncate => Made::Delete,
        }
    }
}

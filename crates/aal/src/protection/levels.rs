//! What a table requires of a session for one command.

use std::str::FromStr;

use super::made::Made;
use crate::level::{Level, UnknownLevel};
use crate::requirement::{FixedRequirement, Requirement};
use crate::time::MaxAge;

/// What a table requires of a session for one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLevel {
    /// Nothing: no policy is made for the command.
    None,
    /// At least this level.
    At(Level),
    /// The level this user can reach.
    Enrolled,
}

impl TableLevel {
    const VALID: [&'static str; 5] = ["none", "aal1", "enrolled", "aal2", "aal3"];

    /// What this requires of a session; `None` where nothing.
    pub(super) fn requirement(self, max_age: Option<MaxAge>) -> Option<Requirement> {
        match self {
            TableLevel::None => None,
            TableLevel::At(level) => Some(Requirement::Fixed(FixedRequirement { level, max_age })),
            TableLevel::Enrolled => Some(Requirement::Enrolled(max_age)),
        }
    }

    /// Its place among the others: the enrolled level lies between aal1 and aal2.
    pub(super) fn rank(self) -> u8 {
        match self {
            TableLevel::None => 0,
            TableLevel::At(Level::Aal1) => 1,
            TableLevel::Enrolled => 2,
            TableLevel::At(Level::Aal2) => 3,
            TableLevel::At(Level::Aal3) => 4,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            TableLevel::None => "none",
            TableLevel::At(level) => level.as_str(),
            TableLevel::Enrolled => "enrolled",
        }
    }
}

impl FromStr for TableLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "none" => Ok(TableLevel::None),
            "enrolled" => Ok(TableLevel::Enrolled),
            _ => Level::from_claim(text).map(TableLevel::At).ok_or_else(|| UnknownLevel::new(text, &Self::VALID)),
        }
    }
}

/// What a table requires of a session for each command.
#[derive(Clone, Copy)]
pub(super) struct CommandLevels {
    pub read: TableLevel,
    pub insert: TableLevel,
    pub update: TableLevel,
    pub delete: TableLevel,
    /// How old the factor may be, for the writes.
    pub max_age: Option<MaxAge>,
    pub has_sensitive_columns: bool,
}

impl CommandLevels {
    /// What a policy requires. A policy can't see which columns change. So where there are sensitive columns, the one for UPDATE
    /// requires what an update of other columns needs: the level of reads.
    pub(super) fn requirement(self, policy: Made) -> Option<Requirement> {
        match policy {
            Made::Read => self.read.requirement(None),
            Made::Insert => self.insert.requirement(self.max_age),
            Made::Update if self.has_sensitive_columns => self.read.requirement(None),
            Made::Update => self.update.requirement(self.max_age),
            Made::Delete => self.delete.requirement(self.max_age),
            Made::Owner | Made::Guard | Made::Columns => None,
        }
    }
}

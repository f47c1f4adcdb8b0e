//! What a table requires of a session for one command, and its text: `none`, `aal2`, `aal2 within 15 minutes`.

use std::fmt;
use std::str::FromStr;

use super::made::Made;
use crate::level::{Level, UnknownLevel};
use crate::requirement::{FixedRequirement, Requirement};
use crate::time::MaxAge;

/// What a table requires of a session for one command: a level, and how fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLevel {
    /// Nothing: no policy is made for the command.
    None,
    /// This.
    Required(Requirement),
}

/// The word between a level and its age.
const WITHIN: &str = " within ";

impl TableLevel {
    /// The forms of its text, for a HINT.
    pub const FORMS: &'static str = "A level is written as aal2, or with an age as aal2 within 15 minutes.";

    /// The names of levels.
    pub const VALID: [&'static str; 5] = ["none", "aal1", "enrolled", "aal2", "aal3"];

    /// At least this level, of any age.
    pub const fn at(level: Level) -> TableLevel {
        TableLevel::Required(Requirement::Fixed(FixedRequirement { level, max_age: None }))
    }

    /// The level that this user can reach, of any age.
    pub const ENROLLED: TableLevel = TableLevel::Required(Requirement::Enrolled(None));

    /// The parts of a text: the level, and its age if it has one.
    pub fn split(text: &str) -> (&str, Option<&str>) {
        text.split_once(WITHIN).map_or((text, None), |(level, age)| (level, Some(age)))
    }

    /// From the parts of a text.
    ///
    /// # Errors
    /// [`InvalidTableLevel`] for an unknown level, and for level `none` with an age.
    pub fn new(level: &str, max_age: Option<MaxAge>) -> Result<TableLevel, InvalidTableLevel> {
        match level {
            "none" if max_age.is_some() => Err(InvalidTableLevel::NoneWithAge),
            "none" => Ok(TableLevel::None),
            "enrolled" => Ok(TableLevel::Required(Requirement::Enrolled(max_age))),
            _ => match Level::from_claim(level) {
                Some(level) => Ok(TableLevel::Required(Requirement::Fixed(FixedRequirement { level, max_age }))),
                None => Err(InvalidTableLevel::Unknown(UnknownLevel::new(level, &Self::VALID))),
            },
        }
    }

    /// The same level, with this age if it has none of its own.
    #[must_use]
    pub fn or_within(self, default: Option<MaxAge>) -> TableLevel {
        match self {
            TableLevel::Required(Requirement::Fixed(FixedRequirement { level, max_age })) => {
                let max_age = max_age.or(default);
                TableLevel::Required(Requirement::Fixed(FixedRequirement { level, max_age }))
            }
            TableLevel::Required(Requirement::Enrolled(max_age)) => {
                TableLevel::Required(Requirement::Enrolled(max_age.or(default)))
            }
            TableLevel::None => TableLevel::None,
        }
    }

    /// What this requires of a session; `None` where nothing.
    pub const fn requirement(self) -> Option<Requirement> {
        match self {
            TableLevel::None => None,
            TableLevel::Required(requirement) => Some(requirement),
        }
    }

    /// How old the factor may be; `None` for any age.
    pub const fn max_age(self) -> Option<MaxAge> {
        match self {
            TableLevel::Required(
                Requirement::Fixed(FixedRequirement { max_age, .. }) | Requirement::Enrolled(max_age),
            ) => max_age,
            TableLevel::None => None,
        }
    }

    /// Whether every session that meets this meets the other one, too. The enrolled level lies between aal1 and aal2: nobody's is
    /// lower or higher. (A user who was deleted or banned has none; that is not weighed here.)
    pub fn implies(self, other: TableLevel) -> bool {
        let is_as_fresh = match (self.max_age(), other.max_age()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(age), Some(other)) => age <= other,
        };
        self.rank() >= other.rank() && is_as_fresh
    }

    /// Whether this requires less than the other one: in nothing more, and in something less.
    pub fn is_below(self, other: TableLevel) -> bool {
        other.implies(self) && !self.implies(other)
    }

    fn rank(self) -> u8 {
        match self {
            TableLevel::None => 0,
            TableLevel::Required(Requirement::Fixed(FixedRequirement { level: Level::Aal1, .. })) => 1,
            TableLevel::Required(Requirement::Enrolled(_)) => 2,
            TableLevel::Required(Requirement::Fixed(FixedRequirement { level: Level::Aal2, .. })) => 3,
            TableLevel::Required(Requirement::Fixed(FixedRequirement { level: Level::Aal3, .. })) => 4,
        }
    }
}

impl fmt::Display for TableLevel {
    /// `aal2 within 15 minutes`: what [`TableLevel::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableLevel::None => "none",
            TableLevel::Required(Requirement::Fixed(FixedRequirement { level, .. })) => level.as_str(),
            TableLevel::Required(Requirement::Enrolled(_)) => "enrolled",
        })?;
        self.max_age().map_or(Ok(()), |max_age| write!(f, "{WITHIN}{}", max_age.in_words()))
    }
}

impl FromStr for TableLevel {
    type Err = InvalidTableLevel;

    /// Reads what `Display` wrote. (Postgres reads the ages that people write.)
    fn from_str(text: &str) -> Result<Self, InvalidTableLevel> {
        let (level, age) = TableLevel::split(text);
        let max_age = age.map(|age| MaxAge::from_words(age).ok_or(InvalidTableLevel::UnknownAge)).transpose()?;
        TableLevel::new(level, max_age)
    }
}

/// A text that says no level of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidTableLevel {
    /// There is no such level.
    Unknown(UnknownLevel),
    /// Level `none`, which nothing can be fresh for.
    NoneWithAge,
    /// The age isn't as `Display` writes it.
    UnknownAge,
}

/// What a table requires of a session for each command.
#[derive(Clone, Copy)]
pub(super) struct CommandLevels {
    pub read: TableLevel,
    pub insert: TableLevel,
    pub update: TableLevel,
    pub delete: TableLevel,
    pub has_sensitive_columns: bool,
}

impl CommandLevels {
    /// What a policy requires. A policy can't see which columns change. So where there are sensitive columns, the one for UPDATE
    /// requires the level of updates of other columns: that of reads.
    pub(super) fn of_policy(self, policy: Made) -> TableLevel {
        match policy {
            Made::Read => self.read,
            Made::Insert => self.insert,
            Made::Update if self.has_sensitive_columns => self.read,
            Made::Update => self.update,
            Made::Delete => self.delete,
            Made::Owner | Made::Guard | Made::Columns | Made::Truncate => TableLevel::None,
        }
    }
}

//! What `protect_table` was asked for, and whether it makes sense.

use std::collections::BTreeSet;
use std::fmt;

use super::levels::TableLevel;
use crate::command::Command;
use crate::level::Level;
use crate::requirement::Requirement;
use crate::time::MaxAge;

/// What `protect_table` was asked for.
#[derive(Clone, Debug)]
pub struct Protection {
    /// For SELECT.
    pub read: TableLevel,
    /// For INSERT.
    pub insert: TableLevel,
    /// For UPDATE.
    pub update: TableLevel,
    /// For DELETE and TRUNCATE.
    pub delete: TableLevel,
    /// The roles the policies bind; a `public` among them binds all.
    pub roles: Vec<String>,
    /// The column that holds the owner of a row, and how it compares.
    pub owner: Option<Owner>,
    /// Columns whose change needs the level of `update`; an update that leaves them as they are needs that of `read`.
    pub sensitive_columns: Vec<String>,
    /// Whether the table gets the guard trigger.
    pub guard: bool,
    /// For which sessions it is; `None`: for all.
    pub applies_when: Option<AppliesWhen>,
    /// Whether only live sessions have what it requires.
    pub live: bool,
    /// Whether a statement that reads below the level of `read` raises. Else it reads no row.
    pub refuse_reads: bool,
}

/// For which sessions a protection is: those for which this function without arguments is true or NULL.
#[derive(Clone, Debug)]
pub struct AppliesWhen {
    /// The schema of the function.
    pub schema: String,
    /// The name of the function.
    pub function: String,
    /// Its full name, as messages show it: `private.is_admin()`.
    pub display_name: String,
}

/// The column that holds the owner of a row.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The column's name.
    pub column: String,
    /// Whether it is a UUID (compared with `auth.subject_uuid()`) or a text (with `auth.subject()`).
    pub is_uuid: bool,
}

impl Owner {
    /// What the column is compared with.
    pub(super) const fn subject(&self) -> &'static str {
        if self.is_uuid { "auth.subject_uuid()" } else { "auth.subject()" }
    }
}

/// A request for protection that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidProtection {
    /// `none` for every command.
    ProtectsNothing,
    /// No roles at all.
    NoRoles,
    /// `sensitive_columns` without the guard, which alone can enforce them.
    SensitiveColumnsNeedGuard,
    /// `sensitive_columns` where updates need no level, or those of other columns would need none.
    SensitiveColumnsNeedLevels,
    /// `refuse_reads` without the guard, which alone can say so.
    RefusedReadsNeedGuard,
    /// `refuse_reads` where reads need no level.
    RefusedReadsNeedLevel,
    /// A command that reads rows, and needs less than reads.
    BelowReads {
        /// The command.
        command: Command,
        /// Its level.
        level: TableLevel,
        /// The level of reads.
        read: TableLevel,
    },
}

impl fmt::Display for InvalidProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BelowReads { command, level, read } => {
                return write!(f, "level {level} for {} is below level {read} for reads", command.as_str());
            }
            Self::ProtectsNothing => "level none for every command protects nothing",
            Self::NoRoles => "roles must name at least one role",
            Self::SensitiveColumnsNeedGuard => "sensitive_columns need the guard",
            Self::SensitiveColumnsNeedLevels => "sensitive_columns need a level for reads and for updates",
            Self::RefusedReadsNeedGuard => "refuse_reads needs the guard",
            Self::RefusedReadsNeedLevel => "refuse_reads needs a level for reads",
        })
    }
}

impl InvalidProtection {
    /// What to do instead.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ProtectsNothing => "Give read or write a level, or call auth.unprotect_table.",
            Self::NoRoles => "Leave roles out to bind everybody.",
            Self::SensitiveColumnsNeedGuard => {
                "A policy can't see which columns change: leave guard at true, or sensitive_columns out."
            }
            Self::RefusedReadsNeedGuard => {
                "The guard holds what is asked of reads: leave it at true, or refuse_reads out."
            }
            Self::RefusedReadsNeedLevel => {
                "No read is refused at level none: give read a level, or leave refuse_reads out."
            }
            Self::BelowReads { .. } => {
                "It reads rows by its WHERE. Without one, it would change rows that the session may not see: raise write, or lower read."
            }
            Self::SensitiveColumnsNeedLevels => {
                "An update of any other column needs the level of reads, and would be open to all without one."
            }
        }
    }
}

impl std::error::Error for InvalidProtection {}

impl Protection {
    /// Whether this can be rendered into policies that protect something.
    ///
    /// # Errors
    /// [`InvalidProtection`] says what doesn't fit.
    pub fn validate(&self) -> Result<(), InvalidProtection> {
        let levels = [self.read, self.insert, self.update, self.delete];
        if levels.iter().all(|level| *level == TableLevel::None) {
            return Err(InvalidProtection::ProtectsNothing);
        }
        if self.roles.is_empty() {
            return Err(InvalidProtection::NoRoles);
        }
        if !self.sensitive_columns.is_empty() {
            if !self.guard {
                return Err(InvalidProtection::SensitiveColumnsNeedGuard);
            }
            if self.read == TableLevel::None || self.update == TableLevel::None {
                return Err(InvalidProtection::SensitiveColumnsNeedLevels);
            }
        }
        if self.refuse_reads {
            if !self.guard {
                return Err(InvalidProtection::RefusedReadsNeedGuard);
            }
            if self.read == TableLevel::None {
                return Err(InvalidProtection::RefusedReadsNeedLevel);
            }
        }
        // Level none says that other policies decide, and is let be.
        for (command, level) in [(Command::Update, self.update), (Command::Delete, self.delete)] {
            if level != TableLevel::None && level.is_below(self.read) {
                return Err(InvalidProtection::BelowReads { command, level, read: self.read });
            }
        }
        Ok(())
    }

    /// What each command requires.
    pub fn levels(&self) -> [(Command, TableLevel); 4] {
        [
            (Command::Select, self.read),
            (Command::Insert, self.insert),
            (Command::Update, self.update),
            (Command::Delete, self.delete),
        ]
    }

    /// Whether a level is asked for any command.
    pub fn requires(&self, level: Level) -> bool {
        let is_level = |it: Requirement| matches!(it, Requirement::Fixed(fixed) if fixed.level == level);
        self.levels().into_iter().any(|(_, it)| it.requirement().is_some_and(is_level))
    }

    /// The ages below a minute: hardly any session is that fresh. (An interval without a unit is in seconds.)
    pub fn short_ages(&self) -> BTreeSet<MaxAge> {
        let ages = self.levels().into_iter().filter_map(|(_, level)| level.max_age());
        ages.filter(|age| *age < MaxAge::from_seconds(60)).collect()
    }

    /// The commands that need no level and change rows for which reads need more than aal1.
    pub fn open_beside_reads(&self) -> Vec<Command> {
        let is_open = |(command, level): (Command, TableLevel)| {
            (matches!(command, Command::Update | Command::Delete) && level == TableLevel::None).then_some(command)
        };
        if TableLevel::at(Level::Aal1).implies(self.read) {
            return Vec::new();
        }
        self.levels().into_iter().filter_map(is_open).collect()
    }

    /// Whether the enrolled level is asked for any command.
    pub fn requires_enrolled(&self) -> bool {
        let is_enrolled = |level: TableLevel| matches!(level.requirement(), Some(Requirement::Enrolled(_)));
        self.levels().into_iter().any(|(_, level)| is_enrolled(level))
    }
}

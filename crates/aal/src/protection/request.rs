//! What `protect_table` was asked for, and whether it makes sense.

use std::fmt;

use super::levels::TableLevel;
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
    /// How old the factor may be, for the writes.
    pub max_age: Option<MaxAge>,
    /// The roles the policies bind; a `public` among them binds all.
    pub roles: Vec<String>,
    /// The column that holds the owner of a row, and how it compares.
    pub owner: Option<Owner>,
    /// Columns whose change needs the level of `update`; an update that leaves them as they are needs that of `read`.
    pub sensitive_columns: Vec<String>,
    /// Whether the table gets the guard trigger.
    pub guard: bool,
}

/// The column that holds the owner of a row.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The column's name.
    pub column: String,
    /// Whether it is a UUID (compared with `auth.subject_uuid()`) or a text (with `auth.subject()`).
    pub is_uuid: bool,
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
    /// `sensitive_columns` where updates of other columns would need no level, or a higher one.
    SensitiveColumnsNeedLevels,
}

impl fmt::Display for InvalidProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProtectsNothing => "level none for every command protects nothing",
            Self::NoRoles => "roles must name at least one role",
            Self::SensitiveColumnsNeedGuard => "sensitive_columns need the guard",
            Self::SensitiveColumnsNeedLevels => {
                "sensitive_columns need a level for reads and at least the same for updates"
            }
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
            if self.read == TableLevel::None || self.read.rank() > self.update.rank() {
                return Err(InvalidProtection::SensitiveColumnsNeedLevels);
            }
        }
        Ok(())
    }

    /// Whether the enrolled level is asked for any command.
    pub fn requires_enrolled(&self) -> bool {
        [self.read, self.insert, self.update, self.delete].contains(&TableLevel::Enrolled)
    }
}

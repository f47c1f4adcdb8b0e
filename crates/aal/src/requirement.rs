//! What a session must show.

use crate::level::Level;
use crate::time::MaxAge;

/// What a session must show: a level, and how fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A level, the same of everybody.
    Fixed(FixedRequirement),
    /// The enrolled level, by a factor at most this old.
    Enrolled(Option<MaxAge>),
}

/// A requirement of a session: a level, and how old the factor that gives it may be (`None`: any age).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedRequirement {
    /// The lowest level that will do.
    pub level: Level,
    /// How long ago its factor may have been verified.
    pub max_age: Option<MaxAge>,
}

impl FixedRequirement {
    /// Whether every session that meets this one meets the other, too, at the same time. A level satisfies those below, and a factor
    /// that is young enough for one age is so for a longer one.
    pub fn implies(self, other: FixedRequirement) -> bool {
        let is_fresh_enough = other.max_age.is_none_or(|longest| {
            // A lower level may be by another factor, which is older.
            self.level == other.level && self.max_age.is_some_and(|own| own <= longest)
        });
        other.level <= self.level && is_fresh_enough
    }
}

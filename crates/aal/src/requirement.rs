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

//! One cell of the matrix.

use super::decision::Decision;
use super::threshold::{RequiredLevel, Threshold};

/// What a command on a table needs of a role, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The least that a session must show.
    pub threshold: Threshold,
    /// What decided it.
    pub decided_by: Vec<Decision>,
    /// What the matrix counted as possibly true because it could not read it.
    pub note: Option<String>,
}

impl Need {
    /// A level that one thing alone decides.
    pub fn new(level: RequiredLevel, because: Decision) -> Need {
        Need { threshold: Threshold::at_any_age(level), decided_by: vec![because], note: None }
    }

    /// The lowest level that suffices.
    pub const fn level(&self) -> RequiredLevel {
        self.threshold.level
    }

    /// What decided it, each as a text.
    pub fn reasons(&self) -> Vec<String> {
        self.decided_by.iter().map(Decision::to_string).collect()
    }

    /// Whether row security does not bind the role: then nothing is needed, and nothing could be.
    pub fn is_bypass(&self) -> bool {
        matches!(self.decided_by.last(), Some(Decision::Bypass(_)))
    }

    /// Adds another way to the same rows: through `table`, where `other` is needed.
    pub(super) fn add_way(&mut self, other: &Need, table: &str) {
        let is_lower = other.level() < self.level();
        let (mut lower, higher) = if is_lower { (other.clone(), &*self) } else { (self.clone(), other) };
        if is_lower {
            lower.decided_by.insert(0, Decision::ReachedThrough(table.to_owned()));
        }
        // Sessions of the lower level may pass the other way, too: then the age that is needed there counts as well.
        let also_passes = match lower.level() {
            RequiredLevel::Aal1 => matches!(higher.level(), RequiredLevel::Aal1 | RequiredLevel::Enrolled),
            RequiredLevel::Enrolled => matches!(higher.level(), RequiredLevel::Enrolled | RequiredLevel::Aal2),
            level => higher.level() == level,
        };
        let max_age = lower.threshold.max_age.zip(higher.threshold.max_age).map(|(a, b)| a.max(b));
        if also_passes && max_age != lower.threshold.max_age {
            lower.threshold.max_age = max_age;
            if !is_lower {
                lower.decided_by.push(Decision::AlsoReachedThrough(table.to_owned()));
            }
        }
        *self = lower;
    }
}

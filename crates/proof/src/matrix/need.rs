//! One cell of the matrix.

use std::collections::BTreeSet;

use super::decision::Decision;
use super::threshold::{RequiredLevel, Threshold};

/// The note on a need that only live sessions meet.
const LIVE_ONLY: &str = "live sessions only";

/// The note on a need that anonymous users meet without a level.
const GUESTS_PASS: &str = "anonymous users pass, too: a policy reads the claim aal itself, which is aal1 for them";

/// What a command on a table needs of a role, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The least that a session must show.
    pub threshold: Threshold,
    /// What decided it.
    pub decided_by: Vec<Decision>,
    /// What the matrix counted as possibly true because it could not read it, and which sessions it left out.
    pub note: Option<String>,
    /// The functions of `applies_when`: the threshold is only for sessions for which each of them is true or NULL.
    pub applies_when: BTreeSet<String>,
    /// Whether anonymous users pass, though they have no level: a policy reads the claim `aal` itself.
    pub guests_pass: bool,
    /// Whether no session passes that isn't live.
    pub live_only: bool,
}

impl Need {
    /// A level that one thing alone decides.
    pub fn new(level: RequiredLevel, because: Decision) -> Need {
        Need {
            threshold: Threshold::at_any_age(level),
            decided_by: vec![because],
            note: None,
            applies_when: BTreeSet::new(),
            guests_pass: false,
            live_only: false,
        }
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

    /// Leaves the sessions out that these functions exempt.
    pub(super) fn leave_out<'a>(&mut self, functions: impl IntoIterator<Item = &'a str>) {
        for function in functions {
            if self.applies_when.insert(function.to_owned()) {
                self.add_note(format!("only for sessions where {function} is true or NULL"));
            }
        }
    }

    /// Notes that anonymous users pass. They count at the level of their claim `aal`, with a factor of any age.
    pub(super) fn let_guests_pass(&mut self) {
        if self.level() == RequiredLevel::None || self.guests_pass {
            return;
        }
        let level = if self.level() <= RequiredLevel::Enrolled { self.level() } else { RequiredLevel::Aal1 };
        self.threshold = Threshold::at_any_age(level);
        self.guests_pass = true;
        self.add_note(GUESTS_PASS.to_owned());
    }

    /// Notes that only live sessions pass, if that is so. Called last: each way to the same rows has its say before.
    pub(super) fn note_live_only(&mut self) {
        if self.live_only {
            self.add_note(LIVE_ONLY.to_owned());
        }
    }

    fn add_note(&mut self, added: String) {
        self.note = Some(match self.note.take() {
            Some(note) => format!("{note}; {added}"),
            None => added,
        });
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
        // A session that isn't live passes as soon as one of the ways lets it pass.
        let lets_dead_pass = |need: &Need| need.level() != RequiredLevel::Denied && !need.live_only;
        lower.live_only = (self.live_only || other.live_only) && !lets_dead_pass(self) && !lets_dead_pass(other);
        // A session that is exempt on either way may pass there at any level.
        lower.leave_out(self.applies_when.iter().chain(&other.applies_when).map(String::as_str));
        if self.guests_pass || other.guests_pass {
            lower.let_guests_pass();
        }
        *self = lower;
    }
}

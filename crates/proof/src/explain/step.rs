//! One step of an explanation.

use super::wrap::wrapped;
use aal::Command;

/// One row of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The command; `None` for a step that is the same for all.
    pub command: Option<Command>,
    /// Which step it is, by a word.
    pub step: &'static str,
    /// What it is about.
    pub subject: Option<String>,
    /// The answer.
    pub answer: String,
    /// More about it, in lines.
    pub note: Option<String>,
}

impl Step {
    pub(super) fn new(
        step: &'static str,
        subject: impl Into<String>,
        answer: impl ToString,
        note: Option<String>,
    ) -> Step {
        let (subject, note) = (Some(subject.into()), note.map(|note| wrapped(&note)));
        Step { command: None, step, subject, answer: answer.to_string(), note }
    }

    pub(super) fn without_subject(step: &'static str, answer: impl ToString, note: Option<String>) -> Step {
        Step { subject: None, ..Step::new(step, "", answer, note) }
    }
}

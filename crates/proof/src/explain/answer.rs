//! What one policy or guard says to a session.

use std::fmt;

use super::unreadable::is_denied;
use crate::evaluation::Evaluation;
use crate::expression::Expression;
use crate::value::{Outcomes, Value};

/// What a condition comes to, unless it raises an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is true, for every row.
    True,
    /// It is false, for every row.
    False,
    /// It is NULL, for every row. That is as good as false.
    Null,
    /// It always raises an error.
    Raises,
    /// It depends on the row's columns.
    DependsOnRow,
    /// It can't be told without running it.
    Untold,
}

impl Answer {
    /// What a condition comes to. Where it could be several things, only what all of them share is said.
    pub fn of(evaluation: &Evaluation<'_>, condition: &Expression) -> Answer {
        if is_denied(evaluation, condition) {
            return Answer::Raises;
        }
        match certain(&evaluation.outcomes(condition)) {
            Some(answer) => answer,
            None if condition.depends_on_row() => Answer::DependsOnRow,
            None => Answer::Untold,
        }
    }

    /// Whether it is true for no row.
    pub const fn refuses(self) -> bool {
        matches!(self, Answer::False | Answer::Null | Answer::Raises)
    }
}

fn certain(outcomes: &Outcomes) -> Option<Answer> {
    if outcomes.always_raises() {
        return Some(Answer::Raises);
    }
    if outcomes.is_certainly(&Value::Bool(true)) {
        return Some(Answer::True);
    }
    if outcomes.is_null() {
        return Some(Answer::Null);
    }
    (!outcomes.can_be_true()).then_some(Answer::False)
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::True => "true",
            Answer::False => "false",
            Answer::Null => "null",
            Answer::Raises => "raises",
            Answer::DependsOnRow => "depends on the row",
            Answer::Untold => "can't be told",
        })
    }
}

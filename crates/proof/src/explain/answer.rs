//! What one policy or guard says to a session.

use std::fmt;

use crate::evaluation::Evaluation;
use crate::expression::{Expression, Origin};
use crate::ids::TableId;
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
        if reads_unreadable(evaluation, condition) {
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

/// Whether a sub-select reads a table of which the role may read no column. Postgres asks for that before it evaluates anything.
/// In a function's body, it asks when the function is called.
pub fn reads_unreadable(evaluation: &Evaluation<'_>, condition: &Expression) -> bool {
    let Some(readable) = evaluation.readable else { return false };
    some_sub_select(condition, |table| !readable.contains(table))
}

/// Whether a sub-select reads a table. That table's own policies count there, and they may read tables that the role may not read.
pub fn reads_tables(condition: &Expression) -> bool {
    some_sub_select(condition, |_| true)
}

/// Whether a sub-select, outside of functions that are called, reads such a table.
fn some_sub_select(condition: &Expression, matches: impl Fn(&TableId) -> bool) -> bool {
    let mut is_found = false;
    condition.visit(&mut |it| {
        let rows = match it {
            Expression::Select { rows, .. }
            | Expression::Exists(rows)
            | Expression::AnyRow { rows, .. }
            | Expression::ArrayOf { rows, .. } => rows,
            _ => return true,
        };
        is_found |= rows.origin != Origin::Call && rows.reads.iter().any(&matches);
        rows.origin != Origin::Call
    });
    is_found
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

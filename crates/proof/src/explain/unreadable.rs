//! Conditions whose sub-selects read tables that the role may not read.
//!
//! Postgres asks for the right to read every table of the plan, before it evaluates anything. But the planner may drop a
//! sub-select first, with the table in it: `true or exists (…)` leaves none. So a statement is refused for certain only where
//! nothing around the sub-select can be folded away. That is told by a condition's form: an AND of ORs, whose operands can't be
//! constants. In any other form it stays open.

use std::collections::HashSet;

use crate::evaluation::Evaluation;
use crate::expression::{Expression, Origin, Reason, Rows};
use crate::ids::TableId;
use crate::value::Value;

/// Whether a sub-select reads a table of which the role may read no column, and stays in the plan of a condition for certain.
pub fn is_denied(evaluation: &Evaluation<'_>, condition: &Expression) -> bool {
    evaluation.readable.is_some_and(|readable| stays(condition, readable))
}

/// Whether a sub-select that reads a table that isn't readable stays in the plan of a condition.
fn stays(condition: &Expression, readable: &HashSet<TableId>) -> bool {
    let all = match condition {
        Expression::And(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let parts: Vec<&Expression> = all.iter().flat_map(alternatives).collect();
    parts.iter().all(|part| lasts(part)) && parts.iter().any(|part| reads_one(part, readable))
}

/// The operands of an OR, or the one expression.
pub fn alternatives(condition: &Expression) -> &[Expression] {
    match condition {
        Expression::Or(any) => any,
        one => std::slice::from_ref(one),
    }
}

/// Whether the planner can't make a constant of this, nor drop a part of it.
pub fn lasts(it: &Expression) -> bool {
    use Expression::*;
    match it {
        Claims | Level | EnrolledLevel | Status | CurrentRole => true,
        HasLevel { level, max_age, .. } => is_value(level) && matches!(**max_age, Constant(_)),
        HasEnrolledLevel { max_age, .. } => matches!(**max_age, Constant(_)),
        Setting { name, .. } => is_value(name),
        Unknown { reason: Some(Reason::Column(_) | Reason::Subject { .. }), .. } => true,
        // A strict function of one that lasts.
        Unknown { strict: true, arguments, reason: None | Some(Reason::Cast { .. } | Reason::Compared(_)), .. } => {
            all_last_or_are_values(arguments)
        }
        Array(items) => all_last_or_are_values(items),
        Compare(_, a, b) | Member { document: a, key: b, .. } => {
            (lasts(a) && (lasts(b) || is_value(b))) || (is_value(a) && lasts(b))
        }
        // Not of an OR: that is an AND.
        Not(it) | ToJson(it) | JsonToText(it) => lasts(it),
        // Rows of constants become an array.
        AnyRow { rows, .. } => rows.origin == Origin::SubSelect && !rows.reads.is_empty(),
        Select { rows, .. } | Exists(rows) | ArrayOf { rows, .. } => rows.origin == Origin::SubSelect,
        _ => false,
    }
}

fn all_last_or_are_values(many: &[Expression]) -> bool {
    many.iter().all(|it| is_value(it) || lasts(it)) && !many.iter().all(is_value)
}

/// Whether it is a constant, and not NULL.
fn is_value(expression: &Expression) -> bool {
    matches!(expression, Expression::Constant(value) if *value != Value::Null)
}

/// Whether a sub-select in an expression that lasts reads a table that isn't readable.
pub fn reads_one(it: &Expression, readable: &HashSet<TableId>) -> bool {
    use Expression::*;
    match it {
        Unknown { arguments: many, .. } | Array(many) => many.iter().any(|it| reads_one(it, readable)),
        Compare(_, a, b) | Member { document: a, key: b, .. } => reads_one(a, readable) || reads_one(b, readable),
        Not(it) | ToJson(it) | JsonToText(it) => reads_one(it, readable),
        _ => it.rows().is_some_and(|rows| {
            is_unreadable(rows, readable) || rows.filter.as_ref().is_some_and(|it| stays(it, readable))
        }),
    }
}

/// Whether rows come from a table that isn't readable.
pub fn is_unreadable(rows: &Rows, readable: &HashSet<TableId>) -> bool {
    rows.reads.iter().any(|table| !readable.contains(table))
}

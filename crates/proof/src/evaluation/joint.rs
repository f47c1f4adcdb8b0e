//! The values of a condition in two sessions at once, for one row and one moment. The row, the other claims and functions that can't be
//! read are the same for both.

use super::residue::{Residues, SessionClass};
use super::{Evaluation, Expression, Value};

/// Whether, for some row, the one session passes while the other one is refused; `None`: it may, since the level of the one decides in a
/// way that isn't read. They have the same methods of authentication.
pub(crate) fn passes_alone(expression: &Expression, one: &Evaluation<'_>, other: &Evaluation<'_>) -> Option<bool> {
    if !one.outcomes(expression).can_be_true() {
        return Some(false);
    }
    let mut residues = Residues::default();
    let one = residues.of(expression, one, SessionClass { level: 0, methods: 0 });
    let other = residues.of(expression, other, SessionClass { level: 1, methods: 0 });
    if residues.admits_alone(&one, &other) {
        return Some(true);
    }
    let is_open = !residues.is_read(&one) && residues.may_admit_alone(&one, &other);
    if is_open { None } else { Some(false) }
}

/// Whether this certainly is a truth value. All results of a CASE are of one type, and so are all arguments of coalesce.
pub(super) fn is_condition(expression: &Expression) -> bool {
    use Expression::{
        And, AnyRow, Case, Coalesce, Compare, CompareEach, Constant, Exists, HasEnrolledLevel, HasKey, HasLevel, Is,
        Not, Or, Select, SessionIsLive,
    };
    match expression {
        And(_) | Or(_) | Not(_) | Is { .. } | Compare(..) | CompareEach { .. } | Exists(_) | HasKey(..) => true,
        HasLevel { .. } | HasEnrolledLevel { .. } | SessionIsLive { .. } | AnyRow { .. } => true,
        Constant(value) => matches!(value, Value::Bool(_)),
        Select { target, .. } => is_condition(target),
        Case { arms, otherwise } => is_condition(otherwise) || arms.iter().any(|(_, result)| is_condition(result)),
        Coalesce(many) => many.iter().any(is_condition),
        Expression::Call(builtin, _) => builtin.is_condition(),
        _ => false,
    }
}

//! Three-valued logic over sets of outcomes.

use super::{Outcomes, Truth, Value};

pub(super) fn any_boolean() -> Outcomes {
    Outcomes::truths(true, true, false)
}

pub(super) fn known_or_any(known: Option<bool>) -> Outcomes {
    known.map_or_else(any_boolean, |known| Outcomes::one(Value::Bool(known)))
}

/// The outcomes of each pair of values, where all of them are known.
pub(super) fn pairs(
    a: &Outcomes,
    b: &Outcomes,
    unknown: impl FnOnce() -> Outcomes,
    each: impl Fn(&Value, &Value) -> Outcomes,
) -> Outcomes {
    if a.always_raises() || b.always_raises() {
        // Where one operand of a strict operator is NULL, the other may not be looked at.
        let null = a.can_be(&Value::Null) || b.can_be(&Value::Null);
        return if null { Outcomes::one(Value::Null) } else { Outcomes::raises() };
    }
    match b.known() {
        None => unknown(),
        Some(values) => a.map(unknown, |a| {
            let mut outcomes = Outcomes::raises();
            values.iter().for_each(|b| outcomes.add_all(each(a, b)));
            outcomes
        }),
    }
}

/// AND, of three truth values. Whether an operand that raises is looked at isn't certain.
pub(super) fn truth_of_all(operands: impl Iterator<Item = Outcomes>) -> Outcomes {
    let (mut all_true, mut any_false, mut none_false, mut any_null) = (true, false, true, false);
    for it in operands {
        let (truth, null) = (it.can_be_true(), it.can_be(&Value::Null));
        all_true &= truth;
        any_false |= it.can_be(&Value::Bool(false));
        none_false &= truth || null;
        any_null |= null;
    }
    Outcomes::truths(all_true, any_false, none_false && any_null)
}

/// OR, of three truth values.
pub(super) fn truth_of_any(operands: impl Iterator<Item = Outcomes>) -> Outcomes {
    negated(&truth_of_all(operands.map(|it| negated(&it))))
}

pub(super) fn negated(outcomes: &Outcomes) -> Outcomes {
    let (truth, falsehood) = (outcomes.can_be_true(), outcomes.can_be(&Value::Bool(false)));
    Outcomes::truths(falsehood, truth, outcomes.can_be(&Value::Null))
}

pub(super) fn tested_for(truth: Truth, is_negated: bool, tested: &Outcomes) -> Outcomes {
    let wanted = match truth {
        Truth::True => Value::Bool(true),
        Truth::False => Value::Bool(false),
        Truth::Null => Value::Null,
    };
    tested.map(any_boolean, |value| Outcomes::one(Value::Bool((*value == wanted) != is_negated)))
}

/// For a function that raises instead of being false.
pub(super) fn or_raise(outcomes: Outcomes, raises: bool) -> Outcomes {
    if !raises {
        return outcomes;
    }
    outcomes.map(Outcomes::anything, |value| match value {
        Value::Bool(false) => Outcomes::raises(),
        _ => Outcomes::one(value.clone()),
    })
}

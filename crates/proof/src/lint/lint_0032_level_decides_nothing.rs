//! A policy reads the level, and the level decides nothing.

use super::conditions::{outcomes, sessions};
use super::definition::{Lint, Severity};
use super::finding::Found;
use super::survey::Survey;
use crate::{Expression, Session, Value};
use aal::Level;

pub const LINT: Lint = Lint {
    name: "0032_level_decides_nothing",
    title: "A policy reads the level, and the level decides nothing",
    level: Severity::Error,
    category: "SECURITY",
    description: "A condition of a policy mentions the level, and a session without one passes it wherever one at aal3 does: by an ELSE that is open, or by an OR that is true.",
    remediation: "Ask for the level beside the other conditions: ... and (select auth.has_aal('aal2')).",
    findings,
};

/// How large a condition may be, and how many parts of it may be told apart.
const LARGEST: usize = 500;
const MOST_PARTS: usize = 4;

fn findings(survey: &Survey<'_>) -> Vec<Found> {
    survey.policies_with(
        |expression| conjuncts(expression).iter().any(|it| decides_nothing(it, survey.catalog.trusts_settings)),
        "reads the level, and a session without one passes wherever one at aal3 does",
    )
}

/// The conditions of which all must be true.
fn conjuncts(expression: &Expression) -> Vec<&Expression> {
    match expression.unwrapped() {
        Expression::And(all) => all.iter().flat_map(conjuncts).collect(),
        one => vec![one],
    }
}

/// Whether a condition reads the level, and no session gets further by it than one without: for each outcome of the rest of
/// the condition. It must be certain. A condition that refuses every session at aal3 is meant so.
fn decides_nothing(condition: &Expression, trusts_settings: bool) -> bool {
    let may_pass = |it: &Expression| outcomes(it, Session::NOBODY, trusts_settings).can_be_true();
    if !condition.asks_for_level() || condition.extent().0 > LARGEST || raises(condition) || !may_pass(condition) {
        return false;
    }
    let parts = parts_without_level(condition);
    if parts > MOST_PARTS {
        return false;
    }
    let mut some_pass = false;
    for n in 0..3_usize.pow(parts as u32) {
        let assumed = with_truths(condition, &mut truths(n));
        let Some(nobody) = passes(&assumed, Session::NOBODY, trusts_settings) else { return false };
        some_pass |= passes(&assumed, Session::at(Level::Aal3), trusts_settings) == Some(true);
        for session in sessions() {
            let Some(passes) = passes(&assumed, session, trusts_settings) else { return false };
            // That one at aal1 is refused where one without a level isn't, is another finding.
            let is_refused = session.level == Some(Level::Aal1) && nobody && !passes;
            if is_refused || (passes && !nobody) {
                return false;
            }
        }
    }
    some_pass
}

/// Whether a session passes a condition; `None`: either.
fn passes(condition: &Expression, session: Session, trusts_settings: bool) -> Option<bool> {
    let outcomes = outcomes(condition, session, trusts_settings);
    match (outcomes.can_be_true(), outcomes.is_certainly(&Value::Bool(true))) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    }
}

/// The truths that the parts are given, for the nth way to give them.
fn truths(n: usize) -> impl Iterator<Item = Value> {
    const TRUTHS: [Option<bool>; 3] = [Some(false), Some(true), None];
    (0..).map(move |part| Value::truth(TRUTHS[n / 3_usize.pow(part) % 3]))
}

/// Whether something in it raises where the level isn't met. The planner decides whether it gets that far.
fn raises(expression: &Expression) -> bool {
    expression.any(&Expression::requires)
}

/// How many parts of a condition are conditions that say nothing of the level.
fn parts_without_level(expression: &Expression) -> usize {
    let mut parts = 0;
    with_parts(expression, &mut |part| {
        parts += 1;
        part.clone()
    });
    parts
}

/// The condition with these truths in the place of its parts that say nothing of the level.
fn with_truths(expression: &Expression, truths: &mut dyn Iterator<Item = Value>) -> Expression {
    with_parts(expression, &mut |_| Expression::Constant(truths.next().unwrap_or(Value::Null)))
}

/// The condition with others in the place of its parts that say nothing of the level.
fn with_parts(expression: &Expression, replace: &mut dyn FnMut(&Expression) -> Expression) -> Expression {
    use Expression::*;
    if matches!(expression, Constant(_)) {
        return expression.clone();
    }
    if !expression.asks_for_level() {
        return replace(expression);
    }
    let mut all = |many: &[Expression]| many.iter().map(|it| with_parts(it, replace)).collect();
    match expression.unwrapped() {
        And(many) => And(all(many)),
        Or(many) => Or(all(many)),
        Coalesce(many) => Coalesce(all(many)),
        Not(it) => with_parts(it, replace).negate(),
        Is { truth, negated, tested } => {
            Is { truth: *truth, negated: *negated, tested: Box::new(with_parts(tested, replace)) }
        }
        Case { arms, otherwise } => {
            let arm = |(condition, result): &(Expression, Expression)| {
                (with_parts(condition, replace), with_parts(result, replace))
            };
            let arms = arms.iter().map(arm).collect();
            Case { arms, otherwise: Box::new(with_parts(otherwise, replace)) }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column() -> Expression {
        Expression::unknown()
    }

    fn aal2() -> Expression {
        Expression::HasLevel {
            level: Box::new(Expression::Constant(Value::text("aal2"))),
            max_age: Box::new(Expression::NULL),
            raises: false,
        }
    }

    fn case(condition: Expression, result: Expression, otherwise: Expression) -> Expression {
        Expression::Case { arms: vec![(condition, result)], otherwise: Box::new(otherwise) }
    }

    const TRUE: Expression = Expression::Constant(Value::Bool(true));
    const FALSE: Expression = Expression::Constant(Value::Bool(false));

    #[test]
    fn a_level_that_decides_nothing_is_told_from_one_that_does() {
        use Expression::{And, Or};
        for (condition, expected) in [
            (Or(vec![aal2(), TRUE]), true),
            (case(aal2(), TRUE, TRUE), true),
            (case(aal2(), column(), TRUE), true),
            (case(column(), TRUE, Or(vec![aal2(), TRUE])), true),
            (Or(vec![column(), And(vec![aal2(), FALSE])]), true),
            (Or(vec![aal2().negate(), aal2()]), true),
            (aal2(), false),
            (aal2().negate(), false),
            (Or(vec![column(), aal2()]), false),
            (Or(vec![column(), And(vec![column(), aal2()])]), false),
            (case(column(), aal2(), TRUE), false),
            (case(column(), aal2(), FALSE), false),
            (And(vec![aal2(), FALSE]), false),
        ] {
            assert_eq!(decides_nothing(&condition, true), expected, "{condition:?}");
        }
    }

    #[test]
    fn what_becomes_of_a_level_within_a_function_is_not_known() {
        let hidden = Expression::Unknown { key: None, strict: false, arguments: vec![Expression::Level], reason: None };
        assert!(!decides_nothing(&hidden, true));
        assert!(!decides_nothing(&Expression::Or(vec![column(), hidden]), true));
    }
}

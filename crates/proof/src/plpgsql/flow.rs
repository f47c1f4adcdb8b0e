//! All paths through some statements at once.

use std::rc::Rc;

use super::run::{Reader, Run};
use super::scope::{State, Value};
use crate::{Expression, Truth, value};

/// How high what a variable comes to may be.
const HIGHEST: usize = 150;

/// The paths through some statements: those that end the function, and at most one that goes on, which stands for all others.
pub(super) struct Flow {
    /// Conditions, and what the function comes to where they are true. Each counts only where none before it is true.
    pub arms: Vec<(Expression, Expression)>,
    pub end: End,
}

/// The rest, on the paths that none of the arms is for.
pub(super) enum End {
    /// It goes on like this.
    Next(State),
    /// The function comes to this.
    Done(Expression),
}

impl Flow {
    pub fn next(state: State) -> Flow {
        Flow { arms: Vec::new(), end: End::Next(state) }
    }

    pub fn done(answer: Expression) -> Flow {
        Flow { arms: Vec::new(), end: End::Done(answer) }
    }

    fn goes_on(&self) -> bool {
        matches!(self.end, End::Next(_))
    }

    /// What it comes to where it ends. Where it goes on, nothing.
    pub fn answer(self) -> Expression {
        let otherwise = match self.end {
            End::Done(answer) => answer,
            End::Next(_) => Expression::Raises,
        };
        case(self.arms, otherwise)
    }
}

/// `case when … then … else … end`.
pub(super) fn case(arms: Vec<(Expression, Expression)>, otherwise: Expression) -> Expression {
    if arms.is_empty() { otherwise } else { Expression::Case { arms, otherwise: Box::new(otherwise) } }
}

pub(super) fn boolean(truth: bool) -> Expression {
    Expression::Constant(value::Value::Bool(truth))
}

impl<R: Reader> Run<'_, R> {
    /// One of several flows: the first whose condition is true.
    pub(super) fn join(&mut self, arms: Vec<(Expression, Flow)>, otherwise: Flow) -> Flow {
        let going_on = arms.iter().filter(|(_, flow)| flow.goes_on()).count();
        if going_on == 0 {
            let ended = arms.into_iter().map(|(condition, flow)| (condition, flow.answer()));
            let mut ended: Vec<(Expression, Expression)> = ended.collect();
            // The rest counts only where none of them is true.
            return match otherwise.end {
                End::Done(_) => Flow::done(case(ended, otherwise.answer())),
                End::Next(_) => {
                    ended.extend(otherwise.arms);
                    Flow { arms: ended, end: otherwise.end }
                }
            };
        }
        let nothing_ends = |flow: &Flow| flow.goes_on() && flow.arms.is_empty();
        if nothing_ends(&otherwise) && arms.iter().all(|(_, flow)| nothing_ends(flow)) {
            return Flow { arms: Vec::new(), end: self.joined(&arms, &otherwise) };
        }
        let end = self.joined(&arms, &otherwise);
        if let ([(_, first)], false) = (arms.as_slice(), otherwise.goes_on())
            && first.arms.is_empty()
        {
            let conditions = arms.into_iter().map(|(condition, _)| condition);
            let is_not = |it: Expression| Expression::Is { truth: Truth::True, negated: true, tested: Box::new(it) };
            return Flow { arms: conditions.map(is_not).zip([otherwise.answer()]).collect(), end };
        }
        let mut ends = Vec::new();
        for (condition, flow) in &arms {
            ends.push((self.copy(condition), self.whether_it_ends(flow)));
        }
        let ends = case(ends, self.whether_it_ends(&otherwise));
        let answers = arms.into_iter().map(|(condition, flow)| (condition, flow.answer())).collect();
        Flow { arms: vec![(ends, case(answers, otherwise.answer()))], end }
    }

    /// A flow that may be left at any time, or never be taken; then it goes on from `state`, of which nothing is known that it may
    /// have changed.
    pub(super) fn left_at_any_time(&mut self, flow: Flow, state: State) -> Flow {
        if flow.goes_on() && flow.arms.is_empty() {
            return Flow::next(state);
        }
        let ends = case(vec![(Expression::unknown(), boolean(false))], self.whether_it_ends(&flow));
        Flow { arms: vec![(ends, flow.answer())], end: End::Next(state) }
    }

    fn whether_it_ends(&mut self, flow: &Flow) -> Expression {
        let arms = flow.arms.iter().map(|(condition, _)| (self.copy(condition), boolean(true))).collect();
        case(arms, boolean(!flow.goes_on()))
    }

    /// The state behind several flows, of which at least one goes on.
    fn joined(&mut self, arms: &[(Expression, Flow)], otherwise: &Flow) -> End {
        let state = |flow: &Flow| match &flow.end {
            End::Next(state) => Some(state.clone()),
            End::Done(_) => None,
        };
        let states: Vec<Option<State>> = arms.iter().map(|(_, flow)| state(flow)).chain([state(otherwise)]).collect();
        let mut going_on = states.iter().flatten();
        let Some(first) = going_on.next() else { return End::Done(Expression::Raises) };
        let count = states.iter().flatten().map(|state| state.values.len()).min().unwrap_or(0);
        let is_changed = states.iter().flatten().any(|state| state.is_changed);
        let mut values = Vec::new();
        for variable in 0..count {
            let same = states
                .iter()
                .flatten()
                .all(|state| Rc::ptr_eq(&state.values[variable].expression, &first.values[variable].expression));
            values.push(if same { first.values[variable].clone() } else { self.value_of(variable, arms, &states) });
        }
        End::Next(State { values, is_changed })
    }

    fn value_of(&mut self, variable: usize, arms: &[(Expression, Flow)], states: &[Option<State>]) -> Value {
        let heights = states.iter().flatten().map(|state| state.values[variable].height);
        let conditions = arms.iter().map(|(condition, _)| condition.extent().1);
        if heights.chain(conditions).max().unwrap_or(0) >= HIGHEST {
            return Value::new(Expression::too_large());
        }
        let mut values = states.iter().map(|state| match state {
            Some(state) => self.copy(&state.values[variable].expression),
            None => Expression::Raises,
        });
        let mut all: Vec<Expression> = values.by_ref().collect();
        let otherwise = all.pop().unwrap_or_else(Expression::unknown);
        let conditions: Vec<Expression> = arms.iter().map(|(condition, _)| self.copy(condition)).collect();
        Value::new(case(conditions.into_iter().zip(all).collect(), otherwise))
    }
}

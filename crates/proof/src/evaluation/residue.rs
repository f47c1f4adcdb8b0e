//! The conditions that a session leaves open: on the row, on other claims and on code that can't be read. They are the same for two
//! sessions of one user, and for two policies on one row. So each of their truths can be tried.

use std::cell::Cell;

use serde_json::Value as Json;

use super::joint::is_condition;
use super::{Comparison, Evaluation, Expression, Key, Origin, Reason, Rows, Session, Truth, Value};
use crate::builtin::Builtin;
use crate::expression::is_claims_setting;

/// How many conditions are told apart in one question: each triples the work.
const MOST_CONDITIONS: usize = 7;

/// How many conditions are looked at in their order, and how large one may be to stand twice for it.
const MOST_IN_ORDER: usize = 16;
const LARGEST_REPEATED: usize = 100;

/// By what sessions of one user differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionClass {
    /// By the level, or by any claim.
    pub level: usize,
    /// By the methods of authentication.
    pub methods: usize,
}

/// What a condition that is left depends on, beside the row and other claims. Of an enum with an order, rustc 1.95 takes the lowest for
/// another one where it optimizes: a property test shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dependence {
    methods: bool,
    /// How old the factors are: of a session at a level, they may be of any age.
    age: bool,
    level: bool,
}

impl Dependence {
    const NOTHING: Dependence = Dependence { methods: false, age: false, level: false };
    const METHODS: Dependence = Dependence { methods: true, ..Dependence::NOTHING };
    const AGE: Dependence = Dependence { age: true, ..Dependence::NOTHING };
    const LEVEL: Dependence = Dependence { level: true, ..Dependence::NOTHING };

    fn and(self, other: Dependence) -> Dependence {
        Dependence {
            methods: self.methods || other.methods,
            age: self.age || other.age,
            level: self.level || other.level,
        }
    }

    /// Whether it is the methods alone.
    fn is_methods(self) -> bool {
        self.methods && !self.age && !self.level
    }

    /// The class of sessions for which a condition is the same.
    fn class(self, class: SessionClass) -> usize {
        if self.age || self.level {
            class.level
        } else if self.methods {
            class.methods
        } else {
            ALL_SESSIONS
        }
    }
}

/// The class of all sessions.
const ALL_SESSIONS: usize = usize::MAX;

/// A condition that a session doesn't decide.
#[derive(Debug)]
struct Condition<'x> {
    left: Expression,
    /// Where it stands in the policies.
    place: &'x Expression,
    depends_on: Dependence,
    /// The class of sessions for which it is this one.
    class: usize,
    /// Whether it can be true, false and NULL.
    can_be: [bool; 3],
}

/// The conditions that sessions leave of some policies of one table.
#[derive(Debug, Default)]
pub(crate) struct Residues<'x> {
    conditions: Vec<Condition<'x>>,
}

/// What one session leaves of an expression.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'e> {
    left: Expression,
    evaluation: Evaluation<'e>,
}

impl PartialEq for Asked<'_> {
    /// Whether they come to the same.
    fn eq(&self, other: &Self) -> bool {
        self.left == other.left
    }
}

/// Conditions with their keys.
type Conditions<'r, 'x> = Vec<(Key, &'r Condition<'x>)>;

/// What conditions are taken to come to.
pub(crate) type Truths = Vec<(Key, Option<bool>)>;

impl Asked<'_> {
    /// Whether a row is admitted where conditions come to this; `None`: either.
    pub fn admits(&self, truths: &Truths) -> Option<bool> {
        let mut evaluation = self.evaluation.clone();
        evaluation.assumed.extend_from_slice(truths);
        let outcomes = evaluation.outcomes(&self.left);
        match (outcomes.can_be_true(), outcomes.is_certainly(&Value::Bool(true))) {
            (false, _) => Some(false),
            // Outcomes don't say that it may raise, too.
            (true, true) if !self.may_raise_yet(truths) => Some(true),
            _ => None,
        }
    }

    /// Whether one of the conditions that are left open may still make it raise.
    fn may_raise_yet(&self, truths: &Truths) -> bool {
        let is_known = |key| self.evaluation.assumption(key).is_some();
        let is_open = |key| !is_known(key) && !truths.iter().any(|(known, _)| *known == key);
        self.left.any(&|it| *it == Expression::Raises) && self.left.any(&|it| made_here(it).is_some_and(is_open))
    }

    /// The same, where conditions are known to come to this.
    pub fn given(&self, truths: &Truths) -> Self {
        let mut given = self.clone();
        given.evaluation.assumed.extend_from_slice(truths);
        given
    }

    /// The conditions that aren't known.
    fn keys(&self, keys: &mut Vec<Key>) {
        self.left.visit(&mut |it| {
            if let Some(key) = made_here(it)
                && self.evaluation.assumption(key).is_none()
                && !keys.contains(&key)
            {
                keys.push(key);
            }
            true
        });
    }
}

impl<'x> Residues<'x> {
    /// What a session leaves of an expression.
    pub fn of<'e>(
        &mut self,
        expression: &'x Expression,
        evaluation: &Evaluation<'e>,
        class: SessionClass,
    ) -> Asked<'e> {
        // Postgres asks for the rights on all tables of a query before its first row.
        let left = if has_refused_rows(expression, evaluation) {
            Expression::Raises
        } else {
            Leaving { residues: self, evaluation, class, hides_level: Cell::new(false) }.condition(expression)
        };
        Asked { left, evaluation: evaluation.clone() }
    }

    /// Whether the level decides only in ways that are read, and no more conditions are left than can be told apart. What rows of other
    /// tables decide is left to them.
    pub fn is_read(&self, asked: &Asked<'_>) -> bool {
        let conditions = self.conditions_of(&[asked]);
        // A level that a column of the row names.
        let is_of_row = |it: &Expression| is_of_row(it) && is_read(it) && !it.any(&Expression::is_claims);
        let is_unread = |it: &Condition<'_>| {
            let is_open = it.can_be.iter().filter(|can_be| **can_be).count() > 1;
            it.depends_on.level && is_open && !it.left.any(&Expression::reads_tables) && !is_of_row(&it.left)
        };
        conditions.len() <= MOST_CONDITIONS && !conditions.iter().any(|(_, it)| is_unread(it))
    }

    /// Whether, for some row, the one session certainly passes while the other one is refused.
    pub fn admits_alone(&self, one: &Asked<'_>, other: &Asked<'_>) -> bool {
        self.certainly_some(&[one, other], &|truths| admits_alone(one, other, truths))
    }

    /// Whether, for some row, the one session may pass while the other one is refused.
    pub fn may_admit_alone(&self, one: &Asked<'_>, other: &Asked<'_>) -> bool {
        self.possibly_some(&[one, other], &|truths| admits_alone(one, other, truths))
    }

    /// Whether something certainly holds for some row: for each outcome of what depends on the sessions and isn't known.
    fn certainly_some(&self, asked: &[&Asked<'_>], holds: &dyn Fn(&Truths) -> Option<bool>) -> bool {
        let is_open = |it: &Condition<'_>| it.depends_on.level || it.depends_on.is_methods();
        let (open, rows): (Vec<_>, Vec<_>) = self.conditions_of(asked).into_iter().partition(|(_, it)| is_open(it));
        for_some_and_all(&rows, &open, holds)
    }

    /// Whether something may hold for some row.
    pub fn possibly_some(&self, asked: &[&Asked<'_>], holds: &dyn Fn(&Truths) -> Option<bool>) -> bool {
        let mut conditions = self.conditions_of(asked);
        conditions.truncate(MOST_CONDITIONS);
        try_each(&conditions, true, &mut Vec::new(), &|truths| {
            holds(truths).or((truths.len() == conditions.len()).then_some(true))
        })
    }

    /// Whether something holds for all rows, in some session.
    pub fn for_all_rows(&self, asked: &Asked<'_>, holds: &dyn Fn(&Truths) -> Option<bool>) -> bool {
        // A condition that is the same for all sessions may keep all of them from all rows.
        let is_open = |it: &Condition<'_>| is_of_row(&it.left) || it.depends_on == Dependence::NOTHING;
        let (rows, others): (Vec<_>, Vec<_>) =
            self.conditions_of(&[asked]).into_iter().partition(|(_, it)| is_open(it));
        for_some_and_all(&others, &rows, holds)
    }

    /// Whether something holds for some row, for each outcome of all conditions that aren't on it. One on rows that are made of the
    /// session's methods isn't.
    pub fn for_some_row(&self, asked: &Asked<'_>, holds: &dyn Fn(&Truths) -> Option<bool>) -> bool {
        let is_of_row = |it: &Condition<'_>| is_of_row(&it.left) && !it.depends_on.methods;
        let (rows, others): (Vec<_>, Vec<_>) =
            self.conditions_of(&[asked]).into_iter().partition(|(_, it)| is_of_row(it));
        for_some_and_all(&rows, &others, holds)
    }

    /// The users whom conditions on the subject alone tell apart: each of these names, and anybody else. Of two such conditions, no more
    /// than one is taken to be true, since they may name two users.
    pub fn users(&self, asked: &[&Asked<'_>]) -> Vec<Truths> {
        let mut conditions = self.conditions_of(asked);
        conditions.retain(|(_, it)| is_of_subject(&it.left));
        conditions.truncate(MOST_CONDITIONS);
        let is = |named: Option<usize>| {
            let truths = conditions.iter().enumerate().map(|(n, (key, _))| (*key, Some(Some(n) == named)));
            truths.collect::<Truths>()
        };
        let named = (0..conditions.len()).filter(|n| conditions[*n].1.can_be[0]).map(Some);
        named.chain([None]).map(is).collect()
    }

    fn conditions_of(&self, asked: &[&Asked<'_>]) -> Conditions<'_, 'x> {
        let mut keys = Vec::new();
        asked.iter().for_each(|it| it.keys(&mut keys));
        keys.into_iter().filter_map(|key| Some((key, self.conditions.get(place_of(key))?))).collect()
    }
}

/// Whether the one session is admitted and the other one isn't, where conditions come to this; `None`: either.
fn admits_alone(one: &Asked<'_>, other: &Asked<'_>, truths: &Truths) -> Option<bool> {
    match (one.admits(truths), other.admits(truths)) {
        (Some(false), _) | (_, Some(true)) => Some(false),
        (Some(true), Some(false)) => Some(true),
        _ => None,
    }
}

/// Whether a condition is on the row, or on rows of other tables.
fn is_of_row(condition: &Expression) -> bool {
    condition.depends_on_row() || condition.any(&|it| it.rows().is_some_and(|rows| rows.from || rows.correlated))
}

/// Whether a condition is on the session's subject and constants alone: `auth.subject() = '…'`. It holds for some user and not for others.
fn is_of_subject(condition: &Expression) -> bool {
    use Expression::{Array, Compare, CompareEach, Constant, Not, Select, Unknown};
    let is_other = |it: &Expression| match it {
        Constant(_) | Compare(..) | CompareEach { .. } | Array(_) | Not(_) => false,
        // A constant, or an operator, of a type that isn't read.
        Unknown { reason, .. } => !matches!(reason, None | Some(Reason::Subject { .. } | Reason::Cast { .. })),
        Select { rows, .. } => !is_plain(rows),
        _ => true,
    };
    condition.asks_whose() && !condition.any(&is_other)
}

/// Whether something holds for some of the truths of the ones, and then for all truths of the others. Not where too many are to be told apart.
fn for_some_and_all(
    ones: &Conditions<'_, '_>,
    others: &Conditions<'_, '_>,
    holds: &dyn Fn(&Truths) -> Option<bool>,
) -> bool {
    let all = ones.len() + others.len();
    all <= MOST_CONDITIONS
        && try_each(ones, true, &mut Vec::new(), &|truths| match holds(truths) {
            Some(known) => Some(known),
            None if truths.len() < ones.len() => None,
            None => Some(try_each(others, false, &mut truths.clone(), &|truths| {
                holds(truths).or((truths.len() == all).then_some(false))
            })),
        })
}

/// Whether something holds for some of the truths of these conditions, or for all. `holds` may leave the answer open until all are known.
fn try_each(
    conditions: &[(Key, &Condition<'_>)],
    some: bool,
    truths: &mut Truths,
    holds: &dyn Fn(&Truths) -> Option<bool>,
) -> bool {
    if let Some(known) = holds(truths) {
        return known;
    }
    let Some(((key, condition), rest)) = conditions.split_first() else { return !some };
    for (truth, can_be) in [Some(true), Some(false), None].into_iter().zip(condition.can_be) {
        if can_be {
            truths.push((*key, truth));
            let found = try_each(rest, some, truths, holds);
            truths.pop();
            if found == some {
                return some;
            }
        }
    }
    !some
}

/// Keys that no reader gives: those begin with 0.
fn key_of(place: usize) -> Key {
    Key(u32::MAX - u32::try_from(place).unwrap_or(u32::MAX / 2))
}

fn place_of(key: Key) -> usize {
    (u32::MAX - key.0) as usize
}

fn made_here(expression: &Expression) -> Option<Key> {
    match expression {
        Expression::Unknown { key: Some(key), .. } if key.0 > u32::MAX / 2 => Some(*key),
        _ => None,
    }
}

/// Takes away what a session decides.
struct Leaving<'r, 'x, 'v, 'e> {
    residues: &'r mut Residues<'x>,
    evaluation: &'v Evaluation<'e>,
    class: SessionClass,
    /// Whether the level decided a part of the condition at hand.
    hides_level: Cell<bool>,
}

impl<'x> Leaving<'_, 'x, '_, '_> {
    /// The rest of a condition.
    fn condition(&mut self, expression: &'x Expression) -> Expression {
        use Expression::{And, AnyRow, Case, Coalesce, Exists, Is, Not, NullIf, Or, Select};
        if let Some(decided) = decided_by_constant(expression) {
            return Expression::Constant(Value::Bool(decided));
        }
        // Within a function, Postgres asks for the rights on all tables of each expression.
        if self.is_refused(expression) || self.is_refused_within(expression) {
            return Expression::Raises;
        }
        if let Some(decided) = self.decided(expression) {
            return decided;
        }
        match expression {
            Or(any) if any.len() <= MOST_IN_ORDER && any.iter().any(|it| it.any(&Expression::may_raise)) => {
                self.in_order(any)
            }
            Select { .. } | Exists(_) | AnyRow { .. } if has_one_row_at_most(expression) => {
                self.of_one_row(expression, true)
            }
            And(_) | Or(_) | Not(_) | Coalesce(_) | NullIf(..) | Case { .. } => {
                expression.map_children(&mut |it| self.condition(it))
            }
            Is { truth, tested, .. } if *truth != Truth::Null || may_be_condition(tested) => {
                expression.map_children(&mut |it| self.condition(it))
            }
            _ => self.leaf(expression),
        }
    }

    /// The rest of a sub-select without tables: what it comes to with its row, if there is a condition for that, and without one.
    fn of_one_row(&mut self, expression: &'x Expression, is_condition: bool) -> Expression {
        use Expression::{AnyRow, Array, ArrayOf, Constant, Select};
        let truth = |truth| Constant(Value::Bool(truth));
        let (with, without) = match expression {
            Select { target, .. } if is_condition => (self.condition(target), Expression::NULL),
            Select { target, .. } => (self.value(target), Expression::NULL),
            ArrayOf { target, .. } => (Array(vec![self.value(target)]), Constant(Value::Array(Vec::new()))),
            AnyRow { test, .. } => (self.condition(test), truth(false)),
            _ => (truth(true), truth(false)),
        };
        match expression.rows().and_then(|rows| rows.filter.as_deref()) {
            Some(filter) => {
                let arms = vec![(self.condition(filter), with)];
                Expression::Case { arms, otherwise: Box::new(without) }
            }
            None => with,
        }
    }

    /// Of conditions of which one suffices, those behind one that raises aren't looked at.
    fn in_order(&mut self, any: &'x [Expression]) -> Expression {
        let [first, rest @ ..] = any else { return Expression::Constant(Value::Bool(false)) };
        let first = self.condition(first);
        if rest.is_empty() {
            return first;
        }
        if first.extent().0 > LARGEST_REPEATED {
            return Expression::Or(vec![first, self.in_order(rest)]);
        }
        let passes = Expression::Is { truth: Truth::True, negated: false, tested: Box::new(first.clone()) };
        let otherwise = Box::new(Expression::Or(vec![first, self.in_order(rest)]));
        Expression::Case { arms: vec![(passes, Expression::Constant(Value::Bool(true)))], otherwise }
    }

    /// A condition that isn't one of other conditions. It may have some within.
    fn leaf(&mut self, expression: &'x Expression) -> Expression {
        use Expression::{HasEnrolledLevel, HasLevel, SessionIsLive, Unknown};
        let hid_level = self.hides_level.replace(false);
        let is_whole = matches!(expression, Unknown { .. }) || expression.rows().is_some();
        let mut left =
            if is_whole { self.substituted(expression) } else { expression.map_children(&mut |it| self.value(it)) };
        // Its value hides that it may raise.
        let raises = match &mut left {
            HasLevel { raises, .. } | HasEnrolledLevel { raises, .. } | SessionIsLive { raises } => {
                std::mem::take(raises)
            }
            _ => false,
        };
        if !left.any(&|it| made_here(it).is_some()) {
            left = self.decided(&left).unwrap_or_else(|| self.unknown(left, expression));
        }
        self.hides_level.set(self.hides_level.get() || hid_level);
        if raises {
            let arms = vec![(left, Expression::Constant(Value::Bool(true)))];
            return Expression::Case { arms, otherwise: Box::new(Expression::Raises) };
        }
        left
    }

    /// The rest of a value that isn't a condition.
    fn value(&mut self, expression: &'x Expression) -> Expression {
        if let Some(decided) = self.decided(expression) {
            return decided;
        }
        match expression {
            _ if may_be_condition(expression) => self.condition(expression),
            _ if has_one_row_at_most(expression) => self.of_one_row(expression, false),
            Expression::Case { arms, otherwise } => {
                let arms = arms.iter().map(|(condition, result)| (self.condition(condition), self.value(result)));
                Expression::Case { arms: arms.collect(), otherwise: Box::new(self.value(otherwise)) }
            }
            Expression::Unknown { .. } => self.substituted(expression),
            _ if expression.rows().is_some() => self.substituted(expression),
            _ => expression.map_children(&mut |it| self.value(it)),
        }
    }

    /// The same with each part that is decided.
    fn substituted(&self, expression: &Expression) -> Expression {
        match self.decided(expression) {
            Some(decided) => decided,
            None => expression.map_children(&mut |it| self.substituted(it)),
        }
    }

    /// Whether a sub-select reads a table that the role may not read. The branches of CASE may be statements of a function, and its calls
    /// are others.
    fn is_refused(&self, expression: &Expression) -> bool {
        let rows = expression.rows();
        let is_other = rows.is_some_and(|rows| rows.origin == Origin::Call);
        if is_other || matches!(expression, Expression::Case { .. }) || decided_by_constant(expression).is_some() {
            return false;
        }
        let is_sub_select = |rows: &&Rows| rows.origin == Origin::SubSelect;
        rows.filter(is_sub_select).is_some_and(|rows| !self.evaluation.may_read(rows))
            || expression.any_child(&mut |it| self.is_refused(it))
    }

    /// The same of the statement that a function is made of which is called here.
    fn is_refused_within(&self, expression: &Expression) -> bool {
        expression.rows().is_some_and(|rows| rows.origin == Origin::Call)
            && expression.any_child(&mut |it| self.is_refused(it))
    }

    /// What an expression comes to, where the session decides it.
    fn decided(&self, expression: &Expression) -> Option<Expression> {
        if let Expression::Constant(_) | Expression::Raises = expression {
            return Some(expression.clone());
        }
        let decided = self.decided_of(expression)?;
        if decided != Expression::Claims && dependence(expression) != Dependence::NOTHING {
            self.hides_level.set(true);
        }
        Some(decided)
    }

    fn decided_of(&self, expression: &Expression) -> Option<Expression> {
        let outcomes = self.evaluation.outcomes(expression);
        let filter =
            expression.rows().filter(|rows| !rows.from && !rows.may_be_cut).and_then(|it| it.filter.as_deref());
        if outcomes.always_raises() || filter.is_some_and(|it| self.evaluation.outcomes(it).always_raises()) {
            return Some(Expression::Raises);
        }
        match outcomes.known()? {
            _ if expression
                .any(&|it| it.may_raise() || it.rows().is_some_and(|rows| !self.evaluation.may_read(rows))) =>
            {
                None
            }
            [Value::Claims] => Some(Expression::Claims),
            [value] if is_exact(value) => Some(Expression::Constant(value.clone())),
            _ => None,
        }
    }

    /// An unknown in the place of a condition: the same one for the same condition.
    fn unknown(&mut self, left: Expression, place: &'x Expression) -> Expression {
        let outcomes = self.evaluation.outcomes(&left);
        let can_be = [Value::Bool(true), Value::Bool(false), Value::Null].map(|it| outcomes.can_be(&it));
        let mut depends_on = dependence(&left);
        // The level decides in a way that isn't read: in each session it may come to anything.
        depends_on.level |= self.hides_level.get() && !is_read(&left);
        let class = depends_on.class(self.class);
        let is_certain = is_certain(&left);
        let is_it = |it: &Condition<'x>| {
            it.class == class
                && is_same(&it.left, &left)
                && (is_certain || is_known_by_its_key(&left) || std::ptr::eq(it.place, place))
        };
        let found = self.residues.conditions.iter().position(is_it);
        let at = found.unwrap_or_else(|| {
            self.residues.conditions.push(Condition { left, place, depends_on, class, can_be: [true; 3] });
            self.residues.conditions.len() - 1
        });
        let known = &mut self.residues.conditions[at].can_be;
        for (known, can_be) in known.iter_mut().zip(can_be) {
            *known &= can_be;
        }
        Expression::Unknown { key: Some(key_of(at)), strict: false, arguments: Vec::new(), reason: None }
    }
}

/// Whether the planner comes upon a sub-select that the role may not read. It leaves out what a constant decides.
fn has_refused_rows(expression: &Expression, evaluation: &Evaluation<'_>) -> bool {
    let mut is_refused = |it: &Expression| has_refused_rows(it, evaluation);
    match expression {
        _ if decided_by_constant(expression).is_some() => false,
        Expression::Case { arms, otherwise } => {
            for (condition, result) in arms {
                match constant_truth(condition) {
                    Some(Some(true)) => return is_refused(result),
                    Some(_) => {}
                    None if is_refused(condition) || is_refused(result) => return true,
                    None => {}
                }
            }
            is_refused(otherwise)
        }
        _ => match expression.rows() {
            Some(rows) if rows.origin == Origin::Call => false,
            rows => rows.is_some_and(|rows| !evaluation.may_read(rows)) || expression.any_child(&mut is_refused),
        },
    }
}

/// What a condition comes to because of a constant in it. The planner leaves the others out.
fn decided_by_constant(expression: &Expression) -> Option<bool> {
    let has = |many: &[Expression], truth| many.iter().any(|it| constant_truth(it) == Some(Some(truth)));
    match expression {
        Expression::And(all) => has(all, false).then_some(false),
        Expression::Or(any) => has(any, true).then_some(true),
        _ => None,
    }
}

/// What a condition comes to that is made of constants alone, so that the planner computes it.
fn constant_truth(expression: &Expression) -> Option<Option<bool>> {
    use Expression::{And, Array, Case, Coalesce, Compare, CompareEach, Constant, Is, Not, NullIf, Or};
    let is_other = |it: &Expression| match it {
        Constant(value) => !is_exact(value),
        And(_) | Or(_) | Not(_) | Is { .. } | Compare(..) | CompareEach { .. } => false,
        Case { .. } | Coalesce(_) | NullIf(..) | Array(_) => false,
        _ => true,
    };
    let is_null = |it: &Expression| *it == Expression::NULL;
    match expression {
        Compare(how, a, b) if *how != Comparison::Same && (is_null(a) || is_null(b)) => return Some(None),
        _ if expression.any(&is_other) => return None,
        _ => {}
    }
    match Evaluation::new(Session::NOBODY, None, None, false).outcomes(expression).known()? {
        [Value::Bool(truth)] => Some(Some(*truth)),
        [Value::Null] => Some(None),
        _ => None,
    }
}

/// Whether this is a sub-select without tables, and nothing takes a row away from it but its condition.
fn has_one_row_at_most(expression: &Expression) -> bool {
    expression.rows().is_some_and(|rows| !rows.from && !rows.may_be_cut && (!rows.always_one || rows.filter.is_none()))
}

/// Whether this is a truth value for certain.
fn may_be_condition(expression: &Expression) -> bool {
    is_condition(expression) || matches!(expression, Expression::Unknown { key: Some(_), .. })
}

/// Whether a value says all of what it is.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_exact),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::Integer(_) | Value::Json(_) | Value::Interval(_) => true,
        _ => false,
    }
}

fn is_plain(rows: &Rows) -> bool {
    !rows.from && rows.filter.is_none() && !rows.may_be_cut
}

/// Whether a reader gave it a key, which no other condition has.
fn is_known_by_its_key(expression: &Expression) -> bool {
    match expression {
        Expression::Unknown { key, .. } => key.is_some(),
        Expression::Exists(rows) | Expression::AnyRow { rows, .. } => rows.key.is_some(),
        _ => false,
    }
}

/// Whether a condition says all that decides it: the claims, the row's columns, constants.
fn is_certain(expression: &Expression) -> bool {
    !expression.any(&|it| match it {
        Expression::Unknown { key: None, reason, .. } => !is_of_read(reason.as_ref()),
        Expression::Unknown { .. } => false,
        _ => it.rows().is_some_and(|rows| !is_plain(rows) && rows.key.is_none()),
    })
}

/// Whether the row or other claims decide a condition in a way that is read: there are such for which it holds, and others.
fn is_read(expression: &Expression) -> bool {
    let is_unread = |it: &Expression| match it {
        Expression::Unknown { reason, .. } => !is_of_read(reason.as_ref()),
        // Something takes rows away that isn't known.
        _ => it.rows().is_some_and(|rows| rows.may_be_cut),
    };
    (is_of_row(expression) || expression.any(&Expression::is_claims)) && !expression.any(&is_unread)
}

/// Whether an unknown is a column, the subject, or a cast: what it says decides it.
fn is_of_read(reason: Option<&Reason>) -> bool {
    matches!(reason, Some(Reason::Column(_) | Reason::Subject { .. } | Reason::Cast { .. }))
}

/// Whether two conditions are the same, however they are wrapped. A comparison may stand the other way round.
fn is_same(a: &Expression, b: &Expression) -> bool {
    use Expression::{Compare, Is, Member, Unknown};
    match (a.unwrapped(), b.unwrapped()) {
        (Compare(how, a, b), Compare(other, c, d)) if how == other => are_same_compared(*how, [a, b], [c, d]),
        (Is { truth, negated, tested: a }, Is { truth: other, negated: is, tested: b }) => {
            truth == other && negated == is && is_same(a, b)
        }
        (Member { document: a, key: b, as_text }, Member { document: c, key: d, as_text: other }) => {
            as_text == other && is_same(a, c) && is_same(b, d)
        }
        (
            Unknown { reason: Some(Reason::Cast { to_boolean }), arguments: a, key: None, .. },
            Unknown { reason: Some(Reason::Cast { to_boolean: other }), arguments: b, key: None, .. },
        ) => to_boolean == other && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Unknown { reason: Some(Reason::Column(a)), .. }, Unknown { reason: Some(Reason::Column(b)), .. }) => a == b,
        (
            Unknown { reason: Some(Reason::Compared(how)), arguments: a, .. },
            Unknown { reason: Some(Reason::Compared(other)), arguments: b, .. },
        ) if how == other => match (a.as_slice(), b.as_slice()) {
            ([a, b], [c, d]) => are_same_compared(*how, [a, b], [c, d]),
            _ => false,
        },
        // Of one with a key, the arguments say what the session makes of it. They may stand in another order, or be wrapped.
        (Unknown { key: Some(key), arguments: a, .. }, Unknown { key: Some(other), arguments: b, .. }) => {
            let is_in = |one: &Expression, all: &[Expression]| all.iter().any(|other| is_same(one, other));
            key == other && a.iter().all(|it| is_in(it, b)) && b.iter().all(|it| is_in(it, a))
        }
        // Of a session of Supabase Auth, the subject is the same text in each form.
        (a, b) => a == b || (a.is_session_subject() && b.is_session_subject()),
    }
}

fn are_same_compared(how: Comparison, [a, b]: [&Expression; 2], [c, d]: [&Expression; 2]) -> bool {
    let is_symmetric = matches!(how, Comparison::Equal | Comparison::Same);
    (is_same(a, c) && is_same(b, d)) || (is_symmetric && is_same(a, d) && is_same(b, c))
}

/// What a condition depends on, beside the row and the claims that are the same in all sessions of a user.
fn dependence(expression: &Expression) -> Dependence {
    use Expression::*;
    let of_key = |key: &Expression| match key {
        Constant(Value::Text(key)) => of_claim(key),
        _ => Dependence::LEVEL,
    };
    let of_first = |path: &Expression| match path {
        Constant(Value::Array(path)) => match path.first() {
            Some(Value::Text(key)) => of_claim(key),
            _ => Dependence::LEVEL,
        },
        Array(path) => path.first().map_or(Dependence::LEVEL, of_key),
        _ => Dependence::LEVEL,
    };
    match expression {
        AuthenticatedAt(_) => Dependence::AGE,
        // Only the age of the factor is left open.
        HasLevel { level, max_age, .. } if matches!(**level, Constant(_)) => Dependence::AGE.and(dependence(max_age)),
        HasEnrolledLevel { max_age, .. } => Dependence::AGE.and(dependence(max_age)),
        Level | EnrolledLevel | Status | HasLevel { .. } | Claims | SessionIsLive { .. } => Dependence::LEVEL,
        Constant(Value::Claims | Value::ClaimsText) => Dependence::LEVEL,
        Methods => Dependence::METHODS,
        Member { document, key, .. } if document.is_claims() => of_key(key),
        HasKey(document, key) if document.is_claims() => of_key(key),
        Path { document, path, .. } if document.is_claims() => of_first(path),
        Call(Builtin::PathExists | Builtin::PathMatches | Builtin::PathFirst, arguments) => {
            match arguments.as_slice() {
                [document, Constant(Value::Text(path)), ..] if document.is_claims() => {
                    if path.contains("aal") {
                        Dependence::LEVEL
                    } else if path.contains("amr") {
                        Dependence::METHODS
                    } else {
                        Dependence::NOTHING
                    }
                }
                _ => of_children(expression),
            }
        }
        Compare(Comparison::Contains, document, part) if document.is_claims() => match &**part {
            Constant(Value::Json(Json::Object(part))) => all_of(part.keys().map(|key| of_claim(key))),
            _ => Dependence::LEVEL,
        },
        Setting { name, .. } => match &**name {
            Constant(Value::Text(name)) if is_claims_setting(name) => Dependence::LEVEL,
            Constant(Value::Text(name)) => {
                let name = name.to_ascii_lowercase();
                name.strip_prefix("request.jwt.claim.").map_or(Dependence::NOTHING, of_claim)
            }
            _ => Dependence::LEVEL,
        },
        _ => of_children(expression),
    }
}

fn of_children(expression: &Expression) -> Dependence {
    all_of(expression.children().into_iter().map(dependence))
}

fn all_of(all: impl Iterator<Item = Dependence>) -> Dependence {
    all.fold(Dependence::NOTHING, Dependence::and)
}

/// What a claim depends on.
fn of_claim(name: &str) -> Dependence {
    match name {
        "aal" => Dependence::LEVEL,
        "amr" => Dependence::METHODS,
        _ => Dependence::NOTHING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(condition: &Expression) -> Expression {
        let evaluation = Evaluation::new(Session::NOBODY, None, None, true);
        Residues::default().of(condition, &evaluation, SessionClass { level: 0, methods: 0 }).left
    }

    fn unknown(key: u32) -> Expression {
        Expression::Unknown { key: Some(Key(key)), strict: false, arguments: Vec::new(), reason: None }
    }

    fn required() -> Expression {
        let level = Box::new(Expression::Constant(Value::text("aal2")));
        Expression::HasLevel { level, max_age: Box::new(Expression::NULL), raises: true }
    }

    #[test]
    fn conditions_that_raise_one_within_another_stay_small() {
        let mut condition = unknown(0);
        for key in 1..100 {
            condition = Expression::Or(vec![condition, unknown(key), required()]);
        }
        assert!(left(&condition).extent().0 < 20_000);
        let many = Expression::Or((0..10_000).map(unknown).chain([required()]).collect());
        assert!(left(&many).extent().1 < 10);
    }

    #[test]
    fn a_condition_behind_one_that_raises_is_not_looked_at() {
        let is_null = Expression::Is { truth: Truth::Null, negated: false, tested: Box::new(Expression::Level) };
        let kept = left(&Expression::Or(vec![required(), is_null]));
        assert!(Evaluation::new(Session::NOBODY, None, None, true).outcomes(&kept).always_raises());
    }

    #[test]
    fn a_condition_beside_a_constant_that_decides_is_not_looked_at() {
        let constant = |truth| Expression::Constant(Value::Bool(truth));
        assert_eq!(left(&Expression::Or(vec![required(), constant(true)])), constant(true));
        assert_eq!(left(&Expression::And(vec![required(), constant(false)])), constant(false));
    }

    #[test]
    fn who_passes_alone_does_so_whichever_methods_there_are() {
        let by_totp = || {
            let key = Box::new(Expression::Constant(Value::text("amr")));
            let methods = Expression::Member { document: Box::new(Expression::Claims), key, as_text: true };
            let totp = Expression::Constant(Value::text("totp"));
            Expression::Compare(Comparison::Equal, Box::new(methods), Box::new(totp))
        };
        let has_level = |raises| {
            let level = Box::new(Expression::Constant(Value::text("aal1")));
            Expression::HasLevel { level, max_age: Box::new(Expression::NULL), raises }
        };
        let passes_alone = |condition: &Expression| {
            let mut residues = Residues::default();
            let mut left = |session, level| {
                let evaluation = Evaluation::new(session, None, None, true);
                residues.of(condition, &evaluation, SessionClass { level, methods: 0 })
            };
            let (nobody, user) = (left(Session::NOBODY, 0), left(Session::at(aal::Level::Aal1), 1));
            residues.admits_alone(&user, &nobody)
        };
        assert!(passes_alone(&has_level(false)));
        assert!(!passes_alone(&Expression::Or(vec![by_totp(), has_level(false)])));
        assert!(!passes_alone(&Expression::And(vec![by_totp(), has_level(false)])));
    }

    #[test]
    fn a_sub_select_without_tables_is_decided_with_its_row_and_without() {
        let rows = Rows { filter: Some(Box::new(unknown(0))), ..Rows::one() };
        let constant = |value| Box::new(Expression::Constant(value));
        let array = |level: &str| constant(Value::Array(vec![Value::text(level)]));
        let contains = |target: Expression| {
            let of_one = Expression::ArrayOf { target: Box::new(target), rows: rows.clone() };
            left(&Expression::Compare(Comparison::Contains, Box::new(of_one), array("aal2")))
        };
        // The session has no level.
        assert_eq!(contains(Expression::Level), Expression::Constant(Value::Bool(false)));
        let kept = contains(Expression::Constant(Value::text("aal2")));
        let conditions = [Some(true), Some(false), None].map(|truth| {
            let evaluation = Evaluation::new(Session::NOBODY, None, None, true).with_truth(key_of(0), truth);
            evaluation.outcomes(&kept)
        });
        let truth = |truth| super::super::Outcomes::one(Value::Bool(truth));
        assert_eq!(conditions, [truth(true), truth(false), truth(false)]);
        let any = Expression::AnyRow { test: constant(Value::Null), rows: rows.clone() };
        let kept = left(&any);
        let evaluation = Evaluation::new(Session::NOBODY, None, None, true).with_truth(key_of(0), Some(false));
        assert_eq!(evaluation.outcomes(&kept), truth(false));
    }

    #[test]
    fn a_sub_select_beside_a_constant_that_decides_needs_no_rights() {
        let none = std::collections::HashSet::new();
        let evaluation = Evaluation::new(Session::NOBODY, None, Some(&none), true);
        let table = crate::TableId::new(1).unwrap();
        let of_table = || Expression::Exists(Rows { reads: vec![table], from: true, ..Rows::one() });
        let constant = |truth| Expression::Constant(Value::Bool(truth));
        let mut residues = Residues::default();
        let (hidden, case, null) = (
            Expression::Or(vec![constant(true), of_table()]),
            Expression::Case { arms: vec![(constant(false), of_table())], otherwise: Box::new(constant(true)) },
            Expression::Compare(Comparison::Equal, Box::new(Expression::NULL), Box::new(constant(true))),
        );
        let class = SessionClass { level: 0, methods: 0 };
        let mut is_left = |it: &'static Expression| residues.of(it, &evaluation, class).admits(&Vec::new());
        let leak = |it: Expression| -> &'static Expression { Box::leak(Box::new(it)) };
        assert_eq!(is_left(leak(hidden)), Some(true));
        assert_eq!(is_left(leak(case)), Some(true));
        let beside_null = Expression::Case { arms: vec![(null, of_table())], otherwise: Box::new(constant(true)) };
        assert_eq!(is_left(leak(beside_null)), Some(true));
        assert_eq!(is_left(leak(Expression::Or(vec![constant(false), of_table()]))), Some(false));
    }

    #[test]
    fn what_a_sub_select_without_tables_selects_is_a_condition_where_it_is_one() {
        // A comparison that isn't read.
        let target = Expression::Unknown {
            key: None,
            strict: false,
            arguments: vec![Expression::Level, Expression::Constant(Value::text("AAL2"))],
            reason: None,
        };
        let rows = [Rows::one(), Rows { filter: Some(Box::new(unknown(0))), ..Rows::one() }];
        for rows in rows {
            let wrapped = Expression::Select { target: Box::new(target.clone()), rows };
            let evaluation = Evaluation::new(Session::at(aal::Level::Aal2), None, None, true);
            let mut residues = Residues::default();
            let asked = residues.of(&wrapped, &evaluation, SessionClass { level: 2, methods: 2 });
            assert!(!residues.is_read(&asked), "{wrapped:?}");
        }
    }

    #[test]
    fn a_condition_on_the_row_in_a_sub_select_that_is_cut_is_not_read() {
        let column = Expression::Unknown {
            key: Some(Key(0)),
            strict: false,
            arguments: Vec::new(),
            reason: Some(Reason::Column(1)),
        };
        assert!(is_read(&column));
        let cut = Rows { mentions: vec![column], from: true, may_be_cut: true, ..Rows::one() };
        assert!(!is_read(&Expression::Exists(cut)));
    }

    #[test]
    fn the_subject_is_the_same_in_each_of_its_forms() {
        let subject = |as_uuid| Expression::Unknown {
            key: None,
            strict: false,
            arguments: Vec::new(),
            reason: Some(Reason::Subject { as_uuid }),
        };
        let owner =
            Expression::Unknown { key: None, strict: false, arguments: Vec::new(), reason: Some(Reason::Column(1)) };
        let owns = |subject| Expression::Compare(Comparison::Equal, Box::new(owner.clone()), Box::new(subject));
        assert!(is_same(&owns(subject(false)), &owns(subject(true))));
        assert!(!is_same(&owns(subject(false)), &owns(Expression::Level)));
    }
}

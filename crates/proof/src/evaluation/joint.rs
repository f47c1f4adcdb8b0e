//! The values of an expression in two sessions at once, for one row and one moment. The row, the other claims and functions that can't be
//! read are the same for both.

use super::recurring::recurring_unknowns;
use super::{Evaluation, Expression, Key, Outcomes, Truth, Value, most_assumptions};

/// Whether, for some row, the one session could pass while the other one is refused.
pub(crate) fn passes_alone(expression: &Expression, one: &Evaluation<'_>, other: &Evaluation<'_>) -> bool {
    if !one.outcomes(expression).can_be_true() {
        return false;
    }
    let mut unknowns = recurring_unknowns([expression].into_iter());
    expression.visit(&mut |it| {
        if let Expression::Unknown { key: Some(key), .. } = it
            && !unknowns.contains(key)
        {
            unknowns.push(*key);
        }
        true
    });
    unknowns.truncate(most_assumptions(expression.extent().0));
    passes_alone_assuming(expression, one, other, &unknowns)
}

fn passes_alone_assuming(
    expression: &Expression,
    one: &Evaluation<'_>,
    other: &Evaluation<'_>,
    unknowns: &[Key],
) -> bool {
    let is_last = unknowns.is_empty();
    if !(Pairing { one, other, is_last }).pairs(expression).has_true_and_another() {
        return false;
    }
    let Some((key, rest)) = unknowns.split_first() else { return true };
    [Some(true), Some(false), None].into_iter().any(|truth| {
        let (one, other) = (one.clone().with_truth(*key, truth), other.clone().with_truth(*key, truth));
        passes_alone_assuming(expression, &one, &other, rest)
    })
}

/// What a condition comes to in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    True,
    False,
    Null,
    Raised,
}

impl Came {
    const ALL: [Came; 4] = [Came::True, Came::False, Came::Null, Came::Raised];

    fn and(self, other: Came) -> Came {
        use Came::{False, Null, Raised, True};
        match (self, other) {
            (False, _) | (_, False) => False,
            (Raised, _) | (_, Raised) => Raised,
            (Null, _) | (_, Null) => Null,
            (True, True) => True,
        }
    }

    fn not(self) -> Came {
        match self {
            Came::True => Came::False,
            Came::False => Came::True,
            other => other,
        }
    }

    fn is(self, truth: Truth, negated: bool) -> Came {
        let wanted = match truth {
            Truth::True => Came::True,
            Truth::False => Came::False,
            Truth::Null => Came::Null,
        };
        match self {
            Came::Raised => Came::Raised,
            it if (it == wanted) != negated => Came::True,
            _ => Came::False,
        }
    }

    /// What a CASE comes to that has this for a condition.
    fn choose(self, result: Came, otherwise: Came) -> Came {
        match self {
            Came::Raised => Came::Raised,
            Came::True => result,
            Came::False | Came::Null => otherwise,
        }
    }

    fn or_if_null(self, other: Came) -> Came {
        if self == Came::Null { other } else { self }
    }
}

/// A set of pairs: what a condition comes to in the one session and, at the same time, in the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pairs(u16);

impl Pairs {
    fn add(&mut self, one: Came, other: Came) {
        self.0 |= 1 << (one as u16 * 4 + other as u16);
    }

    fn has(self, one: Came, other: Came) -> bool {
        self.0 & (1 << (one as u16 * 4 + other as u16)) != 0
    }

    fn iter(self) -> impl Iterator<Item = (Came, Came)> {
        let all = Came::ALL.into_iter().flat_map(|one| Came::ALL.into_iter().map(move |other| (one, other)));
        all.filter(move |(one, other)| self.has(*one, *other))
    }

    fn constant(came: Came) -> Pairs {
        let mut pairs = Pairs::default();
        pairs.add(came, came);
        pairs
    }

    fn map(self, each: impl Fn(Came) -> Came) -> Pairs {
        let mut pairs = Pairs::default();
        self.iter().for_each(|(one, other)| pairs.add(each(one), each(other)));
        pairs
    }

    fn combine(self, second: Pairs, each: impl Fn(Came, Came) -> Came) -> Pairs {
        let mut pairs = Pairs::default();
        for (one, other) in self.iter() {
            second.iter().for_each(|(a, b)| pairs.add(each(one, a), each(other, b)));
        }
        pairs
    }

    fn has_true_and_another(self) -> bool {
        [Came::False, Came::Null, Came::Raised].into_iter().any(|other| self.has(Came::True, other))
    }
}

struct Pairing<'a, 'e> {
    one: &'a Evaluation<'e>,
    other: &'a Evaluation<'e>,
    /// Whether no more unknowns are told apart.
    is_last: bool,
}

impl Pairing<'_, '_> {
    fn pairs(&self, expression: &Expression) -> Pairs {
        use Expression::{And, Case, Coalesce, Is, Not, Or, Select};
        let and = |a: Pairs, b: Pairs| a.combine(b, Came::and);
        match expression {
            And(all) => all.iter().map(|it| self.pairs(it)).fold(Pairs::constant(Came::True), and),
            Or(any) => {
                let negated = any.iter().map(|it| self.pairs(it).map(Came::not));
                negated.fold(Pairs::constant(Came::True), and).map(Came::not)
            }
            Not(it) => self.pairs(it).map(Came::not),
            Is { truth, negated, tested } if *truth != Truth::Null || is_condition(tested) => {
                self.pairs(tested).map(|it| it.is(*truth, *negated))
            }
            Case { arms, otherwise } if is_condition(expression) => {
                arms.iter().rev().fold(self.pairs(otherwise), |otherwise, (condition, result)| {
                    self.chosen(self.pairs(condition), self.pairs(result), otherwise)
                })
            }
            Coalesce(many) if is_condition(expression) => {
                let all = many.iter().rev().map(|it| self.pairs(it));
                all.fold(Pairs::constant(Came::Null), |rest, it| it.combine(rest, Came::or_if_null))
            }
            Select { target, rows } if !rows.from && rows.filter.is_none() && !rows.may_be_cut => {
                let mut pairs = self.pairs(target);
                // Its tables may not be readable.
                if !self.one.may_read(rows) {
                    pairs = Pairs::constant(Came::Raised);
                }
                pairs
            }
            _ => self.leaf(expression),
        }
    }

    fn chosen(&self, condition: Pairs, result: Pairs, otherwise: Pairs) -> Pairs {
        let mut pairs = Pairs::default();
        for (one, other) in condition.iter() {
            for (a, b) in result.iter() {
                otherwise.iter().for_each(|(c, d)| pairs.add(one.choose(a, c), other.choose(b, d)));
            }
        }
        pairs
    }

    /// A condition that isn't taken apart. Where neither session decides it, something else does, which is the same for both.
    fn leaf(&self, expression: &Expression) -> Pairs {
        let (one, other) = (came(&self.one.outcomes(expression)), came(&self.other.outcomes(expression)));
        let mut pairs = Pairs::default();
        if one.len() > 1 && other.len() > 1 && (self.is_last || !expression.asks_for_level()) {
            one.iter().filter(|it| other.contains(it)).for_each(|it| pairs.add(*it, *it));
        }
        if pairs == Pairs::default() {
            one.iter().for_each(|one| other.iter().for_each(|other| pairs.add(*one, *other)));
        }
        pairs
    }
}

/// Whether this certainly is a truth value. All results of a CASE are of one type, and so are all arguments of coalesce.
fn is_condition(expression: &Expression) -> bool {
    use Expression::{
        And, Case, Coalesce, Compare, CompareEach, Constant, Exists, HasEnrolledLevel, HasKey, HasLevel, Is, Not, Or,
        Select,
    };
    match expression {
        And(_) | Or(_) | Not(_) | Is { .. } | Compare(..) | CompareEach { .. } | Exists(_) | HasKey(..) => true,
        HasLevel { .. } | HasEnrolledLevel { .. } => true,
        Constant(value) => matches!(value, Value::Bool(_)),
        Select { target, .. } => is_condition(target),
        Case { arms, otherwise } => is_condition(otherwise) || arms.iter().any(|(_, result)| is_condition(result)),
        Coalesce(many) => many.iter().any(is_condition),
        _ => false,
    }
}

fn came(outcomes: &Outcomes) -> Vec<Came> {
    if outcomes.always_raises() {
        return vec![Came::Raised];
    }
    let truths = [(Came::True, Value::Bool(true)), (Came::False, Value::Bool(false)), (Came::Null, Value::Null)];
    truths.into_iter().filter(|(_, value)| outcomes.can_be(value)).map(|(came, _)| came).collect()
}

//! Whether a permissive policy asks for a level in vain: because another one lets sessions below it see the same rows.

use super::survey::Survey;
use crate::{
    Age, Command, Enrolled, Evaluation, Expression, Key, Need, Outcomes, Policy, Reason, RequiredLevel, RoleIndex,
    Rows, Session, TableIndex, Truth, Value, Work,
};
use aal::{Level, MaxAge};

/// How much work one policy may be, for one command and role.
const MOST_WORK: u64 = 200_000;

/// How many conditions on the row are told apart: each triples the work.
const MOST_CONDITIONS: usize = 6;

/// The permissive policy beside which another one asks for a level in vain, for a command of some role.
pub(super) fn beside<'a>(
    survey: &Survey<'a>,
    index: TableIndex,
    policy: &'a Policy,
    command: Command,
) -> Option<&'a Policy> {
    let table = &survey.catalog.tables[index];
    let is_other = |other: &&Policy| other.permissive && other.name != policy.name && other.command.covers(command);
    let others: Vec<&Policy> = table.policies.iter().filter(is_other).collect();
    let is_same_for_all = !table.policies.iter().flat_map(Policy::expressions).any(Expression::depends_on_role);
    let mut known: Vec<(Vec<bool>, &Need)> = Vec::new();
    survey.bound_roles(table).filter(|role| policy.binds[*role]).find_map(|role| {
        (survey.pause)();
        let need = survey.matrix.own_need(index, role, command);
        let bound: Vec<bool> = others.iter().map(|other| other.binds[role]).collect();
        if is_same_for_all && known.iter().any(|(others, it)| *others == bound && it.threshold == need.threshold) {
            return None;
        }
        known.push((bound, need));
        let work = Work::new(MOST_WORK);
        let weighing = Weighing { survey, role, command, need, work: &work };
        others.iter().copied().find(|other| other.binds[role] && weighing.is_in_vain(policy, other))
    })
}

/// What a policy and another one say to sessions of one role.
struct Weighing<'a, 'b> {
    survey: &'b Survey<'a>,
    role: RoleIndex,
    command: Command,
    need: &'b Need,
    work: &'b Work,
}

/// Two expressions for the same rows, with what they have in common told apart.
struct Pair {
    asking: Expression,
    other: Expression,
    conditions: Vec<Key>,
}

impl Weighing<'_, '_> {
    fn is_in_vain(&self, policy: &Policy, other: &Policy) -> bool {
        let (Some(asking), Some(others)) = (expressions(policy, self.command), expressions(other, self.command)) else {
            return false;
        };
        if !asking.iter().any(|it| it.asks_for_level()) {
            return false;
        }
        let pairs: Vec<Pair> = asking.iter().zip(&others).map(|(asking, other)| Pair::new(asking, other)).collect();
        // Own rows beside the rows of one's team go together. Own rows beside everybody's don't.
        let is_about_all = is_about_all_rows(policy) || is_about_all_rows(other);
        let rungs = rungs();
        let below = |(n, low): (usize, &Session)| {
            let higher = &rungs[n + 1..];
            let low = self.evaluation(*low);
            higher.iter().any(|high| self.gains_nothing(&pairs, &low, &self.evaluation(*high), is_about_all))
        };
        let found = rungs.iter().enumerate().filter(|(_, low)| admits(self.need, low)).any(below);
        found && !self.work.is_spent()
    }

    /// Whether the higher session reaches no row by the one policy that the lower one doesn't reach by the other.
    fn gains_nothing(&self, pairs: &[Pair], low: &Evaluation<'_>, high: &Evaluation<'_>, is_about_all: bool) -> bool {
        if !pairs.iter().any(|pair| pair.refuses(low, high)) {
            return false;
        }
        pairs.iter().all(|pair| pair.is_implied(low, high))
            || (is_about_all
                && pairs
                    .iter()
                    .all(|pair| high.outcomes(&pair.asking).can_be_true() && low.outcomes(&pair.other).can_be_true())
                && pairs.iter().any(|pair| !low.outcomes(&pair.asking).can_be_true()))
    }

    fn evaluation(&self, session: Session) -> Evaluation<'_> {
        let catalog = self.survey.catalog;
        let role = &catalog.roles[self.role];
        let evaluation = Evaluation::new(session, Some(&role.name), Some(&role.readable), catalog.trusts_settings);
        evaluation
            .by_profiles(&catalog.profiles, catalog.level_of_guests())
            .with_claims_in_each_setting()
            .within(self.work, true)
    }
}

impl Pair {
    fn new(asking: &Expression, other: &Expression) -> Pair {
        let mut told = ToldApart::default();
        let (asking, other) = (told.apart(asking), told.apart(other));
        let mut conditions = Vec::new();
        for expression in [&other, &asking] {
            expression.visit(&mut |it| {
                if let Expression::Unknown { key: Some(key), .. } = it
                    && !conditions.contains(key)
                {
                    conditions.push(*key);
                }
                true
            });
        }
        conditions.truncate(MOST_CONDITIONS);
        Pair { asking, other, conditions }
    }

    /// Whether the one policy lets the higher session have some row that it keeps from the lower one.
    fn refuses(&self, low: &Evaluation<'_>, high: &Evaluation<'_>) -> bool {
        some(low, high, &self.conditions, &|low, high, is_last| {
            let (low, high) = (low.outcomes(&self.asking), high.outcomes(&self.asking));
            match (low.can_be_true(), high.can_be_true()) {
                (_, false) => Some(false),
                (false, true) if is_true(&high) || is_last => Some(true),
                (true, true) if is_true(&low) || is_last => Some(false),
                _ => None,
            }
        })
    }

    /// Whether the lower session may have each row that the one policy lets the higher one have.
    fn is_implied(&self, low: &Evaluation<'_>, high: &Evaluation<'_>) -> bool {
        let both = Expression::Or(vec![self.asking.clone(), self.other.clone()]);
        let has_more = some(low, high, &self.conditions, &|low, high, is_last| {
            if !high.outcomes(&self.asking).can_be_true() || is_true(&low.outcomes(&both)) {
                return Some(false);
            }
            is_last.then_some(true)
        });
        !has_more
    }
}

fn is_true(outcomes: &Outcomes) -> bool {
    outcomes.can_be_true() && outcomes.is_certainly(&Value::Bool(true))
}

/// Whether something holds for some truth of these conditions. `holds` is told whether no more of them are left to tell apart; else it may
/// leave the answer open.
fn some(
    low: &Evaluation<'_>,
    high: &Evaluation<'_>,
    conditions: &[Key],
    holds: &dyn Fn(&Evaluation<'_>, &Evaluation<'_>, bool) -> Option<bool>,
) -> bool {
    if let Some(known) = holds(low, high, conditions.is_empty()) {
        return known;
    }
    let Some((key, rest)) = conditions.split_first() else { return false };
    [Some(true), Some(false), None].into_iter().any(|truth| {
        let (low, high) = (low.clone().with_truth(*key, truth), high.clone().with_truth(*key, truth));
        some(&low, &high, rest, holds)
    })
}

/// The expressions of a policy that count for a command. `None`: by this policy, no row.
fn expressions(policy: &Policy, command: Command) -> Option<Vec<&Expression>> {
    match command {
        Command::Insert => Some(vec![policy.check()?]),
        Command::Update => Some(vec![policy.using.as_ref()?, policy.check()?]),
        Command::Select | Command::Delete => Some(vec![policy.using.as_ref()?]),
        Command::Truncate => None,
    }
}

/// Sessions of one user, from the lowest. Their factors are fresh, but for one.
fn rungs() -> [Session; 6] {
    let fresh = Age::AtMost(MaxAge::from_seconds(0));
    [
        Session::NOBODY,
        Session::at_aal1(Enrolled::Yes).aged(fresh),
        Session::at_aal1(Enrolled::No).aged(fresh),
        Session::at(Level::Aal2).aged(Age::Older),
        Session::at(Level::Aal2).aged(fresh),
        Session::at(Level::Aal3).aged(fresh),
    ]
}

/// Whether a session reaches some row, by all policies together.
fn admits(need: &Need, session: &Session) -> bool {
    let is_high_enough = match need.level() {
        RequiredLevel::None => true,
        RequiredLevel::Aal1 => session.level >= Some(Level::Aal1),
        RequiredLevel::Enrolled => {
            session.level >= Some(Level::Aal2)
                || (session.level == Some(Level::Aal1) && session.enrolled == Enrolled::No)
        }
        RequiredLevel::Aal2 => session.level >= Some(Level::Aal2),
        RequiredLevel::Aal3 => session.level >= Some(Level::Aal3),
        RequiredLevel::Denied => false,
    };
    is_high_enough && need.threshold.max_age.is_none_or(|max_age| session.age.is_within(max_age) == Some(true))
}

/// Whether a policy is about all rows, for all users.
fn is_about_all_rows(policy: &Policy) -> bool {
    const OF_ALL_USERS: [&str; 4] = ["aal", "role", "sub", "aud"];
    !policy.expressions().any(|expression| {
        expression.any(&|it| match it {
            Expression::Unknown { .. } | Expression::Exists(_) | Expression::AnyRow { .. } => true,
            Expression::Member { key, .. } => {
                !matches!(&**key, Expression::Constant(Value::Text(key)) if OF_ALL_USERS.contains(&key.as_str()))
            }
            _ => false,
        })
    })
}

/// Conditions that don't ask for a level, and come to the same at each place in the policies of one row.
#[derive(Default)]
struct ToldApart {
    conditions: Vec<Expression>,
}

impl ToldApart {
    /// The expression with an unknown in the place of each such condition: the same one for the same condition.
    fn apart(&mut self, expression: &Expression) -> Expression {
        use Expression::{And, AnyRow, Exists, Is, Not, Or, Select, Unknown};
        match expression {
            And(all) => And(all.iter().map(|it| self.apart(it)).collect()),
            Or(any) => Or(any.iter().map(|it| self.apart(it)).collect()),
            Not(it) => self.apart(it).negate(),
            Is { truth, negated, tested } if *truth != Truth::Null => {
                Is { truth: *truth, negated: *negated, tested: Box::new(self.apart(tested)) }
            }
            Select { target, rows } if is_plain(rows) => {
                Select { target: Box::new(self.apart(target)), rows: rows.clone() }
            }
            Unknown { .. } => expression.clone(),
            Exists(Rows { key: Some(key), .. }) | AnyRow { rows: Rows { key: Some(key), .. }, .. }
                if !expression.asks_for_level() =>
            {
                unknown(*key)
            }
            _ if expression.asks_for_level() || !is_certain(expression) => expression.clone(),
            _ => unknown(self.key(expression)),
        }
    }

    /// A key that no reader gives: those begin with 0.
    fn key(&mut self, condition: &Expression) -> Key {
        let place = self.conditions.iter().position(|it| is_same(it, condition)).unwrap_or_else(|| {
            self.conditions.push(condition.clone());
            self.conditions.len() - 1
        });
        Key(u32::MAX - u32::try_from(place).unwrap_or(u32::MAX))
    }
}

fn unknown(key: Key) -> Expression {
    Expression::Unknown { key: Some(key), strict: false, arguments: Vec::new(), reason: None }
}

fn is_plain(rows: &Rows) -> bool {
    !rows.from && rows.filter.is_none() && !rows.may_be_cut
}

/// Whether a condition says all that decides it: the claims, the row's columns, constants.
fn is_certain(expression: &Expression) -> bool {
    !expression.any(&|it| match it {
        Expression::Unknown { key, reason, .. } => {
            let is_known = matches!(reason, Some(Reason::Column(_) | Reason::Subject { .. } | Reason::Cast { .. }));
            key.is_none() && !is_known
        }
        _ => it.rows().is_some_and(|rows| !is_plain(rows) && rows.key.is_none()),
    })
}

/// Whether two conditions are the same, however they are wrapped. A comparison may stand the other way round.
fn is_same(a: &Expression, b: &Expression) -> bool {
    use crate::Comparison::{Equal, Same};
    use Expression::{Compare, Is, Member, Unknown};
    match (a.unwrapped(), b.unwrapped()) {
        (Compare(how, a, b), Compare(other, c, d)) if how == other => {
            (is_same(a, c) && is_same(b, d)) || (matches!(how, Equal | Same) && is_same(a, d) && is_same(b, c))
        }
        (Is { truth, negated, tested: a }, Is { truth: other, negated: is, tested: b }) => {
            truth == other && negated == is && is_same(a, b)
        }
        (Member { document: a, key: b, as_text }, Member { document: c, key: d, as_text: other }) => {
            as_text == other && is_same(a, c) && is_same(b, d)
        }
        (
            Unknown { reason: Some(Reason::Cast { to_boolean }), arguments: a, .. },
            Unknown { reason: Some(Reason::Cast { to_boolean: other }), arguments: b, .. },
        ) => to_boolean == other && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn has_level(level: Level) -> Expression {
        Expression::HasLevel {
            level: Box::new(Expression::Constant(Value::text(level.as_str()))),
            max_age: Box::new(Expression::NULL),
            raises: false,
        }
    }

    fn condition() -> impl Strategy<Value = Expression> {
        let leaf = prop_oneof![
            (0u32..3).prop_map(|key| unknown(Key(key))),
            prop::sample::select(Level::ALL.to_vec()).prop_map(has_level),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let many = prop::collection::vec(inner.clone(), 1..3);
            prop_oneof![
                many.clone().prop_map(Expression::And),
                many.prop_map(Expression::Or),
                inner.prop_map(Expression::negate),
            ]
        })
    }

    /// What it comes to at a level, for a row of which the conditions come to this.
    fn truth(expression: &Expression, level: Option<Level>, row: [Option<bool>; 3]) -> Option<bool> {
        let all = |truths: Vec<Option<bool>>| {
            if truths.contains(&Some(false)) {
                Some(false)
            } else if truths.contains(&None) {
                None
            } else {
                Some(true)
            }
        };
        match expression {
            Expression::Unknown { key: Some(key), .. } => row[key.0 as usize],
            Expression::HasLevel { level: asked, .. } => match &**asked {
                Expression::Constant(Value::Text(asked)) => Some(level >= Level::from_claim(asked)),
                other => panic!("{other:?}"),
            },
            Expression::And(parts) => all(parts.iter().map(|it| truth(it, level, row)).collect()),
            Expression::Or(parts) => {
                let negated = parts.iter().map(|it| truth(it, level, row).map(|truth| !truth));
                all(negated.collect()).map(|truth| !truth)
            }
            Expression::Not(it) => truth(it, level, row).map(|truth| !truth),
            other => panic!("{other:?} isn't generated"),
        }
    }

    fn rows() -> impl Iterator<Item = [Option<bool>; 3]> {
        const TRUTHS: [Option<bool>; 3] = [Some(true), Some(false), None];
        TRUTHS
            .into_iter()
            .flat_map(|a| TRUTHS.into_iter().flat_map(move |b| TRUTHS.into_iter().map(move |c| [a, b, c])))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// The definition on the page of 0001, row by row.
        #[test]
        fn a_level_is_asked_for_in_vain_exactly_where_each_row_is_open_below_it(
            asking in condition(), other in condition(), places in (0usize..3, 0usize..4)
        ) {
            let levels = [None, Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3)];
            let (low, high) = (levels[places.0], levels[places.1]);
            if low >= high {
                return Ok(());
            }
            let passes = |it: &Expression, level, row| truth(it, level, row) == Some(true);
            let (asks_high, asks_low) = (|row| passes(&asking, high, row), |row| passes(&asking, low, row));
            let expected_refusal = rows().any(|row| asks_high(row) && !asks_low(row));
            let expected = rows().all(|row| !asks_high(row) || asks_low(row) || passes(&other, low, row));
            let kind = |level: Option<Level>| Evaluation::new(level.map_or(Session::NOBODY, Session::at), None, None, true);
            let pair = Pair::new(&asking, &other);
            prop_assert_eq!(pair.refuses(&kind(low), &kind(high)), expected_refusal);
            prop_assert_eq!(pair.is_implied(&kind(low), &kind(high)), expected);
        }
    }
}

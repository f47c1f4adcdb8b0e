//! Whether a permissive policy asks for a level in vain: because another one lets sessions below it see the same rows.

use super::rungs::Rung;
use super::survey::Survey;
use crate::evaluation::{Asked, Residues, Truths};
use crate::{Command, Enrolled, Expression, Need, Policy, RequiredLevel, RoleIndex, Table, TableIndex, Work};
use aal::Level;

/// How much work one policy may be, for one command and role.
const MOST_WORK: u64 = 200_000;

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
        let weighing = Weighing { survey, table, role, command, need, work: &work };
        others.iter().copied().find(|other| other.binds[role] && weighing.is_in_vain(policy, other))
    })
}

/// What a policy and another one say to sessions of one role.
struct Weighing<'a, 'b> {
    survey: &'b Survey<'a>,
    table: &'b Table,
    role: RoleIndex,
    command: Command,
    need: &'b Need,
    work: &'b Work,
}

/// What a session leaves of the policies' expressions, pair by pair: that of the one that asks for a level, and that of the other.
struct Left<'e> {
    level: Option<Level>,
    /// Whether the session reaches some row, by all policies together.
    is_admitted: bool,
    pairs: Pairs<'e>,
}

type Pairs<'e> = Vec<(Asked<'e>, Asked<'e>)>;

impl Weighing<'_, '_> {
    fn is_in_vain(&self, policy: &Policy, other: &Policy) -> bool {
        let (Some(asking), Some(others)) = (expressions(policy, self.command), expressions(other, self.command)) else {
            return false;
        };
        if !asking.iter().any(|it| it.asks_for_level()) {
            return false;
        }
        let found = [Enrolled::Yes, Enrolled::No].into_iter().any(|enrolled| {
            let mut residues = Residues::default();
            let rungs = Rung::of_user(self.survey.catalog, self.role, enrolled, self.work);
            let left = rungs.iter().map(|rung| {
                let mut left = |it| rung.left(&mut residues, it);
                let pairs = asking.iter().zip(&others).map(|(asking, other)| (left(asking), left(other))).collect();
                Left { pairs, is_admitted: self.admits_some(rung), level: rung.session.level }
            });
            let left: Vec<Left<'_>> = left.collect();
            let all: Vec<&Asked<'_>> = left.iter().flat_map(Left::all).collect();
            let users = residues.users(&all);
            if users.iter().all(Truths::is_empty) {
                return self.is_in_vain_to_some(&left, &residues);
            }
            users.iter().any(|user| {
                let left: Vec<Left<'_>> = left.iter().map(|it| it.of_user(user)).collect();
                self.is_in_vain_to_some(&left, &residues)
            })
        });
        found && !self.work.is_spent()
    }

    /// Whether, for some of these sessions from the lowest on, a higher one gains nothing.
    fn is_in_vain_to_some(&self, left: &[Left<'_>], residues: &Residues<'_>) -> bool {
        left.iter().enumerate().any(|(n, low)| {
            let is_new = !left[..n].iter().any(|other| other.pairs == low.pairs && other.is_admitted);
            let higher = left[n + 1..].iter().enumerate().filter(|(at, high)| {
                let between = &left[n + 1..n + 1 + at];
                high.level.is_some() && !between.iter().any(|it| it.level.is_some() && it.is_as(high))
            });
            is_new && low.is_admitted && higher.into_iter().any(|(_, high)| low.keeps_all(high, residues))
        })
    }

    /// Whether a session reaches some row, by all policies together: a higher one may do so at an age that doesn't suffice at the lowest.
    fn admits_some(&self, rung: &Rung<'_>) -> bool {
        let session = rung.session;
        let is_high_enough = match self.need.level() {
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
        let is_fresh = |max_age| session.age.is_within(max_age) == Some(true);
        is_high_enough && (self.need.threshold.max_age.is_none_or(is_fresh) || self.passes_all(rung))
    }

    /// Whether a session passes the policies. Guards that ask for an age are for writes.
    fn passes_all(&self, rung: &Rung<'_>) -> bool {
        if self.command.writes() {
            return false;
        }
        let binding = self.table.policies.iter().filter(|it| it.binds[self.role] && it.command.covers(self.command));
        let (permissive, restrictive): (Vec<&Policy>, Vec<&Policy>) = binding.partition(|it| it.permissive);
        rung.evaluation.could_pass(Some(&using(&permissive)), &using(&restrictive))
    }
}

impl<'e> Left<'e> {
    fn all(&self) -> impl Iterator<Item = &Asked<'e>> {
        self.pairs.iter().flat_map(|(asking, other)| [asking, other])
    }

    /// The same of a user of whom conditions come to this.
    fn of_user(&self, user: &Truths) -> Left<'e> {
        let pairs = self.pairs.iter().map(|(asking, other)| (asking.given(user), other.given(user))).collect();
        Left { pairs, ..*self }
    }

    /// Whether the policy that asks says the same to both.
    fn is_as(&self, other: &Left<'_>) -> bool {
        self.pairs.iter().zip(&other.pairs).all(|((one, _), (other, _))| one == other)
    }

    /// Whether the higher session reaches no row by the one policy that this one doesn't reach by one of the two, though that policy keeps
    /// some from it.
    fn keeps_all(&self, high: &Left<'_>, residues: &Residues<'_>) -> bool {
        let pairs = || self.pairs.iter().zip(&high.pairs).map(|((low, other), (high, _))| (low, other, high));
        let refuses = pairs().any(|(low, _, high)| residues.admits_alone(high, low));
        refuses
            && (pairs().all(|(low, other, high)| is_implied(residues, low, other, high))
                || self.is_about_all(high, residues))
    }

    /// Whether the policy that asks is about all rows: it admits the higher session to all, and this one to none. The other policy admits
    /// this one to some.
    fn is_about_all(&self, high: &Left<'_>, residues: &Residues<'_>) -> bool {
        let is = |it: &Asked<'_>, truths: &Truths, admitted| it.admits(truths).map(|it| it == admitted);
        let may_be_admitted = |it: &Asked<'_>| residues.possibly_some(&[it], &|truths| is(it, truths, true));
        high.pairs.iter().all(|(asking, _)| residues.for_all_rows(asking, &|truths| is(asking, truths, true)))
            && self.pairs.iter().any(|(asking, _)| !may_be_admitted(asking))
            && self.pairs.iter().all(|(_, other)| residues.for_some_row(other, &|truths| is(other, truths, true)))
    }
}

/// Whether the lower session may have each row that the one policy lets the higher one have.
fn is_implied(residues: &Residues<'_>, low: &Asked<'_>, other: &Asked<'_>, high: &Asked<'_>) -> bool {
    let has_more = residues.possibly_some(&[low, other, high], &|truths| {
        let by_either = [low, other].map(|it| it.admits(truths));
        match (by_either, high.admits(truths)) {
            (_, Some(false)) => Some(false),
            (either, _) if either.contains(&Some(true)) => Some(false),
            ([Some(false), Some(false)], Some(true)) => Some(true),
            _ => None,
        }
    });
    !has_more
}

fn using<'p>(policies: &[&'p Policy]) -> Vec<&'p Expression> {
    policies.iter().filter_map(|it| it.using.as_ref()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::SessionClass;
    use crate::{Evaluation, Key, Session, Value};
    use proptest::prelude::*;

    fn has_level(level: Level) -> Expression {
        Expression::HasLevel {
            level: Box::new(Expression::Constant(Value::text(level.as_str()))),
            max_age: Box::new(Expression::NULL),
            raises: false,
        }
    }

    fn unknown(key: Key) -> Expression {
        Expression::Unknown { key: Some(key), strict: false, arguments: Vec::new(), reason: None }
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
            let mut residues = Residues::default();
            let mut left = |level: Option<Level>| {
                let session = level.map_or(Session::NOBODY, Session::at);
                let evaluation = Evaluation::new(session, None, None, true);
                let rung = Rung { session, evaluation, class: SessionClass { level: places.1, methods: places.1 } };
                let pairs = vec![(rung.left(&mut residues, &asking), rung.left(&mut residues, &other))];
                Left { pairs, is_admitted: true, level }
            };
            let (low, high) = (left(low), left(high));
            let ((low_asking, low_other), (high_asking, _)) = (&low.pairs[0], &high.pairs[0]);
            prop_assert_eq!(is_implied(&residues, low_asking, low_other, high_asking), expected);
            if expected {
                prop_assert_eq!(low.keeps_all(&high, &residues), expected_refusal);
            }
        }
    }
}

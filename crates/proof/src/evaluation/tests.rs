//! The set of all that an expression could come to holds what it really comes to: tried against a plain interpreter, which knows
//! one session and one row.

use proptest::prelude::*;

use super::*;
use crate::{Age, Builtin};
use aal::{Level, MaxAge};

/// A session and a row, as they are.
#[derive(Clone, Debug)]
struct World {
    level: Option<Level>,
    /// Whether a user without a level is an anonymous one.
    is_guest: bool,
    enrolled: bool,
    live: bool,
    /// How old the factor is that gives the level, in seconds.
    age: u32,
    /// What the unknowns come to.
    row: [Option<bool>; 3],
}

/// An error is `None`.
type Came = Option<Value>;

impl World {
    fn session(&self) -> Session {
        let age = if self.age <= 60 { Age::AtMost(MaxAge::from_seconds(60)) } else { Age::Older };
        match self.level {
            None if self.is_guest => Session::GUEST,
            None => Session::NOBODY,
            Some(Level::Aal1) if self.enrolled => Session::at_aal1(Enrolled::Yes).aged(age),
            Some(Level::Aal1) => Session::at_aal1(Enrolled::No).aged(age),
            Some(level) => Session::at(level).aged(age),
        }
    }

    fn truth(&self, expression: &Expression) -> Option<Option<bool>> {
        match self.value(expression)? {
            Value::Null => Some(None),
            Value::Bool(truth) => Some(Some(truth)),
            other => panic!("{other:?} is no truth value"),
        }
    }

    fn value(&self, expression: &Expression) -> Came {
        use Expression::*;
        let text = |level: Option<aal::Level>| level.map_or(Value::Null, |level| Value::text(level.as_str()));
        match expression {
            Constant(value) => Some(value.clone()),
            Unknown { key: Some(key), .. } => Some(Value::truth(self.row[key.0 as usize])),
            Level => Some(text(self.level)),
            Member { .. } => Some(text(self.session().claim())),
            HasLevel { level, max_age, raises } => {
                let Value::Text(asked) = self.value(level)? else { return None };
                let asked = aal::Level::from_claim(&asked)?;
                let fresh = match self.value(max_age)? {
                    Value::Interval(age) => MaxAge::from_seconds(self.age) <= age,
                    _ => true,
                };
                let has = self.level >= Some(asked) && fresh;
                if *raises && !has { None } else { Some(Value::Bool(has)) }
            }
            HasEnrolledLevel { raises, .. } => {
                let needed = if self.enrolled { aal::Level::Aal2 } else { aal::Level::Aal1 };
                let has = self.level >= Some(needed);
                if *raises && !has { None } else { Some(Value::Bool(has)) }
            }
            SessionIsLive { raises } => (self.live || !*raises).then_some(Value::Bool(self.live)),
            And(all) => self.all(all.iter().map(|it| self.truth(it))),
            Or(any) => {
                let negated = any.iter().map(|it| self.truth(it).map(|truth| truth.map(|truth| !truth)));
                Some(match self.all(negated)? {
                    Value::Bool(truth) => Value::Bool(!truth),
                    other => other,
                })
            }
            Not(it) => Some(Value::truth(self.truth(it)?.map(|truth| !truth))),
            Is { truth, negated, tested } => {
                let tested = self.truth(tested)?;
                let is = match truth {
                    Truth::True => tested == Some(true),
                    Truth::False => tested == Some(false),
                    Truth::Null => tested.is_none(),
                };
                Some(Value::Bool(is != *negated))
            }
            Compare(comparison, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                let null = a == Value::Null || b == Value::Null;
                Some(match comparison {
                    Comparison::Same if null => Value::Bool(a == b),
                    _ if null => Value::Null,
                    _ => Value::Bool(a == b),
                })
            }
            CompareEach { negated, any, value, array, .. } => {
                let value = self.value(value)?;
                let Value::Array(items) = self.value(array)? else { return Some(Value::Null) };
                let each = items.iter().map(|item| {
                    if value == Value::Null || *item == Value::Null { None } else { Some((value == *item) != *negated) }
                });
                let each: Vec<Option<bool>> = each.collect();
                let decides = *any;
                Some(if each.contains(&Some(decides)) {
                    Value::Bool(decides)
                } else if each.contains(&None) {
                    Value::Null
                } else {
                    Value::Bool(!decides)
                })
            }
            Case { arms, otherwise } => {
                for (condition, result) in arms {
                    if self.truth(condition)? == Some(true) {
                        return self.value(result);
                    }
                }
                self.value(otherwise)
            }
            Coalesce(many) => {
                for it in many {
                    let value = self.value(it)?;
                    if value != Value::Null {
                        return Some(value);
                    }
                }
                Some(Value::Null)
            }
            NullIf(a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                Some(if a == b { Value::Null } else { a })
            }
            Select { target, .. } => self.value(target),
            other => panic!("{other:?} isn't generated"),
        }
    }

    /// AND that stops at the first false, from the left, as Postgres mostly does.
    fn all(&self, all: impl Iterator<Item = Option<Option<bool>>>) -> Came {
        let mut null = false;
        for truth in all {
            match truth? {
                Some(false) => return Some(Value::Bool(false)),
                Some(true) => {}
                None => null = true,
            }
        }
        Some(if null { Value::Null } else { Value::Bool(true) })
    }
}

fn boxed(expression: Expression) -> Box<Expression> {
    Box::new(expression)
}

fn level_text() -> impl Strategy<Value = Value> {
    prop_oneof![prop::sample::select(vec!["aal1", "aal2", "aal3", "AAL2"]).prop_map(Value::text), Just(Value::Null),]
}

/// A text about the level.
fn text() -> impl Strategy<Value = Expression> {
    let claim = Expression::Member {
        document: boxed(Expression::Claims),
        key: boxed(Expression::Constant(Value::text("aal"))),
        as_text: true,
    };
    let leaf = prop_oneof![Just(Expression::Level), Just(claim), level_text().prop_map(Expression::Constant)];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Expression::Coalesce),
            (inner.clone(), inner).prop_map(|(a, b)| Expression::NullIf(boxed(a), boxed(b))),
        ]
    })
}

fn condition() -> impl Strategy<Value = Expression> {
    let max_age = prop_oneof![Just(Value::Null), Just(Value::Interval(MaxAge::from_seconds(60)))];
    let unknown =
        |n: u32| Expression::Unknown { key: Some(Key(n)), strict: false, arguments: Vec::new(), reason: None };
    let comparison = prop_oneof![Just(Comparison::Equal), Just(Comparison::Same)];
    let leaf = prop_oneof![
        (0u32..3).prop_map(unknown),
        prop::option::of(any::<bool>()).prop_map(|truth| Expression::Constant(Value::truth(truth))),
        (prop::sample::select(vec!["aal1", "aal2", "aal3"]), max_age, any::<bool>()).prop_map(
            |(level, max_age, raises)| {
                let (level, max_age) = (Expression::Constant(Value::text(level)), Expression::Constant(max_age));
                Expression::HasLevel { level: boxed(level), max_age: boxed(max_age), raises }
            }
        ),
        any::<bool>().prop_map(|raises| Expression::HasEnrolledLevel { max_age: boxed(Expression::NULL), raises }),
        any::<bool>().prop_map(|raises| Expression::SessionIsLive { raises }),
        (comparison, text(), text()).prop_map(|(how, a, b)| Expression::Compare(how, boxed(a), boxed(b))),
        (text(), prop::collection::vec(level_text(), 0..3), any::<bool>(), any::<bool>()).prop_map(
            |(value, items, negated, any)| Expression::CompareEach {
                comparison: Comparison::Equal,
                negated,
                any,
                value: boxed(value),
                array: boxed(Expression::Constant(Value::Array(items))),
            }
        ),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(Expression::And),
            many.clone().prop_map(Expression::Or),
            many.prop_map(Expression::Coalesce),
            inner.clone().prop_map(Expression::negate),
            inner.clone().prop_map(|it| Expression::Select { target: boxed(it), rows: Rows::one() }),
            (prop::sample::select(vec![Truth::True, Truth::False, Truth::Null]), any::<bool>(), inner.clone())
                .prop_map(|(truth, negated, it)| Expression::Is { truth, negated, tested: boxed(it) }),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| Expression::Case { arms: vec![(a, b)], otherwise: boxed(c) }),
            (inner.clone(), inner).prop_map(|(a, b)| Expression::Compare(Comparison::Same, boxed(a), boxed(b))),
        ]
    })
}

fn world() -> impl Strategy<Value = World> {
    let level = prop::option::of(prop::sample::select(Level::ALL.to_vec()));
    let truth = || prop::option::of(any::<bool>());
    (level, any::<[bool; 3]>(), prop::sample::select(vec![30u32, 600]), [truth(), truth(), truth()])
        .prop_map(|(level, [enrolled, is_guest, live], age, row)| World { level, is_guest, enrolled, live, age, row })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_it_comes_to_is_among_what_it_could(condition in condition(), world in world()) {
        let evaluation = Evaluation::new(world.session(), None, None, true);
        if let Some(value) = world.value(&condition) {
            prop_assert!(evaluation.outcomes(&condition).can_be(&value), "{value:?}");
        }
    }

    #[test]
    fn a_session_that_passes_could(permissive in prop::collection::vec(condition(), 1..3), restrictive in prop::collection::vec(condition(), 0..3), world in world()) {
        let evaluation = Evaluation::new(world.session(), None, None, true);
        let is_true = |it: &Expression| world.truth(it) == Some(Some(true));
        let permitting: Vec<&Expression> = permissive.iter().collect();
        let restricting: Vec<&Expression> = restrictive.iter().collect();
        if permissive.iter().any(is_true) && restrictive.iter().all(is_true) {
            prop_assert!(evaluation.could_pass(Some(&permitting), &restricting));
        }
    }

    /// The matrix asks for the same expressions for each command and role.
    #[test]
    fn outcomes_that_were_found_before_change_no_answer(policies in prop::collection::vec(condition(), 1..4), worlds in prop::collection::vec(world(), 1..4), is_exempt: bool, nodes in prop::sample::select(vec![20u64, 1_000_000])) {
        let recall = Recall::of(&policies);
        let (permissive, restrictive): (Vec<&Expression>, Vec<&Expression>) = (vec![&policies[0]], policies[1..].iter().collect());
        for world in worlds.iter().chain(&worlds) {
            let (alone, recalling) = (Work::new(nodes), Work::new(nodes));
            let plain = Evaluation::new(world.session(), None, None, true);
            let plain = if is_exempt { plain.of_exempt_sessions() } else { plain };
            let passes = |it: Evaluation<'_>| (it.could_pass(Some(&permissive), &restrictive), it.could_pass(Some(&permissive), &[]));
            let expected = passes(plain.clone().within(&alone, true));
            let found = passes(plain.recalling(Some(&recall)).within(&recalling, true));
            prop_assert_eq!(alone.is_spent(), recalling.is_spent());
            if !alone.is_spent() {
                prop_assert_eq!(found, expected);
                prop_assert_eq!(alone.left(), recalling.left());
            }
        }
    }

    /// The note "live sessions only" relies on it.
    #[test]
    fn a_session_that_passes_without_being_live_could(permissive in condition(), restrictive in condition(), world in world()) {
        let dead = World { live: false, ..world };
        let evaluation = Evaluation::new(dead.session(), None, None, true).of_ended_sessions();
        let is_true = |it: &Expression| dead.truth(it) == Some(Some(true));
        if is_true(&permissive) && is_true(&restrictive) {
            prop_assert!(evaluation.could_pass(Some(&[&permissive]), &[&restrictive]));
        }
    }

    /// Without unknowns there's nothing to be unsure of but the age of a factor that isn't asked for.
    #[test]
    fn what_is_known_is_decided(condition in condition(), world in world()) {
        let has_unknown = condition.any(&|it| matches!(it, Expression::Unknown { .. } | Expression::HasEnrolledLevel { .. } | Expression::HasLevel { .. } | Expression::SessionIsLive { .. }));
        if !has_unknown && world.level.is_some() {
            let evaluation = Evaluation::new(world.session(), None, None, true);
            let passes = world.truth(&condition) == Some(Some(true));
            prop_assert_eq!(evaluation.could_pass(Some(&[&condition]), &[]), passes);
        }
    }
}

fn rows_of_unknowns() -> impl Iterator<Item = [Option<bool>; 3]> {
    const TRUTHS: [Option<bool>; 3] = [Some(true), Some(false), None];
    TRUTHS.into_iter().flat_map(|a| TRUTHS.into_iter().flat_map(move |b| TRUTHS.into_iter().map(move |c| [a, b, c])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Of conditions that can be read, lint 0007 knows exactly whether a session without a level has a row that one at aal1 hasn't.
    #[test]
    fn who_passes_alone_is_known_exactly(condition in condition(), enrolled: bool, age in prop::sample::select(vec![30u32, 600])) {
        let is_left_open = |it: &Expression| matches!(it, Expression::HasEnrolledLevel { .. } | Expression::SessionIsLive { .. } | Expression::HasLevel { raises: true, .. });
        if condition.any(&is_left_open) {
            return Ok(());
        }
        let world = |level, row| World { level, is_guest: false, enrolled, live: true, age, row };
        let passes = |level, row| world(level, row).truth(&condition) == Some(Some(true));
        let expected = rows_of_unknowns().any(|row| passes(None, row) && !passes(Some(Level::Aal1), row));
        let kind = |session| Evaluation::new(session, None, None, true);
        let without = kind(Session::NOBODY).with_level_claim(LevelClaim::Missing);
        let at_aal1 = kind(world(Some(Level::Aal1), [None; 3]).session());
        prop_assert_eq!(passes_alone(&condition, &without, &at_aal1), Some(expected));
    }
}

/// An expression that takes too long could come to anything: so it passes, and it shows.
#[test]
fn what_is_too_much_work_could_pass() {
    let denied = Expression::And(vec![Expression::Constant(Value::Bool(false)); 100]);
    let weigh = |nodes: u64| {
        let work = Work::new(nodes);
        let passes =
            Evaluation::new(Session::NOBODY, None, None, true).within(&work, true).could_pass(None, &[&denied]);
        (passes, work.is_spent())
    };
    assert_eq!(weigh(200), (false, false));
    assert_eq!(weigh(1), (true, true));
    let many = Outcomes::any_of((0..60).map(|n| Value::Text(format!("{n}{}", "x".repeat(4_000)))));
    assert!(many.weight() > 10_000, "comparing many long values is more work than a node");
}

fn claim(name: &str) -> Expression {
    Expression::Member {
        document: boxed(Expression::Claims),
        key: boxed(Expression::Constant(Value::text(name))),
        as_text: true,
    }
}

fn is_null(tested: Expression, negated: bool) -> Expression {
    Expression::Is { truth: Truth::Null, negated, tested: boxed(tested) }
}

fn is_not_true(tested: Expression) -> Expression {
    Expression::Is { truth: Truth::True, negated: true, tested: boxed(tested) }
}

fn could_pass(session: Session, permissive: &Expression, restrictive: &Expression) -> bool {
    Evaluation::new(session, None, None, true).could_pass(Some(&[permissive]), &[restrictive])
}

/// A claim isn't both there and missing within one statement.
#[test]
fn a_claim_is_the_same_wherever_it_is_asked_for() {
    let (there, missing) = (is_null(claim("sub"), true), is_null(claim("sub"), false));
    assert!(!could_pass(Session::NOBODY, &there, &missing));
    assert!(could_pass(Session::NOBODY, &there, &is_null(claim("tenant"), false)));
    let (is_a, is_b) = [Value::text("a"), Value::text("b")]
        .map(|it| Expression::Compare(Comparison::Equal, boxed(claim("sub")), boxed(Expression::Constant(it))))
        .into();
    assert!(could_pass(Session::at(Level::Aal1), &is_a, &is_a));
    assert!(could_pass(Session::at(Level::Aal1), &is_a, &is_b), "what a text says isn't told apart");
    // Where clients set tokens themselves, another may come into force in between.
    let untrusting = Evaluation::new(Session::NOBODY, None, None, false);
    assert!(untrusting.could_pass(Some(&[&there]), &[&missing]));
}

/// As `auth.jwt()` is read: `auth.jwt() is null or not auth.jwt() @> '{"aal":"aal2"}'` refuses each session below aal2.
#[test]
fn the_claims_are_there_or_missing_wherever_they_are_asked_for() {
    let setting = |name| Expression::Setting { name: boxed(Expression::Constant(Value::text(name))), missing_ok: true };
    let unless_empty = |name| Expression::NullIf(boxed(setting(name)), boxed(Expression::Constant(Value::text(""))));
    let either = ["request.jwt.claim", "request.jwt.claims"].map(unless_empty);
    let jwt = Expression::ToJson(boxed(Expression::Coalesce(either.into())));
    let part = Expression::Constant(Value::Json(serde_json::json!({ "aal": "aal2" })));
    let contains = Expression::Compare(Comparison::Contains, boxed(jwt.clone()), boxed(part));
    let key = boxed(Expression::Constant(Value::text("sub")));
    let has_key = Expression::HasKey(boxed(jwt.clone()), key);
    let path = boxed(Expression::Constant(Value::Array(vec![Value::text("sub")])));
    let sub = Expression::Path { document: boxed(jwt.clone()), path, as_text: true };
    let permitted = Expression::Constant(Value::Bool(true));
    for (asked, session) in [
        (Expression::Or(vec![is_null(jwt, false), contains.negate()]), Session::NOBODY),
        (Expression::Or(vec![has_key.clone(), is_null(has_key.clone(), false), has_key.negate()]), Session::NOBODY),
        (Expression::Or(vec![is_null(sub.clone(), false), is_null(sub, true)]), Session::at(Level::Aal1)),
    ] {
        let raising =
            Expression::Case { arms: vec![(asked.clone(), Expression::Raises)], otherwise: boxed(permitted.clone()) };
        for refusing in [is_not_true(asked), raising] {
            assert!(!could_pass(session, &permitted, &refusing), "{refusing:?}");
        }
    }
}

/// One that always raises counts only where it is looked at.
#[test]
fn a_claim_that_always_raises_may_not_be_looked_at() {
    let raising = Expression::Unknown {
        key: None,
        strict: true,
        arguments: vec![Expression::ToJson(boxed(Expression::Constant(Value::text(""))))],
        reason: Some(Reason::Cast { to_boolean: true }),
    };
    let either = Expression::Or(vec![is_null(claim("sub"), true), raising.clone(), raising]);
    assert!(could_pass(Session::NOBODY, &either, &Expression::Constant(Value::Bool(true))));
}

/// Each function of a text, as Postgres 15 to 18 answer it at aal2.
#[test]
fn functions_of_known_texts_are_computed() {
    let at_aal2 = Evaluation::new(Session::at(Level::Aal2), None, None, true);
    let of_claim = |builtin, others: &[Value]| {
        let others = others.iter().cloned().map(Expression::Constant);
        at_aal2.outcomes(&Expression::Call(builtin, [claim("aal")].into_iter().chain(others).collect()))
    };
    let (text, number) = (Value::text, Value::Integer);
    let trim = |start, end| Builtin::Trim { start, end };
    for (builtin, others, answer) in [
        (Builtin::Upper, vec![], text("AAL2")),
        (trim(true, true), vec![text("a2")], text("l")),
        (trim(true, false), vec![text("a")], text("l2")),
        (Builtin::Append, vec![text("!")], text("aal2!")),
        (Builtin::Left, vec![number(3)], text("aal")),
        (Builtin::Left, vec![number(-1)], text("aal")),
        (Builtin::Left, vec![number(-9)], text("")),
        (Builtin::Right, vec![number(1)], text("2")),
        (Builtin::Right, vec![number(9)], text("aal2")),
        (Builtin::Right, vec![number(-3)], text("2")),
        (Builtin::Substring, vec![number(4)], text("2")),
        (Builtin::Substring, vec![number(-1), number(3)], text("a")),
        (Builtin::Substring, vec![number(9), number(3)], text("")),
        (Builtin::Replace, vec![text("a"), text("b")], text("bbl2")),
        (Builtin::Replace, vec![text(""), text("b")], text("aal2")),
        (Builtin::Position, vec![text("l")], number(3)),
        (Builtin::Position, vec![text("x")], number(0)),
        (Builtin::Length, vec![], number(4)),
        (Builtin::Cut, vec![number(7), Value::Bool(true)], text("aal")),
        (Builtin::CutBlank, vec![number(14), Value::Bool(true)], text("aal2")),
        (Builtin::Md5, vec![], text("e1f0756aaf2d7621617937cdd1ff47e9")),
        (Builtin::Greatest, vec![Value::Null, text("aal1")], text("aal2")),
        (Builtin::Least, vec![text("aal3"), text("aal1")], text("aal1")),
        (Builtin::Concat, vec![Value::Null, text("x")], text("aal2x")),
    ] {
        assert!(of_claim(builtin, &others) == Outcomes::one(answer.clone()), "{builtin:?} {others:?} {answer:?}");
    }
    for (builtin, others) in [
        (Builtin::ToInteger, vec![]),
        (Builtin::Cut, vec![number(7), Value::Bool(false)]),
        (Builtin::Substring, vec![number(1), number(-1)]),
    ] {
        assert!(of_claim(builtin, &others).always_raises(), "{builtin:?} {others:?}");
    }
    for (builtin, others) in [(Builtin::Append, vec![Value::Null]), (Builtin::StartsWith, vec![Value::Null])] {
        assert!(of_claim(builtin, &others).is_null(), "{builtin:?} {others:?}");
    }
    // Where a locale could decide, or the value isn't known: anything.
    for call in [
        Expression::Call(Builtin::Lower, vec![Expression::Constant(Value::text("ID"))]),
        Expression::Call(Builtin::Lower, vec![Expression::Constant(Value::text("Ä"))]),
        Expression::Call(Builtin::Lower, vec![claim("email")]),
        Expression::Call(Builtin::Lower, vec![Expression::Constant(Value::Other)]),
        Expression::Call(Builtin::ToInteger, vec![Expression::Constant(Value::text("0x2"))]),
    ] {
        assert_eq!(at_aal2.outcomes(&call).known(), None, "{call:?}");
    }
}

/// Only a session's kind says that its user has a factor. Of every other session, it isn't known.
#[test]
fn a_factor_is_certain_only_of_users_who_have_one() {
    let outcomes = |session, trusts| Evaluation::new(session, None, None, trusts).outcomes(&Expression::HasFactor);
    assert!(outcomes(Session::at_aal1(Enrolled::Yes), true).is_certainly(&Value::Bool(true)));
    for session in [Session::at_aal1(Enrolled::No), Session::NOBODY, Session::at(Level::Aal2), Session::GUEST] {
        assert!(outcomes(session, true).can_be_true() && outcomes(session, true).can_be(&Value::Bool(false)));
    }
    assert!(!outcomes(Session::at_aal1(Enrolled::Yes), false).is_certainly(&Value::Bool(true)));
}

/// For lints alone. To the matrix, the time is any: what it shows would be too high in a transaction that goes on for long.
#[test]
fn the_time_of_a_factor_is_read_in_sessions_of_users_that_are_fresh_or_old() {
    let seconds = |seconds| Expression::Constant(Value::Interval(MaxAge::from_seconds(seconds)));
    let ago = |age| Box::new(Expression::Call(Builtin::Ago, vec![seconds(age)]));
    let level = || Expression::Constant(Value::text("aal2"));
    let is_since = |age| {
        Expression::Compare(Comparison::Greater, Box::new(Expression::AuthenticatedAt(Box::new(level()))), ago(age))
    };
    let of_user = |level, age| Evaluation::new(Session::at(level).aged(age), None, None, true).of_signed_in_user();
    let fresh = Age::AtMost(MaxAge::from_seconds(0));
    let yes_or_no = Outcomes::truths(true, true, false);
    assert!(of_user(Level::Aal2, fresh).outcomes(&is_since(900)).is_certainly(&Value::Bool(true)));
    assert!(of_user(Level::Aal2, Age::Older).outcomes(&is_since(900)).is_certainly(&Value::Bool(false)));
    assert!(of_user(Level::Aal1, fresh).outcomes(&is_since(900)).is_null());
    assert_eq!(of_user(Level::Aal2, fresh).outcomes(&is_since(0)), yes_or_no);
    let unknown = Evaluation::new(Session::at(Level::Aal2).aged(fresh), None, None, true).outcomes(&is_since(900));
    assert!(unknown.can_be_true() && unknown.can_be(&Value::Bool(false)));
    // All methods of an old session are old.
    let any_method = Expression::HasLevel {
        level: Box::new(Expression::Constant(Value::text("aal1"))),
        max_age: Box::new(seconds(900)),
        raises: false,
    };
    assert!(of_user(Level::Aal2, Age::Older).outcomes(&any_method).is_certainly(&Value::Bool(false)));
}

/// A gateway sets the role for each request. Of other sessions, it isn't known.
#[test]
fn the_setting_role_is_the_role_in_sessions_of_a_gateway() {
    let name = Box::new(Expression::Constant(Value::text("role")));
    let setting = Expression::Setting { name, missing_ok: false };
    let evaluation = Evaluation::new(Session::at(Level::Aal2), Some("authenticated"), None, true);
    assert_eq!(evaluation.outcomes(&setting).known(), None);
    assert!(evaluation.of_signed_in_user().outcomes(&setting).is_certainly(&Value::text("authenticated")));
}

/// An answer for one role would else count for all: see lint::survey and lint::in_vain.
#[test]
fn a_condition_on_the_claims_depends_on_the_role_where_it_names_that() {
    let constant = |value| Box::new(Expression::Constant(value));
    let claims = || Box::new(Expression::Claims);
    let json = |json: &str| constant(Value::Json(serde_json::from_str(json).unwrap()));
    let contains = |part| Expression::Compare(Comparison::Contains, claims(), part);
    let same = |other| Expression::Compare(Comparison::Equal, claims(), other);
    let path = |builtin, path: &str| Expression::Call(builtin, vec![Expression::Claims, *constant(Value::text(path))]);
    for condition in [
        contains(json(r#"{"aal":"aal2","role":"authenticated"}"#)).negate(),
        contains(Box::new(Expression::Call(Builtin::BuildObject, Vec::new()))),
        same(json(r#"{"role":"authenticated"}"#)),
        path(Builtin::PathMatches, r#"$.aal != "aal1" && $.role == "authenticated""#),
        path(Builtin::PathExists, r#"$.* ? (@ == "authenticated")"#),
    ] {
        assert!(condition.depends_on_role(), "{condition:?}");
    }
    for condition in [
        contains(json(r#"{"aal":"aal2"}"#)),
        same(json("{}")),
        same(constant(Value::Null)),
        path(Builtin::PathMatches, r#"$.aal == "aal2""#),
    ] {
        assert!(!condition.depends_on_role(), "{condition:?}");
    }
}

#[test]
fn users_have_the_metadata_that_supabase_auth_puts_into_each_token() {
    let member = |key| {
        let key = Box::new(Expression::Constant(Value::text(key)));
        Expression::Member { document: Box::new(Expression::Claims), key, as_text: false }
    };
    let has_item = |key| {
        let path = Expression::Constant(Value::text(r#"$.aal == "aal2""#));
        Expression::Call(Builtin::PathExists, vec![member(key), path])
    };
    let evaluation = Evaluation::new(Session::at(Level::Aal1), None, None, true);
    for key in ["app_metadata", "user_metadata"] {
        assert!(evaluation.outcomes(&member(key)).can_be(&Value::Null));
        let of_user = evaluation.clone().of_signed_in_user();
        assert!(!of_user.outcomes(&member(key)).can_be(&Value::Null));
        // A predicate is an item, true or not.
        assert!(of_user.outcomes(&has_item(key)).is_certainly(&Value::Bool(true)));
    }
    assert!(evaluation.of_signed_in_user().outcomes(&member("team")).can_be(&Value::Null));
}

#[test]
fn json_is_a_truth_value_where_it_is_one() {
    let truth = |json| Expression::Call(Builtin::JsonToTruth, vec![Expression::Constant(Value::Json(json))]);
    let outcomes = |json| Evaluation::new(Session::NOBODY, None, None, true).outcomes(&truth(json));
    assert!(outcomes(Json::Bool(true)).is_certainly(&Value::Bool(true)));
    assert!(outcomes(Json::Null).is_null());
    assert!(outcomes(Json::String("true".to_owned())).always_raises());
}

#[test]
fn an_array_of_a_row_without_tables_has_it_or_nothing() {
    let filter = Expression::Unknown { key: Some(Key(0)), strict: false, arguments: Vec::new(), reason: None };
    let rows = Rows { filter: Some(Box::new(filter)), ..Rows::one() };
    let array = Expression::ArrayOf { target: Box::new(Expression::Level), rows };
    let outcomes = Evaluation::new(Session::at(Level::Aal2), None, None, true).outcomes(&array);
    let one = Value::Array(vec![Value::text("aal2")]);
    assert_eq!(outcomes, Outcomes::any_of([one, Value::Array(Vec::new())]));
}

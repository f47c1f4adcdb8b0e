//! Sessions without a level, and whether a policy admits them where it refuses users at aal1.

use std::collections::{HashMap, HashSet};

use crate::evaluation::passes_alone;
use crate::session_kind::LevelClaim;
use crate::value::any_of;
use crate::{Enrolled, Evaluation, Expression, Factors, KnownSession, Life, Session, TableId, Work};
use aal::{Claims, Clock, Enrollment, Level, Timestamp, assess_live};
use serde_json::{Value as Json, json};

/// How much work one pair of sessions may be.
const MOST_WORK: u64 = 100_000;

/// Texts that are no level: an empty one, one that sorts before the levels, and two that sort behind them.
const UNKNOWN_LEVELS: [&str; 4] = ["", "aal0", "aal9", "zzz"];

/// Longer than any age that is asked, in microseconds.
const LONG: i64 = 500 * 366 * 24 * 3_600 * 1_000_000;

/// A role's name, and the tables that it may read; `None`: all.
pub type ReadingRole<'a> = (&'a str, Option<&'a HashSet<TableId>>);

/// What sessions without a level get by a policy, for some row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutLevel {
    /// One gets in, and a user's at aal1 doesn't.
    Open,
    /// One may, and that isn't read.
    Unread,
    /// Nothing that a user's at aal1 doesn't get.
    Closed,
}

/// What sessions without a level get. The docs page of 0007 says which sessions these are. `roles` are the roles that may have them, each
/// with the tables that it may read.
pub fn without_level(expression: &Expression, roles: &[ReadingRole<'_>], trusts_settings: bool) -> WithoutLevel {
    if !expression.asks_for_level() {
        return WithoutLevel::Closed;
    }
    let each_enrolled: &[Enrolled] =
        if expression.asks_who_enrolled() { &[Enrolled::Yes, Enrolled::No] } else { &[Enrolled::Yes] };
    let claims = level_claims(expression);
    let to_claims = |(role, readable): &ReadingRole<'_>| {
        any_of(each_enrolled.iter().map(|enrolled| {
            let kind = |session| {
                let session = Session { enrolled: *enrolled, ..session };
                Evaluation::new(session, Some(role), *readable, trusts_settings)
                    .with_claims_in_each_setting()
                    .of_signed_in_user()
            };
            let at_aal1 = kind(Session::at(Level::Aal1));
            any_of(
                claims
                    .iter()
                    .map(|claim| passes(expression, &kind(Session::NOBODY).with_level_claim(*claim), &at_aal1)),
            )
        }))
    };
    // Where settings aren't a gateway's, they say nothing of a session.
    let reads_settings = || expression.any(&|it| matches!(it, Expression::Setting { .. }));
    let nobodys = roles.iter().filter(|_| trusts_settings || !reads_settings());
    match any_of(roles.iter().map(to_claims).chain(nobodys.map(|role| to_nobody(expression, *role)))) {
        Some(true) => WithoutLevel::Open,
        Some(false) => WithoutLevel::Closed,
        None => WithoutLevel::Unread,
    }
}

/// Whether a session without a user gets in where one of a user at aal1 doesn't, with the claims that Supabase Auth puts into a token.
fn to_nobody(expression: &Expression, (role, readable): ReadingRole<'_>) -> Option<bool> {
    let nobodys = Known::nobodys(role);
    let sessions = nobodys.iter().map(Known::session);
    let open: Vec<KnownSession<'_>> = sessions
        .filter(|nobody| {
            let work = Work::new(MOST_WORK);
            Evaluation::of_known(nobody, readable).within(&work, true).outcomes(expression).can_be_true()
        })
        .collect();
    if open.is_empty() {
        return Some(false);
    }
    let each_enrollment = [Enrollment::Factor, Enrollment::NoFactor].into_iter();
    any_of(each_enrollment.flat_map(|enrollment| [(enrollment, 0), (enrollment, LONG)]).map(|(enrollment, age)| {
        let user = Known::user_at_aal1(role, enrollment, age);
        let user = user.session();
        let at_aal1 = Evaluation::of_known(&user, readable);
        any_of(open.iter().map(|nobody| passes(expression, &Evaluation::of_known(nobody, readable), &at_aal1)))
    }))
}

fn passes(expression: &Expression, without: &Evaluation<'_>, at_aal1: &Evaluation<'_>) -> Option<bool> {
    let (one, other) = (Work::new(MOST_WORK), Work::new(MOST_WORK));
    let passes = passes_alone(expression, &without.clone().within(&one, true), &at_aal1.clone().within(&other, true));
    passes.filter(|_| !one.is_spent() && !other.is_spent())
}

/// What the claim `aal` may be that is no level. A text that the expression names is meant: another lint is about those.
fn level_claims(expression: &Expression) -> Vec<LevelClaim<'static>> {
    let named = |text: &str| {
        expression.any(&|it| match it {
            Expression::Constant(value) => !text.is_empty() && super::conditions::texts_of(value).contains(&text),
            _ => false,
        })
    };
    let unknown = UNKNOWN_LEVELS.into_iter().filter(|text| !named(text)).map(LevelClaim::Unknown);
    [LevelClaim::Missing, LevelClaim::JsonNull].into_iter().chain(unknown).collect()
}

/// A session of which everything is known.
struct Known<'a> {
    role: &'a str,
    claims: Option<Claims>,
    payload: Option<Json>,
    settings: HashMap<String, String>,
    enrollment: Enrollment,
    life: Life,
    /// How long ago its factor was verified, in microseconds.
    age: i64,
}

impl Known<'_> {
    /// Sessions without a user: without claims, or with nothing but a role.
    fn nobodys(role: &str) -> [Known<'_>; 3] {
        [
            Known::without_claims(role),
            Known::with_claims(role, json!({})),
            Known::with_claims(role, json!({ "role": role })),
        ]
    }

    /// A user's at aal1, with the claims that Supabase Auth puts into a token.
    fn user_at_aal1(role: &str, enrollment: Enrollment, age: i64) -> Known<'_> {
        let user = json!({
            "sub": "11111111-1111-4111-8111-111111111111", "aud": role, "role": role, "aal": "aal1", "is_anonymous": false,
            "session_id": "22222222-2222-4222-8222-222222222222", "email": "user@example.com",
            "amr": [{ "method": "password", "timestamp": 0 }], "app_metadata": { "provider": "email" }, "user_metadata": {},
        });
        Known { enrollment, age, life: Life::Live, ..Known::with_claims(role, user) }
    }

    fn without_claims(role: &str) -> Known<'_> {
        let life = match assess_live(None, None) {
            Some(Err(because)) => Life::Over(because),
            _ => Life::NotAsked,
        };
        let settings = HashMap::new();
        Known { role, claims: None, payload: None, settings, enrollment: Enrollment::NoFactor, life, age: 0 }
    }

    fn with_claims(role: &str, payload: Json) -> Known<'_> {
        let text = payload.to_string();
        Known {
            claims: Claims::from_json(text.as_bytes()).ok(),
            payload: Some(payload),
            settings: HashMap::from([("request.jwt.claims".to_owned(), text)]),
            ..Known::without_claims(role)
        }
    }

    fn session(&self) -> KnownSession<'_> {
        KnownSession {
            role: self.role,
            claims: self.claims.as_ref(),
            payload: self.payload.as_ref(),
            settings: &self.settings,
            factors: Factors::Known(self.enrollment),
            life: self.life,
            clock: Clock::new(Timestamp::from_unix_micros(self.age), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::Builtin;
    use crate::{Comparison, Value};

    fn text(text: &str) -> Box<Expression> {
        Box::new(Expression::Constant(Value::text(text)))
    }

    fn claim(as_text: bool) -> Box<Expression> {
        Box::new(Expression::Member { document: Box::new(Expression::Claims), key: text("aal"), as_text })
    }

    /// As JSON writes it: `"aal1"`, with its quotes, or `null`.
    fn written() -> Box<Expression> {
        Box::new(Expression::JsonToText(claim(false)))
    }

    fn without_level_of(condition: &Expression) -> WithoutLevel {
        without_level(condition, &[("authenticated", None)], true)
    }

    /// The same, where each level is decided by its name.
    fn beside_levels(condition: Expression) -> Expression {
        let arm = |level, truth| {
            let is_it = Expression::Compare(Comparison::Equal, claim(true), text(level));
            (is_it, Expression::Constant(Value::Bool(truth)))
        };
        let arms = vec![arm("aal1", false), arm("aal2", true), arm("aal3", true)];
        Expression::Case { arms, otherwise: Box::new(condition) }
    }

    #[test]
    fn who_passes_by_how_texts_order_is_not_read() {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        let each = [Less, LessOrEqual, Greater, GreaterOrEqual];
        let compared = each.map(|how| Expression::Compare(how, written(), text("aal3")));
        let between = Expression::And(vec![compared[1].clone(), compared[3].clone()]);
        let of_two = |builtin, other| {
            let one = Expression::Call(builtin, vec![*written(), *text("aal3")]);
            Expression::Compare(Comparison::Equal, Box::new(one), text(other))
        };
        let of_two = [of_two(Builtin::Greatest, "null"), of_two(Builtin::Least, "null")];
        for condition in compared.into_iter().chain(of_two).chain([between.clone()]) {
            assert_eq!(without_level_of(&beside_levels(condition.clone())), WithoutLevel::Unread, "{condition:?}");
        }
        assert_eq!(without_level_of(&beside_levels(between.negate())), WithoutLevel::Unread);
    }

    #[test]
    fn who_passes_is_compared_with_users_at_aal1_of_any_age() {
        let max_age = Expression::Constant(Value::Interval(aal::MaxAge::from_seconds(900)));
        let at_aal1 = |max_age: &Expression| Expression::HasLevel {
            level: text("aal1"),
            max_age: Box::new(max_age.clone()),
            raises: false,
        };
        let is_missing =
            |it: Expression| Expression::Is { truth: crate::Truth::Null, negated: false, tested: Box::new(it) };
        for missing in [*claim(true), Expression::Level, Expression::Claims] {
            let or_at_aal1 = |max_age| Expression::Or(vec![is_missing(missing.clone()), at_aal1(max_age)]);
            assert_eq!(without_level_of(&or_at_aal1(&Expression::NULL)), WithoutLevel::Closed, "{missing:?}");
            assert_eq!(without_level_of(&or_at_aal1(&max_age)), WithoutLevel::Open, "{missing:?}");
        }
    }

    #[test]
    fn who_passes_by_a_form_that_is_not_known_is_not_read() {
        let unknown = Expression::Unknown { key: None, strict: true, arguments: vec![*claim(true)], reason: None };
        assert_eq!(without_level_of(&beside_levels(unknown)), WithoutLevel::Unread);
    }

    #[test]
    fn who_passes_is_read_where_levels_and_other_texts_order_the_same_everywhere() {
        let compared = |how, text: Box<Expression>| Expression::Compare(how, claim(true), text);
        let at_least = compared(Comparison::GreaterOrEqual, text("aal2"));
        assert_eq!(without_level_of(&at_least), WithoutLevel::Open);
        let named = compared(Comparison::Equal, text("aal2"));
        assert_eq!(without_level_of(&named), WithoutLevel::Closed);
        assert_eq!(without_level_of(&beside_levels(Expression::Constant(Value::Bool(false)))), WithoutLevel::Closed);
        assert_eq!(without_level_of(&beside_levels(Expression::Constant(Value::Bool(true)))), WithoutLevel::Open);
    }
}

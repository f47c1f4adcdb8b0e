//! Sessions without a level, and whether a policy admits them where it refuses users at aal1.

use std::collections::{HashMap, HashSet};

use crate::evaluation::passes_alone;
use crate::session_kind::LevelClaim;
use crate::{Enrolled, Evaluation, Expression, Factors, KnownSession, Life, Session, TableId, Work};
use aal::{Claims, Clock, Enrollment, Level, Timestamp, assess_live};
use serde_json::{Value as Json, json};

/// How much work one pair of sessions may be.
const MOST_WORK: u64 = 100_000;

/// Texts that are no level: an empty one, one that sorts before the levels, and two that sort behind them.
const UNKNOWN_LEVELS: [&str; 4] = ["", "aal0", "aal9", "zzz"];

/// A role's name, and the tables that it may read; `None`: all.
pub type ReadingRole<'a> = (&'a str, Option<&'a HashSet<TableId>>);

/// Whether, for some row, a session without a level gets in and a user's at aal1 doesn't. The docs page of 0007 says which sessions these
/// are. `roles` are the roles that may have them, each with the tables that it may read.
pub fn opens_without_level(expression: &Expression, roles: &[ReadingRole<'_>], trusts_settings: bool) -> bool {
    if !expression.asks_for_level() {
        return false;
    }
    let each_enrolled: &[Enrolled] =
        if expression.asks_who_enrolled() { &[Enrolled::Yes, Enrolled::No] } else { &[Enrolled::Yes] };
    let claims = level_claims(expression);
    let opens_to_claims = |(role, readable): &ReadingRole<'_>| {
        each_enrolled.iter().any(|enrolled| {
            let kind = |session| {
                let session = Session { enrolled: *enrolled, ..session };
                Evaluation::new(session, Some(role), *readable, trusts_settings)
                    .with_claims_in_each_setting()
                    .of_signed_in_user()
            };
            let at_aal1 = kind(Session::at(Level::Aal1));
            claims.iter().any(|claim| passes(expression, &kind(Session::NOBODY).with_level_claim(*claim), &at_aal1))
        })
    };
    // Where settings aren't a gateway's, they say nothing of a session.
    let reads_settings = || expression.any(&|it| matches!(it, Expression::Setting { .. }));
    roles.iter().any(opens_to_claims)
        || ((trusts_settings || !reads_settings()) && roles.iter().any(|role| opens_to_nobody(expression, *role)))
}

/// Whether a session without a user gets in where one of a user at aal1 doesn't, with the claims that Supabase Auth puts into a token.
fn opens_to_nobody(expression: &Expression, (role, readable): ReadingRole<'_>) -> bool {
    let nobodys = Known::nobodys(role);
    let sessions = nobodys.iter().map(Known::session);
    let open: Vec<KnownSession<'_>> = sessions
        .filter(|nobody| {
            let work = Work::new(MOST_WORK);
            Evaluation::of_known(nobody, readable).within(&work, true).outcomes(expression).can_be_true()
        })
        .collect();
    !open.is_empty()
        && [Enrollment::Factor, Enrollment::NoFactor].into_iter().any(|enrollment| {
            let user = Known::user_at_aal1(role, enrollment);
            let user = user.session();
            let at_aal1 = Evaluation::of_known(&user, readable);
            open.iter().any(|nobody| passes(expression, &Evaluation::of_known(nobody, readable), &at_aal1))
        })
}

fn passes(expression: &Expression, without: &Evaluation<'_>, at_aal1: &Evaluation<'_>) -> bool {
    let (one, other) = (Work::new(MOST_WORK), Work::new(MOST_WORK));
    passes_alone(expression, &without.clone().within(&one, true), &at_aal1.clone().within(&other, true))
        && !one.is_spent()
        && !other.is_spent()
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
    fn user_at_aal1(role: &str, enrollment: Enrollment) -> Known<'_> {
        let user = json!({
            "sub": "11111111-1111-4111-8111-111111111111", "aud": role, "role": role, "aal": "aal1", "is_anonymous": false,
            "session_id": "22222222-2222-4222-8222-222222222222", "email": "user@example.com",
            "amr": [{ "method": "password", "timestamp": 0 }], "app_metadata": { "provider": "email" }, "user_metadata": {},
        });
        Known { enrollment, life: Life::Live, ..Known::with_claims(role, user) }
    }

    fn without_claims(role: &str) -> Known<'_> {
        let life = match assess_live(None, None) {
            Some(Err(because)) => Life::Over(because),
            _ => Life::NotAsked,
        };
        let settings = HashMap::new();
        Known { role, claims: None, payload: None, settings, enrollment: Enrollment::NoFactor, life }
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
            clock: Clock::new(Timestamp::from_unix_micros(0), 0),
        }
    }
}

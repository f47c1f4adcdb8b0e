//! Sessions without a level, and whether a policy admits them where it refuses users at aal1.

use std::collections::HashMap;

use crate::evaluation::passes_alone;
use crate::session_kind::LevelClaim;
use crate::{Enrolled, Evaluation, Expression, Factors, KnownSession, Life, Session, Work};
use aal::{Claims, Clock, Timestamp};
use serde_json::{Value as Json, json};

/// How much work one pair of sessions may be.
const MOST_WORK: u64 = 100_000;

/// Texts that are no level: an empty one, one that sorts before the levels, and two that sort behind them.
const UNKNOWN_LEVELS: [&str; 4] = ["", "aal0", "aal9", "zzz"];

/// Whether, for some row, a session without a level gets in and a user's at aal1 doesn't. The docs page of 0007 says which sessions these
/// are. `roles` are the names of the roles that may have them.
pub fn opens_without_level(expression: &Expression, roles: &[&str], trusts_settings: bool) -> bool {
    if !expression.asks_for_level() {
        return false;
    }
    let opens_to_claims = |role: &&str| {
        let kind = |session| Evaluation::new(session, Some(role), None, trusts_settings).with_claims_in_each_setting();
        level_claims(expression).into_iter().any(|claim| {
            let without = kind(Session::NOBODY).with_level_claim(claim);
            [Enrolled::Yes, Enrolled::No]
                .into_iter()
                .any(|enrolled| passes(expression, &without, &kind(Session::at_aal1(enrolled))))
        })
    };
    // Where settings aren't a gateway's, they say nothing of a session.
    let reads_settings = || expression.any(&|it| matches!(it, Expression::Setting { .. }));
    roles.iter().any(opens_to_claims)
        || ((trusts_settings || !reads_settings()) && roles.iter().any(|role| opens_to_nobody(expression, role)))
}

/// Whether a session without a user gets in where one of a user at aal1 doesn't, with the claims that Supabase Auth puts into a token.
fn opens_to_nobody(expression: &Expression, role: &str) -> bool {
    let user = json!({
        "sub": "11111111-1111-4111-8111-111111111111", "aud": role, "role": role, "aal": "aal1", "is_anonymous": false,
        "session_id": "22222222-2222-4222-8222-222222222222", "email": "user@example.com",
        "amr": [{ "method": "password", "timestamp": 0 }], "app_metadata": { "provider": "email" }, "user_metadata": {},
    });
    let user = Known::with_claims(role, user);
    let nobodys = [
        Known::without_claims(role),
        Known::with_claims(role, json!({})),
        Known::with_claims(role, json!({ "role": role })),
    ];
    nobodys.iter().any(|nobody| {
        let (nobody, user) = (nobody.session(), user.session());
        passes(expression, &Evaluation::of_known(&nobody, None), &Evaluation::of_known(&user, None))
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

/// A session of which everything is known but what its user has enrolled.
struct Known<'a> {
    role: &'a str,
    claims: Option<Claims>,
    payload: Option<Json>,
    settings: HashMap<String, String>,
}

impl Known<'_> {
    fn without_claims(role: &str) -> Known<'_> {
        Known { role, claims: None, payload: None, settings: HashMap::new() }
    }

    fn with_claims(role: &str, payload: Json) -> Known<'_> {
        let text = payload.to_string();
        Known {
            role,
            claims: Claims::from_json(text.as_bytes()).ok(),
            payload: Some(payload),
            settings: HashMap::from([("request.jwt.claims".to_owned(), text)]),
        }
    }

    fn session(&self) -> KnownSession<'_> {
        KnownSession {
            role: self.role,
            claims: self.claims.as_ref(),
            payload: self.payload.as_ref(),
            settings: &self.settings,
            factors: Factors::NotAsked,
            life: Life::NotAsked,
            clock: Clock::new(Timestamp::from_unix_micros(0), 0),
        }
    }
}

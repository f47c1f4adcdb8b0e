//! What a condition on claims could come to at a level holds what it does come to. Tried with random profiles, tokens and conditions:
//! the core gives the token its level, and a plain interpreter evaluates the condition.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::builtin::Builtin;
use aal::{Level, Profiles};

/// Entries of profiles whose rules read texts, arrays of texts and members, in several orders.
const ENTRIES: [&str; 12] = [
    r#""profile":"keycloak""#,
    r#""profile":"keycloak","map":{"1":"aal1","2":"aal2","phr":"aal3"}"#,
    r#""profile":"okta""#,
    r#""profile":"entra","map":{"c1":"aal2","c2":"aal3"}"#,
    r#""profile":"cognito""#,
    r#""profile":"firebase","audience":"p""#,
    r#""profile":"kratos""#,
    r#""profile":"supabase""#,
    r#""profile":"clerk""#,
    r#""levels":[{"claim":["acrs"],"is":"texts","map":{"c1":"aal1","mfa":"aal2"}},{"claim":["acr"],"is":"text","values":["phr"],"level":"aal3"}]"#,
    r#""acting_users":{"claim":["act"],"at_most":"aal1"},"levels":[{"claim":["acr"],"is":"text","map":{"aal2":"aal2","phr":"aal1"}},{"claim":["acr"],"is":"text","map":{"2":"aal2"}},{"level":"aal1"}]"#,
    r#""guests":{"claim":["acr"],"values":["1"]},"levels":[{"claim":["firebase","sign_in_second_factor"],"is":"text","map":{"totp":"aal2","phone":"aal1"}},{"claim":["amr"],"is":"texts","values":["mfa"],"level":"aal2"}]"#,
];

const TEXTS: [&str; 13] = [
    "aal1",
    "aal2",
    "phr",
    "phrh",
    "1",
    "2",
    "c1",
    "c2",
    "mfa",
    "totp",
    "phone",
    "urn:okta:loa:2fa:any",
    "urn:cognito:loa:3",
];

const ISSUERS: [&str; 3] = ["https://a.example", "https://b.example", "https://c.example"];

/// Where conditions look: texts, and arrays of texts.
const PATHS_OF_TEXTS: [&[&str]; 5] = [&["acr"], &["iss"], &["aal"], &["firebase", "sign_in_second_factor"], &["sub"]];
const PATHS_OF_ARRAYS: [&[&str]; 2] = [&["acrs"], &["amr"]];

fn setting() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(ENTRIES.to_vec()), 1..3).prop_map(|entries| {
        let entry = |(entry, issuer): (&&str, &&str)| format!(r#"{{"issuer":"{issuer}",{entry}}}"#);
        format!("[{}]", entries.iter().zip(&ISSUERS).map(entry).collect::<Vec<_>>().join(","))
    })
}

fn one_text() -> impl Strategy<Value = String> {
    prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned)
}

/// A token's claims. Those that rules read have the type that these name, or are missing or null.
fn claims() -> impl Strategy<Value = Json> {
    let text =
        || prop_oneof![3 => one_text().prop_map(|it| Some(json!(it))), 1 => Just(None), 1 => Just(Some(Json::Null))];
    let texts = || {
        let texts = prop::collection::vec(one_text(), 0..3).prop_map(|it| Some(json!(it)));
        prop_oneof![3 => texts, 1 => Just(None), 1 => Just(Some(Json::Null))]
    };
    let mostly = |value: Json| prop_oneof![6 => Just(Some(value)), 1 => Just(None)];
    let rest = (mostly(json!("u")), mostly(json!("p")), mostly(json!(5)), prop::option::of(Just(json!(true))));
    let issuer = prop::sample::select(ISSUERS.to_vec());
    (issuer, [text(), text(), text()], [texts(), texts()], rest, any::<[bool; 3]>()).prop_map(
        |(issuer, [acr, aal, factor], [acrs, amr], (sub, aud, auth_time, anonymous), [users, act, of_firebase])| {
            let mut claims = Map::new();
            let mut put =
                |name: &str, value: Option<Json>| value.and_then(|value| claims.insert(name.to_owned(), value));
            let mut firebase = json!({ "sign_in_provider": "password" });
            if let (Some(factor), Some(members)) = (factor, firebase.as_object_mut()) {
                members.insert("sign_in_second_factor".to_owned(), factor);
            }
            put("iss", Some(json!(issuer)));
            put("acr", acr);
            put("aal", aal);
            put("acrs", acrs);
            put("amr", amr);
            put("sub", sub);
            put("aud", aud);
            put("auth_time", auth_time);
            put("is_anonymous", anonymous.filter(|_| act));
            put("act", act.then(|| json!({ "sub": "x" })));
            put("fva", Some(json!([1, if act { -1 } else { 1 }])));
            put("firebase", of_firebase.then_some(firebase));
            for name in ["uid", "username", "scp"] {
                put(name, users.then(|| json!("x")));
            }
            Json::Object(claims)
        },
    )
}

fn constant(value: Value) -> Box<Expression> {
    Box::new(Expression::Constant(value))
}

/// A member of the claims, step by step or by a path.
fn member(path: &[&str], as_text: bool, by_path: bool) -> Box<Expression> {
    if by_path {
        let path = constant(Value::Array(path.iter().map(|key| Value::text(key)).collect()));
        return Box::new(Expression::Path { document: Box::new(Expression::Claims), path, as_text });
    }
    let steps = path.iter().enumerate();
    Box::new(steps.fold(Expression::Claims, |document, (n, key)| Expression::Member {
        document: Box::new(document),
        key: constant(Value::text(key)),
        as_text: as_text && n + 1 == path.len(),
    }))
}

fn condition() -> impl Strategy<Value = Expression> {
    let value = || prop_oneof![4 => one_text(), 1 => prop::sample::select(ISSUERS.to_vec()).prop_map(str::to_owned)];
    let path = || prop::sample::select(PATHS_OF_TEXTS.to_vec());
    let any_path = || prop::sample::select([&PATHS_OF_TEXTS[..], &PATHS_OF_ARRAYS].concat());
    let comparison = prop_oneof![Just(Comparison::Equal), Just(Comparison::Same)];
    let leaf = prop_oneof![
        3 => (comparison, path(), value(), any::<[bool; 2]>()).prop_map(|(how, path, text, [as_text, by_path])| {
            let value = if as_text { Value::Text(text) } else { Value::Json(Json::String(text)) };
            Expression::Compare(how, member(path, as_text, by_path), constant(value))
        }),
        2 => (path(), prop::collection::vec(value(), 0..3), any::<[bool; 2]>()).prop_map(|(path, texts, [negated, any])| {
            Expression::CompareEach {
                comparison: Comparison::Equal,
                negated,
                any,
                value: member(path, true, false),
                array: constant(Value::Array(texts.into_iter().map(Value::Text).collect())),
            }
        }),
        1 => (any_path(), any::<bool>(), any::<bool>()).prop_map(|(path, negated, as_text)| {
            Expression::Is { truth: Truth::Null, negated, tested: member(path, as_text, false) }
        }),
        2 => (any_path(), one_text()).prop_map(|(path, text)| Expression::HasKey(member(path, false, false), constant(Value::Text(text)))),
        1 => any_path().prop_map(|path| Expression::HasKey(Box::new(Expression::Claims), constant(Value::text(path[0])))),
        2 => (any_path(), prop::collection::vec(one_text(), 0..3)).prop_map(|(path, texts)| {
            Expression::Compare(Comparison::Contains, member(path, false, false), constant(Value::Json(json!(texts))))
        }),
        2 => (any_path(), value(), any::<bool>()).prop_map(|(path, text, in_array)| {
            let part = if in_array { json!([text]) } else { json!(text) };
            let part = path.iter().rev().fold(part, |part, key| json!({ *key: part }));
            Expression::Compare(Comparison::Contains, Box::new(Expression::Claims), constant(Value::Json(part)))
        }),
        1 => prop::sample::select(vec!["aal1", "aal2"]).prop_map(|level| Expression::HasLevel {
            level: constant(Value::text(level)),
            max_age: constant(Value::Null),
            raises: false,
        }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(Expression::And),
            many.prop_map(Expression::Or),
            inner.prop_map(Expression::negate)
        ]
    })
}

/// A condition in one session, as Postgres evaluates it; `None`: NULL.
fn truth(condition: &Expression, claims: &Json, level: Option<Level>) -> Option<bool> {
    let document = |it: &Expression| document(it, claims);
    match condition {
        Expression::And(all) => {
            let all: Vec<Option<bool>> = all.iter().map(|it| truth(it, claims, level)).collect();
            if all.contains(&Some(false)) { Some(false) } else { (!all.contains(&None)).then_some(true) }
        }
        Expression::Or(any) => {
            let any: Vec<Option<bool>> = any.iter().map(|it| truth(it, claims, level)).collect();
            if any.contains(&Some(true)) { Some(true) } else { (!any.contains(&None)).then_some(false) }
        }
        Expression::Not(it) => truth(it, claims, level).map(|truth| !truth),
        Expression::HasLevel { level: asked, .. } => match &**asked {
            Expression::Constant(Value::Text(asked)) => Some(level >= Level::from_claim(asked)),
            other => panic!("{other:?}"),
        },
        Expression::Is { negated, tested, .. } => Some(document(tested).is_none() != *negated),
        Expression::HasKey(whole, key) => {
            let (whole, key) = (document(whole)?, document(key)?);
            let key = key.as_str()?;
            Some(match &whole {
                Json::Object(members) => members.contains_key(key),
                Json::Array(items) => items.iter().any(|item| item == key),
                other => other == key,
            })
        }
        Expression::Compare(Comparison::Contains, whole, part) => {
            Some(contains(&document(whole)?, &document(part)?, true))
        }
        Expression::Compare(Comparison::Same, a, b) => Some(document(a) == document(b)),
        Expression::Compare(_, a, b) => Some(document(a)? == document(b)?),
        Expression::CompareEach { negated, any, value, array, .. } => {
            let Expression::Constant(Value::Array(items)) = &**array else { panic!("{array:?}") };
            if items.is_empty() {
                return Some(!any);
            }
            let value = document(value)?;
            let mut each = items.iter().map(|item| (Value::text(value.as_str().unwrap_or("?")) == *item) != *negated);
            Some(if *any { each.any(|it| it) } else { each.all(|it| it) })
        }
        other => panic!("{other:?} isn't generated"),
    }
}

/// A value. A text is its JSON, too; `None`: NULL.
fn document(expression: &Expression, claims: &Json) -> Option<Json> {
    let as_text = |found: Option<Json>| {
        found.filter(|it| !it.is_null()).map(|it| if it.is_string() { it } else { Json::String(it.to_string()) })
    };
    match expression {
        Expression::Claims => Some(claims.clone()),
        Expression::Constant(Value::Json(json)) => Some(json.clone()),
        Expression::Constant(Value::Text(text)) => Some(Json::String(text.clone())),
        Expression::Member { document: whole, key, as_text: text } => {
            let (whole, key) = (document(whole, claims)?, document(key, claims)?);
            let found = whole.get(key.as_str()?).cloned();
            if *text { as_text(found) } else { found }
        }
        Expression::Path { document: whole, path, as_text: text } => {
            let Expression::Constant(Value::Array(keys)) = &**path else { panic!("{path:?}") };
            let found = keys.iter().try_fold(document(whole, claims)?, |found, key| match key {
                Value::Text(key) => found.get(key).cloned(),
                other => panic!("{other:?}"),
            });
            if *text { as_text(found) } else { found }
        }
        other => panic!("{other:?} isn't generated"),
    }
}

/// `@>` of jsonb.
fn contains(whole: &Json, part: &Json, is_outermost: bool) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part, false)))
        }
        (Json::Array(whole), Json::Array(part)) => {
            part.iter().all(|part| whole.iter().any(|it| contains(it, part, false)))
        }
        (Json::Array(whole), part) if is_outermost && !part.is_object() => whole.contains(part),
        _ => whole == part,
    }
}

fn level_of(profiles: &Profiles, claims: &Json) -> Option<Level> {
    profiles.claims(claims.to_string().as_bytes()).unwrap().level()
}

fn evaluation(profiles: &[Profiles], level: Option<Level>) -> Evaluation<'_> {
    Evaluation::new(level.map_or(Session::NOBODY, Session::at), None, None, true).by_profiles(profiles, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_session_passes_only_where_its_level_could(setting in setting(), claims in claims(), permissive in condition(), restrictive in condition()) {
        let profiles = [Profiles::from_setting(&setting).unwrap()];
        let level = level_of(&profiles[0], &claims);
        let passes = |it: &Expression| truth(it, &claims, level) == Some(true);
        let evaluation = evaluation(&profiles, level);
        if passes(&permissive) {
            prop_assert!(evaluation.could_pass(None, &[&permissive]), "{level:?} {claims} {permissive:?}");
            if passes(&restrictive) {
                prop_assert!(evaluation.could_pass(Some(&[&permissive]), &[&restrictive]), "{level:?} {claims}");
            }
        }
        // Where it isn't known which profiles are in force, those of both sessions count.
        let both = [Profiles::Supabase, profiles[0].clone()];
        if passes(&permissive) {
            prop_assert!(super::by_profile_tests::evaluation(&both, level).could_pass(None, &[&permissive]));
        }
        let as_supabase = level_of(&Profiles::Supabase, &claims);
        if truth(&permissive, &claims, as_supabase) == Some(true) {
            prop_assert!(super::by_profile_tests::evaluation(&both, as_supabase).could_pass(None, &[&permissive]));
        }
    }
}

/// The levels, of none and the three, at which a condition could be true.
fn levels(setting: &str, condition: &Expression) -> Vec<Option<Level>> {
    let profiles = [Profiles::from_setting(setting).unwrap()];
    let all = [None, Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3)];
    all.into_iter().filter(|level| evaluation(&profiles, *level).could_pass(None, &[condition])).collect()
}

fn is(path: &[&str], text: &str) -> Expression {
    Expression::Compare(Comparison::Equal, member(path, true, false), constant(Value::text(text)))
}

fn setting_of(entries: &[&str]) -> String {
    let entry = |(entry, issuer): (&&str, &&str)| format!(r#"{{"issuer":"{issuer}",{entry}}}"#);
    format!("[{}]", entries.iter().zip(&ISSUERS).map(entry).collect::<Vec<_>>().join(","))
}

#[test]
fn a_claim_of_a_profile_decides_among_sessions_with_a_level() {
    let aal2 = [None, Some(Level::Aal2)];
    let okta = setting_of(&[ENTRIES[2]]);
    assert_eq!(levels(&okta, &is(&["acr"], "phr")), aal2);
    assert_eq!(levels(&okta, &is(&["acr"], "phr").negate()), [None, Some(Level::Aal1), Some(Level::Aal2)]);
    let keycloak = setting_of(&[ENTRIES[0]]);
    assert_eq!(levels(&keycloak, &is(&["acr"], "aal1").negate()), aal2);
    assert_eq!(levels(&setting_of(&[ENTRIES[5]]), &is(&["firebase", "sign_in_second_factor"], "totp")), aal2);
    let has = |text: &str| Expression::HasKey(member(&["acrs"], false, false), constant(Value::text(text)));
    let entra = setting_of(&[ENTRIES[3]]);
    assert_eq!(levels(&entra, &has("c1")), [None, Some(Level::Aal2), Some(Level::Aal3)]);
    assert_eq!(levels(&entra, &has("c2")), [None, Some(Level::Aal3)]);
    let contains = |part: Json| {
        Expression::Compare(Comparison::Contains, Box::new(Expression::Claims), constant(Value::Json(part)))
    };
    assert_eq!(levels(&entra, &contains(json!({ "acrs": ["c1"] }))), [None, Some(Level::Aal2), Some(Level::Aal3)]);
    assert_eq!(levels(&okta, &contains(json!({ "acr": "phr" }))), aal2);
}

#[test]
fn an_issuer_that_is_tested_is_the_one() {
    // phr gives aal3 at the one, and nothing at the other, where aal1 and aal2 are other texts.
    let both = setting_of(&[ENTRIES[2], ENTRIES[9]]);
    let phr = is(&["acr"], "phr");
    let of = |issuer: &str| Expression::And(vec![is(&["iss"], issuer), phr.clone()]);
    let (aal1, aal2, aal3) = (Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3));
    assert_eq!(levels(&both, &of(ISSUERS[0])), [None, aal2]);
    assert_eq!(levels(&both, &of(ISSUERS[1])), [None, aal1, aal2, aal3]);
    assert_eq!(levels(&both, &of(ISSUERS[2])), [None]);
}

/// A member of the claims by a place in an array, as a number.
fn number_at(claim: &str, place: i64) -> Expression {
    let array = member(&[claim], false, false);
    let element = Expression::Member { document: array, key: constant(Value::Integer(place)), as_text: true };
    Expression::Call(Builtin::ToInteger, vec![element])
}

fn compares(a: &Expression, how: Comparison, number: i64) -> Expression {
    Expression::Compare(how, Box::new(a.clone()), constant(Value::Integer(number)))
}

const OF_MINUTES: &str =
    r#""levels":[{"claim":["fva",1],"is":"minutes","level":"aal2"},{"claim":["fva",0],"is":"minutes","level":"aal1"}]"#;

#[test]
fn an_age_in_minutes_decides_where_it_is_no_negative_number() {
    let (aal1, aal2, aal3) = (Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3));
    let own = setting_of(&[OF_MINUTES]);
    let second = number_at("fva", 1);
    let from_zero = compares(&second, Comparison::GreaterOrEqual, 0);
    let below_ten = compares(&second, Comparison::Less, 10);
    assert_eq!(levels(&own, &from_zero), [None, aal2]);
    assert_eq!(levels(&own, &Expression::And(vec![from_zero, below_ten.clone()])), [None, aal2]);
    // A factor that was never verified is -1 minutes old.
    assert_eq!(levels(&own, &below_ten), [None, aal1, aal2]);
    assert_eq!(levels(&own, &compares(&second, Comparison::Equal, -1)), [None, aal1]);
    // Without this rule no session is at aal3, so the first place says nothing there.
    assert_eq!(levels(&own, &compares(&number_at("fva", 0), Comparison::GreaterOrEqual, 0)), [None, aal1, aal2]);
    let path = Expression::Path {
        document: Box::new(Expression::Claims),
        path: constant(Value::Array(vec![Value::text("fva"), Value::text("1")])),
        as_text: true,
    };
    assert_eq!(
        levels(&own, &compares(&Expression::Call(Builtin::ToNumeric, vec![path]), Comparison::Greater, 0)),
        [None, aal2]
    );
    // From the end of the array, or another element: nothing is known.
    assert_eq!(levels(&own, &compares(&number_at("fva", -1), Comparison::GreaterOrEqual, 0)), [None, aal1, aal2, aal3]);
}

#[test]
fn somebody_who_acts_as_another_user_has_their_claims() {
    let clerk = setting_of(&[r#""profile":"clerk""#]);
    let second = compares(&number_at("fva", 1), Comparison::GreaterOrEqual, 0);
    let (aal1, aal2) = (Some(Level::Aal1), Some(Level::Aal2));
    assert_eq!(levels(&clerk, &second), [None, aal1, aal2]);
    let acts = Expression::HasKey(Box::new(Expression::Claims), constant(Value::text("act")));
    let is_null = Expression::Is { truth: Truth::Null, negated: false, tested: member(&["act"], true, false) };
    for nobody_acts in [acts.clone().negate(), is_null] {
        assert_eq!(levels(&clerk, &Expression::And(vec![second.clone(), nobody_acts])), [None, aal2]);
    }
    assert_eq!(levels(&clerk, &Expression::And(vec![second, acts])), [None, aal1, aal2]);
}

#[test]
fn a_number_decides_where_a_rule_names_it() {
    let entry = r#""levels":[{"claim":["loa"],"is":"number","map":{"2":"aal2","3":"aal3"}},{"level":"aal1"}]"#;
    let (aal1, aal2, aal3) = (Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3));
    let own = setting_of(&[entry]);
    let of_text = Expression::Call(Builtin::ToInteger, vec![*member(&["loa"], true, false)]);
    let of_json = Expression::Call(Builtin::JsonToNumber, vec![*member(&["loa"], false, false)]);
    for loa in [of_text, of_json] {
        assert_eq!(levels(&own, &compares(&loa, Comparison::Equal, 2)), [None, aal2]);
        // At aal1 it can be 4, too.
        assert_eq!(levels(&own, &compares(&loa, Comparison::GreaterOrEqual, 3)), [None, aal1, aal3]);
    }
    let json = |number: i64| {
        Expression::Compare(Comparison::Equal, member(&["loa"], false, false), constant(Value::Json(json!(number))))
    };
    assert_eq!(levels(&own, &json(3)), [None, aal3]);
    assert_eq!(levels(&own, &is(&["loa"], "3")), [None, aal3]);
}

#[test]
fn an_entry_decides_where_a_rule_names_it() {
    let claim = "https://shop.example/methods";
    let auth0 = setting_of(&[&format!(r#""profile":"auth0","claim":["{claim}"]"#)]);
    let aal2 = [None, Some(Level::Aal2)];
    let contains = |whole: Box<Expression>, part: Json| {
        Expression::Compare(Comparison::Contains, whole, constant(Value::Json(part)))
    };
    let mfa = json!([{ "name": "mfa" }]);
    assert_eq!(levels(&auth0, &contains(member(&[claim], false, false), mfa.clone())), aal2);
    assert_eq!(levels(&auth0, &contains(Box::new(Expression::Claims), json!({ claim: mfa }))), aal2);
    let password = contains(member(&[claim], false, false), json!([{ "name": "pwd" }]));
    // No rule gives aal3, so nothing tells what a token at aal3 holds.
    assert_eq!(levels(&auth0, &password), [None, Some(Level::Aal1), Some(Level::Aal2), Some(Level::Aal3)]);
}

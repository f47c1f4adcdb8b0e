//! The core's refusals, as tables. Every refusal that a session of Supabase Auth can get is made. Each of its words is put down under
//! the few things that it depends on. Where a word depends on more, this panics.

use std::collections::BTreeMap;

use aal::{
    Action, Claims, Clock, Denial, Enrollment, FixedRequirement, Level, LevelClaim, Liveness, MaxAge, NotLive, Reason,
    Status, Timestamp, WayBack, assess, assess_enrolled, assess_live,
};
use minijinja::{Value, context};

use crate::literal::{array_or_null, filled, format_text, literal};

/// Enrollments, by the names that `enrollment.sql` gives them.
pub const ENROLLMENTS: [(Enrollment, &str); 4] = [
    (Enrollment::Factor, "factor"),
    (Enrollment::NoFactor, "no_factor"),
    (Enrollment::UnknownUser, "unknown_user"),
    (Enrollment::ForeignUser, "foreign_user"),
];

type Table = Vec<(String, String)>;

const NOW: i64 = 1_800_000_000;
const DOCS: &str = "docs";
const WHAT: &str = "WHAT";
const SHOWN: &str = "SHOWN";

/// An action by a name that tells each from the others.
pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::LeaveAnonymity => "leave_anonymity",
        other => other.as_str(),
    }
}

fn clock() -> Clock {
    Clock::new(Timestamp::from_unix_micros(NOW * 1_000_000), Clock::USUAL_SKEW)
}

fn read(text: &str) -> Claims {
    Claims::from_json(text.as_bytes()).expect("the claims of this file are claims")
}

/// Claims of every kind that refusals tell apart, by the name of their standing where they give no level.
fn claims_without_level() -> [(&'static str, Option<Claims>); 6] {
    [
        ("nobody", None),
        ("nobody", Some(read("{}"))),
        ("no_level", Some(read(r#"{"sub":"u"}"#))),
        ("no_level", Some(read(r#"{"sub":"u","aal":"SHOWN"}"#))),
        ("no_level", Some(read(r#"{"sub":"u","aal":"not shown"}"#))),
        ("guest", Some(read(r#"{"sub":"u","aal":"aal1","is_anonymous":true}"#))),
    ]
}

fn claims_with_level() -> Vec<Claims> {
    let fresh = format!(r#"[{{"method":"totp","timestamp":{NOW}}}]"#);
    let began_anonymously = format!(r#"[{{"method":"anonymous","timestamp":{NOW}}}]"#);
    let mut found = Vec::new();
    for level in Level::ALL {
        for amr in ["[]", &fresh, r#"[{"method":"totp","timestamp":1}]"#, &began_anonymously] {
            found.push(read(&format!(r#"{{"aal":"{level}","amr":{amr}}}"#)));
            found.push(read(&format!(r#"{{"sub":"u","aal":"{level}","amr":{amr}}}"#)));
            let guest = read(&format!(r#"{{"sub":"u","aal":"{level}","amr":{amr},"is_anonymous":true}}"#));
            found.push(guest.with_guests_at(Some(Level::Aal1)));
        }
    }
    found
}

/// Every refusal.
fn denials() -> Vec<Denial> {
    let without_level = claims_without_level().into_iter().map(|(_, claims)| claims);
    let sessions = without_level.chain(claims_with_level().into_iter().map(Some));
    let mut found = Vec::new();
    for claims in sessions {
        for max_age in [None, Some(MaxAge::from_seconds(900))] {
            for level in Level::ALL {
                let denied = assess(claims.as_ref(), FixedRequirement { level, max_age }, clock).err();
                found.extend(denied.iter().flat_map(known_users));
                found.extend(denied);
            }
            let looked_up = ENROLLMENTS.iter().map(|(enrollment, _)| Some(*enrollment)).chain([None]);
            found.extend(looked_up.filter_map(|it| assess_enrolled(claims.as_ref(), it, max_age, clock)?.err()));
        }
    }
    found
}

fn known_users(denial: &Denial) -> impl Iterator<Item = Denial> {
    ENROLLMENTS.iter().map(|(enrollment, _)| denial.clone().knowing(*enrollment))
}

/// Each value under its key. Both editions' answers would differ where one key had two values.
fn table(rows: impl Iterator<Item = (String, String)>) -> Table {
    let mut table = BTreeMap::new();
    for (key, value) in rows {
        let held = table.entry(key.clone()).or_insert_with(|| value.clone());
        assert_eq!(*held, value, "{key} has one value");
    }
    table.into_iter().collect()
}

/// How the session stands to the level, as `aal.refuse` calls it.
fn standing(denial: &Denial) -> &'static str {
    match &denial.current {
        LevelClaim::Missing => "missing",
        LevelClaim::Unknown(_) => "unknown",
        LevelClaim::OfGuest => "guest",
        LevelClaim::Level(level) if *level < denial.required.level => "below",
        LevelClaim::Level(_) => "enough",
        LevelClaim::NoProfile | LevelClaim::NoRule | LevelClaim::NotNamed(_) => unreachable!("without profiles"),
    }
}

/// The reason of an action and a standing.
pub fn reasons() -> Table {
    let key = |denial: &Denial| format!("{} {}", action_name(denial.action), standing(denial));
    table(denials().iter().map(|denial| (key(denial), literal(denial.reason().as_str()))))
}

/// The message of a reason, and whether the session has a level: what, the level, the age and the session's level.
pub fn messages() -> Table {
    let format_of = |denial: &Denial| {
        let FixedRequirement { level, max_age } = denial.required;
        let message = denial.message(Some(WHAT));
        let age = max_age.map(|max_age| max_age.to_string()).unwrap_or_default();
        let (requires, at) =
            (format!("requires {level}"), denial.current.level().map(|level| format!("is at {level}")));
        let format = format_text(&message, &[WHAT, "", &age])
            .replace(&requires, "requires %2$s")
            .replace(at.as_deref().unwrap_or("is at nothing"), "is at %4$s");
        let current = denial.current.level().map(Level::as_str).unwrap_or_default();
        assert_eq!(filled(&format, &[WHAT, level.as_str(), &age, current]), message);
        literal(&format)
    };
    let key = |denial: &Denial| {
        let without = if denial.current.level().is_none() { " none" } else { "" };
        format!("{}{without}", denial.reason().as_str())
    };
    table(denials().iter().map(|denial| (key(denial), format_of(denial))))
}

/// The hint of an action; where a claim is at fault, of the fault.
pub fn hints() -> Table {
    let key = |denial: &Denial| match (denial.action, &denial.current) {
        (Action::Configure, LevelClaim::Level(_)) => "configure level".to_owned(),
        (Action::Configure, LevelClaim::Unknown(Some(_))) => "configure shown".to_owned(),
        (Action::Configure, _) => format!("configure {}", standing(denial)),
        (Action::Reverify, _) if denial.required.level == Level::Aal1 => "reverify aal1".to_owned(),
        (action, _) => action_name(action).to_owned(),
    };
    table(denials().iter().map(|denial| (key(denial), literal(&format_text(&denial.hint(DOCS), &[SHOWN])))))
}

/// The challenge of an action: the level, and the age with its name.
pub fn challenges() -> Table {
    let key = |denial: &Denial| {
        let no_time = if denial.reason() == Reason::NoTime { " no_time" } else { "" };
        format!("{}{no_time}", action_name(denial.action))
    };
    let format_of = |denial: &Denial| {
        let FixedRequirement { level, max_age } = denial.required;
        let challenge = challenge_in(&denial.http(None, DOCS).response);
        let age = max_age.map(challenge_of_age).unwrap_or_default();
        let format = format_text(challenge.strip_suffix(&age).unwrap_or(&challenge), &[level.as_str()]) + "%2$s";
        assert_eq!(filled(&format, &[level.as_str(), &age]), challenge);
        literal(&format)
    };
    table(denials().iter().map(|denial| (key(denial), format_of(denial))))
}

/// The part of a challenge that names an age, as a format.
pub fn challenge_max_age() -> String {
    literal(&format_text(&challenge_of_age(MaxAge::from_seconds(900)), &["900"]))
}

fn challenge_of_age(max_age: MaxAge) -> String {
    format!(", max_age=\"{}\"", max_age.whole_seconds())
}

/// The value of WWW-Authenticate in a response.
fn challenge_in(response: &str) -> String {
    let response: serde_json::Value = serde_json::from_str(response).expect("a response is JSON");
    response["headers"]["WWW-Authenticate"].as_str().expect("a challenge").to_owned()
}

/// A refusal whose words are all told apart.
fn example() -> Denial {
    let required = FixedRequirement { level: Level::Aal2, max_age: Some(MaxAge::from_seconds(900)) };
    let current = LevelClaim::Level(Level::Aal1);
    Denial { required, current, action: Action::Verify, way_back: WayBack::SupabaseAuth }
}

/// DETAIL: the level, the session's level and the age as JSON; the action and the reason.
pub fn detail() -> String {
    let detail = example().detail();
    let format = format_text(&detail, &["\"aal2\"", "\"aal1\"", "900", "verify", "level_too_low"]);
    assert_eq!(filled(&format, &["\"aal2\"", "\"aal1\"", "900", "verify", "level_too_low"]), detail);
    literal(&format)
}

/// A refusal for PostgREST. The body: DETAIL, HINT and message as JSON. The response: the challenge as JSON.
pub fn http() -> (String, String) {
    let denial = example();
    let http = denial.http(None, DOCS);
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let words = [json(&denial.detail()), json(&denial.hint(DOCS)), json(&denial.message(None))];
    let body = format_text(&http.body, &words.each_ref().map(String::as_str));
    let response = format_text(&http.response, &[&json(&challenge_in(&http.response))]);
    (literal(&body), literal(&response))
}

/// The step of a user who was looked up, where it differs from that of the claims alone.
pub fn steps() -> Table {
    let mut rows = Vec::new();
    for denial in denials() {
        for (enrollment, name) in ENROLLMENTS {
            let step = denial.clone().knowing(enrollment).action;
            let below = if denial.current.level() < Some(denial.required.level) { " below" } else { "" };
            let factor = if denial.required.level > Level::Aal1 { " factor" } else { "" };
            let action = action_name(denial.action);
            rows.push((format!("{action} {name}{below}{factor}"), (action, action_name(step))));
        }
    }
    let changed = rows.iter().filter(|(_, (before, step))| before != step);
    table(changed.map(|(key, (_, step))| (key.clone(), literal(step))))
}

/// The next level, the step and the reason of a status, by the session's level and its user's enrollment.
pub fn statuses() -> Table {
    let answer = |status: Status| {
        let next = status.next.map(Level::as_str);
        array_or_null(&[next, status.action.map(Action::as_str), status.reason.map(Reason::as_str)])
    };
    let mut rows = Vec::new();
    for (standing, claims) in claims_without_level() {
        rows.push((standing.to_owned(), answer(Status::of(claims.as_ref(), None))));
    }
    for claims in claims_with_level() {
        let level = claims.level().map(Level::as_str).unwrap_or_default();
        let anonymous = if claims.is_anonymous() { " anonymous" } else { "" };
        let looked_up =
            ENROLLMENTS.iter().map(|(enrollment, name)| (Some(*enrollment), *name)).chain([(None, "unknown")]);
        for (enrollment, name) in looked_up {
            rows.push((format!("{level}{anonymous} {name}"), answer(Status::of(Some(&claims), enrollment))));
        }
    }
    let invalid = Status::without_level(Action::Configure, Reason::InvalidClaims);
    rows.push(("invalid_claims".to_owned(), answer(invalid)));
    table(rows.into_iter())
}

/// The refusals of sessions that aren't live, by their reason.
pub fn not_live() -> Vec<Value> {
    let named = read(r#"{"sub":"u","session_id":"s","aal":"aal2"}"#);
    let looked_up = [Liveness::Ended, Liveness::UnknownUser, Liveness::FactorRemoved];
    let of_store = looked_up.map(|liveness| assess_live(Some(&named), Some(liveness)));
    let of_claims = [assess_live(None, None), assess_live(Some(&read(r#"{"sub":"u"}"#)), None)];
    of_claims.into_iter().chain(of_store).flatten().filter_map(Result::err).map(|refusal| words_of(&refusal)).collect()
}

fn words_of(refusal: &NotLive) -> Value {
    let http = refusal.http(None, None, &WayBack::SupabaseAuth);
    context! {
        reason => refusal.reason().as_str(),
        message => literal(&format_text(&refusal.message(Some(WHAT)), &[WHAT])),
        action => action_name(refusal.action()),
        hint => literal(refusal.hint()),
        challenge => literal(&challenge_in(&http.response)),
    }
}

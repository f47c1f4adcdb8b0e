//! What the templates are filled with: the words and tables of the crate `aal`.

use std::collections::BTreeMap;

use aal::{
    Action, Claims, Clock, EnrolledIsNoLevel, Enrollment, InvalidClaims, InvalidMaxAge, Level, LevelClaim, Method,
    Timestamp, UnknownLevel, store_fault,
};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use crate::literal::{array, escaped, format_text, literal};
use crate::refusals::{self, ENROLLMENTS, action_name};

/// Everything that a template can name.
#[derive(Serialize)]
pub struct Facts {
    version: String,
    levels: Vec<&'static str>,
    levels_array: String,
    level_of_first_factors: &'static str,
    level_of_second_factors: &'static str,
    second_factors: Vec<&'static str>,
    proves_nothing: Vec<&'static str>,
    anonymous_method: &'static str,
    deciding: String,
    /// How far in the future a time may lie, in seconds.
    clock_skew: u32,
    /// The first second of no time.
    end_of_time: String,
    shown_level_claim: usize,
    other_words: Vec<(&'static str, &'static str)>,
    enrolled: Value,
    unknown_level: Value,
    max_age: Value,
    invalid_claims: Vec<Value>,
    leave_anonymity: Value,
    store_fault: Value,
    levels_of_enrollments: Vec<(&'static str, &'static str)>,
    detail: String,
    http: Value,
    challenge_max_age: String,
    reasons: Vec<(String, String)>,
    messages: Vec<(String, String)>,
    hints: Vec<(String, String)>,
    challenges: Vec<(String, String)>,
    steps: Vec<(String, String)>,
    statuses: Vec<(String, String)>,
    not_live: Vec<Value>,
}

impl Facts {
    pub fn new(version: &str) -> Facts {
        let levels: Vec<&str> = Level::ALL.into_iter().map(Level::as_str).collect();
        assert!(levels.is_sorted(), "levels are compared by their names, in collation C");
        let known = |enrollment: &(Enrollment, &'static str)| Some((enrollment.1, enrollment.0.level()?.as_str()));
        let http = refusals::http();
        Facts {
            version: version.to_owned(),
            levels_array: array(&levels),
            levels,
            level_of_first_factors: Level::Aal1.as_str(),
            level_of_second_factors: Level::Aal2.as_str(),
            second_factors: Method::SECOND_FACTORS.to_vec(),
            proves_nothing: Method::PROVES_NOTHING.to_vec(),
            anonymous_method: Method::ANONYMOUS,
            deciding: array(&Claims::DECIDING),
            clock_skew: Clock::USUAL_SKEW,
            end_of_time: format!("{:.0}", Timestamp::END),
            shown_level_claim: LevelClaim::SHOWN,
            other_words: UnknownLevel::OTHER_WORDS.to_vec(),
            enrolled: context! {
                word => EnrolledIsNoLevel::WORD,
                message => literal(EnrolledIsNoLevel::MESSAGE),
                hint => literal(&EnrolledIsNoLevel::hint("aal")),
            },
            unknown_level: unknown_level(),
            max_age: context! {
                negative => literal(&InvalidMaxAge::Negative.to_string()),
                infinite => literal(&InvalidMaxAge::Infinite.to_string()),
                hint => literal(InvalidMaxAge::HINT),
            },
            invalid_claims: invalid_claims(),
            leave_anonymity: context! {
                name => action_name(Action::LeaveAnonymity),
                shown => Action::LeaveAnonymity.as_str(),
            },
            store_fault: store_faults(),
            levels_of_enrollments: ENROLLMENTS.iter().filter_map(known).collect(),
            detail: refusals::detail(),
            http: context! { body => http.0, response => http.1 },
            challenge_max_age: refusals::challenge_max_age(),
            reasons: refusals::reasons(),
            messages: refusals::messages(),
            hints: refusals::hints(),
            challenges: refusals::challenges(),
            steps: refusals::steps(),
            statuses: refusals::statuses(),
            not_live: refusals::not_live(),
        }
    }

    /// Each by its name.
    pub fn into_globals(self) -> BTreeMap<String, Value> {
        let facts = Value::from(Serde(self));
        let names = facts.try_iter().into_iter().flatten();
        names.filter_map(|name| Some((name.to_string(), facts.get_item(&name).ok()?))).collect()
    }
}

/// The message and the hint for a text that names no level, as formats.
fn unknown_level() -> Value {
    let error = UnknownLevel::new("FOUND", &["VALID"]);
    let meant = UnknownLevel::new("mfa", &["aal2"]).hint();
    let hint = error.hint();
    let question = meant.strip_suffix("Valid levels are aal2.").expect("the question stands first");
    context! {
        shown => UnknownLevel::SHOWN,
        message => literal(&format_text(&error.to_string(), &["FOUND", "VALID"])),
        question => literal(&format_text(question, &["aal2"])),
        hint => literal(&format_text(&hint, &["VALID"])),
    }
}

/// What claims that are none are answered with, by the fault's name in `claims.sql`.
fn invalid_claims() -> Vec<Value> {
    // Postgres doesn't say where reading stopped.
    let not_json = InvalidClaims::NotJson { line: 0, column: 0 }.message();
    let not_json = not_json.strip_suffix(" (line 0, column 0)").expect("the place stands last").to_owned();
    let of =
        |name: &str, message: &str, hint: &str| context! { name, message => literal(message), hint => escaped(hint) };
    vec![
        of("not_json", &not_json, InvalidClaims::HINT),
        of("not_an_object", &InvalidClaims::NotAnObject.message(), InvalidClaims::HINT),
        of("twice", &InvalidClaims::Duplicate.message(), InvalidClaims::HINT),
        of("beyond_jsonb", InvalidClaims::BEYOND_JSONB, InvalidClaims::BEYOND_JSONB_HINT),
    ]
}

fn store_faults() -> Value {
    context! {
        no_factors => literal(store_fault::NO_FACTORS),
        no_sessions => literal(store_fault::NO_SESSIONS),
        no_tables => literal(store_fault::NO_TABLES),
        not_plain => literal(store_fault::NOT_PLAIN),
        of_others => literal(store_fault::OF_OTHERS),
        other_columns => literal(store_fault::OTHER_COLUMNS),
        no_session_table => literal(store_fault::NO_SESSION_TABLE),
        sessions_not_plain => literal(store_fault::SESSIONS_NOT_PLAIN),
        sessions_of_others => literal(store_fault::SESSIONS_OF_OTHERS),
        other_columns_of_sessions => literal(store_fault::OTHER_COLUMNS_OF_SESSIONS),
        unfit_function => literal(store_fault::UNFIT_FUNCTION),
    }
}

//! What claims come to where profiles say what they mean.
//!
//! A session at a level has a token of an issuer with a profile, and the profile's rules gave the level. So a claim that
//! these rules read can't say what would have led elsewhere. A session without a level has any token, or none.

use serde_json::Value as Json;

use super::readings::{Reading, Readings};
use super::{Evaluation, Outcomes, Value};
use aal::{ClaimStep, ClaimValues, Level, Numbers, Profile, Profiles};

/// The members of the claims that lead to a claim are followed so far.
const MOST_MEMBERS: usize = 8;

impl<'a> Evaluation<'a> {
    /// The same, where one of these says what claims mean. `guests` is the highest level of anonymous users.
    pub fn by_profiles(self, profiles: &'a [Profiles], guests: Option<Level>) -> Self {
        Evaluation { readings: Readings::of(profiles, guests), ..self }
    }

    /// The same for each profile that can have given the level; none where that makes no difference.
    pub(super) fn by_each_profile(&self) -> Vec<Evaluation<'a>> {
        let is_told_apart = self.session.level.is_some() && self.trusts_settings && self.closely;
        let readings = if is_told_apart { self.readings.each() } else { Vec::new() };
        readings.into_iter().map(|readings| Evaluation { readings, ..self.clone() }).collect()
    }

    /// The profile that gave the level, where that is known.
    pub(super) fn profile(&self) -> Option<&'a Profile> {
        match self.readings.reading {
            Reading::Of { profile, .. } => Some(profile),
            Reading::Any | Reading::AsSupabase => None,
        }
    }

    /// Whether nothing is known of any claim.
    pub(super) fn knows_no_claim(&self) -> bool {
        matches!(self.readings.reading, Reading::Any)
    }

    /// What a claim comes to, or a member of one.
    pub(super) fn claim_of_profile(&self, profile: &Profile, path: &[ClaimStep], as_text: bool) -> Outcomes {
        let Some(level) = self.session.level else { return Outcomes::anything() };
        if path.len() > MOST_MEMBERS {
            return Outcomes::anything();
        }
        let or_missing = |mut outcomes: Outcomes, or_missing: bool| {
            if or_missing {
                outcomes.add(Value::Null);
                // `->` answers with JSON's null where that is the member's value.
                if !as_text {
                    outcomes.add(Value::Json(Json::Null));
                }
            }
            outcomes
        };
        let acts = matches!(self.readings.reading, Reading::Of { acts: true, .. });
        match profile.claim(path, level, self.readings.guests, acts) {
            ClaimValues::Nothing if as_text => Outcomes::any_of([Value::Null, Value::text(""), Value::text("false")]),
            ClaimValues::Nothing => {
                let all = [Json::Null, Json::Bool(false), Json::String(String::new())];
                Outcomes::any_of(all.into_iter().map(Value::Json).chain([Value::Null]))
            }
            ClaimValues::Something if as_text => Outcomes::one(Value::TextBut(vec![String::new()])),
            ClaimValues::Something => Outcomes::one(Value::Claim(path.to_vec())),
            ClaimValues::Text { these, but, or_missing: missing } => {
                let text = |text: String| if as_text { Value::Text(text) } else { Value::Json(Json::String(text)) };
                let other = |but| if as_text { Value::TextBut(but) } else { Value::JsonTextBut(but) };
                or_missing(Outcomes::any_of(these.into_iter().map(text).chain(but.map(other))), missing)
            }
            ClaimValues::Texts { without, or_missing: missing } if !as_text => {
                or_missing(Outcomes::one(Value::TextsWithout(without)), missing)
            }
            ClaimValues::Number { these, among, or_missing: missing } => {
                let one = |it: i64| if as_text { Value::Text(it.to_string()) } else { Value::Json(Json::from(it)) };
                let many = |it: Numbers| if as_text { Value::NumberText(it) } else { Value::JsonNumber(it) };
                or_missing(Outcomes::any_of(these.into_iter().map(one).chain(among.into_iter().map(many))), missing)
            }
            ClaimValues::Entries { key, without, or_missing: missing } if !as_text => {
                or_missing(Outcomes::one(Value::EntriesWithout { key, without }), missing)
            }
            ClaimValues::Texts { .. } | ClaimValues::Entries { .. } => Outcomes::anything(),
            ClaimValues::Anything if as_text => Outcomes::anything(),
            ClaimValues::Anything => or_missing(Outcomes::one(Value::Claim(path.to_vec())), true),
        }
    }

    /// Whether the claims, or a member of them, contain this; `None`: not known.
    pub(super) fn claims_contain(&self, profile: &Profile, path: &[ClaimStep], part: &Json) -> Option<bool> {
        let Json::Object(members) = part else { return None };
        let cannot = members.iter().any(|(key, part)| {
            let path = [path, &[ClaimStep::Key(key.clone())]].concat();
            let found = self.claim_of_profile(profile, &path, false);
            let part = Value::Json(part.clone());
            // Of no value at all, no token has this level.
            found.known().is_some_and(|values| values.iter().all(|value| self.is_certainly_without(value, &part)))
        });
        cannot.then_some(false)
    }

    /// Whether a member that comes to this certainly doesn't contain that.
    fn is_certainly_without(&self, value: &Value, part: &Value) -> bool {
        match (value, part) {
            // There is no such member.
            (Value::Null, _) => true,
            (Value::Json(Json::Null), Value::Json(part)) => !part.is_null(),
            (Value::Json(Json::String(text)), Value::Json(Json::String(part))) => text != part,
            _ => self.contains(value, part) == Some(false),
        }
    }
}

/// Whether a document contains this, where no object of its array says one of these in this member; `None`: not known.
pub(super) fn entries_contain(key: &str, without: &[String], part: &Json) -> Option<bool> {
    let lacks = |part: &Json| match part {
        Json::Object(members) => match members.get(key) {
            Some(Json::String(said)) => without.contains(said),
            _ => false,
        },
        _ => false,
    };
    part.as_array()?.iter().any(lacks).then_some(false)
}

/// Whether an array of texts without these contains a text, an array of texts or NULL; `None`: not known.
pub(super) fn texts_contain(without: &[String], part: &Json) -> Option<bool> {
    let lacks = |part: &Json| part.as_str().is_some_and(|text| without.iter().any(|it| it == text));
    let cannot = match part {
        Json::Array(parts) => parts.iter().any(lacks),
        one => lacks(one),
    };
    cannot.then_some(false)
}

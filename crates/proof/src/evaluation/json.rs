//! What JSON documents come to: the claims, and others.

use serde_json::Value as Json;

use aal::{ClaimStep, Level};

use super::truth::{any_boolean, pairs};
use super::{Enrolled, Evaluation, Expression, LevelClaim, Outcomes, Value};

impl Evaluation<'_> {
    /// A member of a document.
    pub(super) fn member(&self, document: &Value, key: &Value, as_text: bool) -> Outcomes {
        let key = match (document, key) {
            (Value::Null, _) | (_, Value::Null) => return Outcomes::one(Value::Null),
            (_, Value::Text(key)) => key.as_str(),
            (_, Value::Integer(place)) => return self.element(document, *place, as_text),
            _ => return Outcomes::anything(),
        };
        let text = |text: &str| {
            let json = Json::String(text.to_owned());
            if as_text { Value::text(text) } else { Value::Json(json) }
        };
        if let (Value::Claims | Value::Claim(_), Some(profile)) = (document, self.profile())
            && (*document != Value::Claims || key != "role")
        {
            let path = [path_of(document), &[ClaimStep::Key(key.to_owned())]].concat();
            return self.claim_of_profile(profile, &path, as_text);
        }
        match (document, key) {
            (Value::Claims, "aal") => Outcomes::one(match self.claimed_level() {
                Some(level) => text(level),
                None if self.level_claim == LevelClaim::JsonNull && !as_text => Value::Json(Json::Null),
                None => Value::Null,
            }),
            (Value::Claims, "is_anonymous") if self.session.is_guest || self.is_of_user => {
                let is = self.session.is_guest;
                Outcomes::one(if as_text { Value::Text(is.to_string()) } else { Value::Json(Json::Bool(is)) })
            }
            (Value::Claims, "sub") if self.is_of_user => {
                let but = vec![String::new()];
                Outcomes::one(if as_text { Value::TextBut(but) } else { Value::JsonTextBut(but) })
            }
            (Value::Claims, "role") if self.is_of_user && self.role.is_some() => {
                self.role.map_or_else(Outcomes::anything, |role| Outcomes::one(text(role)))
            }
            // Supabase Auth puts both into each token.
            (Value::Claims, "app_metadata" | "user_metadata") if self.is_of_user => Outcomes::one(Value::Other),
            // In a verified token it can be any text, and need not be a role of the database.
            (Value::Claims, "role") => match self.role {
                Some(role) => Outcomes::any_of([text(role), Value::Null]),
                None => Outcomes::anything(),
            },
            (Value::Status, "currentLevel") => {
                let nobody = if as_text { Value::Null } else { Value::Json(Json::Null) };
                match self.session.level {
                    Some(level) if self.may_become_nobody => Outcomes::any_of([text(level.as_str()), nobody]),
                    Some(level) => Outcomes::one(text(level.as_str())),
                    None => Outcomes::one(nobody),
                }
            }
            (Value::Status, "nextLevel") if self.knows_enrollment() => {
                let next = match (self.session.level, self.session.enrolled) {
                    (None, _) => None,
                    (Some(_), Enrolled::Yes) => Some(Level::Aal2),
                    (current, _) => current,
                };
                let nobodys = if as_text { Value::Null } else { Value::Json(Json::Null) };
                Outcomes::one(next.map_or(nobodys, |next| text(next.as_str())))
            }
            (Value::Status, "action") if as_text && self.knows_enrollment() => {
                let is_there = self.session.level >= Some(Level::Aal2);
                Outcomes::one(if is_there { Value::Null } else { Value::TextBut(Vec::new()) })
            }
            (Value::Json(Json::Null), _) => Outcomes::one(Value::Null),
            (Value::Json(Json::Object(object)), key) => match object.get(key) {
                None => Outcomes::one(Value::Null),
                Some(Json::Null) if as_text => Outcomes::one(Value::Null),
                Some(Json::String(member)) => Outcomes::one(text(member)),
                Some(Json::Bool(member)) if as_text => Outcomes::one(text(if *member { "true" } else { "false" })),
                Some(Json::Number(member)) if as_text && member.is_i64() => Outcomes::one(text(&member.to_string())),
                Some(member) if !as_text => Outcomes::one(Value::Json(member.clone())),
                Some(_) => Outcomes::anything(),
            },
            _ => Outcomes::anything(),
        }
    }

    /// Whether it is known which level the session's user can reach.
    fn knows_enrollment(&self) -> bool {
        self.is_of_user || (self.known.is_some() && self.session.level.is_none())
    }

    /// An element of an array, by its place from 0.
    fn element(&self, document: &Value, place: i64, as_text: bool) -> Outcomes {
        let texts_but = |but: &[String]| {
            let text = if as_text { Value::TextBut(but.to_vec()) } else { Value::JsonTextBut(but.to_vec()) };
            Outcomes::any_of([text, Value::Null])
        };
        match (document, usize::try_from(place), self.profile()) {
            (Value::Claims | Value::Json(Json::Object(_)), ..) => Outcomes::one(Value::Null),
            (Value::Claim(path), Ok(place), Some(profile)) => {
                self.claim_of_profile(profile, &[path.as_slice(), &[ClaimStep::Place(place)]].concat(), as_text)
            }
            // The first element of null, taken for an array, is null itself.
            (Value::Json(Json::Null), ..) if as_text => Outcomes::one(Value::Null),
            (Value::Json(Json::Null), ..) => Outcomes::any_of([Value::Null, Value::Json(Json::Null)]),
            (Value::TextsWithout(without), ..) => texts_but(without),
            (Value::Json(Json::Array(items)), Ok(place), _) => match items.get(place) {
                None => Outcomes::one(Value::Null),
                Some(item) => whole(&Value::Json(item.clone()), as_text),
            },
            _ => Outcomes::anything(),
        }
    }

    /// What a path's text leads to. The number in `document[1]` counts as its text.
    fn step(&self, document: &Value, key: &Value, as_text: bool) -> Outcomes {
        if let Value::Integer(place) = key {
            return self.step(document, &Value::Text(place.to_string()), as_text);
        }
        if let (Value::Claim(path), Value::Text(key), Some(profile)) = (document, key, self.profile())
            && let ClaimStep::Place(place) = profile.step(path, key)
        {
            return self.claim_of_profile(profile, &[path.as_slice(), &[ClaimStep::Place(place)]].concat(), as_text);
        }
        self.member(document, key, as_text)
    }

    pub(super) fn path(&self, document: &Expression, path: &Expression, as_text: bool) -> Outcomes {
        let (document, path) = (self.outcomes(document), self.outcomes(path));
        pairs(&document, &path, Outcomes::anything, |document, path| {
            let keys = match (document, path) {
                (Value::Null, _) | (_, Value::Null) => return Outcomes::one(Value::Null),
                (_, Value::Array(keys)) if keys.is_empty() => return whole(document, as_text),
                (_, Value::Array(keys)) => keys,
                _ => return Outcomes::anything(),
            };
            let mut found = Outcomes::one(document.clone());
            for (n, key) in keys.iter().enumerate() {
                let last = n + 1 == keys.len();
                found = found.map(Outcomes::anything, |it| self.step(it, key, as_text && last));
            }
            found
        })
    }

    pub(super) fn has_key(&self, document: &Value, key: &Value) -> Outcomes {
        match (document, key) {
            (Value::Null, _) | (_, Value::Null) => Outcomes::one(Value::Null),
            (Value::Claims | Value::Claim(_), Value::Text(_)) if self.profile().is_some() => {
                // A member that is NULL is there, too.
                let found = self.member(document, key, false);
                let is_there = !found.can_be(&Value::Null);
                if is_there { Outcomes::one(Value::Bool(true)) } else { any_boolean() }
            }
            (Value::TextsWithout(without), Value::Text(key)) if without.contains(key) => {
                Outcomes::one(Value::Bool(false))
            }
            (Value::JsonTextBut(but), Value::Text(key)) if but.contains(key) => Outcomes::one(Value::Bool(false)),
            (Value::Json(Json::String(text)), Value::Text(key)) => Outcomes::one(Value::Bool(text == key)),
            (Value::Json(Json::Null), Value::Text(_)) => Outcomes::one(Value::Bool(false)),
            (Value::Claims, Value::Text(key)) if key == "aal" => {
                Outcomes::one(Value::Bool(self.level_claim_as_json().is_some()))
            }
            (Value::Json(Json::Object(object)), Value::Text(key)) => {
                Outcomes::one(Value::Bool(object.contains_key(key)))
            }
            _ => any_boolean(),
        }
    }
}

/// The steps to a document within the claims.
fn path_of(document: &Value) -> &[ClaimStep] {
    match document {
        Value::Claim(path) => path,
        _ => &[],
    }
}

/// A document as a whole.
fn whole(document: &Value, as_text: bool) -> Outcomes {
    match document {
        _ if !as_text => Outcomes::one(document.clone()),
        Value::Json(Json::String(text)) => Outcomes::one(Value::text(text)),
        Value::Json(Json::Bool(truth)) => Outcomes::one(Value::text(if *truth { "true" } else { "false" })),
        Value::Json(Json::Null) => Outcomes::one(Value::Null),
        Value::Json(Json::Number(number)) if number.is_i64() => Outcomes::one(Value::Text(number.to_string())),
        Value::JsonNumber(numbers) => Outcomes::one(Value::NumberText(numbers.clone())),
        _ => Outcomes::anything(),
    }
}

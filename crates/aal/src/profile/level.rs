//! The level that a token's claims come to.

use serde_json::value::RawValue;
use std::collections::BTreeSet;

use super::definition::{LevelMap, LevelRule, LevelShape};
use super::path::Path;
use crate::json::{NoObject, Object, array_of, number_of, text_of};
use crate::level::Level;

/// One way to a level.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// Every user has it.
    EveryUser(Level),
    /// A value of a claim gives it. Of several values the highest counts.
    Value { claim: Path, shape: Shape, map: LevelMap },
    /// A factor was verified some minutes before the token was made.
    Minutes { claim: Path, level: Level },
    /// Two factors that differ, one of them such; without those, any factor.
    Distinct { claim: Path, key: String, one_of: Vec<String>, level: Level },
}

/// Where a claim holds its values.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Text,
    Texts,
    Words,
    Number,
    Entries(String),
}

impl Rule {
    /// The rule that is written. `Err`: what it lacks.
    pub fn of(written: &LevelRule) -> Result<Rule, String> {
        let Some(claim) = &written.claim else {
            let level = written.level.filter(|level| *level == Level::Aal1);
            return level.map(Rule::EveryUser).ok_or_else(|| "a level without a claim can only be aal1".to_owned());
        };
        let claim = claim.clone();
        let lacks = |what: &str| format!("the level of claim {claim} lacks {what}");
        let level = || written.level.ok_or_else(|| lacks("\"level\""));
        let key = || written.key.clone().ok_or_else(|| lacks("\"key\""));
        let map = || match (&written.map, &written.values) {
            (Some(map), None) => Ok(map.clone()),
            (None, Some(values)) => {
                let level = level()?;
                Ok(LevelMap(values.iter().map(|value| (value.clone(), level)).collect()))
            }
            _ => Err(lacks("either \"map\" or \"values\"")),
        };
        let shape = match written.is.ok_or_else(|| lacks("\"is\""))? {
            LevelShape::Minutes => return Ok(Rule::Minutes { level: level()?, claim }),
            LevelShape::Distinct => {
                let one_of = written.one_of.clone().unwrap_or_default();
                return Ok(Rule::Distinct { key: key()?, one_of, level: level()?, claim });
            }
            LevelShape::Text => Shape::Text,
            LevelShape::Texts => Shape::Texts,
            LevelShape::Words => Shape::Words,
            LevelShape::Number => Shape::Number,
            LevelShape::Entries => Shape::Entries(key()?),
        };
        Ok(Rule::Value { map: map()?, shape, claim })
    }

    /// The level that it gives to these claims.
    pub fn level(&self, claims: &Object<'_>) -> Option<Level> {
        match self {
            Rule::EveryUser(level) => Some(*level),
            Rule::Value { claim, shape, map } => {
                let values = shape.values(claim.find(claims)?);
                let level_of = |value: &String| map.0.iter().find(|(known, _)| known == value).map(|(_, level)| *level);
                values.iter().filter_map(level_of).max()
            }
            Rule::Minutes { claim, level } => {
                number_of(claim.find(claims)?).filter(|minutes| *minutes >= 0.0).map(|_| *level)
            }
            Rule::Distinct { claim, key, one_of, level } => {
                let values = Shape::Entries(key.clone()).values(claim.find(claims)?);
                let distinct: BTreeSet<&String> = values.iter().collect();
                let is_met = match one_of.as_slice() {
                    [] => !distinct.is_empty(),
                    one_of => distinct.len() > 1 && distinct.iter().any(|value| one_of.contains(value)),
                };
                is_met.then_some(*level)
            }
        }
    }

    /// A value of its claim, named by it or not; `None` where the claim is missing or of another shape.
    pub fn stated(&self, claims: &Object<'_>) -> Option<String> {
        match self {
            Rule::Value { claim, shape, .. } => {
                shape.values(claim.find(claims)?).into_iter().find(|value| !value.is_empty())
            }
            // Never verified. The number isn't worth showing.
            Rule::Minutes { claim, .. } => number_of(claim.find(claims)?).map(|_| String::new()),
            Rule::EveryUser(_) | Rule::Distinct { .. } => None,
        }
    }

    /// Whether its claim has the type that it names, or is missing or null. Of entries: whether the database reads the same of them.
    pub fn is_of_its_type(&self, claims: &Object<'_>) -> bool {
        if let Rule::Value { claim, shape: Shape::Entries(key), map } = self {
            let entries = claim.find(claims).and_then(array_of).unwrap_or_default();
            return !entries.into_iter().any(|entry| map.is_named_twice(entry, key));
        }
        let (claim, is_of_type): (_, fn(&RawValue) -> bool) = match self {
            Rule::Value { claim, shape: Shape::Text, .. } => (claim, |value| text_of(value).is_some()),
            Rule::Value { claim, shape: Shape::Texts, .. } => {
                (claim, |value| array_of(value).is_some_and(|all| all.into_iter().all(|it| text_of(it).is_some())))
            }
            Rule::Value { claim, shape: Shape::Number, .. } => (claim, |value| whole_number_of(value).is_some()),
            Rule::Minutes { claim, .. } => (claim, are_minutes),
            _ => return true,
        };
        claim.find(claims).is_none_or(|value| value.get() == "null" || is_of_type(value))
    }

    /// The claim that it reads.
    pub fn claim(&self) -> Option<&Path> {
        match self {
            Rule::EveryUser(_) => None,
            Rule::Value { claim, .. } | Rule::Minutes { claim, .. } | Rule::Distinct { claim, .. } => Some(claim),
        }
    }
}

impl Shape {
    fn values(&self, value: &RawValue) -> Vec<String> {
        match self {
            Shape::Text => text_of(value).into_iter().collect(),
            Shape::Texts => array_of(value).unwrap_or_default().into_iter().filter_map(text_of).collect(),
            Shape::Words => text_of(value).unwrap_or_default().split(' ').map(str::to_owned).collect(),
            Shape::Number => whole_number_of(value).map(|it| it.to_string()).into_iter().collect(),
            Shape::Entries(key) => entries(value).iter().filter_map(|entry| entry.text(key)).collect(),
        }
    }
}

fn whole_number_of(value: &RawValue) -> Option<i64> {
    serde_json::from_str(value.get()).ok()
}

/// Whether a value is a number of minutes. One below 0 is whole: the database rounds others to 0, which is an age.
fn are_minutes(value: &RawValue) -> bool {
    number_of(value).is_some() && (!value.get().starts_with('-') || whole_number_of(value).is_some())
}

impl LevelMap {
    /// Whether an entry states a member twice, so that it counts for nothing here, and names one of these values in the database.
    fn is_named_twice(&self, entry: &RawValue, key: &str) -> bool {
        let text = entry.get().as_bytes();
        matches!(Object::parse(text), Err(NoObject::Duplicate))
            && Object::last_text(text, key).is_some_and(|value| self.0.iter().any(|(known, _)| *known == value))
    }
}

/// The objects of an array, without those that state a member twice.
pub(super) fn entries(value: &RawValue) -> Vec<Object<'_>> {
    let all = array_of(value).unwrap_or_default().into_iter();
    all.filter_map(|entry| Object::parse(entry.get().as_bytes()).ok()).collect()
}

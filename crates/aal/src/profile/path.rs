//! Where a claim is: the keys and places that lead to it.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;

use crate::json::{NoObject, Object, array_of};

/// A list of keys, because the names of claims hold dots, slashes and colons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Path(pub Vec<Step>);

/// One step: a member of an object, or a place in an array, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// The member of this name.
    Key(String),
    /// The element at this place.
    Place(usize),
}

impl Path {
    /// The value at the end of the path. `None` where it leads nowhere, or an object on it states a member twice.
    pub fn find<'a>(&self, claims: &Object<'a>) -> Option<&'a RawValue> {
        let (first, rest) = self.0.split_first()?;
        let Step::Key(first) = first else { return None };
        rest.iter().try_fold(claims.get(first)?, |value, step| match step {
            Step::Key(key) => Object::parse(value.get().as_bytes()).ok()?.get(key),
            Step::Place(place) => array_of(value)?.get(*place).copied(),
        })
    }

    /// Whether the path may lead to another value in the database. There an object beneath the claims states a member twice, a key
    /// meets an array, or a place meets something else than one. `->` takes a text or a number for its own first element.
    pub fn is_ambiguous(&self, claims: &Object<'_>) -> bool {
        let Some((Step::Key(first), rest)) = self.0.split_first() else { return false };
        let Some(mut value) = claims.get(first) else { return false };
        for step in rest {
            let next = match step {
                Step::Key(key) => match Object::parse(value.get().as_bytes()) {
                    Err(NoObject::Duplicate) => return true,
                    Err(NoObject::Other) if array_of(value).is_some() => return true,
                    Err(NoObject::Other) => None,
                    Ok(object) => object.get(key),
                },
                Step::Place(place) => match array_of(value) {
                    Some(items) => items.get(*place).copied(),
                    None => return value.get() != "null",
                },
            };
            let Some(next) = next else { return false };
            value = next;
        }
        false
    }

    /// Whether it is a path at all: a claim's name comes first.
    pub fn is_valid(&self) -> bool {
        matches!(self.0.first(), Some(Step::Key(_)))
    }

    /// The names on it.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Place(_) => None,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Place(place) => place.to_string(),
        });
        f.write_str(&steps.collect::<Vec<_>>().join(" > "))
    }
}

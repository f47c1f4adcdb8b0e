//! The JSON of `pg_aal.claims_profile` and of the built-in profiles, as it is written.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

use super::path::Path;
use crate::level::Level;
use crate::way_back::ChallengeForm;

/// A profile as it is written: a built-in one, or an entry of the setting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Definition {
    pub issuer: Option<String>,
    /// The built-in profile that it takes over.
    pub profile: Option<String>,
    pub audience: Option<String>,
    pub authorized_party: Option<String>,
    /// Values in the place of a built-in profile's.
    pub map: Option<LevelMap>,
    /// A claim in the place of a built-in profile's, where the site names it.
    pub claim: Option<Path>,
    /// Whether `auth_time` is never newer than the second factor of a session at aal2.
    pub auth_time_is: Option<AuthTimeIs>,
    /// What an entry must say beside the name of this built-in profile.
    pub needs: Vec<Need>,
    /// Tokens of users have one of these claims. Tokens of machines have none of them, and no level.
    pub users_have: Vec<Path>,
    /// Tokens with one of these values have no level.
    pub refuses: Vec<Values>,
    /// Tokens with one of these values are anonymous users'.
    pub guests: Option<Values>,
    /// The highest level of somebody who acts as another user.
    pub acting_users: Option<Ceiling>,
    /// The first that fits gives the level.
    pub levels: Vec<LevelRule>,
    /// Where a token says when a level's factor was verified. The newest counts.
    pub times: Times,
    /// Words that the issuer is asked for, by level. Without it: those of a map of `acr`, or of Entra's `acrs`.
    pub acr_values: Option<WordsByLevel>,
    /// How a client learns what to ask for.
    pub challenge: Option<ChallengeForm>,
}

/// An issuer's words for each level.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WordsByLevel {
    pub aal1: Option<Vec<String>>,
    pub aal2: Option<Vec<String>>,
    pub aal3: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuthTimeIs {
    Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Need {
    Map,
    Claim,
    Audience,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Values {
    pub claim: Path,
    pub values: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ceiling {
    pub claim: Path,
    pub at_most: Level,
}

/// Values of a claim, and the level that each gives. Without a claim: every user's level.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelRule {
    pub claim: Option<Path>,
    pub is: Option<LevelShape>,
    /// The member of each entry that holds the value.
    pub key: Option<String>,
    pub map: Option<LevelMap>,
    pub values: Option<Vec<String>>,
    pub level: Option<Level>,
    /// Of two distinct values, one must be among these.
    pub one_of: Option<Vec<String>>,
}

/// What a claim is that gives a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LevelShape {
    /// A text.
    Text,
    /// An array of texts.
    Texts,
    /// A text of words between spaces.
    Words,
    /// A whole number.
    Number,
    /// An array of objects.
    Entries,
    /// An array of objects. Their values must differ.
    Distinct,
    /// How many minutes before `iat` it was verified; negative: never.
    Minutes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Times {
    pub aal1: Vec<TimeRule>,
    pub aal2: Vec<TimeRule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeRule {
    pub claim: Path,
    pub is: TimeShape,
    /// The member of each entry that says what it is about.
    pub key: Option<String>,
    /// The values of that member that count; none: all.
    pub values: Option<Vec<String>>,
    /// The member of each entry that holds its time.
    pub at: Option<String>,
    /// What that time is.
    pub time: Option<TimeShape>,
}

/// What a claim is that holds a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimeShape {
    /// Seconds since 1970 (RFC 7519's NumericDate).
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// A text of RFC 3339.
    Rfc3339,
    /// Minutes before `iat`.
    MinutesBeforeIat,
    /// An array of objects.
    Entries,
}

/// Values, and the level that each gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LevelMap(pub Vec<(String, Level)>);

impl<'de> Deserialize<'de> for LevelMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = LevelMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of values and levels")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<LevelMap, M::Error> {
                let mut values: Vec<(String, Level)> = Vec::new();
                while let Some((value, level)) = map.next_entry::<String, Level>()? {
                    if values.iter().any(|(known, _)| *known == value) {
                        return Err(M::Error::custom(format_args!("the value {value:?} is there twice")));
                    }
                    values.push((value, level));
                }
                Ok(LevelMap(values))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

//! Assurance levels.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// An authenticator assurance level (NIST SP 800-63B; Supabase's `aal` claim): `aal1` < `aal2` < `aal3`.
///
/// No assurance at all is `Option::<Level>::None`, which orders below all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One factor.
    Aal1,
    /// Two factors.
    Aal2,
    /// A hardware-bound second factor. In Supabase's enum, never issued by Supabase Auth.
    Aal3,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 3] = [Level::Aal1, Level::Aal2, Level::Aal3];

    /// The level as the `aal` claim spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Aal1 => "aal1",
            Level::Aal2 => "aal2",
            Level::Aal3 => "aal3",
        }
    }

    /// The level an `aal` claim states: exactly `aal1`, `aal2` or `aal3`; anything else is none.
    pub fn from_claim(text: &str) -> Option<Level> {
        match text {
            "aal1" => Some(Level::Aal1),
            "aal2" => Some(Level::Aal2),
            "aal3" => Some(Level::Aal3),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        Level::from_claim(text).ok_or_else(|| UnknownLevel::new(text, &["aal1", "aal2", "aal3"]))
    }
}

/// A text that names no level where one was asked for. Names the value (its beginning) and the valid ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel {
    found: String,
    valid: &'static [&'static str],
    meant: Option<&'static str>,
}

impl UnknownLevel {
    /// How much of the value a message repeats, in characters.
    pub const SHOWN: usize = 40;

    /// Other words for a level, in lower case and without anything but letters and digits.
    pub const OTHER_WORDS: [(&str, &str); 10] = [
        ("1", "aal1"),
        ("1fa", "aal1"),
        ("password", "aal1"),
        ("2", "aal2"),
        ("2fa", "aal2"),
        ("mfa", "aal2"),
        ("totp", "aal2"),
        ("secondfactor", "aal2"),
        ("twofactor", "aal2"),
        ("3", "aal3"),
    ];

    /// `found`: the text; `valid`: the levels that would do, lowest first.
    pub fn new(found: &str, valid: &'static [&'static str]) -> Self {
        let mut shown: String = found.chars().take(Self::SHOWN).collect();
        if shown.len() < found.len() {
            shown.push_str("...");
        }
        UnknownLevel { found: shown, valid, meant: meant(found, valid) }
    }

    /// The level that was probably meant, and the valid ones, for a HINT.
    pub fn hint(&self) -> String {
        let question = self.meant.map_or(String::new(), |meant| format!("Did you mean {meant}? "));
        format!("{question}Valid levels are {}.", self.valid.join(", "))
    }
}

/// The word `enrolled` in the place of a level: it is another level for each user.
pub struct EnrolledIsNoLevel;

impl EnrolledIsNoLevel {
    /// The word.
    pub const WORD: &str = "enrolled";
    /// The message.
    pub const MESSAGE: &str = "level \"enrolled\" is another for each user";

    /// What to ask instead. `schema`: that of the functions.
    pub fn hint(schema: &str) -> String {
        format!("Ask {schema}.has_enrolled_aal(), {schema}.require_enrolled_aal() or {schema}.enrolled_aal().")
    }
}

/// The level that a text probably means: `AAL2`, `aal 2`, `2`, `mfa`, or a level with something behind it.
fn meant(text: &str, valid: &'static [&'static str]) -> Option<&'static str> {
    let first_word = text.split([' ', ',']).next().unwrap_or_default();
    [text, first_word].into_iter().find_map(|text| {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let other_word = UnknownLevel::OTHER_WORDS.iter().find(|(word, _)| *word == plain);
        let name = other_word.map_or(plain.as_str(), |(_, level)| level);
        valid.iter().find(|level| **level == name).copied()
    })
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown assurance level \"{}\": valid levels are {}", self.found, self.valid.join(", "))
    }
}

impl std::error::Error for UnknownLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_in_other_words_is_known_for_the_one_that_was_meant() {
        let hint = |text| UnknownLevel::new(text, &["none", "aal1", "aal2"]).hint();
        for text in
            ["AAL2", "aal 2", "aal-2", "aal_2", " aal2 ", "2", "mfa", "2FA", "aal2 for 10 minutes", "aal2, 1 hour"]
        {
            assert_eq!(hint(text), "Did you mean aal2? Valid levels are none, aal1, aal2.", "{text}");
        }
        assert!(hint("None").starts_with("Did you mean none?") && hint("1").starts_with("Did you mean aal1?"));
        for text in ["", "3", "aal9", "mfa2", "\u{130}aal", "é"] {
            assert_eq!(hint(text), "Valid levels are none, aal1, aal2.", "{text}");
        }
    }

    #[test]
    fn levels_are_ordered_and_none_is_below_all() {
        assert!(Level::Aal1 < Level::Aal2 && Level::Aal2 < Level::Aal3);
        assert!(Level::ALL.iter().all(|level| None < Some(*level)));
    }

    #[test]
    fn a_level_is_spelt_exactly() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        for text in ["", "AAL2", " aal2", "aal2 ", "aal", "aal4", "2", "none", "enrolled", "aal2\0"] {
            assert!(text.parse::<Level>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_level_is_named_but_never_repeated_whole() {
        let error = "AAL2".parse::<Level>().unwrap_err();
        assert_eq!(error.to_string(), "unknown assurance level \"AAL2\": valid levels are aal1, aal2, aal3");
        let long = "é".repeat(1_000_000).parse::<Level>().unwrap_err();
        assert!(long.to_string().len() < 200);
    }
}

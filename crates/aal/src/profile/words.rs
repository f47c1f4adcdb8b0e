//! An issuer's words for each level, which a client asks for.

use super::definition::WordsByLevel;
use super::level::{Rule, Shape};
use crate::level::Level;
use crate::way_back::{ChallengeForm, Terms};

/// The words for aal1, aal2 and aal3: those that are written, or those of the rules.
///
/// # Errors
/// The fault of those that are written.
pub(super) fn of(
    rules: &[Rule],
    form: ChallengeForm,
    written: Option<&WordsByLevel>,
) -> Result<[Vec<String>; 3], String> {
    match (form, written) {
        (ChallengeForm::Clerk, Some(_)) => Err("Clerk is not asked for \"acr_values\"".to_owned()),
        (ChallengeForm::Clerk, None) => Ok(Default::default()),
        (_, Some(written)) => written.by_level(aal1_is_everyones(rules)),
        (_, None) => Ok(Level::ALL.map(|level| of_rules(rules, form, level))),
    }
}

impl WordsByLevel {
    /// A level without words of its own has those of the next; but aal1 has none where every user has it.
    fn by_level(&self, aal1_is_everyones: bool) -> Result<[Vec<String>; 3], String> {
        let all = [("aal1", &self.aal1), ("aal2", &self.aal2), ("aal3", &self.aal3)];
        for (level, words) in all {
            let Some(words) = words else { continue };
            if words.is_empty() || words.len() > Terms::MOST_WORDS {
                return Err(format!("\"acr_values\" has 1 to {} words for {level}", Terms::MOST_WORDS));
            }
            if !words.iter().all(|word| Terms::is_word(word)) {
                return Err(format!(
                    "a word in \"acr_values\" is at most {} characters of ASCII, without spaces, quotes and backslashes",
                    Terms::LONGEST_WORD
                ));
            }
        }
        let next = |from: usize| all[from..].iter().find_map(|(_, words)| (*words).clone()).unwrap_or_default();
        let needs_no_word = aal1_is_everyones && self.aal1.is_none();
        Ok([if needs_no_word { Vec::new() } else { next(0) }, next(1), next(2)])
    }
}

/// Whether every user has aal1. Then nobody must ask for it.
fn aal1_is_everyones(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| matches!(rule, Rule::EveryUser(_)))
}

/// The values that come to this level or to more, the lowest first.
fn of_rules(rules: &[Rule], form: ChallengeForm, level: Level) -> Vec<String> {
    if level == Level::Aal1 && aal1_is_everyones(rules) {
        return Vec::new();
    }
    let mut values: Vec<(Level, &String)> = Vec::new();
    for rule in rules {
        let Rule::Value { claim, shape, map } = rule else { continue };
        let is_asked_for = match (form, shape) {
            (ChallengeForm::Rfc9470, Shape::Text) => claim.keys().eq(["acr"]),
            (ChallengeForm::Entra, Shape::Texts) => claim.keys().eq(["acrs"]),
            _ => false,
        };
        if is_asked_for {
            values.extend(map.0.iter().filter(|(_, given)| *given >= level).map(|(value, given)| (*given, value)));
        }
    }
    // Stable: values of one level keep the order of the map.
    values.sort_by_key(|(given, _)| *given);
    let words = values.into_iter().map(|(_, value)| value.clone()).filter(|word| Terms::is_word(word));
    words.take(Terms::MOST_WORDS).collect()
}

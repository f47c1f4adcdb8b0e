//! What a claim can be in a token to which its profile gives a level: for the proof, which knows the level and not the token.
//!
//! It takes for granted that a claim has the type that the profile's rules name, or is missing or null.

use super::level::{Rule, Shape};
use super::{Ceiling, Path, Profile, Profiles, Reading, Step};
use crate::level::Level;

/// All that a claim can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValues {
    /// Anything. It may be missing, too.
    Anything,
    /// A text.
    Text {
        /// One of these.
        these: Vec<String>,
        /// Or any other text than these; `None`: no other.
        but: Option<Vec<String>>,
        /// Or missing, or null.
        or_missing: bool,
    },
    /// An array of texts.
    Texts {
        /// None of these is in it.
        without: Vec<String>,
        /// Or it is missing, or null.
        or_missing: bool,
    },
}

/// A claim, as far as it is known.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// This text.
    Text(&'a str),
    /// A text that no rule names.
    OtherText,
    /// An array of texts with this one.
    With(&'a str),
    /// Missing, or null.
    Missing,
}

/// What a rule answers where one claim is known.
enum Answer {
    /// It doesn't fit.
    No,
    /// It gives this level.
    Certainly(Level),
    /// It gives one of these levels.
    OneOf(Vec<Level>),
    /// It gives one of these levels, or doesn't fit.
    Maybe(Vec<Level>),
}

impl Profiles {
    /// The profiles, each bound to an issuer; none where all claims are read as Supabase Auth's.
    pub fn of_issuers(&self) -> &[Profile] {
        match self {
            Profiles::Supabase => &[],
            Profiles::ByIssuer(profiles) => profiles,
        }
    }
}

impl Profile {
    /// All that a claim can be in this issuer's tokens to which the profile gives a level. `path` is the claim's name, and the members
    /// that lead on from it. `guests` is the highest level of anonymous users.
    pub fn claim(&self, path: &[&str], level: Level, guests: Option<Level>) -> ClaimValues {
        if path == ["iss"] {
            return ClaimValues::Text { these: vec![self.issuer.clone()], but: None, or_missing: false };
        }
        let supabases = [Rule::aal()];
        let (rules, ceiling) = match &self.reading {
            Reading::AsSupabase => (&supabases[..], None),
            Reading::ByRules(rules) => (&rules.levels[..], rules.acting_users.as_ref()),
        };
        let tokens = Tokens { rules, path, ceiling, guests };
        match tokens.shape() {
            Some(Shape::Text) => tokens.texts(level),
            Some(Shape::Texts) => tokens.arrays(level),
            _ => ClaimValues::Anything,
        }
    }

    /// Whether a rule that gives a level reads this claim, or a member of it.
    pub fn reads_for_level(&self, claim: &str) -> bool {
        match &self.reading {
            Reading::AsSupabase => claim == "aal",
            Reading::ByRules(rules) => {
                rules.levels.iter().filter_map(Rule::claim).any(|path| path.keys().next() == Some(claim))
            }
        }
    }
}

impl Rule {
    /// The claim `aal` of Supabase Auth.
    fn aal() -> Rule {
        let values = [Level::Aal1, Level::Aal2, Level::Aal3].map(|level| (level.as_str().to_owned(), level));
        let claim = Path(vec![Step::Key("aal".to_owned())]);
        Rule::Value { claim, shape: Shape::Text, map: super::definition::LevelMap(values.into()) }
    }
}

/// Tokens of an issuer, and a claim of theirs.
struct Tokens<'a> {
    rules: &'a [Rule],
    path: &'a [&'a str],
    ceiling: Option<&'a Ceiling>,
    guests: Option<Level>,
}

impl<'a> Tokens<'a> {
    fn is_claim(&self, path: &Path) -> bool {
        path.0.len() == self.path.len()
            && path.0.iter().zip(self.path).all(|(step, key)| matches!(step, Step::Key(it) if it == key))
    }

    fn rules_of_claim(&self) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.claim().is_some_and(|path| self.is_claim(path)))
    }

    /// The type of the claim, if all rules that read it agree.
    fn shape(&self) -> Option<&'a Shape> {
        let shapes: Option<Vec<&Shape>> = self
            .rules_of_claim()
            .map(|rule| match rule {
                Rule::Value { shape, .. } => Some(shape),
                _ => None,
            })
            .collect();
        let (first, rest) = shapes.as_ref()?.split_first()?;
        let agree = rest.iter().all(|it| std::mem::discriminant(*it) == std::mem::discriminant(*first));
        agree.then_some(*first)
    }

    /// The values that rules name.
    fn named(&self) -> Vec<&'a str> {
        let mut named = Vec::new();
        for rule in self.rules_of_claim() {
            if let Rule::Value { map, .. } = rule {
                for (value, _) in &map.0 {
                    if !named.contains(&value.as_str()) {
                        named.push(value);
                    }
                }
            }
        }
        named
    }

    fn texts(&self, level: Level) -> ClaimValues {
        let named = self.named();
        let may_be_other = self.may_be(Known::OtherText, level);
        let these = named.iter().filter(|text| self.may_be(Known::Text(text), level));
        ClaimValues::Text {
            these: these.map(|text| (*text).to_owned()).collect(),
            but: may_be_other.then(|| named.iter().map(|text| (*text).to_owned()).collect()),
            or_missing: self.may_be(Known::Missing, level),
        }
    }

    fn arrays(&self, level: Level) -> ClaimValues {
        let without = self.named().into_iter().filter(|text| !self.may_be(Known::With(text), level));
        ClaimValues::Texts {
            without: without.map(str::to_owned).collect(),
            or_missing: self.may_be(Known::Missing, level),
        }
    }

    /// Whether a token that says this of the claim can have the level. The first rule that fits gives it.
    fn may_be(&self, known: Known<'_>, level: Level) -> bool {
        let mut reached = false;
        for rule in self.rules {
            let (levels, ends) = match self.answer(rule, known) {
                Answer::No => (Vec::new(), false),
                Answer::Certainly(level) => (vec![level], true),
                Answer::OneOf(levels) => (levels, true),
                Answer::Maybe(levels) => (levels, false),
            };
            reached |= levels.iter().any(|it| self.can_come_to(*it, level));
            if ends {
                break;
            }
        }
        reached
    }

    /// Whether a session to which a rule gives a level can have this one: it may act as another user, or be a guest's.
    fn can_come_to(&self, given: Level, level: Level) -> bool {
        given == level
            || self.ceiling.is_some_and(|ceiling| given.min(ceiling.at_most) == level)
            || self.guests.is_some_and(|guests| given.min(guests) == level)
    }

    fn answer(&self, rule: &Rule, known: Known<'_>) -> Answer {
        match rule {
            Rule::EveryUser(level) => Answer::Certainly(*level),
            Rule::Value { claim, map, .. } if self.is_claim(claim) => {
                let level_of = |value: &str| map.0.iter().find(|(known, _)| known == value).map(|(_, level)| *level);
                let all = || map.0.iter().map(|(_, level)| *level);
                match known {
                    Known::Missing | Known::OtherText => Answer::No,
                    Known::Text(text) => level_of(text).map_or(Answer::No, Answer::Certainly),
                    // Of several values the highest counts.
                    Known::With(text) => match level_of(text) {
                        Some(least) => Answer::OneOf(all().filter(|level| *level >= least).collect()),
                        None => Answer::Maybe(all().collect()),
                    },
                }
            }
            Rule::Value { map, .. } => Answer::Maybe(map.0.iter().map(|(_, level)| *level).collect()),
            Rule::Minutes { level, .. } | Rule::Distinct { level, .. } => Answer::Maybe(vec![*level]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(entry: &str, path: &[&str], level: Level) -> ClaimValues {
        let setting = format!(r#"[{{"issuer":"https://id.example",{entry}}}]"#);
        Profiles::from_setting(&setting).unwrap().of_issuers()[0].claim(path, level, None)
    }

    fn text(these: &[&str], but: Option<&[&str]>, or_missing: bool) -> ClaimValues {
        let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
        ClaimValues::Text { these: owned(these), but: but.map(owned), or_missing }
    }

    #[test]
    fn a_value_of_a_level_is_in_no_token_below_it() {
        let keycloak = r#""profile":"keycloak""#;
        assert_eq!(claim(keycloak, &["acr"], Level::Aal1), text(&["aal1"], None, false));
        assert_eq!(claim(keycloak, &["acr"], Level::Aal2), text(&["aal2"], None, false));
        assert_eq!(claim(keycloak, &["aal"], Level::Aal2), ClaimValues::Anything);
        assert_eq!(claim(keycloak, &["iss"], Level::Aal2), text(&["https://id.example"], None, false));
        let okta = ["urn:okta:loa:2fa:any", "phr", "phrh"];
        assert_eq!(claim(r#""profile":"okta""#, &["acr"], Level::Aal1), text(&[], Some(&okta), true));
        assert_eq!(claim(r#""profile":"okta""#, &["acr"], Level::Aal2), text(&okta, None, false));
        let factor = ["firebase", "sign_in_second_factor"];
        let firebase = r#""profile":"firebase","audience":"p""#;
        assert_eq!(claim(firebase, &factor, Level::Aal1), text(&[], Some(&["totp", "phone"]), true));
        assert_eq!(claim(firebase, &factor[..1], Level::Aal1), ClaimValues::Anything);
        assert_eq!(claim(r#""profile":"supabase""#, &["aal"], Level::Aal2), text(&["aal2"], None, false));
    }

    #[test]
    fn another_rule_may_give_the_level_whatever_a_claim_says() {
        // At Cognito, amr can raise what acr doesn't.
        let cognito = ["urn:cognito:loa:3", "urn:cognito:loa:4"];
        assert_eq!(claim(r#""profile":"cognito""#, &["acr"], Level::Aal1), text(&[], Some(&cognito), true));
        assert_eq!(claim(r#""profile":"cognito""#, &["acr"], Level::Aal2), text(&cognito, Some(&cognito), true));
        let amr = claim(r#""profile":"cognito""#, &["amr"], Level::Aal1);
        assert_eq!(amr, ClaimValues::Texts { without: vec!["mfa".to_owned()], or_missing: true });
    }

    #[test]
    fn an_array_may_hold_a_value_of_a_higher_level_beside_it() {
        let entra = r#""profile":"entra","map":{"c1":"aal2","c2":"aal3"}"#;
        let without = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
        let texts = |it: &[&str], or_missing| ClaimValues::Texts { without: without(it), or_missing };
        assert_eq!(claim(entra, &["acrs"], Level::Aal1), texts(&["c1", "c2"], true));
        assert_eq!(claim(entra, &["acrs"], Level::Aal2), texts(&["c2"], false));
        assert_eq!(claim(entra, &["acrs"], Level::Aal3), texts(&[], false));
    }

    #[test]
    fn guests_and_acting_users_may_have_any_value() {
        let setting = r#"[{"issuer":"https://id.example","acting_users":{"claim":["act"],"at_most":"aal1"},
            "levels":[{"claim":["acr"],"is":"text","map":{"2":"aal2"}},{"level":"aal1"}]}]"#;
        let profiles = Profiles::from_setting(setting).unwrap();
        let acr = |level| profiles.of_issuers()[0].claim(&["acr"], level, None);
        assert_eq!(acr(Level::Aal1), text(&["2"], Some(&["2"]), true));
        assert_eq!(acr(Level::Aal2), text(&["2"], None, false));
        let keycloak = Profiles::from_setting(r#"[{"issuer":"https://id.example","profile":"keycloak"}]"#).unwrap();
        let acr = keycloak.of_issuers()[0].claim(&["acr"], Level::Aal1, Some(Level::Aal1));
        assert_eq!(acr, text(&["aal1", "aal2"], None, false));
    }

    #[test]
    fn claims_of_another_shape_can_be_anything() {
        for (profile, claims) in [("clerk", ["fva", "sts"]), ("stytch", ["amr", "acr"]), ("kratos", ["amr", "acr"])] {
            for name in claims {
                assert_eq!(claim(&format!(r#""profile":"{profile}""#), &[name], Level::Aal2), ClaimValues::Anything);
            }
        }
        let words = r#""levels":[{"claim":["scope"],"is":"words","values":["mfa"],"level":"aal2"}]"#;
        assert_eq!(claim(words, &["scope"], Level::Aal2), ClaimValues::Anything);
        // Two rules that disagree on the type.
        let both = r#""levels":[{"claim":["a"],"is":"text","values":["x"],"level":"aal2"},
            {"claim":["a"],"is":"texts","values":["y"],"level":"aal1"}]"#;
        assert_eq!(claim(both, &["a"], Level::Aal1), ClaimValues::Anything);
    }
}

//! What a claim can be in a token to which its profile gives a level: for the proof, which knows the level and not the token.
//!
//! It takes for granted that a claim has the type that the profile's rules name, or is missing or null. No other token has a level.

use super::level::{Rule, Shape};
use super::{Ceiling, Numbers, Path, Profile, Profiles, Reading, Step};
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
    /// A number.
    Number {
        /// One of these.
        these: Vec<i64>,
        /// Or one of any of these.
        among: Vec<Numbers>,
        /// Or missing, or null.
        or_missing: bool,
    },
    /// Missing, null, false or the empty text.
    Nothing,
    /// Anything but that.
    Something,
    /// An array of objects, or something else.
    Entries {
        /// The member that says what each is about.
        key: String,
        /// It says none of these in any object of an array.
        without: Vec<String>,
        /// Or the claim is missing, or null.
        or_missing: bool,
    },
}

/// A claim, as far as it is known.
#[derive(Clone, Copy)]
enum Known<'a> {
    /// This text, or this number.
    Named(&'a str),
    /// A text or a number that no rule names.
    Other,
    /// An array with this text, or with an object that says this.
    With(&'a str),
    /// A number of minutes, and whether they are an age.
    Minutes { are_age: bool },
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
    /// All that a claim can be in this issuer's tokens to which the profile gives a level. `path` is the claim's name, and the steps
    /// that lead on from it. `guests` is the highest level of anonymous users. `acts`: in tokens of somebody who acts as another user, and
    /// whose level has a limit; else in all others.
    pub fn claim(&self, path: &[Step], level: Level, guests: Option<Level>, acts: bool) -> ClaimValues {
        if let [Step::Key(name)] = path
            && name == "iss"
        {
            return ClaimValues::Text { these: vec![self.issuer.clone()], but: None, or_missing: false };
        }
        let supabases = [Rule::aal()];
        let (rules, ceiling) = match &self.reading {
            Reading::AsSupabase => (&supabases[..], None),
            Reading::ByRules(rules) => (&rules.levels[..], rules.acting_users.as_ref()),
        };
        let tokens = Tokens { rules, path, ceiling: ceiling.filter(|_| acts), guests };
        // No claim at the top is there twice.
        let says_who_acts = ceiling.is_some_and(|it| path.len() == 1 && tokens.is_claim(&it.claim));
        if says_who_acts && tokens.rules_of_claim().next().is_none() {
            return if acts { ClaimValues::Something } else { ClaimValues::Nothing };
        }
        match tokens.form() {
            Some(Form::Text) => tokens.texts(level),
            Some(Form::Texts) => tokens.arrays(level),
            Some(Form::Number) => tokens.numbers(level),
            Some(Form::Minutes) => tokens.minutes(level),
            Some(Form::Entries(key)) => tokens.entries(key, level),
            None => ClaimValues::Anything,
        }
    }

    /// Whether tokens of somebody who acts as another user have another level than they would have without that.
    pub fn limits_acting_users(&self) -> bool {
        matches!(&self.reading, Reading::ByRules(rules) if rules.acting_users.is_some())
    }

    /// The step that a text stands for where a query names a path by texts, as `#>` does: a place where a rule has one there. A token
    /// with a level has an array there, or nothing.
    pub fn step(&self, path: &[Step], text: &str) -> Step {
        let place = text.parse::<usize>().ok().filter(|place| place.to_string() == text).map(Step::Place);
        let has_rule = |step: &Step| {
            let Reading::ByRules(rules) = &self.reading else { return false };
            let mut claims = rules.levels.iter().filter_map(Rule::claim);
            claims.any(|claim| claim.0.strip_prefix(path).is_some_and(|rest| rest.first() == Some(step)))
        };
        place.filter(has_rule).unwrap_or_else(|| Step::Key(text.to_owned()))
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

/// What a claim is that rules agree on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    Text,
    Texts,
    Number,
    Minutes,
    Entries(&'a str),
}

impl<'a> Form<'a> {
    fn of(rule: &'a Rule) -> Option<Form<'a>> {
        match rule {
            Rule::Value { shape: Shape::Text, .. } => Some(Form::Text),
            Rule::Value { shape: Shape::Texts, .. } => Some(Form::Texts),
            Rule::Value { shape: Shape::Number, .. } => Some(Form::Number),
            Rule::Value { shape: Shape::Entries(key), .. } => Some(Form::Entries(key)),
            Rule::Minutes { .. } => Some(Form::Minutes),
            Rule::Value { shape: Shape::Words, .. } | Rule::Distinct { .. } | Rule::EveryUser(_) => None,
        }
    }
}

/// Tokens of an issuer, and a claim of theirs.
struct Tokens<'a> {
    rules: &'a [Rule],
    path: &'a [Step],
    ceiling: Option<&'a Ceiling>,
    guests: Option<Level>,
}

impl<'a> Tokens<'a> {
    fn is_claim(&self, path: &Path) -> bool {
        path.0 == self.path
    }

    fn rules_of_claim(&self) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.claim().is_some_and(|path| self.is_claim(path)))
    }

    /// The form of the claim, if all rules that read it agree.
    fn form(&self) -> Option<Form<'a>> {
        let forms: Option<Vec<Form<'_>>> = self.rules_of_claim().map(Form::of).collect();
        let (first, rest) = forms.as_ref()?.split_first()?;
        rest.iter().all(|it| it == first).then_some(*first)
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
        let may_be_other = self.may_be(Known::Other, level);
        let these = named.iter().filter(|text| self.may_be(Known::Named(text), level));
        ClaimValues::Text {
            these: these.map(|text| (*text).to_owned()).collect(),
            but: may_be_other.then(|| named.iter().map(|text| (*text).to_owned()).collect()),
            or_missing: self.may_be(Known::Missing, level),
        }
    }

    fn arrays(&self, level: Level) -> ClaimValues {
        ClaimValues::Texts { without: self.without(level), or_missing: self.may_be(Known::Missing, level) }
    }

    fn entries(&self, key: &str, level: Level) -> ClaimValues {
        let (without, or_missing) = (self.without(level), self.may_be(Known::Missing, level));
        ClaimValues::Entries { key: key.to_owned(), without, or_missing }
    }

    /// The values that are in no such array.
    fn without(&self, level: Level) -> Vec<String> {
        let named = self.named().into_iter();
        named.filter(|text| !self.may_be(Known::With(text), level)).map(str::to_owned).collect()
    }

    fn numbers(&self, level: Level) -> ClaimValues {
        let whole = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        let named: Vec<(&str, i64)> = self.named().into_iter().filter_map(|text| Some((text, whole(text)?))).collect();
        let these = named.iter().filter(|(text, _)| self.may_be(Known::Named(text), level));
        let others = || Numbers::whole_but(named.iter().map(|(_, number)| *number).collect());
        ClaimValues::Number {
            these: these.map(|(_, number)| *number).collect(),
            among: self.may_be(Known::Other, level).then(others).into_iter().collect(),
            or_missing: self.may_be(Known::Missing, level),
        }
    }

    fn minutes(&self, level: Level) -> ClaimValues {
        let all = [(true, Numbers::NOT_NEGATIVE), (false, Numbers::NEGATIVE)].into_iter();
        let among = all.filter(|(are_age, _)| self.may_be(Known::Minutes { are_age: *are_age }, level));
        ClaimValues::Number {
            these: Vec::new(),
            among: among.map(|(_, numbers)| numbers).collect(),
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

    /// Whether a session to which a rule gives a level can have this one: as one of somebody who acts as another user, or as a guest's.
    fn can_come_to(&self, given: Level, level: Level) -> bool {
        let given = self.ceiling.map_or(given, |ceiling| given.min(ceiling.at_most));
        given == level || self.guests.is_some_and(|guests| given.min(guests) == level)
    }

    fn answer(&self, rule: &Rule, known: Known<'_>) -> Answer {
        match rule {
            Rule::EveryUser(level) => Answer::Certainly(*level),
            Rule::Value { claim, map, .. } if self.is_claim(claim) => {
                let level_of = |value: &str| map.0.iter().find(|(known, _)| known == value).map(|(_, level)| *level);
                let all = || map.0.iter().map(|(_, level)| *level);
                match known {
                    Known::Missing | Known::Other | Known::Minutes { .. } => Answer::No,
                    Known::Named(text) => level_of(text).map_or(Answer::No, Answer::Certainly),
                    // Of several values the highest counts.
                    Known::With(text) => match level_of(text) {
                        Some(least) => Answer::OneOf(all().filter(|level| *level >= least).collect()),
                        None => Answer::Maybe(all().collect()),
                    },
                }
            }
            Rule::Minutes { claim, level } if self.is_claim(claim) => match known {
                Known::Minutes { are_age: true } => Answer::Certainly(*level),
                _ => Answer::No,
            },
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
        Profiles::from_setting(&setting).unwrap().of_issuers()[0].claim(&steps(path), level, None, false)
    }

    /// A path of texts. A number stands for a place.
    fn steps(path: &[&str]) -> Vec<Step> {
        let step = |text: &&str| text.parse().map_or_else(|_| Step::Key((*text).to_owned()), Step::Place);
        path.iter().map(step).collect()
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
        let acr = |level, acts| profiles.of_issuers()[0].claim(&steps(&["acr"]), level, None, acts);
        assert_eq!(acr(Level::Aal1, false), text(&[], Some(&["2"]), true));
        assert_eq!(acr(Level::Aal1, true), text(&["2"], Some(&["2"]), true));
        assert_eq!(acr(Level::Aal2, false), text(&["2"], None, false));
        assert_eq!(acr(Level::Aal2, true), text(&[], None, false));
        let act = |acts| profiles.of_issuers()[0].claim(&steps(&["act"]), Level::Aal1, None, acts);
        assert_eq!((act(true), act(false)), (ClaimValues::Something, ClaimValues::Nothing));
        let keycloak = Profiles::from_setting(r#"[{"issuer":"https://id.example","profile":"keycloak"}]"#).unwrap();
        let acr = keycloak.of_issuers()[0].claim(&steps(&["acr"]), Level::Aal1, Some(Level::Aal1), false);
        assert_eq!(acr, text(&["aal1", "aal2"], None, false));
    }

    #[test]
    fn an_age_in_minutes_is_in_no_token_below_its_level() {
        let own = r#""levels":[{"claim":["fva",1],"is":"minutes","level":"aal2"},{"claim":["fva",0],"is":"minutes","level":"aal1"}]"#;
        let number =
            |among: &[Numbers], or_missing| ClaimValues::Number { these: vec![], among: among.to_vec(), or_missing };
        let (age, never) = (Numbers::NOT_NEGATIVE, Numbers::NEGATIVE);
        assert_eq!(claim(own, &["fva", "1"], Level::Aal1), number(std::slice::from_ref(&never), true));
        assert_eq!(claim(own, &["fva", "1"], Level::Aal2), number(std::slice::from_ref(&age), false));
        assert_eq!(claim(own, &["fva", "0"], Level::Aal1), number(std::slice::from_ref(&age), false));
        assert_eq!(claim(own, &["fva", "0"], Level::Aal2), number(&[age.clone(), never.clone()], true));
        assert_eq!(claim(own, &["fva"], Level::Aal2), ClaimValues::Anything);
        // At Clerk somebody who acts as a user with a second factor has aal1.
        let clerk = Profiles::from_setting(r#"[{"issuer":"https://id.example","profile":"clerk"}]"#).unwrap();
        let fva = |level, acts| clerk.of_issuers()[0].claim(&steps(&["fva", "1"]), level, None, acts);
        assert_eq!(fva(Level::Aal1, false), number(std::slice::from_ref(&never), true));
        assert_eq!(fva(Level::Aal1, true), number(&[age.clone(), never], true));
        assert_eq!(fva(Level::Aal2, false), number(&[age], false));
        assert_eq!(fva(Level::Aal2, true), number(&[], false));
    }

    #[test]
    fn a_number_of_a_level_is_in_no_token_below_it() {
        let own =
            r#""levels":[{"claim":["loa"],"is":"number","map":{"2":"aal2","3":"aal3","x":"aal3"}},{"level":"aal1"}]"#;
        let number = |these: &[i64], among: &[Numbers], or_missing| ClaimValues::Number {
            these: these.to_vec(),
            among: among.to_vec(),
            or_missing,
        };
        assert_eq!(claim(own, &["loa"], Level::Aal1), number(&[], &[Numbers::whole_but(vec![2, 3])], true));
        assert_eq!(claim(own, &["loa"], Level::Aal2), number(&[2], &[], false));
        assert_eq!(claim(own, &["loa"], Level::Aal3), number(&[3], &[], false));
    }

    #[test]
    fn an_entry_of_a_level_is_in_no_token_below_it() {
        let auth0 = r#""profile":"auth0","claim":["https://shop.example/methods"]"#;
        let entries = |without: &[&str], or_missing| ClaimValues::Entries {
            key: "name".to_owned(),
            without: without.iter().map(|it| (*it).to_owned()).collect(),
            or_missing,
        };
        assert_eq!(claim(auth0, &["https://shop.example/methods"], Level::Aal1), entries(&["mfa"], true));
        assert_eq!(claim(auth0, &["https://shop.example/methods"], Level::Aal2), entries(&[], false));
    }

    #[test]
    fn a_text_is_a_place_where_a_rule_has_one() {
        let clerk = Profiles::from_setting(r#"[{"issuer":"https://id.example","profile":"clerk"}]"#).unwrap();
        let step = |path: &[&str], text: &str| clerk.of_issuers()[0].step(&steps(path), text);
        assert_eq!(step(&["fva"], "1"), Step::Place(1));
        for (path, text) in [(&["fva"][..], "2"), (&["fva"], "01"), (&["fva"], "-1"), (&["sts"], "1"), (&[], "1")] {
            assert_eq!(step(path, text), Step::Key(text.to_owned()), "{path:?} {text}");
        }
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

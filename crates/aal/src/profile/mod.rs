//! Claims profiles: which claims of an issuer's tokens give the level, and when its factor was verified.
//!
//! A claim's meaning depends on its issuer. So a profile is bound to one, and a token of an issuer without a profile has no
//! level. A value that no rule names gives none either.

mod definition;
mod doubts;
mod level;
mod numbers;
mod path;
mod possible;
mod time;
mod words;

use std::fmt;
use std::sync::Arc;

use self::definition::{AuthTimeIs, Ceiling, Definition, Need, TimeRule, TimeShape, Values};
pub use self::doubts::Doubt;
use self::level::Rule;
pub use self::numbers::Numbers;
use self::path::Path;
pub use self::path::Step;
pub use self::possible::ClaimValues;
use crate::claims::{Claims, FactorTimes, InvalidClaims, LevelClaim, shown};
use crate::json::{NoObject, Object, array_of, text_of};
use crate::level::Level;
use crate::way_back::{ChallengeForm, Terms, WayBack};

/// How claims are read.
#[derive(Clone, Debug, Default)]
pub enum Profiles {
    /// As Supabase Auth's, of any issuer.
    #[default]
    Supabase,
    /// By the profile of their issuer.
    ByIssuer(Vec<Profile>),
}

/// How an issuer's tokens are read.
#[derive(Clone, Debug)]
pub struct Profile {
    issuer: String,
    /// The name of the built-in one, `supabase` or `custom`.
    name: String,
    audience: Option<String>,
    authorized_party: Option<String>,
    reading: Reading,
    way_back: WayBack,
}

#[derive(Clone, Debug)]
enum Reading {
    AsSupabase,
    ByRules(Box<Rules>),
}

#[derive(Clone, Debug)]
struct Rules {
    users_have: Vec<Path>,
    refuses: Vec<Values>,
    guests: Option<Values>,
    acting_users: Option<Ceiling>,
    levels: Vec<Rule>,
    times_of_aal1: Vec<TimeRule>,
    times_of_aal2: Vec<TimeRule>,
    form: ChallengeForm,
    words: [Vec<String>; 3],
}

/// Why a setting holds no profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProfiles(String);

impl fmt::Display for InvalidProfiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidProfiles {}

/// The built-in profiles, by name.
const BUILT_IN: [(&str, &str); 12] = [
    ("auth0", include_str!("built_in/auth0.json")),
    ("clerk", include_str!("built_in/clerk.json")),
    ("cognito", include_str!("built_in/cognito.json")),
    ("entra", include_str!("built_in/entra.json")),
    ("firebase", include_str!("built_in/firebase.json")),
    ("keycloak", include_str!("built_in/keycloak.json")),
    ("kratos", include_str!("built_in/kratos.json")),
    ("logto", include_str!("built_in/logto.json")),
    ("oidc", include_str!("built_in/oidc.json")),
    ("okta", include_str!("built_in/okta.json")),
    ("pingone", include_str!("built_in/pingone.json")),
    ("stytch", include_str!("built_in/stytch.json")),
];

/// Names of claims that say that a factor is enrolled, in lower case without `_` and `-`.
const ENROLLMENT_FLAGS: [&str; 8] = [
    "twofactorenabled",
    "requirestotpmfa",
    "mfaenabled",
    "totpenabled",
    "twofactor",
    "hasmfa",
    "mfaenrolled",
    "is2faenabled",
];

/// At many issuers a sign-in by password alone moves `auth_time`, and the level stays.
const AUTH_TIME: &str = "auth_time is no time of aal2, unless \"auth_time_is\": \"level\" says that it is never newer than the second factor";

/// The largest setting, in bytes, and the most profiles.
const MOST_BYTES: usize = 64 * 1024;
const MOST_PROFILES: usize = 64;

impl Profiles {
    /// Reads `pg_aal.claims_profile`: `supabase`, or a JSON array of profiles that each name their issuer.
    ///
    /// # Errors
    /// [`InvalidProfiles`] says what is wrong with it.
    pub fn from_setting(text: &str) -> Result<Profiles, InvalidProfiles> {
        let text = text.trim();
        if text.is_empty() || text == "supabase" {
            return Ok(Profiles::Supabase);
        }
        if text.len() > MOST_BYTES {
            return Err(InvalidProfiles(format!("it is longer than {MOST_BYTES} bytes")));
        }
        if !text.starts_with('[') {
            return Err(InvalidProfiles("it must be supabase or a JSON array of profiles".to_owned()));
        }
        let written: Vec<Definition> =
            serde_json::from_str(text).map_err(|error| InvalidProfiles(error.to_string()))?;
        if written.len() > MOST_PROFILES {
            return Err(InvalidProfiles(format!("it has more than {MOST_PROFILES} profiles")));
        }
        let mut profiles: Vec<Profile> = Vec::new();
        for (place, definition) in written.into_iter().enumerate() {
            let named = definition.issuer.clone().unwrap_or_else(|| format!("number {}", place + 1));
            let profile =
                Profile::of(definition).map_err(|fault| InvalidProfiles(format!("the profile of {named}: {fault}")))?;
            if profiles.iter().any(|known| known.issuer == profile.issuer) {
                return Err(InvalidProfiles(format!("{named} has two profiles")));
            }
            profiles.push(profile);
        }
        Ok(Profiles::ByIssuer(profiles))
    }

    /// Those by which nobody has a level.
    pub fn of_nobody() -> Profiles {
        Profiles::ByIssuer(Vec::new())
    }

    /// Whether claims are read as Supabase Auth's, of any issuer.
    pub fn are_supabases(&self) -> bool {
        matches!(self, Profiles::Supabase)
    }

    /// Whether several issuers have a profile.
    pub fn are_of_several_issuers(&self) -> bool {
        matches!(self, Profiles::ByIssuer(profiles) if profiles.len() > 1)
    }

    /// Reads the claims from the JSON text of a token's payload.
    ///
    /// # Errors
    /// As [`Claims::from_json`]. By a profile, no claim at all may be stated twice.
    pub fn claims(&self, payload: &[u8]) -> Result<Claims, InvalidClaims> {
        if self.are_supabases() {
            return Claims::from_json(payload);
        }
        let object = Object::parse(payload).map_err(|error| match (Claims::from_json(payload), error) {
            (Err(fault), _) => fault,
            (Ok(_), NoObject::Duplicate) => InvalidClaims::Twice,
            (Ok(_), NoObject::Other) => InvalidClaims::NotAnObject,
        })?;
        Ok(self.read(&object))
    }

    /// Reads the claims from a payload that was parsed before.
    pub(crate) fn read(&self, object: &Object<'_>) -> Claims {
        let claims = Claims::from_object(object);
        let Profiles::ByIssuer(profiles) = self else { return claims };
        let profile = object.text("iss").and_then(|issuer| profiles.iter().find(|it| it.issuer == issuer));
        match profile {
            Some(profile) => profile.read(claims, object),
            None => claims.without_level(LevelClaim::NoProfile),
        }
    }

    /// Whom nobody's session must ask: the issuer, if there is just one.
    pub fn way_back_of_nobody(&self) -> WayBack {
        match self {
            Profiles::Supabase => WayBack::SupabaseAuth,
            Profiles::ByIssuer(profiles) => match profiles.as_slice() {
                [profile] => profile.way_back.clone(),
                _ => WayBack::Unknown,
            },
        }
    }
}

impl Profile {
    fn of(written: Definition) -> Result<Profile, String> {
        let issuer = written.issuer.clone().filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or("it lacks \"issuer\"; a profile is bound to one")?;
        let name = written.profile.clone().unwrap_or_else(|| "custom".to_owned());
        let (audience, authorized_party) = (written.audience.clone(), written.authorized_party.clone());
        let reading = match name.as_str() {
            "supabase" if written.acr_values.is_some() || written.challenge.is_some() => {
                return Err("the profile supabase takes neither \"acr_values\" nor \"challenge\"".to_owned());
            }
            "supabase" => Reading::AsSupabase,
            "custom" => Reading::ByRules(Box::new(Rules::custom(written)?)),
            _ => Reading::ByRules(Box::new(Rules::built_in(&name, written)?)),
        };
        let way_back = match &reading {
            Reading::AsSupabase => WayBack::SupabaseAuth,
            Reading::ByRules(rules) => WayBack::Issuer(Arc::new(Terms::new(&issuer, rules.form, rules.words.clone()))),
        };
        Ok(Profile { issuer, name, audience, authorized_party, reading, way_back })
    }

    fn read(&self, claims: Claims, object: &Object<'_>) -> Claims {
        if !self.is_for(object) {
            return claims.without_level(LevelClaim::NoProfile);
        }
        match &self.reading {
            Reading::AsSupabase => claims,
            Reading::ByRules(rules) => match rules.level(&claims, object) {
                None => {
                    let why = rules.why_no_level(&claims, object);
                    claims.without_level(why).with_way_back(self.way_back.clone())
                }
                Some(level) => {
                    let is_guest = rules.guests.as_ref().is_some_and(|guests| guests.are_in(object));
                    let claims = claims.by_profile(level, rules.times(object), is_guest);
                    claims.with_way_back(self.way_back.clone())
                }
            },
        }
    }

    /// Whether the token is for the audience that the profile names.
    fn is_for(&self, object: &Object<'_>) -> bool {
        let names = |claim: &str, wanted: &Option<String>| {
            let Some(wanted) = wanted else { return true };
            let Some(value) = object.get(claim) else { return false };
            text_of(value).is_some_and(|it| it == *wanted)
                || array_of(value).unwrap_or_default().into_iter().filter_map(text_of).any(|it| it == *wanted)
        };
        names("aud", &self.audience) && names("azp", &self.authorized_party)
    }
}

impl Values {
    fn are_in(&self, object: &Object<'_>) -> bool {
        self.claim.find(object).and_then(text_of).is_some_and(|value| self.values.contains(&value))
    }
}

impl Rules {
    fn built_in(name: &str, own: Definition) -> Result<Rules, String> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
            return Err(format!("there is no profile {name:?}; valid are supabase, {} and custom", known.join(", ")));
        };
        let mut rules: Definition = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let brings = |need: &Need| match need {
            Need::Map => own.map.is_some(),
            Need::Claim => own.claim.is_some(),
            Need::Audience => own.audience.is_some(),
        };
        if let Some(need) = rules.needs.iter().find(|need| !brings(need)) {
            return Err(format!("the profile {name} needs {}", need.in_words()));
        }
        let own_rules = !own.levels.is_empty() || !own.times.is_empty() || own.says_more_than_a_built_in();
        if own_rules {
            return Err(format!("it takes over {name}, and has rules of its own; only a custom profile has those"));
        }
        // Its words are those of its own map.
        rules.acr_values = own.acr_values.or(rules.acr_values.filter(|_| own.map.is_none()));
        if let Some(map) = own.map {
            let mapped = rules.levels.iter_mut().find_map(|rule| rule.map.as_mut());
            *mapped.ok_or_else(|| format!("the profile {name} takes no map"))? = map;
        }
        if let Some(claim) = own.claim {
            if !rules.needs.contains(&Need::Claim) {
                return Err(format!("the profile {name} names its claims itself"));
            }
            rules.put_claim(&claim);
        }
        rules.auth_time_is = own.auth_time_is.or(rules.auth_time_is);
        Rules::of(rules)
    }

    fn custom(own: Definition) -> Result<Rules, String> {
        if own.map.is_some() || own.claim.is_some() || !own.needs.is_empty() {
            return Err("\"map\", \"claim\" and \"needs\" belong to built-in profiles; write \"levels\"".to_owned());
        }
        Rules::of(own)
    }

    fn of(written: Definition) -> Result<Rules, String> {
        let levels = written.levels.iter().map(Rule::of).collect::<Result<Vec<Rule>, String>>()?;
        if levels.is_empty() {
            return Err("it lacks \"levels\"".to_owned());
        }
        let mut times_of_aal2 = written.times.aal2;
        if times_of_aal2.iter().any(|time| time.claim.keys().eq(["auth_time"])) {
            return Err(AUTH_TIME.to_owned());
        }
        if written.auth_time_is == Some(AuthTimeIs::Level) {
            let claim = Path(vec![Step::Key("auth_time".to_owned())]);
            let (is, key, values, at, time) = (TimeShape::Seconds, None, None, None, None);
            times_of_aal2.push(TimeRule { claim, is, key, values, at, time });
        }
        let form = written.challenge.unwrap_or_default();
        let words = words::of(&levels, form, written.acr_values.as_ref())?;
        let rules = Rules {
            users_have: written.users_have,
            refuses: written.refuses,
            guests: written.guests,
            acting_users: written.acting_users,
            levels,
            times_of_aal1: written.times.aal1,
            times_of_aal2,
            form,
            words,
        };
        rules.fault().map_or(Ok(rules), Err)
    }

    /// The fault in them, if there is one.
    fn fault(&self) -> Option<String> {
        let times = || self.times_of_aal1.iter().chain(&self.times_of_aal2);
        let of_levels = || self.levels.iter().filter_map(Rule::claim);
        let mut paths = of_levels()
            .chain(times().map(|time| &time.claim))
            .chain(&self.users_have)
            .chain(self.refuses.iter().chain(&self.guests).map(|it| &it.claim))
            .chain(self.acting_users.iter().map(|it| &it.claim));
        if paths.any(|path| !path.is_valid()) {
            return Some("a claim is a list of keys, and its name comes first".to_owned());
        }
        if let Some(path) = of_levels().find(|path| path.keys().any(is_enrollment_flag)) {
            return Some(format!(
                "{path} says that a user has enrolled a factor, not that this session verified one; it cannot give a level"
            ));
        }
        times().find_map(TimeRule::fault)
    }

    fn level(&self, claims: &Claims, object: &Object<'_>) -> Option<Level> {
        if !self.are_for(claims, object) {
            return None;
        }
        // What the database reads of such a claim may be another value than the rules read: so it must not tell two things.
        if self.levels.iter().filter_map(Rule::claim).any(|path| path.is_ambiguous(object))
            || self.levels.iter().any(|rule| self.is_of_no_type(rule, object))
        {
            return None;
        }
        let level = self.levels.iter().find_map(|rule| rule.level(object))?;
        let ceiling = self.acting_users.as_ref().filter(|it| it.claim.find(object).is_some_and(says_something));
        Some(ceiling.map_or(level, |ceiling| level.min(ceiling.at_most)))
    }

    /// Whether a rule's claim has a type that neither this rule names nor another one of the same claim.
    fn is_of_no_type(&self, rule: &Rule, object: &Object<'_>) -> bool {
        !rule.is_of_its_type(object)
            && !self.levels.iter().any(|it| it.claim() == rule.claim() && it.is_of_its_type(object))
    }

    /// Whether the token is a user's, and one that may have a level.
    fn are_for(&self, claims: &Claims, object: &Object<'_>) -> bool {
        let is_users = self.users_have.is_empty()
            || self.users_have.iter().any(|path| path.find(object).is_some_and(says_something));
        claims.subject().is_some() && is_users && !self.refuses.iter().any(|values| values.are_in(object))
    }

    /// Why a token has no level. A user's, which states a level that the rules don't name, is another matter than one that
    /// states none: its issuer can be asked for one that they name.
    fn why_no_level(&self, claims: &Claims, object: &Object<'_>) -> LevelClaim {
        if !self.are_for(claims, object) {
            return LevelClaim::NoRule;
        }
        let stated = self.levels.iter().find_map(|rule| rule.stated(object));
        stated.map_or(LevelClaim::NoRule, |value| LevelClaim::NotNamed(shown(&value)))
    }

    fn times(&self, object: &Object<'_>) -> FactorTimes {
        let newest = |rules: &[TimeRule]| rules.iter().filter_map(|rule| rule.newest(object)).max();
        let of_aal2 = newest(&self.times_of_aal2);
        // A second factor is a factor.
        FactorTimes { of_aal1: newest(&self.times_of_aal1).max(of_aal2), of_aal2 }
    }
}

impl Definition {
    fn says_more_than_a_built_in(&self) -> bool {
        !self.users_have.is_empty()
            || !self.refuses.is_empty()
            || !self.needs.is_empty()
            || self.guests.is_some()
            || self.acting_users.is_some()
            || self.challenge.is_some()
    }

    fn put_claim(&mut self, claim: &Path) {
        let levels = self.levels.iter_mut().filter_map(|rule| rule.claim.as_mut());
        let times = self.times.aal1.iter_mut().chain(&mut self.times.aal2).map(|rule| &mut rule.claim);
        levels.chain(times).filter(|path| path.0.is_empty()).for_each(|path| *path = claim.clone());
    }
}

impl definition::Times {
    fn is_empty(&self) -> bool {
        self.aal1.is_empty() && self.aal2.is_empty()
    }
}

impl Need {
    fn in_words(self) -> &'static str {
        match self {
            Need::Map => "a \"map\" from its values to levels",
            Need::Claim => "the \"claim\" that your site gives it",
            Need::Audience => "an \"audience\", since other customers have the same keys",
        }
    }
}

fn is_enrollment_flag(name: &str) -> bool {
    let plain: String = name.chars().filter(|it| it.is_ascii_alphanumeric()).collect();
    ENROLLMENT_FLAGS.contains(&plain.to_ascii_lowercase().as_str())
}

fn says_something(value: &serde_json::value::RawValue) -> bool {
    !matches!(value.get(), "null" | "\"\"" | "false")
}

#[cfg(test)]
mod tests;

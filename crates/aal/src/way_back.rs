//! The way back: what a client must ask the issuer of its token for, in that issuer's own words.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::level::Level;
use crate::requirement::FixedRequirement;

/// Whom a client must ask for a higher level, or for a newer factor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WayBack {
    /// Supabase Auth, whose words are the names of the levels.
    #[default]
    SupabaseAuth,
    /// The issuer of the session's profile.
    Issuer(Arc<Terms>),
    /// Nobody knows: no profile is for the session's issuer, or there are several and no session.
    Unknown,
}

/// How an issuer is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    form: ChallengeForm,
    /// Its words for aal1, aal2 and aal3: all that come to the level or to more, in the order of preference.
    words: [Vec<String>; 3],
    /// Where Entra asks its users.
    authorization_uri: Option<String>,
}

/// The form in which a client learns what to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChallengeForm {
    /// The parameters `acr_values` and `max_age` of OpenID Connect, as RFC 9470 hands them on.
    #[default]
    Rfc9470,
    /// Entra's claims challenge: an authentication context, as a claims request.
    Entra,
    /// Clerk's reverification.
    Clerk,
}

/// What a client must ask for: members of DETAIL. Supabase Auth's clients know that without them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepUpRequest {
    /// The parameter `acr_values`; null where the issuer has no word for it, or no step of the user's helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<Option<String>>,
    /// The parameter `claims`, for Entra only.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
    /// The hint that Clerk's client takes a reverification from, for Clerk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    clerk_error: Option<ClerkError>,
}

/// As `reverificationError()` of @clerk/shared makes it, and `isReverificationHint()` reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ClerkError {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'static str,
    metadata: ClerkMetadata,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ClerkMetadata {
    reverification: Reverification,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Reverification {
    level: &'static str,
    #[serde(rename = "afterMinutes")]
    after_minutes: i64,
}

/// Clerk's own age of a reverification, in minutes: its client needs one, where any will do here.
const CLERKS_MINUTES: i64 = 10;

impl Terms {
    /// The most words of a level, and the longest. They go into a header.
    pub(crate) const MOST_WORDS: usize = 8;
    pub(crate) const LONGEST_WORD: usize = 200;

    /// The terms of an issuer. `words`: those of aal1, aal2 and aal3, each of which [is one](Terms::is_word).
    pub(crate) fn new(issuer: &str, form: ChallengeForm, words: [Vec<String>; 3]) -> Terms {
        let authorization_uri = if form == ChallengeForm::Entra { entras_authorization_uri(issuer) } else { None };
        Terms { form, words, authorization_uri }
    }

    /// Whether this can be a value of `acr_values`, which has spaces between them, and stand between the quotes of a header.
    pub(crate) fn is_word(text: &str) -> bool {
        let stands_for_itself = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        !text.is_empty() && text.len() <= Terms::LONGEST_WORD && text.bytes().all(stands_for_itself)
    }

    fn words(&self, level: Level) -> &[String] {
        match level {
            Level::Aal1 => &self.words[0],
            Level::Aal2 => &self.words[1],
            Level::Aal3 => &self.words[2],
        }
    }

    fn can_give(&self, level: Level) -> bool {
        match self.form {
            ChallengeForm::Rfc9470 | ChallengeForm::Entra => !self.words(level).is_empty(),
            ChallengeForm::Clerk => level < Level::Aal3,
        }
    }

    fn request(&self, required: FixedRequirement, action: Action) -> StepUpRequest {
        let words = self.words(required.level);
        let no_words = StepUpRequest { acr_values: Some(None), ..StepUpRequest::default() };
        match (self.form, words) {
            (ChallengeForm::Clerk, _) => StepUpRequest { clerk_error: clerk_error(required, action), ..no_words },
            (_, []) => no_words,
            (ChallengeForm::Rfc9470, words) => StepUpRequest { acr_values: Some(Some(words.join(" "))), ..no_words },
            (ChallengeForm::Entra, [context, ..]) => {
                let claims = serde_json::json!({ "access_token": { "acrs": { "essential": true, "value": context } } });
                StepUpRequest { claims: Some(claims.to_string()), ..no_words }
            }
        }
    }
}

impl WayBack {
    /// Whether the issuer can be asked for this level.
    pub(crate) fn can_give(&self, level: Level) -> bool {
        match self {
            WayBack::SupabaseAuth => true,
            WayBack::Issuer(terms) => terms.can_give(level),
            WayBack::Unknown => false,
        }
    }

    /// What the client must ask for. `required`: `None` where no level is.
    pub(crate) fn request(&self, required: Option<FixedRequirement>, action: Action) -> StepUpRequest {
        match (self, required) {
            (WayBack::SupabaseAuth, _) => StepUpRequest::default(),
            (WayBack::Issuer(terms), Some(required)) if action != Action::Configure => terms.request(required, action),
            _ => StepUpRequest { acr_values: Some(None), ..StepUpRequest::default() },
        }
    }

    /// Where Entra asks its users.
    pub(crate) fn authorization_uri(&self) -> Option<&str> {
        match self {
            WayBack::Issuer(terms) => terms.authorization_uri.as_deref(),
            WayBack::SupabaseAuth | WayBack::Unknown => None,
        }
    }
}

impl StepUpRequest {
    /// The parameter `acr_values`.
    pub fn acr_values(&self) -> Option<&str> {
        self.acr_values.as_ref()?.as_deref()
    }

    /// The parameter `claims`: a JSON text.
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    /// The same in the form of a header.
    pub(crate) fn claims_in_base64(&self) -> Option<String> {
        self.claims().map(|claims| STANDARD.encode(claims))
    }
}

/// Only a factor that the user has can be verified again.
fn clerk_error(required: FixedRequirement, action: Action) -> Option<ClerkError> {
    let level = match (action, required.level) {
        (Action::Verify | Action::Reverify, Level::Aal1) => "first_factor",
        (Action::Verify | Action::Reverify, Level::Aal2) => "second_factor",
        _ => return None,
    };
    let minutes = required.max_age.map(|max_age| (max_age.whole_seconds() / 60).max(1));
    let reverification = Reverification { level, after_minutes: minutes.unwrap_or(CLERKS_MINUTES) };
    let metadata = ClerkMetadata { reverification };
    Some(ClerkError { kind: "forbidden", reason: "reverification-error", metadata })
}

/// The address at which a tenant's users sign in, by the tenant's issuer: that of tokens v2.0, or v1.0.
fn entras_authorization_uri(issuer: &str) -> Option<String> {
    let uri = match (issuer.strip_suffix("/v2.0"), issuer.strip_prefix("https://sts.windows.net/")) {
        (Some(tenant), _) => format!("{tenant}/oauth2/v2.0/authorize"),
        (None, Some(tenant)) => {
            format!("https://login.microsoftonline.com/{}/oauth2/authorize", tenant.trim_end_matches('/'))
        }
        (None, None) => return None,
    };
    Some(uri).filter(|uri| uri.starts_with("https://") && Terms::is_word(uri))
}

#[cfg(test)]
mod tests;

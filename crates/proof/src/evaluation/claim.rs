//! What the claim `aal` is, as a policy sees it that reads the claims itself.

use serde_json::Value as Json;

use super::{Evaluation, LevelClaim};
use aal::Level;

impl<'a> Evaluation<'a> {
    /// The same, of a session with claims whose `aal` is no level.
    pub(crate) fn with_level_claim(self, level_claim: LevelClaim<'a>) -> Self {
        Evaluation { level_claim, ..self }
    }

    /// Whether there certainly are claims.
    pub(super) fn has_claims(&self) -> bool {
        self.session.claim().is_some() || self.level_claim != LevelClaim::OfLevel
    }

    /// The text of the claim `aal`.
    pub(super) fn claimed_level(&self) -> Option<&'a str> {
        match self.level_claim {
            LevelClaim::OfLevel => self.session.claim().map(Level::as_str),
            LevelClaim::Missing | LevelClaim::JsonNull => None,
            LevelClaim::Unknown(text) => Some(text),
        }
    }

    /// The claim `aal`, if there is one.
    pub(super) fn level_claim_as_json(&self) -> Option<Json> {
        match self.level_claim {
            LevelClaim::JsonNull => Some(Json::Null),
            _ => self.claimed_level().map(Json::from),
        }
    }

    /// Whether the claim `aal` is this.
    pub(super) fn claims_level(&self, json: &Json) -> bool {
        self.level_claim_as_json().as_ref() == Some(json)
    }
}

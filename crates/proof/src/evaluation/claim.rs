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

    /// Whether the claim `aal` is this.
    pub(super) fn claims_level(&self, json: &Json) -> bool {
        match self.level_claim {
            LevelClaim::JsonNull => json.is_null(),
            _ => json.as_str().is_some_and(|text| self.claimed_level() == Some(text)),
        }
    }
}

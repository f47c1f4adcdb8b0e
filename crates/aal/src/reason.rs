//! Why a session is refused, or why its status is incomplete: one closed vocabulary for clients.

/// Why. docs/errors.md lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are no claims, or those of nobody: of a request without a token, or of an API key.
    NotSignedIn,
    /// The claims are somebody's, and their claim `aal` is missing or states no level.
    NoLevel,
    /// The user is deleted, banned or unknown.
    UnknownUser,
    /// The user is anonymous.
    AnonymousUser,
    /// The session has ended: by a sign-out, or because its time is over.
    SessionEnded,
    /// The token has aal2 by a factor that was removed since.
    FactorRemoved,
    /// The token names no session.
    NoSessionId,
    /// The session is below the level.
    LevelTooLow,
    /// The session has the level, but its factor was verified too long ago.
    NotFresh,
    /// The session has the level, but its token doesn't say when the factor was verified.
    NoTime,
    /// In a status only: factors can't be looked up here, so the level that the user can reach isn't known.
    FactorsUnknown,
    /// In a status only: the claims are no claims.
    InvalidClaims,
    /// In a status only: the token doesn't verify.
    InvalidToken,
    /// In a status only: a setting doesn't say where claims come from.
    InvalidSetting,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 14] = [
        Reason::NotSignedIn,
        Reason::NoLevel,
        Reason::UnknownUser,
        Reason::AnonymousUser,
        Reason::SessionEnded,
        Reason::FactorRemoved,
        Reason::NoSessionId,
        Reason::LevelTooLow,
        Reason::NotFresh,
        Reason::NoTime,
        Reason::FactorsUnknown,
        Reason::InvalidClaims,
        Reason::InvalidToken,
        Reason::InvalidSetting,
    ];

    /// The reason as clients read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::NotSignedIn => "not_signed_in",
            Reason::NoLevel => "no_level",
            Reason::UnknownUser => "unknown_user",
            Reason::AnonymousUser => "anonymous_user",
            Reason::SessionEnded => "session_ended",
            Reason::FactorRemoved => "factor_removed",
            Reason::NoSessionId => "no_session_id",
            Reason::LevelTooLow => "level_too_low",
            Reason::NotFresh => "not_fresh",
            Reason::NoTime => "no_time",
            Reason::FactorsUnknown => "factors_unknown",
            Reason::InvalidClaims => "invalid_claims",
            Reason::InvalidToken => "invalid_token",
            Reason::InvalidSetting => "invalid_setting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_errors_lists_every_reason_and_no_other() {
        let page = include_str!("../../../docs/errors.md");
        let table = page.split("| `reason` | the session |").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
        let listed: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(listed, Reason::ALL.map(Reason::as_str));
    }
}

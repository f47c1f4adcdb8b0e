//! The next step of a client whose session isn't enough.

/// What the client must do to be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nobody is signed in, or the session's user is not known.
    SignIn,
    /// The token states no level, or not when its factor was verified, and another one of its issuer wouldn't either: no step of
    /// the user's helps. An administrator has to configure the issuer or the gateway.
    Configure,
    /// The user is anonymous, may not enroll a factor, and can't sign in again: they need an account first. To the client
    /// this is `sign_in`, too; the HINT tells the two apart.
    LeaveAnonymity,
    /// The session is below the level, and its user has no factor that would give it: enroll one.
    Enroll,
    /// The session is below the level: verify a factor that gives it.
    Verify,
    /// The session has the level, but its factor was verified too long ago: verify it again.
    Reverify,
}

impl Action {
    /// The action as a denial's DETAIL has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::SignIn | Action::LeaveAnonymity => "sign_in",
            Action::Configure => "configure",
            Action::Enroll => "enroll",
            Action::Verify => "verify",
            Action::Reverify => "reverify",
        }
    }
}

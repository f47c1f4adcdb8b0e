//! Which settings hold the claims.

/// The settings that a gateway may put the claims into. The first that holds any counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum HeldIn {
    /// `request.jwt.claim`, while `request.jwt.claims` is empty or was never set.
    Singular,
    /// `request.jwt.claims`.
    Plural,
    /// Both.
    Both,
}

impl HeldIn {
    pub const ALL: [HeldIn; 3] = [HeldIn::Singular, HeldIn::Plural, HeldIn::Both];

    pub fn includes(self, setting: &str) -> bool {
        let is_singular = setting.eq_ignore_ascii_case("request.jwt.claim");
        match self {
            HeldIn::Singular => is_singular,
            HeldIn::Plural => !is_singular,
            HeldIn::Both => true,
        }
    }
}

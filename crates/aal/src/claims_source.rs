//! Where the claims in force come from: the setting `pg_aal.claims_source`.

/// Where the claims in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsSource {
    /// The gateway's claims, trusted.
    Request,
    /// A token, verified here.
    Token,
    /// The setting has a value that cannot be read, so no session has claims.
    Unusable,
}

impl ClaimsSource {
    /// By a value of the setting.
    pub fn from_setting(value: &[u8]) -> ClaimsSource {
        let known = [ClaimsSource::Request, ClaimsSource::Token].into_iter();
        let mut named = known.filter(|source| source.as_str().as_bytes().eq_ignore_ascii_case(value));
        named.next().unwrap_or(ClaimsSource::Unusable)
    }

    /// The value of the setting that says so.
    pub const fn as_str(self) -> &'static str {
        match self {
            ClaimsSource::Request => "request",
            ClaimsSource::Token => "token",
            ClaimsSource::Unusable => "unusable",
        }
    }
}

//! The name of a token, where it is kept.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of a token's text. Nobody can make two tokens of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenName([u8; 32]);

impl TokenName {
    /// The name of this token.
    pub fn of(token: &[u8]) -> TokenName {
        let mut name = [0; 32];
        name.copy_from_slice(digest(&SHA256, token).as_ref());
        TokenName(name)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

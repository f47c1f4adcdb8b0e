//! A digest of texts, to be compared with that of others later.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// The SHA-256 of a list of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these texts, in this order.
    pub fn of(texts: &[&[u8]]) -> Digest {
        let mut context = Context::new(&SHA256);
        for text in texts {
            // With its length, so that no two lists are the same bytes.
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Digest(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    /// In hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn other_texts_and_other_divisions_have_other_digests() {
        let lists: [&[&[u8]]; 6] =
            [&[], &[b"a", b""], &[b"a", b"b"], &[b"ab", b""], &[b"a", b"", b"b", b""], &[b"b", b"", b"a", b""]];
        let all: Vec<String> = lists.iter().map(|list| Digest::of(list).to_string()).collect();
        for (place, one) in all.iter().enumerate() {
            assert!(one.len() == 64 && !all[..place].contains(one), "{place}");
            assert_eq!(*one, Digest::of(lists[place]).to_string());
        }
        assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"a", b"bc"]));
        assert_ne!(Digest::of(&[]), Digest::of(&[b""]));
    }
}

//! Verified tokens that all backends share, in blocks of memory that each of them can write.
//!
//! A block holds the payload of one verified token, under a name that only this server can compute. The name is an HMAC of the
//! token's own name. Its key is an HMAC of the trust that verified it, by a secret that was made when the server started. So a
//! block gives away neither a token nor a key, and no other trust finds it. Every sequence of bytes is a valid block, and a
//! half-written one is empty.

use aws_lc_rs::hmac::{self, HMAC_SHA256};

use super::{TokenName, Verified};
use crate::digest::Digest;
use crate::time::{Clock, Timestamp};

/// One block of the shared memory.
pub type Block = [u8; BLOCK_BYTES];

/// The bytes of a block.
pub const BLOCK_BYTES: usize = 2048;

/// Blocks in which a token may be. They are looked at one by one.
const WAYS: usize = 8;

// The parts of a block. A length of 0 says that it is empty.
const NAME: std::ops::Range<usize> = 0..32;
const EXPIRES: std::ops::Range<usize> = 32..40;
const USED: std::ops::Range<usize> = 40..48;
const LENGTH: std::ops::Range<usize> = 48..52;
const PAYLOAD: usize = 52;

/// What names the tokens of one trust.
pub struct NamingKey(hmac::Key);

impl NamingKey {
    /// That of a trust, by the server's secret.
    pub fn new(secret: &[u8; 32], trust: &Digest) -> NamingKey {
        let key = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret), trust.as_bytes());
        NamingKey(hmac::Key::new(HMAC_SHA256, key.as_ref()))
    }

    /// The name of a token in shared memory.
    pub fn name(&self, token: &TokenName) -> SharedName {
        let mut name = [0; 32];
        name.copy_from_slice(hmac::sign(&self.0, token.as_bytes()).as_ref());
        SharedName(name)
    }
}

/// The name of a token in shared memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SharedName([u8; 32]);

impl SharedName {
    /// A number below `end` that each name has for itself, in one of its parts.
    fn place(&self, part: usize, end: usize) -> usize {
        let bytes = self.0.as_chunks::<4>().0[part];
        u32::from_le_bytes(bytes) as usize % end.max(1)
    }

    /// In which of so many shards its token is.
    pub fn shard(&self, shards: usize) -> usize {
        self.place(0, shards)
    }

    /// Those in which its token may be. Where the blocks are no multiple of [`WAYS`], the last set has fewer.
    fn blocks<'b>(&self, blocks: &'b mut [Block]) -> &'b mut [Block] {
        let set = self.place(1, blocks.len().div_ceil(WAYS));
        blocks.chunks_mut(WAYS).nth(set).unwrap_or_default()
    }
}

/// The payload of a token that was verified under this name, and has not expired. `blocks`: those of its shard.
pub fn find(blocks: &mut [Block], name: &SharedName, clock: Clock) -> Option<String> {
    let block = name.blocks(blocks).iter_mut().find(|block| block[NAME] == name.0 && !is_empty(block))?;
    if clock.has_reached(expires(block)) {
        block[LENGTH].fill(0);
        return None;
    }
    block[USED].copy_from_slice(&clock.now().unix_micros().to_le_bytes());
    let payload = block.get(PAYLOAD..PAYLOAD + length(block))?;
    String::from_utf8(payload.to_vec()).ok()
}

/// What became of a token that was to be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It is shared, in a block that was free.
    Free,
    /// It is shared, and another made room for it.
    Evicted,
    /// It is not: it is too long, or there is no room at all.
    Refused,
}

/// Shares a token that was verified under this name. `blocks`: those of its shard.
pub fn keep(blocks: &mut [Block], name: &SharedName, verified: &Verified, clock: Clock) -> Sharing {
    let payload = verified.payload().as_bytes();
    if payload.is_empty() || payload.len() > BLOCK_BYTES - PAYLOAD {
        return Sharing::Refused;
    }
    let length = (payload.len() as u32).to_le_bytes();
    let blocks = name.blocks(blocks);
    let own = blocks.iter().position(|block| block[NAME] == name.0);
    let free = own.or_else(|| blocks.iter().position(|block| is_empty(block) || clock.has_reached(expires(block))));
    let place = free.or_else(|| (0..blocks.len()).min_by_key(|place| used(&blocks[*place])));
    let Some(block) = place.and_then(|place| blocks.get_mut(place)) else { return Sharing::Refused };
    // Empty until all of it stands there.
    block[LENGTH].fill(0);
    block[NAME].copy_from_slice(&name.0);
    block[EXPIRES].copy_from_slice(&verified.expires().unix_micros().to_le_bytes());
    block[USED].copy_from_slice(&clock.now().unix_micros().to_le_bytes());
    block[PAYLOAD..PAYLOAD + payload.len()].copy_from_slice(payload);
    block[LENGTH].copy_from_slice(&length);
    if free.is_some() { Sharing::Free } else { Sharing::Evicted }
}

/// How many tokens stand in these blocks.
pub fn tokens(blocks: &[Block], clock: Clock) -> usize {
    blocks.iter().filter(|block| !is_empty(block) && !clock.has_reached(expires(block))).count()
}

fn is_empty(block: &Block) -> bool {
    length(block) == 0
}

fn length(block: &Block) -> usize {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&block[LENGTH]);
    let length = u32::from_le_bytes(bytes) as usize;
    // No payload is longer than its block.
    if length <= BLOCK_BYTES - PAYLOAD { length } else { 0 }
}

fn expires(block: &Block) -> Timestamp {
    Timestamp::from_unix_micros(number(block, EXPIRES))
}

fn used(block: &Block) -> i64 {
    number(block, USED)
}

fn number(block: &Block, place: std::ops::Range<usize>) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&block[place]);
    i64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::profile::Profiles;
    use crate::token::tests::{NOW, at, jwk, sign};
    use crate::token::{Expected, verify};
    use jsonwebtoken::Algorithm;
    use proptest::prelude::*;

    const SECRET: [u8; 32] = [7; 32];

    fn token_of(user: &str, expires: i64) -> String {
        let payload = format!(r#"{{"exp":{expires},"sub":"{user}"}}"#);
        sign(r#"{"alg":"HS256","kid":"k"}"#, payload, Algorithm::HS256)
    }

    fn verified(token: &str) -> Verified {
        let keys = KeySet::from_json(jwk(Algorithm::HS256, "k").as_bytes()).unwrap();
        verify(token.as_bytes(), &keys, &Expected::default(), &Profiles::Supabase).unwrap()
    }

    fn name(token: &str) -> SharedName {
        name_by(&SECRET, &[b"keys"], token.as_bytes())
    }

    fn name_by(secret: &[u8; 32], trust: &[&[u8]], token: &[u8]) -> SharedName {
        NamingKey::new(secret, &Digest::of(trust)).name(&TokenName::of(token))
    }

    fn share(blocks: &mut [Block], token: &str, now: i64) -> Sharing {
        keep(blocks, &name(token), &verified(token), at(now))
    }

    fn blocks(sets: usize) -> Vec<Block> {
        vec![[0; BLOCK_BYTES]; sets * WAYS]
    }

    #[test]
    fn what_one_shares_another_finds_until_it_expires() {
        let mut blocks = blocks(4);
        let token = token_of("jane", NOW + 60);
        assert_eq!(find(&mut blocks, &name(&token), at(NOW)), None);
        assert_eq!(share(&mut blocks, &token, NOW), Sharing::Free);
        assert_eq!(find(&mut blocks, &name(&token), at(NOW)).as_deref(), Some(verified(&token).payload()));
        assert_eq!(tokens(&blocks, at(NOW)), 1);
        assert_eq!(tokens(&blocks, at(NOW + 60)), 0);
        assert_eq!(find(&mut blocks, &name(&token), at(NOW + 60)), None);
        // It has left its block.
        assert_eq!(find(&mut blocks, &name(&token), at(NOW)), None);
    }

    #[test]
    fn another_trust_another_secret_and_another_token_find_nothing() {
        let mut blocks = blocks(1);
        let token = token_of("jane", NOW + 60);
        share(&mut blocks, &token, NOW);
        let bytes = token.as_bytes();
        for other in [
            name_by(&SECRET, &[b"other keys"], bytes),
            name_by(&SECRET, &[b"keys", b""], bytes),
            name_by(&[8; 32], &[b"keys"], bytes),
            name_by(&SECRET, &[b"keys"], &bytes[..bytes.len() - 1]),
        ] {
            assert_eq!(find(&mut blocks, &other, at(NOW)), None);
        }
    }

    #[test]
    fn a_block_holds_neither_the_token_nor_a_part_of_its_signature() {
        let mut blocks = blocks(1);
        let token = token_of("jane", NOW + 60);
        share(&mut blocks, &token, NOW);
        for part in token.split('.') {
            for piece in part.as_bytes().windows(8).step_by(8) {
                assert!(!blocks.iter().any(|block| block.windows(8).any(|bytes| bytes == piece)));
            }
        }
    }

    #[test]
    fn those_used_longest_ago_make_room_and_expired_ones_first() {
        let mut blocks = blocks(1);
        let tokens: Vec<String> = (0..8).map(|n| token_of(&format!("user {n}"), NOW + 100 + n)).collect();
        for (n, token) in (0..).zip(&tokens) {
            assert_eq!(share(&mut blocks, token, NOW + n), Sharing::Free);
        }
        assert!(find(&mut blocks, &name(&tokens[0]), at(NOW + 10)).is_some());
        let ninth = token_of("user 9", NOW + 1000);
        assert_eq!(share(&mut blocks, &ninth, NOW + 11), Sharing::Evicted);
        assert!(find(&mut blocks, &name(&tokens[0]), at(NOW + 12)).is_some());
        assert!(find(&mut blocks, &name(&tokens[1]), at(NOW + 12)).is_none());
        let tenth = token_of("user 10", NOW + 1000);
        assert_eq!(share(&mut blocks, &tenth, NOW + 100), Sharing::Free);
        assert!(find(&mut blocks, &name(&tokens[0]), at(NOW + 100)).is_none());
        // The same one again takes no second block.
        assert_eq!(share(&mut blocks, &tenth, NOW + 100), Sharing::Free);
        assert_eq!(super::tokens(&blocks, at(NOW + 100)), 8);
    }

    #[test]
    fn every_block_is_used_however_many_there_are() {
        for count in [1, 4, 7, 8, 9, 15, 16] {
            let mut blocks = vec![[0; BLOCK_BYTES]; count];
            for n in 0..40 * count {
                let token = token_of(&format!("user {n}"), NOW + 60);
                assert_ne!(share(&mut blocks, &token, NOW), Sharing::Refused);
                assert!(find(&mut blocks, &name(&token), at(NOW)).is_some());
            }
            assert_eq!(tokens(&blocks, at(NOW)), count);
        }
    }

    #[test]
    fn what_is_too_long_and_where_there_is_no_room_nothing_is_shared() {
        let mut blocks = blocks(1);
        assert_eq!(share(&mut blocks, &token_of(&"j".repeat(BLOCK_BYTES), NOW + 60), NOW), Sharing::Refused);
        assert_eq!(tokens(&blocks, at(NOW)), 0);
        let token = token_of("jane", NOW + 60);
        assert_eq!(share(&mut [], &token, NOW), Sharing::Refused);
        assert_eq!(find(&mut [], &name(&token), at(NOW)), None);
        // The longest that fits.
        let spare = BLOCK_BYTES - PAYLOAD - verified(&token_of("", NOW + 60)).payload().len();
        for (more, expected) in [(0, Sharing::Free), (1, Sharing::Refused)] {
            let token = token_of(&"j".repeat(spare + more), NOW + 60);
            assert_eq!(share(&mut blocks, &token, NOW), expected);
        }
    }

    #[test]
    fn a_block_that_was_left_half_written_is_empty() {
        let token = token_of("jane", NOW + 60);
        let mut whole = blocks(1);
        share(&mut whole, &token, NOW);
        for written in (0..BLOCK_BYTES).step_by(13) {
            let mut blocks = blocks(1);
            blocks[0][..written].copy_from_slice(&whole[0][..written]);
            blocks[0][LENGTH].fill(0);
            assert_eq!(find(&mut blocks, &name(&token), at(NOW)), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_blocks(seed in prop::collection::vec(any::<u8>(), 64..4096), length in any::<u32>()) {
            let mut blocks = blocks(2);
            let mut bytes = seed.iter().cycle();
            blocks.as_flattened_mut().fill_with(|| *bytes.next().unwrap());
            let token = token_of("jane", NOW + 60);
            for block in &mut blocks {
                block[NAME].copy_from_slice(&name(&token).0);
                block[LENGTH].copy_from_slice(&length.to_le_bytes());
            }
            let _ = find(&mut blocks, &name(&token), at(NOW));
            let _ = tokens(&blocks, at(NOW));
            share(&mut blocks, &token, NOW);
            prop_assert!(find(&mut blocks, &name(&token), at(NOW)).is_some());
        }
    }
}

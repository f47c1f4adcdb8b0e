//! Verified tokens that are kept, so that the next use of each costs no signature.
//!
//! Behind a pool a backend serves many users by turns. What it verified for each stays here: the claims, by the SHA-256 of
//! the token. No token's text is kept. A token counts only under the trust by which it was verified: its keys, and all else
//! that decides. Under any other the store is emptied at once. Whether a token is in its time, each use asks anew.

use std::rc::Rc;

use lru::LruCache;

use super::{TokenName, Verified};

/// Verified tokens, bounded in bytes. Those used longest ago make room for new ones.
///
/// `Trust` says by what they were verified. Two that are the same must stand for the same keys and the same settings.
#[derive(Debug)]
pub struct KeptTokens<Trust> {
    tokens: LruCache<TokenName, Kept>,
    trust: Option<Trust>,
    bytes: usize,
    tally: Tally,
}

/// What became of the questions for tokens, since the store was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tokens that were found.
    pub hits: u64,
    /// Tokens that were not.
    pub misses: u64,
    /// Tokens that made room for others.
    pub evictions: u64,
}

#[derive(Debug)]
struct Kept {
    verified: Rc<Verified>,
    bytes: usize,
}

impl<Trust> Default for KeptTokens<Trust> {
    fn default() -> Self {
        KeptTokens { tokens: LruCache::unbounded(), trust: None, bytes: 0, tally: Tally::default() }
    }
}

impl<Trust: PartialEq> KeptTokens<Trust> {
    /// What the store itself takes for each token, in bytes: the entry with its links, its place in the table with the table's free
    /// places, and the count of references.
    const BYTES_OF_ENTRY: usize = 192;

    /// One token takes at most this part of the room, so that a few large ones don't evict all others.
    const PART_OF_ROOM: usize = 8;

    /// The token, if it was verified by this trust and is still kept. It may be past its time: ask [`Verified::claims_at`].
    pub fn find(&mut self, name: &TokenName, trust: &Trust) -> Option<Rc<Verified>> {
        self.forget_those_of_others(trust);
        let found = self.tokens.get(name).map(|kept| Rc::clone(&kept.verified));
        match found {
            Some(_) => self.tally.hits += 1,
            None => self.tally.misses += 1,
        }
        found
    }

    /// Keeps a token that was verified by this trust, within so many bytes for all.
    pub fn keep(&mut self, name: TokenName, trust: Trust, verified: &Rc<Verified>, room: usize) {
        self.forget_those_of_others(&trust);
        self.trust = Some(trust);
        let bytes = size_of::<TokenName>() + Self::BYTES_OF_ENTRY + verified.bytes();
        if bytes > room / Self::PART_OF_ROOM {
            return;
        }
        self.shrink_to(room - bytes);
        self.bytes += bytes;
        let replaced = self.tokens.put(name, Kept { verified: Rc::clone(verified), bytes });
        self.bytes -= replaced.map_or(0, |kept| kept.bytes);
    }

    /// Gives room back, down to so many bytes.
    pub fn shrink_to(&mut self, room: usize) {
        while self.bytes > room
            && let Some((_, kept)) = self.tokens.pop_lru()
        {
            self.bytes -= kept.bytes;
            self.tally.evictions += 1;
        }
    }

    /// Forgets every token that another trust verified.
    pub fn forget_those_of_others(&mut self, trust: &Trust) {
        if self.trust.as_ref() != Some(trust) {
            self.clear();
        }
    }

    /// Forgets every token.
    pub fn clear(&mut self) {
        // A new one also gives back the table.
        if !self.tokens.is_empty() {
            self.tokens = LruCache::unbounded();
        }
        (self.trust, self.bytes) = (None, 0);
    }

    /// How many tokens are kept.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many bytes they take: their claims, and what the store needs for each.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What became of the questions for tokens.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::profile::Profiles;
    use crate::token::tests::{NOW, at, jwk, sign};
    use crate::token::{Expected, InvalidToken, verify};
    use jsonwebtoken::Algorithm;

    const ROOM: usize = 64 * 1024;

    fn keys() -> KeySet {
        KeySet::from_json(jwk(Algorithm::HS256, "k").as_bytes()).unwrap()
    }

    fn signed(payload: &str) -> String {
        sign(r#"{"alg":"HS256","kid":"k"}"#, payload, Algorithm::HS256)
    }

    fn name(token: &str) -> TokenName {
        TokenName::of(token.as_bytes())
    }

    fn token_of(user: &str) -> String {
        signed(&format!(r#"{{"exp":{},"sub":"{user}"}}"#, NOW + 60))
    }

    fn verified(token: &str) -> Rc<Verified> {
        Rc::new(verify(token.as_bytes(), &keys(), &Expected::default(), &Profiles::Supabase).unwrap())
    }

    fn keep(kept: &mut KeptTokens<u32>, token: &str, trust: u32) {
        kept.keep(name(token), trust, &verified(token), ROOM);
    }

    #[test]
    fn each_of_many_users_is_verified_once() {
        let mut kept = KeptTokens::default();
        let tokens: Vec<String> = (0..32).map(|n| token_of(&format!("user {n}"))).collect();
        for token in tokens.iter().cycle().take(320) {
            let found = kept.find(&name(token), &1);
            match found {
                Some(found) => assert_eq!(found.payload(), verified(token).payload()),
                None => keep(&mut kept, token, 1),
            }
        }
        assert_eq!(kept.tally(), Tally { hits: 288, misses: 32, evictions: 0 });
        assert_eq!(kept.len(), 32);
    }

    #[test]
    fn other_trust_finds_nothing_and_empties_the_store() {
        let mut kept = KeptTokens::default();
        let token = token_of("jane");
        keep(&mut kept, &token, 1);
        assert!(kept.find(&name(&token), &1).is_some());
        assert!(kept.find(&name(&token), &2).is_none());
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
        // Nor does it come back with the trust that it was verified by.
        assert!(kept.find(&name(&token), &1).is_none());
        keep(&mut kept, &token, 1);
        keep(&mut kept, &token_of("joe"), 2);
        assert!(kept.find(&name(&token), &2).is_none());
        assert_eq!(kept.len(), 1);
        kept.forget_those_of_others(&3);
        assert!(kept.is_empty());
    }

    #[test]
    fn a_thousand_users_of_supabase_auth_fit_in_two_mebibytes() {
        let mut kept = KeptTokens::default();
        for n in 0..1000 {
            let payload = format!(
                r#"{{"iss":"https://abcdefghijklmnopqrst.supabase.co/auth/v1","sub":"{n:08}-1111-4111-8111-111111111111","aud":"authenticated",
                "exp":{},"iat":{NOW},"email":"jane.{n:08}@example.com","phone":"","app_metadata":{{"provider":"email","providers":["email"]}},
                "user_metadata":{{"email":"jane.{n:08}@example.com","email_verified":true,"phone_verified":false,
                "sub":"{n:08}-1111-4111-8111-111111111111"}},"role":"authenticated","aal":"aal2","amr":[{{"method":"totp","timestamp":{NOW}}},
                {{"method":"password","timestamp":{NOW}}}],"session_id":"33333333-3333-4333-8333-333333333333","is_anonymous":false}}"#,
                NOW + 60
            );
            let token = signed(&payload);
            kept.keep(name(&token), 1, &verified(&token), 2048 * 1024);
        }
        assert_eq!((kept.len(), kept.tally().evictions), (1000, 0));
    }

    #[test]
    fn those_used_longest_ago_make_room() {
        let mut kept = KeptTokens::default();
        let first = token_of("first");
        for n in 0..1000 {
            keep(&mut kept, &token_of(&format!("user {n}")), 1);
            assert!(kept.bytes() <= ROOM);
            if n == 0 {
                keep(&mut kept, &first, 1);
            }
            assert!(kept.find(&name(&first), &1).is_some(), "it was used just now");
        }
        assert!(kept.tally().evictions > 500);
        assert!(kept.find(&name(&token_of("user 999")), &1).is_some());
        assert!(kept.find(&name(&token_of("user 0")), &1).is_none());
        kept.shrink_to(0);
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
    }

    #[test]
    fn a_token_kept_twice_counts_once() {
        let mut kept = KeptTokens::default();
        let token = token_of("jane");
        keep(&mut kept, &token, 1);
        let bytes = kept.bytes();
        keep(&mut kept, &token, 1);
        assert_eq!((kept.len(), kept.bytes()), (1, bytes));
    }

    #[test]
    fn a_token_that_expires_while_it_is_kept_is_refused() {
        let mut kept = KeptTokens::default();
        let token = token_of("jane");
        keep(&mut kept, &token, 1);
        let found = kept.find(&name(&token), &1).unwrap();
        assert!(found.claims_at(at(NOW + 59)).is_ok());
        assert_eq!(found.claims_at(at(NOW + 60)), Err(InvalidToken::Expired));
    }

    #[test]
    fn a_token_that_differs_anywhere_is_another() {
        let mut kept = KeptTokens::default();
        let token = token_of("jane");
        keep(&mut kept, &token, 1);
        // The same beginning, another header with the same payload and signature, and each single byte.
        let (header, rest) = token.split_once('.').unwrap();
        let other_header = crate::token::tests::base64(r#"{"alg":"none"}"#);
        assert!(kept.find(&name(&format!("{other_header}.{rest}")), &1).is_none());
        assert!(kept.find(&name(header), &1).is_none());
        assert!(kept.find(&name(&format!("{token}.")), &1).is_none());
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] ^= 1;
            assert!(kept.find(&TokenName::of(&other), &1).is_none());
            assert!(kept.find(&TokenName::of(&token.as_bytes()[..place]), &1).is_none());
        }
    }

    #[test]
    fn what_needs_too_much_room_is_not_kept() {
        let mut kept = KeptTokens::default();
        keep(&mut kept, &token_of("jane"), 1);
        keep(&mut kept, &token_of(&"j".repeat(ROOM / 8)), 1);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept.tally().evictions, 0);
        let token = token_of("joe");
        kept.keep(name(&token), 1, &verified(&token), 0);
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn the_claims_count_with_all_that_they_hold() {
        let long = "j".repeat(1000);
        let with = |claims: &str| {
            let payload = format!(r#"{{"exp":{},{claims}}}"#, NOW + 60);
            verified(&signed(&payload)).bytes()
        };
        let least = with(r#""a":1"#);
        assert!(least >= size_of::<Verified>());
        // In the payload, and once more where it is read.
        for claims in [format!(r#""sub":"{long}""#), format!(r#""session_id":"{long}""#)] {
            assert!(with(&claims) >= least + 2000, "{claims}");
        }
        let methods = format!(r#""amr":[{}]"#, vec![r#"{"method":"totp","timestamp":1}"#; 100].join(","));
        assert!(with(&methods) >= least + methods.len() + 100 * (size_of::<crate::Method>() + 4));
    }
}

//! The verified tokens that all backends share, where the library is in `shared_preload_libraries`.
//!
//! Where pg_aal stands behind a pool of many backends, each token is verified by one of them. The core decides which
//! tokens are shared, and by which names: see [`aal::token::shared`].

use std::array;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

use aal::token::shared::{self, Block, NamingKey, SharedName, Sharing};
use aal::token::{Tally, TokenName};
use aal::{Clock, Digest, Verified};

use super::keys;
use super::verified::Trust;
use crate::pg::shared_memory::{self, SHARDS};
use crate::settings;

/// What a shard counts, in this order.
const HITS: usize = 0;
const MISSES: usize = 1;
const EVICTIONS: usize = 2;

thread_local! {
    /// What names the tokens of the trust that was last in force. Without a destructor, as all that a callback of Postgres may
    /// reach: see `statements`.
    static NAMING: ManuallyDrop<RefCell<Option<(Trust, NamingKey)>>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// Where a token is, if it is shared.
pub struct Place {
    name: SharedName,
}

impl Place {
    /// The place of a token under the trust in force; `None` where nothing is shared.
    pub fn of(token: &TokenName, trust: Trust) -> Option<Place> {
        let secret = shared_memory::secret()?;
        let is_known = NAMING.with(|naming| naming.borrow().as_ref().is_some_and(|(of, _)| *of == trust));
        if !is_known {
            let key = naming_key(&secret);
            NAMING.with(|naming| naming.replace(Some((trust, key))));
        }
        NAMING.with(|naming| naming.borrow().as_ref().map(|(_, key)| Place { name: key.name(token) }))
    }

    /// The token, if it is shared.
    pub fn find(&self, clock: Clock) -> Option<Verified> {
        let payload = shared_memory::with_shard(self.name.shard(SHARDS), |counts, blocks| {
            let found = shared::find(blocks, &self.name, clock);
            counts[if found.is_some() { HITS } else { MISSES }] += 1;
            found
        });
        Verified::from_payload(payload??, &settings::profiles()).ok()
    }

    /// Shares a token that was verified under the trust in force.
    pub fn keep(&self, verified: &Verified, clock: Clock) {
        shared_memory::with_shard(self.name.shard(SHARDS), |counts, blocks| {
            if shared::keep(blocks, &self.name, verified, clock) == Sharing::Evicted {
                counts[EVICTIONS] += 1;
            }
        });
    }
}

/// By all that decides now, and by what it holds. Backends count their changes and reloads each for itself.
fn naming_key(secret: &[u8; 32]) -> NamingKey {
    // The profiles have a part in it, too: whether several issuers are known.
    NamingKey::new(secret, &Digest::of(&[keys::digest().as_bytes(), settings::profiles_as_text().as_bytes()]))
}

/// The tokens that a cache keeps, and its counts of questions for tokens.
pub struct Usage {
    pub tally: Tally,
    /// How many tokens are kept.
    pub tokens: usize,
    /// How many bytes they take.
    pub bytes: usize,
    /// How many bytes they may take.
    pub size: usize,
}

/// What all backends share now; `None` where nothing is shared.
pub fn usage(clock: Clock) -> Option<Usage> {
    let shards = (0..SHARDS)
        .map(|shard| shared_memory::with_shard(shard, |counts, blocks| (*counts, shared::tokens(blocks, clock))));
    let shards: Vec<_> = shards.collect::<Option<_>>()?;
    let [hits, misses, evictions] = array::from_fn(|what| shards.iter().map(|(counts, _)| counts[what]).sum());
    let tokens = shards.iter().map(|(_, tokens)| tokens).sum::<usize>();
    Some(Usage {
        tally: Tally { hits, misses, evictions },
        tokens,
        bytes: tokens * size_of::<Block>(),
        size: shared_memory::size(),
    })
}

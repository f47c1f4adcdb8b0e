//! Verified tokens of many users, each kept until it makes room for others or the trust changes.
//!
//! Behind a pool, every request brings another user's token. So a backend keeps those that it verified, within
//! `pg_aal.token_cache_size`.

use std::cell::RefCell;
use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use aal::token::{KeptTokens, TokenName};
use aal::{Clock, InvalidToken, Level, Verified};

use super::keys::{self, Generation};
use super::shared::{Place, Usage};
use crate::settings;

/// By what a token was verified, and how its claims were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The keys that a token was held against.
    generation: Generation,
    /// The level that anonymous users had.
    pub level_of_guests: Option<Level>,
    /// The changes of the profiles by which claims were read.
    profile_changes: u64,
}

impl Trust {
    /// The one in force now.
    pub fn now() -> Trust {
        Trust { generation: keys::generation(), ..Trust::in_the_gateway() }
    }

    /// The one by which the gateway's claims are read now: no keys of ours have a part in it.
    pub fn in_the_gateway() -> Trust {
        Trust {
            generation: Generation::default(),
            level_of_guests: settings::level_of_guests(),
            profile_changes: settings::profile_changes(),
        }
    }
}

thread_local! {
    // Without a destructor, as all that a callback of Postgres may reach: see `statements`.
    static KEPT: ManuallyDrop<RefCell<KeptTokens<Trust>>> = ManuallyDrop::default();
}

/// Verifies all of a token but its time, by the trust in force, or finds it among those that were: first in this backend, then among those that all share.
pub fn verify(token: &CStr, trust: Trust, clock: Clock) -> Result<Rc<Verified>, InvalidToken> {
    let name = TokenName::of(token.to_bytes());
    if let Some(verified) = KEPT.with(|kept| kept.borrow_mut().find(&name, &trust)) {
        return Ok(verified);
    }
    let place = Place::of(&name, trust);
    let verified = match place.as_ref().and_then(|place| place.find(clock)) {
        Some(verified) => verified,
        None => {
            let verified = keys::verify(token)?;
            place.iter().for_each(|place| place.keep(&verified, clock));
            verified
        }
    };
    let verified = Rc::new(verified.with_guests_at(trust.level_of_guests));
    KEPT.with(|kept| kept.borrow_mut().keep(name, trust, &verified, settings::token_cache_size()));
    Ok(verified)
}

/// The tokens that this backend keeps now, by the trust and the size in force.
pub fn usage() -> Usage {
    let size = settings::token_cache_size();
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        kept.forget_those_of_others(&Trust::now());
        kept.shrink_to(size);
        Usage { tally: kept.tally(), tokens: kept.len(), bytes: kept.bytes(), size }
    })
}

//! One session as it is, for telling its own user what policies say to it.

use std::collections::HashMap;

use aal::{Claims, Clock, Enrollment, NotLive};
use serde_json::Value as Json;

/// One session as it is now. A kind of session ([`Session`](crate::Session)) leaves open what this knows.
#[derive(Clone, Debug)]
pub struct KnownSession<'a> {
    /// The name of its role.
    pub role: &'a str,
    /// The claims in force, if there are any that can be read.
    pub claims: Option<&'a Claims>,
    /// The same claims as JSON.
    pub payload: Option<&'a Json>,
    /// Settings that policies read, by their names in lower case. A setting that isn't there has no entry.
    pub settings: &'a HashMap<String, String>,
    /// Whether its user has enrolled a second factor.
    pub factors: Factors,
    /// Whether it is live.
    pub life: Life,
    /// The time of the statement.
    pub clock: Clock,
}

/// What the store of factors says of a session's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// This.
    Known(Enrollment),
    /// Nothing: there is no store that can be trusted.
    NoStore,
    /// It wasn't asked.
    NotAsked,
}

/// What the store of sessions says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is live.
    Live,
    /// It isn't.
    Over(NotLive),
    /// Nothing: there is no store that can be trusted.
    NoStore,
    /// It wasn't asked.
    NotAsked,
}

impl Factors {
    /// The answer, if there is one.
    pub const fn known(self) -> Option<Enrollment> {
        match self {
            Factors::Known(enrollment) => Some(enrollment),
            Factors::NoStore | Factors::NotAsked => None,
        }
    }
}

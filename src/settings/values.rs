//! What the settings say, as far as they are more than texts and numbers.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;

use aal::{ClaimsSource, Profiles};
use pgrx::prelude::*;

/// How `insufficient_aal` and `invalid_token` are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum ErrorFormat {
    /// SQLSTATE 42501 or 28000, with DETAIL and HINT.
    #[name = c"sql"]
    Sql,
    /// SQLSTATE PGRST, which PostgREST 12 and later answer with 401 and a challenge.
    #[name = c"postgrest"]
    Postgrest,
}

/// The level that an anonymous user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
pub enum LevelOfGuests {
    /// None: an anonymous user has shown no factor.
    #[name = c"none"]
    None,
    /// That of the claim, and at most aal1.
    #[name = c"aal1"]
    Aal1,
}

/// After how many changes profiles were read, and the profiles.
pub type ReadProfiles = (u64, Rc<Profiles>);

thread_local! {
    /// `pg_aal.claims_source`, read once.
    pub static SOURCE: Cell<ClaimsSource> = const { Cell::new(ClaimsSource::Request) };
    /// How often `pg_aal.claims_profile` changed.
    pub static PROFILE_CHANGES: Cell<u64> = const { Cell::new(0) };
    /// `pg_aal.claims_profile`, read after so many changes. Without a destructor, as all that a callback of Postgres may reach.
    pub static PROFILES: ManuallyDrop<RefCell<Option<ReadProfiles>>> = const { ManuallyDrop::new(RefCell::new(None)) };
    /// How often a setting changed that decides which tokens verify.
    pub static TRUST_CHANGES: Cell<u64> = const { Cell::new(0) };
    /// Whether the settings are just being defined, and take over what was set before.
    pub static LOADING: Cell<bool> = const { Cell::new(false) };
    /// Whether the library is one of `shared_preload_libraries`: then no session ever was without it.
    pub static SHARED: Cell<bool> = const { Cell::new(false) };
}

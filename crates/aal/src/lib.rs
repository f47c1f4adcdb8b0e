//! The decisions of pg_aal, without Postgres.
//!
//! Data flows one way. The text of a request's claims becomes [`Claims`]. [`assess`] holds them against a
//! [`FixedRequirement`] at a [`Clock`], and answers yes or with a [`Denial`] that says what the client must do. Where
//! nobody is trusted to have verified the token, [`token`] does, by a [`KeySet`]. [`protection`] renders the SQL that
//! puts a table under such requirements.
//!
//! Nothing here knows Postgres, does I/O or uses `unsafe`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod action;
mod assurance;
mod claims;
mod claims_source;
mod command;
mod denial;
mod digest;
mod enrollment;
mod json;
mod keys;
mod level;
mod liveness;
mod log_entry;
mod loopback;
mod profile;
pub mod protection;
mod reason;
mod requirement;
mod status;
pub mod store_fault;
mod time;
pub mod token;
mod way_back;

pub use action::Action;
pub use assurance::assess;
pub use claims::{Claims, InvalidClaims, LevelClaim, Method};
pub use claims_source::ClaimsSource;
pub use command::Command;
pub use denial::{Denial, HttpDenial};
pub use digest::Digest;
pub use enrollment::{Enrollment, assess_enrolled};
pub use keys::{FaultyKey, InvalidKeySet, KeyFault, KeySet, Keyring, ListedKey, WhichKey, WritableKeys};
pub use level::{EnrolledIsNoLevel, Level, UnknownLevel};
pub use liveness::{Liveness, NotLive, assess_live};
pub use log_entry::{Asker, What};
pub use loopback::is_loopback;
pub use profile::{ClaimValues, Doubt, InvalidProfiles, Numbers, Profile, Profiles, Step as ClaimStep};
pub use reason::Reason;
pub use requirement::{FixedRequirement, Requirement};
pub use status::Status;
pub use time::{Clock, InvalidMaxAge, MaxAge, Timestamp};
pub use token::{InvalidToken, Verified};
pub use way_back::{StepUpRequest, Terms, WayBack};

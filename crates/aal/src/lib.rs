//! The decisions of pg_aal, without Postgres.
//!
//! Data flows one way: the text of a request's claims becomes [`Claims`]; [`assess`] holds them against a
//! [`Requirement`] at a [`Clock`] and answers yes or with a [`Denial`] that says what the client must do.
//! Where nobody is trusted to have verified the token, [`token`] does, by a [`KeySet`].
//! [`policy`] renders the SQL that puts a table under such requirements, and [`access`] derives from a catalog what
//! each command needs.
//!
//! Nothing here knows Postgres, does I/O or uses `unsafe`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod access;
mod assurance;
mod claims;
mod denial;
mod enrollment;
mod json;
mod keys;
mod level;
pub mod lint;
pub mod policy;
pub mod report;
pub mod sql;
mod time;
pub mod token;

pub use assurance::{Requirement, assess};
pub use claims::{Claims, InvalidClaims, Method};
pub use denial::{Action, Denial, HttpDenial};
pub use enrollment::{Asked, Enrollment, assess_enrolled, next_action};
pub use keys::{InvalidKeySet, KeyFault, KeySet, WhichKey};
pub use level::{Level, UnknownLevel};
pub use time::{Clock, InvalidMaxAge, MaxAge, Timestamp};
pub use token::{InvalidToken, Verified};

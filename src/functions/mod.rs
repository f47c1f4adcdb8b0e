//! The SQL API, one file per topic.

#![deny(unsafe_code)]

pub mod enrollment;
mod guard;
mod proof;
pub mod protection;
pub mod session;
mod token;

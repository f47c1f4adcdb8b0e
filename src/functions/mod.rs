//! The SQL API, one file per topic.

pub mod enrollment;
mod explain;
mod function_proof;
pub mod guard;
mod hand_on;
pub mod liveness;
mod proof;
pub mod protection;
pub mod session;
mod snapshot;
mod token;
mod trust;

//! The SQL API, one file per topic.

mod guard;
mod protection;
pub mod session;
mod token;

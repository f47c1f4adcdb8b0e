//! Policies' trees and the bodies of functions, read into the proof's expressions. Nothing of a user's runs meanwhile.
//!
//! - [`Reader`] reads a policy's tree, within its budget.
//! - `expressions`, `calls`, `queries` and `types` read what Postgres analyzed.
//! - `keys` tells which unread conditions are the same.
//! - `text_bodies` reads the bodies of functions that are stored as text, and `text_types` their types.
//! - `views` reads what the queries of views ask of a session.
//! - `procedures` reads the bodies of functions in PL/pgSQL, and `deeds` what the names in them do.
//! - `sql_gates` reads what a function written in SQL asks of a session before it does anything.
//! - [`Functions`] holds the functions that are known, and the bodies of those that are written in SQL or PL/pgSQL.
#![deny(unsafe_code)]

mod acting;
mod budget;
mod calls;
mod deeds;
mod expressions;
mod factor_store;
mod factors;
mod functions;
mod keys;
mod known;
mod names;
mod policies;
mod procedures;
mod queries;
mod sql_gates;
mod text_bodies;
mod text_builtins;
mod text_factors;
mod text_types;
mod types;
mod views;

pub use functions::{Functions, GateSource, Parameter};
pub use policies::Reader;

//! Functions in PL/pgSQL: their answers, and the sessions that pass their gates.
//!
//! A body is split into statements by [`Body::parse`], as Postgres' own scanner and grammar do it. [`answer`] and
//! [`passage`] follow all its paths at once, and make one [`Expression`](crate::Expression) of them. The texts of
//! expressions are read by somebody else, a [`Reader`]: it knows SQL, and what names stand for.
//!
//! Nothing is run. Loops, dynamic SQL and caught errors can't be followed: they could come to anything.
//!
//! Source: Postgres' src/pl/plpgsql/src/pl_gram.y, pl_scanner.c and pl_exec.c.

mod flow;
mod mentions;
mod parser;
mod run;
mod scope;
mod statement;

pub use mentions::{Deed, Mention, mentions};
pub use run::{Columns, Note, Purpose, Reader, Run, answer, passage};
pub use scope::{Found, Parameter, Scope};
pub use statement::{Body, Unparsed};

#[cfg(test)]
mod tests;

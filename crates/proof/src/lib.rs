//! What a table's grants, row-security flags and policies require of a session: derived, not hoped.
//!
//! A [`Catalog`] holds what Postgres knows, in the core's own words; a policy's expression is an [`Expression`].
//! [`Matrix`] answer, for a table, a role and a command: *the lowest session level at which the command
//! could succeed for some row*.
//!
//! Sound by construction: an expression is evaluated to the set of all that it could come to ([`value`]), at each kind of
//! session in turn, lowest first. An expression that can't be read could come to anything, true included; so the answer
//! is never higher than what really holds. Five things are taken for granted:
//!
//! - the claims are those of the gateway (or verified, in `claims_source = 'token'`): `aal` is one of the three levels or
//!   missing, and `role`, where there is one, names the database role;
//! - by a claims profile, a claim that gives a level has the type that the profile names, or is missing;
//! - where the claims are a gateway's, only that sets settings, the search_path among them;
//! - nothing that a policy calls changes the claims while the statement runs;
//! - functions that are declared STRICT, IMMUTABLE or STABLE are what they are declared as.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod builtin;
mod catalog;
pub mod diff;
mod evaluation;
pub mod explain;
pub mod export;
mod expression;
mod function_gate;
pub mod gate;
mod harmless;
mod ids;
mod keywords;
mod known_session;
pub mod lint;
mod matrix;
mod opening;
pub mod plpgsql;
mod portable;
mod relevance;
pub mod report;
mod search_path;
mod session_kind;
mod shape;
pub mod snapshot;
pub mod sql;
mod surroundings;
mod value;
mod visible;

pub use aal::Command;
pub use builtin::Builtin;
pub use catalog::{
    ByCitus, Bypass, Catalog, ForeignKey, Function, FunctionKind, Guard, Policy, PolicyCommand, Role, Standing, Table,
    Trigger, View, ViewKind, Watch,
};
pub use evaluation::{Evaluation, Work, is_ordered_by_collation};
pub use expression::{Comparison, Expression, Key, Origin, Reads, Reason, Rows, Truth};
pub use function_gate::{FunctionGate, GateNote};
pub use harmless::{Harmless, Installed, sub_selects};
pub use ids::{
    ByForeignKey, ByFunction, ByRole, ByStored, ByTable, ByView, ByWatch, ForeignKeyIndex, FunctionId, FunctionIndex,
    Indexed, InvalidOid, ListIndex, PolicyId, RoleId, RoleIndex, StoredIndex, TableId, TableIndex, ViewIndex,
    WatchIndex,
};
pub use known_session::{Factors, KnownSession, Life};
pub use matrix::{Decision, Matrix, Need, RequiredLevel, Threshold};
pub use opening::opening_gate;
pub use portable::{Definition, Deviation, PortableEdition, PortableFunction};
pub use search_path::SearchPath;
pub use session_kind::{Age, Enrolled, Session};
pub use shape::recognize;
pub use surroundings::{ColumnRight, StoredClaims, ViewOfColumns};
pub use value::{Outcomes, Value};

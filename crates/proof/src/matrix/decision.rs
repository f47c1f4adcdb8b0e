//! The reasons for a cell of the matrix. They are found in `attempt`.

use std::fmt;

use crate::catalog::Bypass;

/// One reason for a [`Need`](super::Need).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The role may not use the table's schema.
    NoUsageOnSchema,
    /// The role is not granted the command.
    NoPrivilege,
    /// Row security does not bind the role.
    Bypass(Bypass),
    /// A rule of the table does something else in place of the command, or beside it.
    TableRule,
    /// Row security is off for the table.
    RowSecurityOff,
    /// No permissive policy binds the role, so row security refuses every row.
    NoPermissivePolicy,
    /// The policies are too complex to be weighed.
    TooComplex,
    /// Rows that Postgres routes to a foreign table skip WITH CHECK.
    CheckSkippedByForeignTable,
    /// Rows that Citus copies into a shard of its own node skip all policies.
    CopiedIntoShard,
    /// The role may run statements on other nodes of Citus, which copy rows into shards there.
    CopiedOnOtherNode,
    /// The role may read the intermediate results that Citus keeps for other sessions of it.
    ResultsOfOthers,
    /// Row security does not see TRUNCATE.
    TruncateUnseen,
    /// A policy, by its name.
    Policy(String),
    /// A guard, by its trigger's name.
    Guard(String),
    /// The source that says who has enrolled a second factor: the role can change it.
    Enrollment,
    /// The rows are reached through another table, by its full name. The rest was decided there.
    ReachedThrough(String),
    /// The rows are reached through another table as well, by its full name.
    AlsoReachedThrough(String),
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::NoUsageOnSchema => f.write_str("no usage on the schema"),
            Decision::NoPrivilege => f.write_str("no privilege"),
            Decision::Bypass(bypass) => f.write_str(bypass.as_str()),
            Decision::TableRule => f.write_str("a rule of the table"),
            Decision::RowSecurityOff => f.write_str("row security is off"),
            Decision::NoPermissivePolicy => f.write_str("no permissive policy"),
            Decision::TooComplex => f.write_str("too much to weigh"),
            Decision::CheckSkippedByForeignTable => {
                f.write_str("WITH CHECK is not asked where rows go to a foreign table")
            }
            Decision::CopiedIntoShard => {
                f.write_str("COPY and INSERT ... SELECT into a shard on this node ask no policy")
            }
            Decision::CopiedOnOtherNode => {
                f.write_str("INSERT ... SELECT asks no policy where the role runs statements on other nodes")
            }
            Decision::ResultsOfOthers => f.write_str("the role may read intermediate results of its other sessions"),
            Decision::TruncateUnseen => f.write_str("row security does not see TRUNCATE"),
            Decision::Policy(name) => write!(f, "policy {name}"),
            Decision::Guard(name) => write!(f, "trigger {name}"),
            Decision::Enrollment => f.write_str("who has enrolled a second factor"),
            Decision::ReachedThrough(table) => write!(f, "reached through {table}"),
            Decision::AlsoReachedThrough(table) => write!(f, "or reached through {table}"),
        }
    }
}

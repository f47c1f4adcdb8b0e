//! A table to protect.

use super::record::Before;

/// A table to protect, as the catalog has it.
#[derive(Clone, Debug)]
pub struct Table {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub name: String,
    /// How the table stood before it was protected first.
    pub before: Before,
    /// Whether its row-level triggers are copies that Postgres makes of its parent's, as a partition's are.
    pub copies_row_triggers: bool,
    /// Whether Citus holds its rows, in shards.
    pub has_shards: bool,
}

//! Things around tables and policies that decide about levels: rights on single columns, and stored settings.

use aal::Command;

use super::ids::{RoleId, TableId};

/// The right to use columns of a table that decide more than their rows: secrets of factors, and whether a bucket is public.
#[derive(Clone, Debug)]
pub struct ColumnRight {
    /// The table.
    pub table: TableId,
    /// The view through which it is used, if it isn't the table itself.
    pub view: Option<ViewOfColumns>,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// SELECT or UPDATE.
    pub command: Command,
    /// The roles that have it, among the roles of the catalog.
    pub roles: Vec<RoleId>,
}

/// A view that shows columns of a table with its owner's rights.
#[derive(Clone, Debug)]
pub struct ViewOfColumns {
    /// Its OID.
    pub id: TableId,
    /// Its full name, quoted as SQL needs it.
    pub display_name: String,
    /// Its owner.
    pub owner: RoleId,
}

/// Claims that are stored as settings, for a role or for the database.
#[derive(Clone, Debug)]
pub struct StoredClaims {
    /// The name of the role, or of the database.
    pub name: String,
    /// Whether it is the database: all its roles have them.
    pub is_database: bool,
    /// The names of the settings.
    pub settings: Vec<String>,
}

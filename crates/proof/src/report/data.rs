//! Everything that the page is made from.

use crate::lint::{Finding, FunctionNeed};
use crate::{Catalog, Matrix, Need, RoleIndex, TableIndex};
use aal::Command;

/// The catalog, what it requires, and what was found.
pub(super) struct Data<'a> {
    pub catalog: &'a Catalog,
    pub matrix: &'a Matrix<'a>,
    pub findings: &'a [Finding],
    pub functions: &'a [FunctionNeed],
}

/// A cell of one table.
pub(super) type TableCell<'a> = (RoleIndex, Command, &'a Need);

impl<'a> Data<'a> {
    /// A table's cells: role by role, and for each role in the order of [`Command::ALL`].
    pub fn cells_of(&self, table: TableIndex) -> impl Iterator<Item = TableCell<'a>> {
        let matrix = self.matrix;
        self.catalog.roles.indexes().flat_map(move |role| {
            Command::ALL.into_iter().map(move |command| (role, command, matrix.need(table, role, command)))
        })
    }

    pub fn role_name(&self, role: RoleIndex) -> &'a str {
        &self.catalog.roles[role].name
    }
}

//! How much work evaluating may be.

use std::cell::Cell;

/// The work that is left, in nodes.
#[derive(Debug)]
pub struct Work(Cell<u64>);

impl Work {
    /// So many nodes.
    pub const fn new(nodes: u64) -> Work {
        Work(Cell::new(nodes))
    }

    /// How many nodes are left.
    pub fn left(&self) -> u64 {
        self.0.get()
    }

    /// Whether nothing is left: then the evaluated expression counts as anything at all from some node on.
    pub fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// Takes so many nodes off.
    pub fn take(&self, nodes: u64) {
        self.0.set(self.left().saturating_sub(nodes));
    }
}

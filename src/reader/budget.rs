//! How much is read. The author of a policy must not be able to keep everybody else from an answer.

use std::collections::HashMap;

use pgrx::prelude::*;
use proof::{Expression, Key, SearchPath};

/// How deeply expressions may be nested, bodies of functions included, and still be read.
const DEEPEST: usize = 200;

/// How many nodes an expression may have, bodies of functions included, and still be read.
const LARGEST: usize = 10_000;

/// How many nodes all expressions may have together. Each may have its share of what is left: so many large ones leave something
/// for small ones.
const MOST: usize = 1_000_000;
const SHARES: usize = 64;

/// How many bytes of text the keys of all policies may have together.
const MOST_KEYS: usize = 16 << 20;

/// How many nodes may still be read.
pub struct Budget {
    nodes: usize,
}

impl Budget {
    /// For all expressions together.
    pub fn of_all() -> Budget {
        Budget { nodes: MOST }
    }

    /// One expression's share of this.
    pub fn share(&self) -> Budget {
        Budget { nodes: LARGEST.min(self.nodes / SHARES) }
    }

    /// Spends so many nodes. False where there were fewer: then none is left.
    pub fn spend(&mut self, nodes: usize) -> bool {
        let left = self.nodes.checked_sub(nodes);
        self.nodes = left.unwrap_or(0);
        left.is_some()
    }

    /// How many nodes were spent of a share that is now this.
    pub fn spent_since(&self, share: &Budget) -> usize {
        share.nodes.saturating_sub(self.nodes)
    }

    /// Whether it has room for so many nodes.
    pub fn has(&self, nodes: usize) -> bool {
        nodes <= self.nodes
    }

    /// Spends a node that is one level further down; `None` where that is too deep or one too many.
    pub fn enter<'a>(&mut self, nesting: Nesting<'a>) -> Option<Nesting<'a>> {
        if nesting.depth >= DEEPEST || !self.spend(1) {
            return None;
        }
        pgrx::check_for_interrupts!();
        Some(Nesting { depth: nesting.depth + 1, ..nesting })
    }

    /// Whether an expression may stand here: it isn't too deep.
    pub fn fits(&self, expression: &Expression, place: Nesting<'_>) -> bool {
        place.depth + expression.extent().1 <= DEEPEST
    }

    /// A copy of an expression, for another place; `None` where that gets too deep or too large.
    pub fn copy(&mut self, expression: &Expression, place: Nesting<'_>) -> Option<Expression> {
        let (size, height) = expression.extent();
        // Spent also where it is too deep: measuring it is work, too.
        (self.spend(size) && place.depth + height <= DEEPEST).then(|| expression.clone())
    }

    /// The same, or a note that it is too large.
    pub fn copy_or_cut(&mut self, expression: &Expression, place: Nesting<'_>) -> Expression {
        self.copy(expression, place).unwrap_or_else(Expression::too_large)
    }
}

/// How deep something is, and in the bodies of which functions.
#[derive(Clone, Copy)]
pub struct Nesting<'a> {
    depth: usize,
    innermost: Option<&'a Call<'a>>,
}

/// A call that is being seen through.
pub struct Call<'a> {
    function: pg_sys::Oid,
    outer: Option<&'a Call<'a>>,
    /// The search_path that its function sets.
    path: Option<&'a SearchPath>,
    /// The owner with whose rights its function runs.
    runs_as: Option<pg_sys::Oid>,
}

impl<'a> Call<'a> {
    /// The same, of a function that sets this search_path and runs with this owner's rights.
    pub fn of(self, path: Option<&'a SearchPath>, runs_as: Option<pg_sys::Oid>) -> Call<'a> {
        Call { path, runs_as, ..self }
    }
}

impl<'a> Nesting<'a> {
    /// Directly in a policy.
    pub const OUTERMOST: Nesting<'static> = Nesting { depth: 0, innermost: None };

    /// A call of a function here; `None` in a body of the same function.
    pub fn call(self, function: pg_sys::Oid) -> Option<Call<'a>> {
        let is_open = self.calls().any(|call| call.function == function);
        (!is_open).then_some(Call { function, outer: self.innermost, path: None, runs_as: None })
    }

    /// The calls that it is in, the innermost first.
    fn calls(self) -> impl Iterator<Item = &'a Call<'a>> {
        std::iter::successors(self.innermost, |call| call.outer)
    }

    /// The search_path in force here; `None`: that of the session.
    pub fn path(self) -> Option<&'a SearchPath> {
        self.calls().find_map(|call| call.path)
    }

    /// The owner with whose rights this runs; `None`: with the caller's.
    pub fn runs_as(self) -> Option<pg_sys::Oid> {
        self.calls().find_map(|call| call.runs_as)
    }

    /// As deep as this, but within a call.
    pub fn within<'b>(self, call: &'b Call<'b>) -> Nesting<'b> {
        Nesting { depth: self.depth, innermost: Some(call) }
    }
}

/// The conditions that are told apart, by their texts.
pub struct Keys {
    known: HashMap<String, Key>,
    bytes: usize,
}

impl Keys {
    pub fn new() -> Keys {
        Keys { known: HashMap::new(), bytes: MOST_KEYS }
    }

    /// The key of a text; `None` where there would be too many.
    pub fn key(&mut self, text: &str) -> Option<Key> {
        if let Some(key) = self.known.get(text) {
            return Some(*key);
        }
        self.bytes = self.bytes.checked_sub(text.len())?;
        let key = Key(u32::try_from(self.known.len()).ok()?);
        self.known.insert(text.to_owned(), key);
        Some(key)
    }
}

//! Policies' expressions, from their trees in the catalog.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::CString;

use pgrx::pg_sys;
use proof::Expression;
use proof::plpgsql::Note;

use super::budget::{Budget, Keys, Nesting};
use super::deeds::IsOpen;
use super::expressions::{Frame, Reading};
use super::functions::Functions;
use crate::applies_when;
use crate::pg::memory::Memory;
use crate::pg::node::{Node, NodeTree};

/// Which results are kept for other policies with the same tree: those of trees of at most so many bytes, and at most so many of them.
const KEPT: usize = 8_192;
const MOST_KEPT: usize = 4_096;

/// Reads the expressions of policies.
pub struct Reader<'a, 'tree> {
    functions: &'a Functions<'tree>,
    /// The results, by the texts of their trees, and how many nodes each has.
    kept: HashMap<(CString, bool), (Expression, usize)>,
    budget: Budget,
    keys: Keys,
}

impl<'a, 'tree> Reader<'a, 'tree> {
    pub fn new(functions: &'a Functions<'tree>) -> Self {
        Reader { functions, kept: HashMap::new(), budget: Budget::of_all(), keys: Keys::new() }
    }

    /// Reads a policy's expression. `exempts`: a policy of `protect_table` that is only for some sessions. In others an exemption
    /// counts as what it is: a function that can be anything.
    pub fn read(&mut self, tree: &NodeTree, exempts: bool) -> Expression {
        let share = self.budget.share();
        let key = (tree.text().to_owned(), exempts);
        if let Some((known, size)) = self.kept.get(&key) {
            if !share.has(*size) {
                return Expression::too_large();
            }
            self.budget.spend(*size);
            return known.clone();
        }
        let memory = Memory::new(c"pg_aal: a policy's tree");
        let columns = Cell::new(u32::MAX);
        let expression = self.within_share(|reading| match tree.read(&memory) {
            Some(node) => reading.policy(node, exempts, &Frame::in_policy(Nesting::OUTERMOST, &columns)),
            None => Expression::too_large(),
        });
        if tree.text().to_bytes().len() <= KEPT && self.kept.len() < MOST_KEPT {
            self.kept.insert(key, (expression.clone(), expression.extent().0));
        }
        expression
    }

    /// Reads something within one expression's share of the budget.
    pub fn within_share<T>(&mut self, read: impl FnOnce(&mut Reading<'_, 'tree>) -> T) -> T {
        let share = self.budget.share();
        let mut reading = Reading { functions: self.functions, budget: self.budget.share(), keys: &mut self.keys };
        let answer = read(&mut reading);
        let spent = reading.budget.spent_since(&share);
        self.budget.spend(spent);
        answer
    }
}

impl<'tree> Reader<'_, 'tree> {
    /// True where a function in PL/pgSQL comes to a statement that does something: it writes, or reads a table that isn't
    /// `is_open`, or answers with rows. With notes on parts that can't be followed. Or why it can't be read at all.
    pub fn passage(
        &mut self,
        function: pg_sys::Oid,
        is_open: IsOpen<'_>,
    ) -> Result<(Expression, Vec<Note>), &'static str> {
        const NOT_TAKEN_APART: &str = "its body can't be taken apart";
        let functions = self.functions;
        let body = functions.body(function).ok_or(NOT_TAKEN_APART)?;
        let procedure = body.procedure.as_ref().ok_or(NOT_TAKEN_APART)?;
        self.with_share(|reading| reading.passage_of_procedure(function, body, procedure, is_open))
    }

    /// Reads something else, with one expression's share of what may still be read.
    pub fn with_share<T>(&mut self, read: impl FnOnce(&mut Reading<'_, 'tree>) -> T) -> T {
        let share = self.budget.share();
        let mut reading = Reading { functions: self.functions, budget: self.budget.share(), keys: &mut self.keys };
        let answer = read(&mut reading);
        let spent = reading.budget.spent_since(&share);
        self.budget.spend(spent);
        answer
    }
}

impl Reading<'_, '_> {
    fn policy(&mut self, condition: Node<'_>, exempts: bool, frame: &Frame<'_>) -> Expression {
        let parts = if exempts { applies_when::parts(condition) } else { None };
        let named = |(level, function)| Some((level, self.functions.name_if_of_statement(function)?));
        match parts.and_then(named) {
            Some((level, function)) => {
                Expression::Or(vec![self.expression(Some(level), frame), Expression::Exempt(function)])
            }
            None => self.expression(Some(condition), frame),
        }
    }
}

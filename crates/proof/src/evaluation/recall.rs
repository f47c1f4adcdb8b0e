//! The outcomes of the expressions of one table's policies that were found before: each command and each role asks for the same ones.

use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Range;

use super::held_in::HeldIn;
use crate::expression::Expression;
use crate::session_kind::Session;
use crate::value::Outcomes;

/// The outcomes of expressions in each kind of session, of roles that these expressions don't tell apart.
#[derive(Debug)]
pub struct Recall<'a> {
    /// Where the expressions are.
    addresses: Range<usize>,
    /// With how many nodes' work each was.
    known: RefCell<HashMap<Question, (Outcomes, u64)>>,
    holders: PhantomData<&'a ()>,
}

/// An expression, and all by which evaluations of one table differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub address: usize,
    pub session: Session,
    pub held_in: Option<HeldIn>,
    pub may_be_exempt: bool,
    pub may_be_live: bool,
}

impl<'a> Recall<'a> {
    /// Of the expressions that these hold themselves, as policies do.
    pub(crate) fn of<T>(holders: &'a [T]) -> Recall<'a> {
        let Range { start, end } = holders.as_ptr_range();
        Recall { addresses: start as usize..end as usize, known: RefCell::default(), holders: PhantomData }
    }

    /// The address of one of the expressions. Their holders stay where they are, so nothing else has it meanwhile.
    pub(super) fn address(&self, expression: &Expression) -> Option<usize> {
        let address = std::ptr::from_ref(expression) as usize;
        self.addresses.contains(&address).then_some(address)
    }

    pub(super) fn find(&self, question: &Question) -> Option<(Outcomes, u64)> {
        self.known.borrow().get(question).cloned()
    }

    pub(super) fn keep(&self, question: Question, outcomes: Outcomes, nodes: u64) {
        self.known.borrow_mut().insert(question, (outcomes, nodes));
    }
}

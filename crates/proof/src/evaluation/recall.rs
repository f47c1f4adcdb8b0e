//! What the expressions of one table's policies came to before: each command and each role asks for the same ones.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{Evaluation, Expression, HeldIn, Outcomes, Work};
use crate::catalog::Policy;
use crate::session_kind::Session;

/// What the expressions of policies came to in each kind of session, of roles that these policies don't tell apart.
#[derive(Debug)]
pub struct Recall<'a> {
    policies: &'a [Policy],
    known: RefCell<HashMap<Question, (Outcomes, u64)>>,
}

/// An expression, and all by which evaluations of one table differ.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    address: usize,
    session: Session,
    held_in: Option<HeldIn>,
    may_be_exempt: bool,
    may_be_live: bool,
}

impl<'a> Recall<'a> {
    /// Of the policies of a table.
    pub(crate) fn of(policies: &'a [Policy]) -> Recall<'a> {
        Recall { policies, known: RefCell::default() }
    }

    /// The address of a policy's expression. The policies stay where they are, so nothing else has it meanwhile.
    fn address(&self, expression: &Expression) -> Option<usize> {
        let policies = self.policies.as_ptr_range();
        let address = std::ptr::from_ref(expression) as usize;
        (policies.start as usize..policies.end as usize).contains(&address).then_some(address)
    }
}

impl Evaluation<'_> {
    /// What a whole expression could come to. It is as much work if it is known.
    pub(super) fn recalled(&self, expression: &Expression) -> Outcomes {
        let divides = !self.assumed.is_empty() || !self.taken.is_empty();
        let recall = self.recall.filter(|_| !divides && self.profile().is_none());
        let Some((recall, address)) = recall.and_then(|it| Some((it, it.address(expression)?))) else {
            return self.outcomes(expression);
        };
        let (session, held_in) = (self.session, self.held_in);
        let (may_be_exempt, may_be_live) = (self.may_be_exempt, self.may_be_live);
        let question = Question { address, session, held_in, may_be_exempt, may_be_live };
        if let Some((outcomes, nodes)) = recall.known.borrow().get(&question) {
            self.work.inspect(|work| work.take(*nodes));
            return outcomes.clone();
        }
        let before = self.work.map_or(0, Work::left);
        let outcomes = self.outcomes(expression);
        // What is cut short says nothing for the next time.
        if !self.work.is_some_and(Work::is_spent) {
            let nodes = before - self.work.map_or(0, Work::left);
            recall.known.borrow_mut().insert(question, (outcomes.clone(), nodes));
        }
        outcomes
    }
}

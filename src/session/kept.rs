//! Look-ups of a statement, whose answers are used again within it.
//!
//! A statement asks for its user or its session in several places: in the policies for old and for new rows, and in the guard.
//! An answer is used again only for the same question, within the same statement, at the same time of its start, and while the
//! latest snapshot sees the same ([`Seen`]). So it is what another look-up would answer. A change by a trigger or a function of
//! the statement, or by another connection that commits meanwhile, is looked up anew.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use pgrx::prelude::*;

use super::statements;
use crate::pg::table_scan::Seen;
use crate::pg::transaction;

/// The last answer of a look-up. Without a destructor, as all that a callback of Postgres may reach: see `statements`.
pub struct Kept<Question, Answer>(ManuallyDrop<RefCell<Option<Entry<Question, Answer>>>>);

struct Entry<Question, Answer> {
    when: When,
    question: Question,
    answer: Answer,
}

/// When a question is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
struct When {
    statement: u64,
    /// The clock of look-ups. A cursor's is that of each fetch.
    start: pg_sys::TimestampTz,
    seen: Seen,
}

impl When {
    /// `None` outside a statement, and where it can't be told whether anything has changed.
    fn now() -> Option<When> {
        let statement = statements::number_of_current()?;
        Some(When { statement, start: transaction::statement_start(), seen: Seen::now()? })
    }
}

impl<Question: PartialEq, Answer: Copy> Kept<Question, Answer> {
    pub const fn nothing() -> Self {
        Kept(ManuallyDrop::new(RefCell::new(None)))
    }

    /// The answer to a question: as it was kept, or as `ask` looks it up. `question` must be all that the answer depends on, beside
    /// the database and the start of the statement.
    pub fn answer<E>(&self, question: Question, ask: impl FnOnce(&Question) -> Result<Answer, E>) -> Result<Answer, E> {
        // Before the look-up: what changes during it counts as a change.
        let now = When::now();
        let is_same = |kept: &&Entry<Question, Answer>| Some(kept.when) == now && kept.question == question;
        if let Some(answer) = self.0.borrow().as_ref().filter(is_same).map(|kept| kept.answer) {
            return Ok(answer);
        }
        let answer = ask(&question)?;
        if let Some(when) = now {
            self.0.replace(Some(Entry { when, question, answer }));
        }
        Ok(answer)
    }
}

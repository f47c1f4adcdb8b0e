//! One token a statement.
//!
//! A policy asks two questions, whose row this is and at which level the session is, and a `set_config` in between would
//! have them answered by two tokens. So each statement keeps the first token that it was asked about. A token counts only
//! if it is that of every statement that runs: of the innermost, and of all that it runs within. A cursor is one statement,
//! which runs by turns, at the top level or within others.
//!
//! The values kept here have no destructor. Where a library ends the process by `exit()`, thread-local values that have one
//! are gone before Postgres aborts the transaction. The callbacks that come here are part of that abort.

use std::cell::RefCell;
use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use pgrx::prelude::*;

use crate::pg::transaction;

thread_local! {
    static STATEMENTS: ManuallyDrop<RefCell<Statements>> =
        const { ManuallyDrop::new(RefCell::new(Statements { running: Vec::new(), waiting: Vec::new(), last: 0 })) };
}

/// The statements that the executor has begun with.
struct Statements {
    /// Those that run, each within the one before.
    running: Vec<Statement>,
    /// Those that don't just now: between their start and their end, cursors, and what an error ended.
    waiting: Vec<Statement>,
    /// The number of the last one that began.
    last: u64,
}

struct Statement {
    /// What Postgres calls it by. Never followed: an error frees it without a word, and another may come to lie there, which
    /// has a start of its own.
    query: Query,
    /// No other statement of this backend has it.
    number: u64,
    /// An error in this subtransaction ends the statement.
    began_in: pg_sys::SubTransactionId,
    /// The first token that it was asked about.
    token: Option<Rc<CStr>>,
}

/// A query that the executor has in hand.
pub type Query = *mut pg_sys::QueryDesc;

/// Whether a token is the only one that was asked about, in each of the statements that run. Where one was asked about none,
/// this is its first.
pub fn is_only_token(token: &Rc<CStr>) -> bool {
    with_statements(|statements| {
        let mut is_only = true;
        for statement in &mut statements.running {
            is_only &= statement.token.get_or_insert_with(|| token.clone()) == token;
        }
        is_only
    })
}

/// The number of the statement that runs, the innermost. No other statement of this backend has it, before or after.
pub fn number_of_current() -> Option<u64> {
    with_statements(|statements| statements.running.last().map(|statement| statement.number))
}

/// Reads or changes the values kept of the statements. `work` must not raise a Postgres error or call back into SQL.
fn with_statements<T>(work: impl FnOnce(&mut Statements) -> T) -> T {
    STATEMENTS.with(|statements| work(&mut statements.borrow_mut()))
}

/// A statement runs as long as this lives.
pub struct Running {
    /// How many it runs within.
    depth: usize,
    /// Whether its start was not seen, since the library was loaded later.
    pub started_unseen: bool,
}

impl Running {
    /// A query that begins. One that an error ended may have been at the same place.
    pub fn first(query: Query) -> Running {
        forget(query);
        let mut running = Running::again(query);
        running.started_unseen = false;
        running
    }

    /// A query that began before; or before the library was loaded.
    pub fn again(query: Query) -> Running {
        let subtransaction = transaction::current_subtransaction();
        with_statements(|Statements { running, waiting, last }| {
            let known = waiting.iter().rposition(|known| known.query == query).map(|place| waiting.swap_remove(place));
            let started_unseen = known.is_none();
            running.push(known.unwrap_or_else(|| {
                *last += 1;
                Statement { query, number: *last, began_in: subtransaction, token: None }
            }));
            Running { depth: running.len() - 1, started_unseen }
        })
    }
}

impl Drop for Running {
    // Also where an error unwinds.
    fn drop(&mut self) {
        with_statements(|Statements { running, waiting, .. }| {
            let depth = self.depth.min(running.len());
            waiting.extend(running.drain(depth..));
        });
    }
}

/// A query that ends.
pub fn forget(query: Query) {
    with_statements(|statements| statements.waiting.retain(|known| known.query != query));
}

/// Ends every statement.
pub fn transaction_ended() {
    with_statements(|statements| {
        statements.running.clear();
        statements.waiting.clear();
    });
}

/// The statements that began in a subtransaction, cursors among them, are its parent's from now on.
pub fn subtransaction_committed(ended: pg_sys::SubTransactionId, parent: pg_sys::SubTransactionId) {
    with_statements(|Statements { running, waiting, .. }| {
        let began_there = |statement: &&mut Statement| statement.began_in == ended;
        running.iter_mut().chain(waiting).filter(began_there).for_each(|statement| statement.began_in = parent);
    });
}

/// Ends the statements that began in a subtransaction.
pub fn subtransaction_aborted(ended: pg_sys::SubTransactionId) {
    with_statements(|statements| statements.waiting.retain(|statement| statement.began_in != ended));
}

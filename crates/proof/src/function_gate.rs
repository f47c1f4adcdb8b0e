//! A function's gate: what a session must show before the function does anything.

use std::fmt;

use crate::expression::Expression;
use crate::ids::TableId;

/// What a session passes in a function before it does anything.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionGate {
    /// True where a session gets to the first statement that could do something. The arguments are the caller's to choose.
    pub passage: Expression,
    /// Whether its statements run for a session that it refuses, too: their own conditions keep them from all rows. Triggers
    /// for each statement fire even so.
    pub statements_run: bool,
    /// The tables that it reads before, to decide.
    pub reads: Vec<TableId>,
    /// What couldn't be read, and so counts as possibly true.
    pub notes: Vec<GateNote>,
}

/// What couldn't be read of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GateNote {
    /// The line of the body, from 1 on, if it is known.
    pub line: Option<usize>,
    /// The part that couldn't be read.
    pub what: String,
}

impl FunctionGate {
    /// No gate: every session passes.
    pub fn open() -> FunctionGate {
        FunctionGate { passage: Expression::unknown(), statements_run: false, reads: Vec::new(), notes: Vec::new() }
    }

    /// Whether nothing of it could be read.
    pub fn is_unread(&self) -> bool {
        matches!(self.passage, Expression::Unknown { .. })
    }

    /// No gate that could be read, and why.
    pub fn unread(line: Option<usize>, what: &str) -> FunctionGate {
        FunctionGate { notes: vec![GateNote { line, what: what.to_owned() }], ..FunctionGate::open() }
    }
}

impl fmt::Display for GateNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

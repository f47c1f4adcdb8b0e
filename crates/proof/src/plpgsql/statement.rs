//! The statements of a body.

use std::ops::Range;

/// A function's body, taken apart.
#[derive(Debug)]
pub struct Body {
    pub(super) source: String,
    pub(super) block: Block,
}

/// A body that isn't PL/pgSQL as it is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// The line where that shows.
    pub line: u32,
}

/// A part of the source, such as an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub range: Range<usize>,
    pub line: u32,
}

/// A block: BEGIN … END.
#[derive(Debug)]
pub(super) struct Block {
    pub label: Option<String>,
    pub declarations: Vec<Declaration>,
    pub statements: Vec<Statement>,
    /// The statements of each exception handler.
    pub handlers: Vec<Vec<Statement>>,
    /// The whole block without its declarations.
    pub part: Part,
    /// Whether an EXIT may leave it by its label.
    pub may_be_left: bool,
}

/// What a block declares.
#[derive(Debug)]
pub(super) enum Declaration {
    /// `name type not null := value;`
    Variable { name: String, kind: Part, not_null: bool, value: Option<Part> },
    /// `name alias for other;`
    Alias { name: String, of: Target },
    /// A cursor.
    Opaque { name: String },
}

/// The target of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A name, of several parts where it is qualified or a field.
    Named(Vec<String>),
    /// `$1`.
    Numbered(usize),
    /// An element of what the name stands for.
    Element(Vec<String>),
}

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub line: u32,
    pub does: Does,
}

/// What a statement does.
#[derive(Debug)]
pub(super) enum Does {
    Block(Block),
    Assign {
        target: Target,
        value: Part,
    },
    If {
        arms: Vec<(Part, Vec<Statement>)>,
        otherwise: Vec<Statement>,
    },
    /// `tested`: `case x when …`.
    Case {
        tested: Option<Part>,
        arms: Vec<(Part, Vec<Statement>)>,
        otherwise: Option<Vec<Statement>>,
    },
    Loop {
        label: Option<String>,
        /// The text before LOOP.
        head: Part,
        /// Whether it fetches from a cursor, whose query stands elsewhere.
        of_cursor: bool,
        /// The variables that it counts or fetches with.
        variables: Vec<String>,
        statements: Vec<Statement>,
        /// All of it.
        part: Part,
    },
    /// EXIT or CONTINUE.
    Exit {
        condition: Option<Part>,
    },
    Return(Option<Part>),
    /// RETURN NEXT, RETURN QUERY: it goes on.
    ReturnRows,
    Raise {
        /// Whether it raises an error: the level is EXCEPTION.
        ends: bool,
        arguments: Part,
    },
    Perform(Part),
    /// `select … into a, b …`: the query without INTO. Or `execute 'select …'`, with INTO behind it or none.
    Into {
        query: String,
        targets: Vec<Target>,
        /// Whether it is a text that EXECUTE runs: that names no variable, and leaves FOUND as it is.
        is_executed: bool,
    },
    /// Any SQL that isn't followed, with what it sets. `deed`: what it does in any case.
    Other {
        part: Part,
        targets: Vec<Target>,
        deed: super::Deed,
        /// Whether it may set any variable that it names.
        sets_named: bool,
    },
    /// ASSERT: nothing but what its expressions do, since `plpgsql.check_asserts` switches it off.
    Assert(Part),
    /// Nothing but what its expressions do: GET DIAGNOSTICS, NULL.
    Nothing {
        part: Part,
        targets: Vec<Target>,
    },
}

impl Body {
    /// The text of a part.
    pub(super) fn text(&self, part: &Part) -> &str {
        &self.source[part.range.clone()]
    }
}

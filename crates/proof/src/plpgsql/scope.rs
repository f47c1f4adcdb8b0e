//! The variables of a body, and what each comes to at one place.

use std::rc::Rc;

use crate::Expression;

/// A parameter of the function.
#[derive(Clone, Debug)]
pub struct Parameter<K> {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its type.
    pub kind: K,
    /// What it comes to when the function is called.
    pub value: Expression,
}

/// What a name stands for.
pub enum Found<'s, K> {
    /// A variable of this type, which comes to this.
    Variable(&'s Expression, K),
    /// A variable, or a part of one, of which nothing is known.
    Unknown,
    /// No variable.
    None,
}

/// The variables that an expression can name.
pub struct Scope<'s, K> {
    pub(super) frames: &'s [Frame],
    pub(super) kinds: &'s [Declared<K>],
    pub(super) state: &'s State,
    pub(super) parameters: &'s [usize],
}

/// A variable.
#[derive(Clone, Copy)]
pub(super) struct Declared<K> {
    pub kind: K,
    /// Whether its type is known.
    pub is_known: bool,
    /// Whether it is an error to assign NULL.
    pub not_null: bool,
}

/// The names of one block.
pub(super) struct Frame {
    pub label: Option<String>,
    pub names: Vec<(String, usize)>,
}

/// What the variables come to at one place.
#[derive(Clone)]
pub(super) struct State {
    pub values: Vec<Value>,
    /// Whether the claims or the role may be others than when the function was called.
    pub is_changed: bool,
}

/// What a variable comes to. It is shared by all paths where it is the same.
#[derive(Clone)]
pub(super) struct Value {
    pub expression: Rc<Expression>,
    /// How many nodes stand one above the other.
    pub height: usize,
}

impl Value {
    pub fn new(expression: Expression) -> Value {
        let height = expression.extent().1;
        Value { expression: Rc::new(expression), height }
    }

    pub fn unknown() -> Value {
        Value { expression: Rc::new(Expression::unknown()), height: 1 }
    }
}

impl<'s, K: Copy> Scope<'s, K> {
    /// What a name stands for, of one or more parts. Names of inner blocks come first, as Postgres looks for them.
    pub fn find(&self, parts: &[String]) -> Found<'s, K> {
        let Some((first, more)) = parts.split_first() else { return Found::None };
        for frame in self.frames.iter().rev() {
            if let Some(variable) = frame.find(first) {
                match more {
                    [] => return self.found(variable),
                    // A field of it, unless its type has none.
                    _ if !self.kinds[variable].is_known => return Found::Unknown,
                    _ => {}
                }
            }
            if let [name, fields @ ..] = more
                && frame.label.as_ref() == Some(first)
                && let Some(variable) = frame.find(name)
            {
                return if fields.is_empty() { self.found(variable) } else { Found::Unknown };
            }
        }
        Found::None
    }

    /// What `$1` stands for, and so on.
    pub fn parameter(&self, number: usize) -> Found<'s, K> {
        let variable = number.checked_sub(1).and_then(|place| self.parameters.get(place));
        variable.map_or(Found::None, |variable| self.found(*variable))
    }

    fn found(&self, variable: usize) -> Found<'s, K> {
        Found::Variable(&self.state.values[variable].expression, self.kinds[variable].kind)
    }
}

impl Frame {
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().rev().find(|(its, _)| its == name).map(|(_, variable)| *variable)
    }
}

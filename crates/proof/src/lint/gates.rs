//! What the gates of functions need of a session.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::{Catalog, Expression, FunctionIndex, Matrix, RoleIndex, Threshold};

/// The gates, each weighed once.
pub(crate) struct Gates<'a> {
    catalog: &'a Catalog,
    matrix: &'a Matrix<'a>,
    known: RefCell<HashMap<(FunctionIndex, Option<RoleIndex>), Passed>>,
}

/// What a gate needs.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    /// The least that a session must show.
    pub threshold: Threshold,
    /// Whether anonymous users pass though they have no level: the gate reads the claim `aal` itself.
    pub by_guests: bool,
}

impl<'a> Gates<'a> {
    pub fn new(catalog: &'a Catalog, matrix: &'a Matrix<'a>) -> Gates<'a> {
        Gates { catalog, matrix, known: RefCell::default() }
    }

    /// What a session of this role, or of any, must show to pass a function's gate. `refuses_guests`: nothing where guests pass.
    pub fn needed(&self, function: FunctionIndex, role: Option<RoleIndex>, refuses_guests: bool) -> Threshold {
        let passed = self.passed(function, role);
        if refuses_guests && passed.by_guests { Threshold::NOTHING } else { passed.threshold }
    }

    /// What a function's gate needs of a session of this role, or of any.
    pub fn passed(&self, function: FunctionIndex, role: Option<RoleIndex>) -> Passed {
        let gate = &self.catalog.functions[function].gate;
        // As whom it runs, that depends on what calls it.
        let is_certain = !gate.passage.any(&|it| matches!(it, Expression::CurrentRole));
        let role = role.filter(|_| is_certain && gate.passage.depends_on_role());
        if let Some(known) = self.known.borrow().get(&(function, role)) {
            return *known;
        }
        let (threshold, by_guests) = self.matrix.lowest_past(&gate.passage, role);
        let passed = Passed { threshold, by_guests };
        self.known.borrow_mut().insert((function, role), passed);
        passed
    }

    /// Whether some gate tells roles apart.
    pub fn depend_on_role(&self) -> bool {
        self.catalog.functions.iter().any(|function| function.gate.passage.depends_on_role())
    }
}

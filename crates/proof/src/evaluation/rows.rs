//! What sub-selects come to.

use super::truth::any_boolean;
use super::{Evaluation, Expression, Origin, Outcomes, Rows, Value};

impl Evaluation<'_> {
    pub(super) fn may_read(&self, rows: &Rows) -> bool {
        self.readable.is_none_or(|readable| rows.reads.iter().all(|table| readable.contains(table)))
    }

    /// Whether there may be a row, and whether there must be one.
    pub(super) fn has_row(&self, rows: &Rows) -> (bool, bool) {
        if rows.always_one {
            return (true, true);
        }
        let filter = rows.filter.as_ref().map(|filter| self.outcomes(filter));
        let may = filter.as_ref().is_none_or(Outcomes::can_be_true);
        let passes = filter.is_none_or(|filter| filter.is_certainly(&Value::Bool(true)));
        // A condition on the table of factors says whether there is such a row.
        let decides = !rows.from || rows.filter.as_deref() == Some(&Expression::HasFactor);
        (may, may && passes && decides && !rows.may_be_cut)
    }

    pub(super) fn select(&self, target: &Expression, rows: &Rows) -> Outcomes {
        // A function's body asks for rights when it is called: by then the role may be another.
        if !self.trusts_settings && rows.origin != Origin::SubSelect && self.readable.is_some() {
            return Evaluation { readable: None, ..self.clone() }.select(target, rows);
        }
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        let (may, must) = self.has_row(rows);
        let mut outcomes = if may { self.outcomes(target) } else { Outcomes::raises() };
        if !must {
            outcomes.add(Value::Null);
        }
        outcomes
    }

    pub(super) fn exists(&self, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        match self.has_row(rows) {
            (false, _) => Outcomes::one(Value::Bool(false)),
            (true, true) => Outcomes::one(Value::Bool(true)),
            (true, false) => any_boolean(),
        }
    }

    pub(super) fn any_row(&self, test: &Expression, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        let (may, must) = self.has_row(rows);
        let mut outcomes = if may { self.outcomes(test) } else { Outcomes::raises() };
        if !must {
            outcomes.add(Value::Bool(false));
        }
        outcomes
    }

    pub(super) fn array_of(&self, target: &Expression, rows: &Rows) -> Outcomes {
        if !self.may_read(rows) {
            return Outcomes::raises();
        }
        match self.has_row(rows) {
            (false, _) => Outcomes::one(Value::Array(Vec::new())),
            (true, true) if !rows.from => {
                self.outcomes(target).map(Outcomes::anything, |value| Outcomes::one(Value::Array(vec![value.clone()])))
            }
            _ => Outcomes::anything(),
        }
    }
}

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
            (true, must) if !rows.from && !rows.may_be_cut => {
                let array = |value: &Value| Outcomes::one(Value::Array(vec![value.clone()]));
                let mut outcomes = self.outcomes(target).map(Outcomes::anything, array);
                if !must {
                    outcomes.add(Value::Array(Vec::new()));
                }
                outcomes
            }
            _ => Outcomes::anything(),
        }
    }

    /// Whether a condition keeps every statement from beginning: it has a sub-select on a table that the role may not read. Postgres
    /// checks that before any row, unless the planner leaves the sub-select out because of a constant beside it.
    pub(super) fn is_refused_outright(&self, condition: &Expression) -> bool {
        use Expression::{And, Compare, Exists, Is, Not, Or, Select};
        if !self.trusts_settings || self.known.is_some() {
            return false;
        }
        let one_of = |all: &[Expression]| {
            let refused = all.iter().filter(|it| self.is_refused_outright(it)).count();
            refused > 0 && all.iter().all(|it| stays(it) || self.is_refused_outright(it))
        };
        match condition {
            Select { rows, .. } | Exists(rows) if rows.origin == Origin::SubSelect && !self.may_read(rows) => {
                !rows.may_be_cut
            }
            Select { target, rows } => {
                let only_wraps =
                    rows.origin == Origin::SubSelect && !rows.from && rows.filter.is_none() && !rows.may_be_cut;
                only_wraps && self.is_refused_outright(target)
            }
            Not(it) | Is { tested: it, .. } => self.is_refused_outright(it),
            And(all) | Or(all) => one_of(all),
            Compare(_, a, b) => {
                let beside =
                    |it: &Expression| stays(it) || matches!(it, Expression::Constant(it) if *it != Value::Null);
                (self.is_refused_outright(a) && beside(b)) || (self.is_refused_outright(b) && beside(a))
            }
            _ => false,
        }
    }
}

/// Whether the planner can't find out what a condition comes to: it reads a setting, and has no constant that would decide.
fn stays(expression: &Expression) -> bool {
    use Expression::{
        And, Claims, Coalesce, Compare, Constant, Level, Member, Not, NullIf, Or, Select, Setting, ToJson,
    };
    let is_constant = |it: &Expression| matches!(it, Constant(it) if *it != Value::Null);
    match expression {
        Claims | Level => true,
        Setting { name, .. } => is_constant(name),
        And(all) | Or(all) | Coalesce(all) => !all.is_empty() && all.iter().all(stays),
        Not(it) | ToJson(it) => stays(it),
        Compare(_, a, b) | NullIf(a, b) | Member { document: a, key: b, .. } => {
            (stays(a) && (is_constant(b) || stays(b))) || (stays(b) && is_constant(a))
        }
        // A call that isn't put in place of its function's body may be the planner's to make.
        Select { target, rows } if rows.origin != Origin::Call => {
            !rows.from && rows.filter.is_none() && !rows.may_be_cut && stays(target)
        }
        _ => false,
    }
}

//! Conditions on Supabase Auth's table of factors that say whether the session's user has enrolled one: `exists (select from
//! auth.mfa_factors where user_id = auth.uid() and status = 'verified')`, and a count of the same rows.
//!
//! They say it only where no row is hidden: in a function whose owner bypasses row security on that table.

use pgrx::prelude::*;
use proof::{Expression, Value};

use super::expressions::{Frame, Reading};
use super::factor_store::{FactorColumn, FactorStore};
use super::types::value_of;
use crate::pg::list::List;
use crate::pg::lookup;
use crate::pg::node::{Form, Node, NodeRef};

/// What a count of the session's verified factors comes to.
pub fn count_of_factors() -> Expression {
    let arms = vec![(Expression::HasFactor, Expression::Constant(Value::Positive))];
    Expression::Case { arms, otherwise: Box::new(Expression::Constant(Value::Integer(0))) }
}

impl Reading<'_, '_> {
    /// Whether the rows of a query are the verified factors of the session's user, all of them and no others.
    pub fn selects_factors(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>) -> bool {
        let functions = self.functions;
        let Some(store) = functions.factors().filter(|store| store.is_seen_whole(frame.nesting)) else { return false };
        let is_store = |it: NodeRef<'_, pg_sys::RangeTblEntry>| {
            it.rtekind == pg_sys::RTEKind::RTE_RELATION && it.relid == store.table && it.tablesample.is_null()
        };
        let entry = query.rtable().single().and_then(Node::cast);
        let Some(from) = query.jointree().and_then(Node::cast::<pg_sys::FromExpr>) else { return false };
        let (true, Some(_), Some(quals)) = (entry.is_some_and(is_store), from.fromlist().single(), from.quals()) else {
            return false;
        };
        let Some([a, b]) = conjuncts(quals) else { return false };
        let is_whose = |one: &mut Self, it| one.is_users(store, it, frame);
        (is_verified(store, a) && is_whose(self, b)) || (is_verified(store, b) && is_whose(self, a))
    }

    /// Whether this is `user_id = auth.uid()`.
    fn is_users(&mut self, store: &FactorStore, node: Node<'_>, frame: &Frame<'_>) -> bool {
        let Some((function, [a, b])) = operation(node) else { return false };
        let is_user = |node| store_column(store, node) == Some(FactorColumn::User);
        let other = if is_user(a) { b } else { a };
        function == pg_sys::F_UUID_EQ
            && (is_user(a) || is_user(b))
            && self.expression(Some(other), frame).is_session_subject()
    }

    /// What an aggregate over the session's verified factors comes to; `None` where that can't be told.
    pub fn aggregate_of_factors(&self, it: NodeRef<'_, pg_sys::Aggref>) -> Option<Expression> {
        let store = self.functions.factors()?;
        let is_never_null = |node: Node<'_>| match node.form() {
            Form::Const(it) => !it.constisnull,
            _ => match store_column(store, node) {
                Some(FactorColumn::Other { never_null }) => never_null,
                Some(_) => true,
                None => false,
            },
        };
        let counts = match it.aggfnoid.to_u32() {
            pg_sys::F_COUNT_ => true,
            pg_sys::F_COUNT_ANY => {
                let argument = it.args().items::<pg_sys::TargetEntry>().next()?;
                argument.expr().is_some_and(is_never_null)
            }
            _ => false,
        };
        (counts && it.agglevelsup == 0 && it.aggfilter.is_null()).then(count_of_factors)
    }
}

/// The two parts of `a and b`.
fn conjuncts(node: Node<'_>) -> Option<[Node<'_>; 2]> {
    let it = node.cast::<pg_sys::BoolExpr>().filter(|it| it.boolop == pg_sys::BoolExprType::AND_EXPR)?;
    two(it.args())
}

fn two(list: List<'_>) -> Option<[Node<'_>; 2]> {
    list.nodes().collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// The function behind an operator, and its operands.
fn operation(node: Node<'_>) -> Option<(u32, [Node<'_>; 2])> {
    let it = node.cast::<pg_sys::OpExpr>()?;
    Some((lookup::operator_function(it.opno).to_u32(), two(it.args())?))
}

/// The column that this is, of the only table of a query.
fn store_column(store: &FactorStore, node: Node<'_>) -> Option<FactorColumn> {
    let it = node.cast::<pg_sys::Var>()?;
    (it.varlevelsup == 0).then(|| store.column(it.varattno))
}

/// Whether this is `status = 'verified'`, or the same of its text.
fn is_verified(store: &FactorStore, node: Node<'_>) -> bool {
    let Some((function, [a, b])) = operation(node) else { return false };
    let is_status = |node: Node<'_>| {
        let column = node.cast::<pg_sys::CoerceViaIO>().and_then(|it| it.arg()).unwrap_or(node);
        store_column(store, column) == Some(FactorColumn::Status)
    };
    let says_verified = |node: Node<'_>| {
        let value = node.cast::<pg_sys::Const>().and_then(value_of);
        value.is_some_and(|it| it == Value::text("verified"))
    };
    matches!(function, pg_sys::F_ENUM_EQ | pg_sys::F_TEXTEQ)
        && ((is_status(a) && says_verified(b)) || (is_status(b) && says_verified(a)))
}

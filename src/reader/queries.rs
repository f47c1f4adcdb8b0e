//! Sub-selects, as Postgres analyzed them.

use std::cell::Cell;

use pgrx::prelude::*;
use proof::{Expression, Origin, Rows, Value};

use super::expressions::{Frame, Reading};
use super::types::value_of;
use crate::applies_when::called_alone;
use crate::pg::node::{Form, Node, NodeRef};

impl Reading<'_, '_> {
    pub fn sub_select(&mut self, it: NodeRef<'_, pg_sys::SubLink>, frame: &Frame<'_>) -> Expression {
        use pg_sys::SubLinkType::*;
        let query = it.subselect().and_then(Node::cast);
        let Some((selected, mut rows)) = query.and_then(|query| self.query(query, &frame.in_query())) else {
            return Expression::unknown();
        };
        let is_wrapped = query.and_then(called_alone).is_some_and(|call| self.functions.is_wrapped(call.funcid));
        let mut test = |selected: &[Expression]| self.boxed(it.testexpr(), &Frame { selected, ..*frame });
        let target =
            |selected: Vec<Expression>| Box::new(selected.into_iter().next().unwrap_or_else(Expression::unknown));
        match it.subLinkType {
            EXISTS_SUBLINK => {
                // What it selects doesn't matter, but the plan may have it.
                rows.mentions.extend(selected.into_iter().filter(Expression::selects_from));
                Expression::Exists(rows)
            }
            EXPR_SUBLINK if is_wrapped => *target(selected),
            EXPR_SUBLINK => Expression::Select { target: target(selected), rows },
            ARRAY_SUBLINK => Expression::ArrayOf { target: target(selected), rows },
            ANY_SUBLINK => Expression::AnyRow { test: test(&selected), rows },
            // True for all is not false for any.
            ALL_SUBLINK => Expression::AnyRow { test: Box::new(test(&selected).negate()), rows }.negate(),
            _ => Expression::Select { target: Box::new(Expression::unknown()), rows },
        }
    }

    /// What a query selects, column by column, and from where.
    pub fn query(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>) -> Option<(Vec<Expression>, Rows)> {
        let outermost = Cell::new(u32::MAX);
        let read = self.query_here(query, &Frame { outermost: &outermost, ..*frame });
        frame.outermost.set(frame.outermost.get().min(outermost.get()));
        let (selected, rows) = read?;
        Some((selected, Rows { correlated: outermost.get() < frame.queries, ..rows }))
    }

    fn query_here(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>) -> Option<(Vec<Expression>, Rows)> {
        let of_factors = is_plain(query) && self.selects_factors(query, frame);
        let frame = &Frame { of_factors, ..*frame };
        let target = self.selected(query, frame);
        if query.commandType != pg_sys::CmdType::CMD_SELECT {
            return None;
        }
        let mut rows = Rows { origin: Origin::SubSelect, ..mentioned(Vec::new()) };
        for entry in query.rtable().items() {
            if !self.budget.spend(1) {
                rows.mentions.push(Expression::too_large());
                break;
            }
            self.range_table_entry(entry, frame, &mut rows);
        }
        let Some(from) = query.jointree().and_then(Node::cast::<pg_sys::FromExpr>) else { return Some((target, rows)) };
        let filter = match from.quals() {
            Some(_) if of_factors => Some(Expression::HasFactor),
            quals => quals.map(|quals| self.expression(Some(quals), frame)),
        };
        if !is_plain(query) {
            rows.mentions.extend(filter);
            return Some((target, rows));
        }
        rows.from = !from.fromlist().is_empty();
        let is_limited = query.limitCount().is_some_and(|limit| !is_some_row(limit));
        rows.may_be_cut = is_limited || query.limitOffset().is_some() || query.hasTargetSRFs;
        let grouped =
            !query.groupClause().is_empty() || !query.groupingSets().is_empty() || query.havingQual().is_some();
        if query.hasAggs && !grouped {
            // One row, even where the filter finds none; unless that row is cut.
            rows.always_one = !rows.may_be_cut;
            if !rows.always_one {
                rows.mentions.extend(filter);
                return Some((target, rows));
            }
        } else if query.havingQual().is_some() || !query.groupingSets().is_empty() {
            // Empty grouping sets have a row even where nothing is grouped.
            rows.may_be_cut = true;
            rows.mentions.extend(filter);
            return Some((target, rows));
        }
        rows.filter = filter.map(Box::new);
        Some((target, rows))
    }

    /// What a query selects, column by column.
    fn selected(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>) -> Vec<Expression> {
        let entries = query.targetList().items::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk);
        let entries = entries.map(|entry| self.expression(entry.expr(), frame));
        if is_plain(query) { entries.collect() } else { entries.map(|it| mentioning(vec![it])).collect() }
    }

    /// Notes what an entry of a query's range table reads.
    fn range_table_entry(&mut self, entry: NodeRef<'_, pg_sys::RangeTblEntry>, frame: &Frame<'_>, rows: &mut Rows) {
        match entry.rtekind {
            pg_sys::RTEKind::RTE_RELATION if frame.callers_rights => {
                rows.reads.extend(proof::TableId::new(entry.relid.to_u32()));
            }
            pg_sys::RTEKind::RTE_SUBQUERY => {
                let Some(nesting) = self.budget.enter(frame.nesting) else { return };
                let query = entry.subquery().and_then(Node::cast);
                let frame = Frame { nesting, ..frame.in_query() };
                if let Some((selected, beneath)) = query.and_then(|query| self.query(query, &frame)) {
                    let target = Box::new(mentioning(selected));
                    rows.mentions.push(Expression::Select { target, rows: beneath });
                }
            }
            pg_sys::RTEKind::RTE_FUNCTION => {
                for function in entry.functions().items::<pg_sys::RangeTblFunction>() {
                    rows.mentions.push(self.expression(function.funcexpr(), frame));
                }
            }
            _ => {}
        }
    }
}

/// Whether a LIMIT leaves a row where there is one.
fn is_some_row(limit: Node<'_>) -> bool {
    let limit = match limit.form() {
        Form::FuncExpr(it) if it.funcid == pg_sys::Oid::from_u32(pg_sys::F_INT8_INT4) => it.args().single(),
        _ => Some(limit),
    };
    let value = limit.and_then(Node::cast::<pg_sys::Const>).and_then(value_of);
    matches!(value, Some(Value::Integer(1..)))
}

/// Whether what a query selects is made of its own FROM and WHERE alone.
fn is_plain(query: NodeRef<'_, pg_sys::Query>) -> bool {
    query.setOperations().is_none() && query.cteList().is_empty() && query.commandType == pg_sys::CmdType::CMD_SELECT
}

/// An expression that can't be read, but has these in it.
pub fn mentioning(mentions: Vec<Expression>) -> Expression {
    Expression::Select { target: Box::new(Expression::unknown()), rows: mentioned(mentions) }
}

/// Rows of which only this is known. They may never be evaluated: so if it raises, that says nothing.
pub fn mentioned(mentions: Vec<Expression>) -> Rows {
    Rows {
        filter: None,
        from: true,
        always_one: false,
        may_be_cut: true,
        reads: Vec::new(),
        mentions,
        correlated: false,
        origin: Origin::Inlined,
        key: None,
    }
}

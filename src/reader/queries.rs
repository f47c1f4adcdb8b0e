//! Sub-selects, as Postgres analyzed them.

use std::cell::Cell;

use pgrx::prelude::*;
use proof::{Expression, Origin, Rows, Value};

use super::expressions::{Frame, Reading};
use super::known::Known;
use super::types::{Family, compares_bytes, value_of};
use crate::applies_when::called_alone;
use crate::pg::node::{Form, Node, NodeRef};

impl Reading<'_, '_> {
    pub fn sub_select(&mut self, it: NodeRef<'_, pg_sys::SubLink>, frame: &Frame<'_>) -> Expression {
        use pg_sys::SubLinkType::*;
        let query = it.subselect().and_then(Node::cast);
        if let Some(united) = query.and_then(|query| self.united(it, query, frame)) {
            return united;
        }
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

    /// `exists (a union b)` is `exists (a) or exists (b)`, and so is `= any`. `None` where it is another sub-select.
    fn united(
        &mut self,
        it: NodeRef<'_, pg_sys::SubLink>,
        query: NodeRef<'_, pg_sys::Query>,
        frame: &Frame<'_>,
    ) -> Option<Expression> {
        use pg_sys::SubLinkType::{ANY_SUBLINK, EXISTS_SUBLINK};
        let kind = it.subLinkType;
        let is_united = query.cteList().is_empty() && query.limitCount().is_none() && query.limitOffset().is_none();
        let operation = query.setOperations()?.cast::<pg_sys::SetOperationStmt>()?;
        if !is_united || !matches!(kind, EXISTS_SUBLINK | ANY_SUBLINK) {
            return None;
        }
        let types: Vec<pg_sys::Oid> = operation.colTypes().collect();
        let queries = united_queries(query, kind == ANY_SUBLINK)?;
        if kind == ANY_SUBLINK && !queries.iter().all(|query| types_of(*query) == types) {
            return None;
        }
        let each = queries.into_iter().map(|query| {
            let nesting = self.budget.enter(frame.nesting)?;
            let within = Frame { nesting, ..frame.in_query().in_query() };
            let (selected, mut rows) = self.query(query, &within)?;
            Some(if kind == EXISTS_SUBLINK {
                rows.mentions.extend(selected.into_iter().filter(Expression::selects_from));
                Expression::Exists(rows)
            } else {
                Expression::AnyRow { test: self.boxed(it.testexpr(), &Frame { selected: &selected, ..*frame }), rows }
            })
        });
        Some(Expression::Or(each.collect::<Option<_>>()?))
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
        let frame = &Frame { of_factors, methods: self.place_of_methods(query), ..*frame };
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
        // Of WITH queries it isn't told which rows are taken. One that isn't named isn't run.
        for with in query.cteList().items::<pg_sys::CommonTableExpr>().filter(|with| with.cterefcount > 0) {
            self.mention_query(with.ctequery(), frame, &mut rows);
        }
        let Some(from) = query.jointree().and_then(Node::cast::<pg_sys::FromExpr>) else {
            return Some((self.selected(query, frame), rows));
        };
        let filter = match from.quals() {
            Some(_) if of_factors => Some(Expression::HasFactor),
            quals => quals.map(|quals| self.expression(Some(quals), frame)),
        };
        let is_grouped = !query.groupClause().is_empty() || !query.groupingSets().is_empty();
        rows.from = !is_plain(query) || !from.fromlist().is_empty();
        rows.may_be_cut = !is_plain(query) || query.hasTargetSRFs;
        if !rows.from && !rows.may_be_cut && query.hasAggs && !is_grouped {
            return Some(self.of_one_group(query, filter, frame, rows));
        }
        let target = self.selected(query, frame);
        if !is_plain(query) {
            rows.mentions.extend(filter);
            return Some((target, rows));
        }
        match left_by_limits(query, rows.from || rows.may_be_cut) {
            Limits::Some => {}
            Limits::None => return Some((target, without_rows(rows, filter))),
            Limits::Unknown => rows.may_be_cut = true,
        }
        let grouped = is_grouped || query.havingQual().is_some();
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

    /// The same of a query without tables that has an aggregate: one row, made of one or none, unless HAVING takes it away.
    fn of_one_group(
        &mut self,
        query: NodeRef<'_, pg_sys::Query>,
        filter: Option<Expression>,
        frame: &Frame<'_>,
        mut rows: Rows,
    ) -> (Vec<Expression>, Rows) {
        let counted = filter.unwrap_or(Expression::Constant(Value::Bool(true)));
        let within = Frame { counted: Some(&counted), ..*frame };
        let target = self.selected(query, &within);
        let having = query.havingQual().map(|having| self.boxed(Some(having), &within));
        rows.mentions.push(counted);
        match left_by_limits(query, false) {
            Limits::None => return (target, without_rows(rows, having.map(|it| *it))),
            Limits::Some => {}
            Limits::Unknown => rows.may_be_cut = true,
        }
        rows.always_one = having.is_none() && !rows.may_be_cut;
        rows.filter = having;
        (target, rows)
    }

    /// What a query selects, column by column.
    fn selected(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>) -> Vec<Expression> {
        let entries = query.targetList().items::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk);
        let entries = entries.map(|entry| self.expression(entry.expr(), frame));
        if is_plain(query) { entries.collect() } else { entries.map(|it| mentioning(vec![it])).collect() }
    }

    /// Notes what a query selects that another one selects from.
    fn mention_query(&mut self, query: Option<Node<'_>>, frame: &Frame<'_>, rows: &mut Rows) {
        let Some(nesting) = self.budget.enter(frame.nesting) else { return };
        let frame = Frame { nesting, ..frame.in_query() };
        if let Some((selected, beneath)) = query.and_then(Node::cast).and_then(|query| self.query(query, &frame)) {
            let target = Box::new(mentioning(selected));
            rows.mentions.push(Expression::Select { target, rows: beneath });
        }
    }

    /// The place of `auth.amr()` among the tables of a query.
    fn place_of_methods(&self, query: NodeRef<'_, pg_sys::Query>) -> Option<usize> {
        let is_methods = |it: NodeRef<'_, pg_sys::RangeTblFunction>| match it.funcexpr().map(Node::form) {
            Some(Form::FuncExpr(it)) => matches!(self.functions.known(it.funcid), Some(Known::Methods)),
            _ => false,
        };
        let mut entries = query.rtable().items::<pg_sys::RangeTblEntry>();
        entries.position(|entry| entry.functions().single().and_then(Node::cast).is_some_and(is_methods))
    }

    /// Notes what an entry of a query's range table reads.
    fn range_table_entry(&mut self, entry: NodeRef<'_, pg_sys::RangeTblEntry>, frame: &Frame<'_>, rows: &mut Rows) {
        match entry.rtekind {
            pg_sys::RTEKind::RTE_RELATION if frame.callers_rights => {
                rows.reads.extend(proof::TableId::new(entry.relid.to_u32()));
            }
            pg_sys::RTEKind::RTE_SUBQUERY => self.mention_query(entry.subquery(), frame, rows),
            pg_sys::RTEKind::RTE_FUNCTION => {
                for function in entry.functions().items::<pg_sys::RangeTblFunction>() {
                    rows.mentions.push(self.expression(function.funcexpr(), frame));
                }
            }
            _ => {}
        }
    }
}

/// Which rows LIMIT and OFFSET leave.
enum Limits {
    /// One, where there is one.
    Some,
    /// None.
    None,
    /// That isn't known.
    Unknown,
}

/// `has_many`: whether there may be more than one.
fn left_by_limits(query: NodeRef<'_, pg_sys::Query>, has_many: bool) -> Limits {
    let limit = query.limitCount().map_or(Some(Value::Null), limit_of);
    let offset = query.limitOffset().map_or(Some(Value::Null), limit_of);
    match (limit, offset) {
        (Some(Value::Integer(0)), Some(Value::Null | Value::Integer(0..))) => Limits::None,
        (Some(Value::Null | Value::Integer(1..)), Some(Value::Null | Value::Integer(0))) => Limits::Some,
        (Some(Value::Null | Value::Integer(1..)), Some(Value::Integer(1..))) if !has_many => Limits::None,
        _ => Limits::Unknown,
    }
}

/// What a LIMIT or OFFSET is, if it is a constant. NULL is no limit.
fn limit_of(limit: Node<'_>) -> Option<Value> {
    let limit = match limit.form() {
        Form::FuncExpr(it) if it.funcid == pg_sys::Oid::from_u32(pg_sys::F_INT8_INT4) => it.args().single(),
        _ => Some(limit),
    };
    limit.and_then(Node::cast::<pg_sys::Const>).and_then(value_of)
}

/// The rows of a query that has none. Its condition is mentioned.
fn without_rows(mut rows: Rows, condition: Option<Expression>) -> Rows {
    rows.mentions.extend(condition);
    Rows { filter: Some(Box::new(Expression::Constant(Value::Bool(false)))), always_one: false, ..rows }
}

/// The queries of a UNION, and of those that are part of it; `None` for another operation. `by_value`: also where it may leave out a value
/// that equals another one and isn't the same.
fn united_queries<'tree>(
    query: NodeRef<'tree, pg_sys::Query>,
    by_value: bool,
) -> Option<Vec<NodeRef<'tree, pg_sys::Query>>> {
    let mut queries = Vec::new();
    let mut open = vec![query.setOperations()?];
    while let Some(node) = open.pop() {
        if let Some(it) = node.cast::<pg_sys::SetOperationStmt>() {
            if it.op != pg_sys::SetOperation::SETOP_UNION || (by_value && !it.all && !are_same_if_equal(it)) {
                return None;
            }
            open.extend([it.rarg()?, it.larg()?]);
        } else {
            let place = usize::try_from(node.cast::<pg_sys::RangeTblRef>()?.rtindex).ok()?.checked_sub(1)?;
            queries.push(query.rtable().items::<pg_sys::RangeTblEntry>().nth(place)?.subquery()?.cast()?);
        }
    }
    Some(queries)
}

/// Whether of two equal values that an operation selects, one is as good as the other.
fn are_same_if_equal(it: NodeRef<'_, pg_sys::SetOperationStmt>) -> bool {
    let is_plain = |kind| kind == pg_sys::BOOLOID || Family::of_type(kind) == Family::Text;
    it.colTypes().all(is_plain) && it.colCollations().all(compares_bytes)
}

/// The types of what a query selects.
fn types_of(query: NodeRef<'_, pg_sys::Query>) -> Vec<pg_sys::Oid> {
    let entries = query.targetList().items::<pg_sys::TargetEntry>().filter(|entry| !entry.resjunk);
    entries.map(|entry| entry.expr().and_then(Node::expression_type).unwrap_or(pg_sys::InvalidOid)).collect()
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

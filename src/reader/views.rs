//! What the queries of views ask of a session.

use std::cell::Cell;

use pgrx::prelude::*;
use proof::Expression;

use super::budget::Nesting;
use super::expressions::{Frame, Reading};
use super::policies::Reader;
use crate::pg::memory::Memory;
use crate::pg::node::{Node, NodeRef, NodeTree};

/// What the query of a view says.
pub struct ViewQuery {
    /// The condition without which it shows no row of a table; `None` where none is known.
    pub condition: Option<Expression>,
    /// Whether it calls no VOLATILE function. Such a one could change the claims.
    pub is_steady: bool,
}

impl Reader<'_, '_> {
    /// Reads the query of a view, as its rule has it; `None` where that can't be read.
    pub fn read_view(&mut self, tree: &NodeTree) -> Option<ViewQuery> {
        let memory = Memory::new(c"pg_aal: a view's tree");
        let query = tree.read(&memory)?.list()?.nodes().next()??;
        let columns = Cell::new(u32::MAX);
        // In a view, columns aren't those of a row that a policy looks at. Tables are read with its owner's rights.
        let frame = Frame { callers_rights: false, ..Frame::in_policy(Nesting::OUTERMOST, &columns).in_query() };
        let condition = self.within_share(|reading| reading.shown(query.cast()?, &frame, false));
        Some(ViewQuery { condition, is_steady: !query.may_be_volatile() })
    }
}

impl Reading<'_, '_> {
    /// The condition without which a query has no row that shows something of its tables; `None` where none is known. `is_read`: whether
    /// another query reads it, for which any row counts.
    fn shown(&mut self, query: NodeRef<'_, pg_sys::Query>, frame: &Frame<'_>, is_read: bool) -> Option<Expression> {
        let nesting = self.budget.enter(frame.nesting)?;
        let frame = Frame { nesting, ..*frame };
        if query.commandType != pg_sys::CmdType::CMD_SELECT {
            return None;
        }
        if query.setOperations().is_some() {
            // A row of any of them may be shown.
            let any = subqueries(query).map(|it| self.shown(it?, &frame.in_query(), is_read));
            return any.collect::<Option<Vec<_>>>().filter(|any| !any.is_empty()).map(Expression::Or);
        }
        // One that aggregates has a row where its WHERE finds none. What sub-selects add to that, nothing keeps away.
        let is_grouped = !query.groupClause().is_empty() && query.groupingSets().is_empty();
        let has_row_anyway = (query.hasAggs || query.havingQual().is_some()) && !is_grouped;
        if has_row_anyway && (is_read || query.hasSubLinks) {
            return None;
        }
        let from = query.jointree()?.cast::<pg_sys::FromExpr>()?;
        let filter = from.quals().map(|quals| self.expression(Some(quals), &frame));
        let beneath = only_source(query, from).and_then(|it| self.shown(it, &frame.in_query(), true));
        let all: Vec<Expression> = filter.into_iter().chain(beneath).collect();
        (!all.is_empty()).then_some(Expression::And(all))
    }
}

/// The sub-select that is all that a query reads from.
fn only_source<'tree>(
    query: NodeRef<'tree, pg_sys::Query>,
    from: NodeRef<'tree, pg_sys::FromExpr>,
) -> Option<NodeRef<'tree, pg_sys::Query>> {
    let item = from.fromlist().single()?.cast::<pg_sys::RangeTblRef>()?;
    let place = usize::try_from(item.rtindex).ok()?.checked_sub(1)?;
    let entry = query.rtable().items::<pg_sys::RangeTblEntry>().nth(place)?;
    if entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY { entry.subquery()?.cast() } else { None }
}

/// The queries of a set operation. The rule of a view may have entries beside them, for the view itself.
fn subqueries<'tree>(
    query: NodeRef<'tree, pg_sys::Query>,
) -> impl Iterator<Item = Option<NodeRef<'tree, pg_sys::Query>>> {
    let entries = query.rtable().items::<pg_sys::RangeTblEntry>();
    let queries = entries.filter(|entry| entry.rtekind == pg_sys::RTEKind::RTE_SUBQUERY);
    queries.map(|entry| entry.subquery().and_then(Node::cast))
}

//! The function of `applies_when`: for which sessions a protection is.
//!
//! It stands in the policies, beside the level: `auth.has_aal(…) or (select private.is_admin()) is false`. There Postgres keeps
//! track of it by its OID, also when it gets another name. So the guards and the proof read it from there.

use aal::Command;
use aal::protection::Made;
use pgrx::prelude::*;

use crate::pg::node::{Form, Node, NodeRef};
use crate::pg::relation::Opened;

/// The level and the function in a condition of the form `level or (select function()) is false`; `None` for any other form.
pub fn parts(condition: Node<'_>) -> Option<(Node<'_>, pg_sys::Oid)> {
    let Form::BoolExpr(either) = condition.form() else { return None };
    let mut operands = either.args().nodes();
    let (level, exemption) = (operands.next()??, operands.next()??);
    if either.boolop != pg_sys::BoolExprType::OR_EXPR || operands.next().is_some() {
        return None;
    }
    let Form::BooleanTest(test) = exemption.form() else { return None };
    let Form::SubLink(link) = test.arg()?.form() else { return None };
    let is_scalar = link.subLinkType == pg_sys::SubLinkType::EXPR_SUBLINK;
    if !is_scalar || test.booltesttype != pg_sys::BoolTestType::IS_FALSE {
        return None;
    }
    let call = called_alone(link.subselect()?.cast()?)?;
    let returns_boolean = call.funcresulttype == pg_sys::BOOLOID && !call.funcretset;
    (returns_boolean && call.args().is_empty()).then_some((level, call.funcid))
}

/// The call in `select function(…)`, if the query is nothing but that.
pub fn called_alone<'tree>(query: NodeRef<'tree, pg_sys::Query>) -> Option<NodeRef<'tree, pg_sys::FuncExpr>> {
    let from: NodeRef<'_, pg_sys::FromExpr> = query.jointree()?.cast()?;
    let is_plain = query.commandType == pg_sys::CmdType::CMD_SELECT
        && query.setOperations().is_none()
        && query.cteList().is_empty()
        && query.rtable().is_empty()
        && query.groupClause().is_empty()
        && query.groupingSets().is_empty()
        && query.havingQual().is_none()
        && query.limitCount().is_none()
        && query.limitOffset().is_none()
        && from.fromlist().is_empty()
        && from.quals().is_none();
    let selected: NodeRef<'_, pg_sys::TargetEntry> = query.targetList().single()?.cast()?;
    let Form::FuncExpr(call) = selected.expr()?.form() else { return None };
    is_plain.then_some(call)
}

/// The function by which our policies for a command exempt sessions, on the first of these tables that has such policies.
pub fn in_policies(tables: impl IntoIterator<Item = pg_sys::Oid>, command: Command) -> Option<pg_sys::Oid> {
    let policy = Made::policy_for(command);
    let others = Made::LEVEL_POLICIES.map(Made::name);
    let in_table = |table| {
        let table = Opened::table(table)?;
        in_policy(&table, &[policy.name()]).or_else(|| in_policy(&table, &others))
    };
    tables.into_iter().find_map(in_table).flatten()
}

/// The function in the first policy with one of these names. `None` where there is no such policy.
fn in_policy(table: &Opened, names: &[&str]) -> Option<Option<pg_sys::Oid>> {
    let condition = table.condition_of_policy(names)?;
    Some(parts(condition).map(|(_, function)| function))
}

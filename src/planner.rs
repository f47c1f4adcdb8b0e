//! Evaluated once per statement, whether or not the author wrote `(select …)`.
//!
//! The planner asks a function's support function to simplify each call it meets. For a call that gives the same
//! answer throughout a statement, the one here answers with what the author could have written: an uncorrelated
//! sub-select around the call. The planner makes that an InitPlan, which runs at most once. What is stored (policies,
//! views, functions) and what `pg_get_expr` and `pg_dump` show stay as they were written.
//!
//! It declines wherever it isn't certain, and then the call is evaluated as any other:
//!
//! - without a planner (`root` is NULL): CHECK constraints, defaults, trigger conditions, index expressions, the
//!   arguments of EXECUTE and CALL. There's nobody to plan a sub-select;
//! - once the planner has sub-selects behind it (`simple_rel_array` is there), as when it pushes a condition down to
//!   the members of a UNION ALL: nobody would plan this one any more;
//! - in a query without a FROM: it is evaluated once already. That covers the sub-select made here (so it isn't
//!   wrapped again, and again), the author's own `(select …)`, and PL/pgSQL's simple expressions, which must stay simple;
//! - where an argument isn't made of constants, the statement's parameters, and functions of such that aren't
//!   volatile: a column above all.

use pgrx::prelude::*;

use crate::types::pointers;

crate::v1_function_info!(pg_finfo_aal_once_per_statement);

/// The support function: a node to put in the call's place, or NULL to leave it.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_once_per_statement(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: only the planner can call this (nobody else has an `internal`): with a valid call info.
    let arguments = unsafe { fcinfo.as_ref() }.map(|fcinfo| {
        // SAFETY: declared with one argument, and STRICT.
        unsafe { fcinfo.args.as_slice(1) }
    });
    let request: *mut pg_sys::Node =
        arguments.map_or(std::ptr::null_mut(), |arguments| arguments[0].value.cast_mut_ptr());
    // SAFETY: a node that lives as long as the call; its tag says which it is.
    let request = unsafe { cast::<pg_sys::SupportRequestSimplify>(request, pg_sys::NodeTag::T_SupportRequestSimplify) };
    let replacement = request.and_then(|request| {
        // SAFETY: NULL or the planner's own state, to which this call has the only access now.
        let root = unsafe { request.root.as_mut() }?;
        // SAFETY: the call that the planner asks about, with simplified arguments.
        let call = unsafe { request.fcall.as_ref() }?;
        once_per_statement(root, call)
    });
    // Another request, or declined: a pointer that is NULL, and not an SQL null.
    replacement.map_or(pg_sys::Datum::null(), pg_sys::Datum::from)
}

fn once_per_statement(root: &mut pg_sys::PlannerInfo, call: &pg_sys::FuncExpr) -> Option<*mut pg_sys::SubLink> {
    // SAFETY: the query being planned.
    let query = unsafe { root.parse.as_mut() }?;
    let too_late = !root.simple_rel_array.is_null();
    if too_late || !reads_rows(query) || !is_constant_in_statement(call) {
        return None;
    }
    query.hasSubLinks = true;
    Some(sub_select(call))
}

/// Whether the query has anything in its FROM clause, or a table to change.
fn reads_rows(query: &pg_sys::Query) -> bool {
    pointers::<pg_sys::RangeTblEntry>(query.rtable).any(|entry| {
        // SAFETY: a range table holds range table entries.
        let entry = unsafe { &*entry };
        entry.rtekind != pg_sys::RTEKind::RTE_RESULT
    })
}

/// Whether the call gives the same answer throughout the statement, given that its function is STABLE.
fn is_constant_in_statement(call: &pg_sys::FuncExpr) -> bool {
    // SAFETY: a list of expressions, which are nodes.
    let has_volatile = unsafe { pg_sys::contain_volatile_functions(call.args.cast()) };
    !call.funcretset && !has_volatile && pointers(call.args).all(is_made_of_constants)
}

/// Whether an expression is made of nothing but constants, the statement's own parameters, and functions of such.
/// Everything else is a no: columns, sub-selects, aggregates, and what only has a meaning where it stands.
fn is_made_of_constants(node: *mut pg_sys::Node) -> bool {
    use pg_sys::NodeTag::*;
    // SAFETY: each `cast` compares the node's tag with the type it casts to.
    unsafe {
        if is(node, T_Const) {
            true
        } else if let Some(param) = cast::<pg_sys::Param>(node, T_Param) {
            param.paramkind == pg_sys::ParamKind::PARAM_EXTERN
        } else if let Some(relabel) = cast::<pg_sys::RelabelType>(node, T_RelabelType) {
            is_made_of_constants(relabel.arg.cast())
        } else if let Some(convert) = cast::<pg_sys::CoerceViaIO>(node, T_CoerceViaIO) {
            is_made_of_constants(convert.arg.cast())
        } else if let Some(call) = cast::<pg_sys::FuncExpr>(node, T_FuncExpr) {
            !call.funcretset && pointers(call.args).all(is_made_of_constants)
        } else if let Some(operator) = cast::<pg_sys::OpExpr>(node, T_OpExpr) {
            !operator.opretset && pointers(operator.args).all(is_made_of_constants)
        } else {
            false
        }
    }
}

/// `(select call)`, as the parser would have made it.
fn sub_select(call: &pg_sys::FuncExpr) -> *mut pg_sys::SubLink {
    // SAFETY: plain constructors of nodes in the current memory context, which is the planner's. The arguments are the
    // planner's own simplified copies, made for this call; the call itself is not kept, only what it points to.
    unsafe {
        let inner = pg_sys::makeFuncExpr(
            call.funcid,
            call.funcresulttype,
            call.args,
            call.funccollid,
            call.inputcollid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        let column = pg_sys::makeTargetEntry(inner.cast(), 1, std::ptr::null_mut(), false);
        let mut query = PgBox::<pg_sys::Query>::alloc_node(pg_sys::NodeTag::T_Query);
        query.commandType = pg_sys::CmdType::CMD_SELECT;
        query.querySource = pg_sys::QuerySource::QSRC_ORIGINAL;
        query.canSetTag = true;
        query.targetList = pg_sys::lappend(std::ptr::null_mut(), column.cast());
        query.jointree = pg_sys::makeFromExpr(std::ptr::null_mut(), std::ptr::null_mut());
        let mut sub_link = PgBox::<pg_sys::SubLink>::alloc_node(pg_sys::NodeTag::T_SubLink);
        sub_link.subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
        sub_link.subselect = query.into_pg().cast();
        sub_link.location = -1;
        sub_link.into_pg()
    }
}

/// Whether a node is of this kind.
///
/// # Safety
/// `node` must be NULL or a node.
pub unsafe fn is(node: *mut pg_sys::Node, tag: pg_sys::NodeTag) -> bool {
    // SAFETY: every node begins with its tag.
    unsafe { node.as_ref() }.is_some_and(|node| node.type_ == tag)
}

/// The node as what its tag says it is.
///
/// # Safety
/// `node` must be NULL or a node that outlives `'a`; `tag` must be the tag of `T`.
pub unsafe fn cast<'a, T>(node: *mut pg_sys::Node, tag: pg_sys::NodeTag) -> Option<&'a T> {
    // SAFETY: the caller's promises.
    unsafe { if is(node, tag) { node.cast::<T>().as_ref() } else { None } }
}

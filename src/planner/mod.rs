//! Evaluated once per statement, whether or not the author wrote `(select …)`, and thought to pass.
//!
//! A call that gives the same answer throughout a statement needs one evaluation, not one for each row. Postgres evaluates
//! an uncorrelated `(select …)` once, as an InitPlan, and so authors are told to wrap such calls. Here a bare call gets
//! an InitPlan too, but only when the plan is finished:
//!
//! 1. While Postgres plans, the call stays what it is: a call of a STABLE function. Nothing that the planner does with it
//!    can go wrong: it pulls up an EXISTS, matches grouping expressions, and inlines functions as it does without us.
//! 2. The support function tells the planner what the call costs (nothing for each row) and how many rows it keeps (all: the plan
//!    matters where the session passes). So a plan with AAL policies has the row estimates of the plan without.
//! 3. The planner hook replaces each such call in the finished plan by a parameter, and lets an InitPlan of the topmost node
//!    compute that. Such a parameter can be read anywhere in a statement, so there is no wrong level for it.
//!
//! What is stored (policies, views, functions) and what `pg_get_expr` and `pg_dump` show stay as they were written.
//!
//! Some places stay as they are, and a call there is evaluated as any other function's:
//!
//! - a plan, or a sub-plan that depends on no row, that is nothing but a row of expressions: it is evaluated once already. That
//!   covers the author's own `(select …)`, and PL/pgSQL's simple expressions, which must stay simple;
//! - functions and VALUES lists in FROM, LIMIT, partition pruning, and the inner parts of other extensions' plan nodes;
//! - a call with an argument that isn't made of constants, the statement's parameters, and functions of such: a column above all;
//! - a call that may raise, in a statement that computes InitPlans before it needs them (for parallel workers, and where a
//!   row was changed meanwhile). It must raise only where it is reached.
//!
//! Parallel workers get the parameter's value from their leader.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};

use aal::{Level, MaxAge};
use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::pg::list::{length, pointers};
use crate::pg::node::{cast, is};
use crate::pg::types::Text;
use crate::settings;

crate::pg::v1_function_info!(pg_finfo_aal_once_per_statement);

thread_local! {
    /// The planner hook that was there before.
    static NEXT: Cell<pg_sys::planner_hook_type> = const { Cell::new(None) };
    /// What the planner was seen to do with our functions.
    static SEEN: Cell<Seen> = const { Cell::new(Seen { support: pg_sys::InvalidOid, planning: false, met: false, missed: false }) };
    /// Our functions, as far as the planner has met them. There are 11 with the support function.
    static KNOWN: Cell<[pg_sys::Oid; 16]> = const { Cell::new([pg_sys::InvalidOid; 16]) };
}

#[derive(Clone, Copy)]
struct Seen {
    /// The OID of the support function, by which our functions are known.
    support: pg_sys::Oid,
    /// Whether our planner hook is at work.
    planning: bool,
    /// Whether the query being planned calls one of our functions.
    met: bool,
    /// Whether a query did that was planned without our hook. The library was loaded while Postgres planned it.
    missed: bool,
}

/// Installs the planner hook. Called once, when the library is loaded.
pub fn install() {
    // SAFETY: a variable of the backend, which libraries change while they are loaded.
    unsafe {
        NEXT.set(pg_sys::planner_hook);
        pg_sys::planner_hook = Some(plan);
    }
}

/// The support function: what the planner asks about a call of one of our functions. It answers with the request, or NULL.
///
/// `SupportRequestSimplify` is asked first of all, for every call. It is never answered; it tells that the query has one.
#[unsafe(no_mangle)]
#[pg_guard]
pub extern "C-unwind" fn aal_once_per_statement(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls every function with a valid call info and, here, the function's own record in it. Only the
    // planner can call this one (nobody else has an `internal`); it is declared with one argument, and STRICT.
    let (support, request) = unsafe {
        let call = &*fcinfo;
        let support = call.flinfo.as_ref().map_or(pg_sys::InvalidOid, |function| function.fn_oid);
        (support, call.args.as_slice(1)[0].value.cast_mut_ptr::<pg_sys::Node>())
    };
    // SAFETY: a request of the planner's, which only this call has in hand now; its tag says which it is.
    let answered = unsafe {
        match request.as_ref().map(|request| request.type_) {
            Some(pg_sys::NodeTag::T_SupportRequestSimplify) => {
                let request = &*request.cast::<pg_sys::SupportRequestSimplify>();
                let function = request.fcall.as_ref().map_or(pg_sys::InvalidOid, |call| call.funcid);
                meet(support, function, !request.root.is_null());
                false
            }
            Some(pg_sys::NodeTag::T_SupportRequestSelectivity) => {
                (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
                true
            }
            Some(pg_sys::NodeTag::T_SupportRequestCost) => {
                let request = &mut *request.cast::<pg_sys::SupportRequestCost>();
                let is_once = cast::<pg_sys::FuncExpr>(request.node, pg_sys::NodeTag::T_FuncExpr)
                    .is_some_and(is_constant_in_statement);
                if is_once {
                    request.startup = 0.0;
                    request.per_tuple = 0.0;
                }
                is_once
            }
            _ => false,
        }
    };
    // A pointer that may be NULL, and never an SQL null.
    if answered { pg_sys::Datum::from(request) } else { pg_sys::Datum::null() }
}

/// Notes that a query calls one of our functions. Without a planner (a CHECK constraint, the arguments of EXECUTE) there is no plan.
fn meet(support: pg_sys::Oid, function: pg_sys::Oid, has_planner: bool) {
    let mut known = KNOWN.get();
    if !known.contains(&function)
        && let Some(free) = known.iter_mut().find(|known| **known == pg_sys::InvalidOid)
    {
        *free = function;
        KNOWN.set(known);
    }
    let seen = SEEN.get();
    SEEN.set(Seen {
        support,
        met: seen.met || seen.planning && has_planner,
        missed: seen.missed || !seen.planning && has_planner,
        ..seen
    });
}

/// The planner hook.
#[pg_guard]
unsafe extern "C-unwind" fn plan(
    query: *mut pg_sys::Query,
    text: *const c_char,
    options: c_int,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    let planning = Planning::begin();
    let next = NEXT.get();
    // SAFETY: passes on what Postgres passed. What raises there must not jump over our frames: hence pgrx's guard.
    let planned = unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| match next {
            Some(next) => next(query, text, options, parameters),
            None => standard_planner(query, text, options, parameters),
        })
    };
    let met_ours = SEEN.get().met;
    drop(planning);
    if met_ours {
        // SAFETY: the finished plan, which nobody else has yet, and which was made in the current memory context.
        if let Some(planned) = unsafe { planned.as_mut() } {
            once_per_statement(planned);
        }
    }
    planned
}

/// Postgres' own functions that are called within one guard.
mod unguarded {
    use super::{c_char, c_int, c_void, pg_sys};

    type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

    // SAFETY: declared as in Postgres' optimizer/planner.h and nodes/nodeFuncs.h. Until Postgres 16 the walker's arguments are
    // left open there.
    unsafe extern "C-unwind" {
        pub fn standard_planner(
            query: *mut pg_sys::Query,
            text: *const c_char,
            options: c_int,
            parameters: pg_sys::ParamListInfo,
        ) -> *mut pg_sys::PlannedStmt;
        #[cfg_attr(not(feature = "pg15"), link_name = "expression_tree_walker_impl")]
        pub fn expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
    }
}
use unguarded::standard_planner;

/// One query being planned. Planning nests: an estimate may run a function, whose queries are planned.
struct Planning {
    outer: Seen,
}

impl Planning {
    fn begin() -> Planning {
        let outer = SEEN.get();
        SEEN.set(Seen { planning: true, met: false, ..outer });
        Planning { outer }
    }
}

impl Drop for Planning {
    // Also where an error unwinds.
    fn drop(&mut self) {
        let Seen { planning, met, .. } = self.outer;
        SEEN.set(Seen { planning, met, ..SEEN.get() });
    }
}

/// Makes up for the query that was planned while the library was being loaded. Called before a query is run.
///
/// # Safety
/// `query` must be a query that is about to be run, with a plan of its own or one that only this session's plan cache holds.
pub unsafe fn catch_up(query: *mut pg_sys::QueryDesc) {
    let seen = SEEN.get();
    if !seen.missed {
        return;
    }
    // SAFETY: the caller's promise. A plan is changed in place before it is first run, where it lies.
    unsafe {
        let Some(planned) = query.as_ref().and_then(|query| query.plannedstmt.as_mut()) else { return };
        let whose = pg_sys::GetMemoryChunkContext(std::ptr::from_mut(planned).cast());
        let outer = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = whose;
        let found = once_per_statement(planned);
        pg_sys::CurrentMemoryContext = outer;
        if found {
            SEEN.set(Seen { missed: false, ..seen });
        }
    }
}

/// The transaction has ended, and with it the statement that was planned while the library was being loaded.
pub fn transaction_ended() {
    SEEN.set(Seen { missed: false, ..SEEN.get() });
}

/// Puts a parameter in the place of each call that gives the same answer throughout the statement. Whether there was any.
fn once_per_statement(planned: &mut pg_sys::PlannedStmt) -> bool {
    // Workers get InitPlans' values before they start, and a row that changed meanwhile is looked at anew with all of them
    // computed: what raises would raise there without being reached.
    let computes_early =
        planned.parallelModeNeeded || !planned.rowMarks.is_null() || !planned.resultRelations.is_null();
    let roots = || std::iter::once(planned.planTree).chain(pointers::<pg_sys::Plan>(planned.subplans));
    let mut rewriting =
        Rewriting { made: Vec::new(), computes_early, first: length(planned.paramExecTypes), last_id: 0 };
    for root in roots() {
        rewriting.last_id = rewriting.last_id.max(highest_id(root));
        if !is_evaluated_once(root) {
            rewriting.plan(root);
        }
    }
    if rewriting.made.is_empty() {
        return false;
    }
    // Any node may come to read any of them: by itself, or by a sub-plan in an expression.
    roots().for_each(|root| rewriting.announce(root));
    rewriting.add_init_plans(planned);
    true
}

/// Whether a plan is nothing but a row of expressions, which depends on no row outside. PL/pgSQL takes such a plan apart, also
/// where a Gather stands above it (`debug_parallel_query`).
fn is_evaluated_once(plan: *mut pg_sys::Plan) -> bool {
    // SAFETY: NULL or a node of the plan.
    unsafe {
        if let Some(gather) = cast::<pg_sys::Plan>(plan.cast(), pg_sys::NodeTag::T_Gather) {
            return is_evaluated_once(gather.lefttree);
        }
        cast::<pg_sys::Plan>(plan.cast(), pg_sys::NodeTag::T_Result)
            .is_some_and(|row| row.lefttree.is_null() && row.extParam.is_null())
    }
}

/// The plan nodes right beneath a node.
fn children(plan: *mut pg_sys::Plan) -> Vec<*mut pg_sys::Plan> {
    use pg_sys::NodeTag::*;
    let node: *mut pg_sys::Node = plan.cast();
    // SAFETY: NULL or a node of a finished plan, which begins with a `Plan`. Its tag says which struct it is.
    let (left, right, list) = unsafe {
        let Some(fields) = plan.as_ref() else { return Vec::new() };
        let list = match fields.type_ {
            T_Append => (*node.cast::<pg_sys::Append>()).appendplans,
            T_MergeAppend => (*node.cast::<pg_sys::MergeAppend>()).mergeplans,
            T_BitmapAnd => (*node.cast::<pg_sys::BitmapAnd>()).bitmapplans,
            T_BitmapOr => (*node.cast::<pg_sys::BitmapOr>()).bitmapplans,
            T_CustomScan => (*node.cast::<pg_sys::CustomScan>()).custom_plans,
            T_SubqueryScan => {
                return vec![(*node.cast::<pg_sys::SubqueryScan>()).subplan];
            }
            _ => std::ptr::null_mut(),
        };
        (fields.lefttree, fields.righttree, list)
    };
    [left, right].into_iter().chain(pointers(list)).filter(|child| !child.is_null()).collect()
}

fn highest_id(plan: *mut pg_sys::Plan) -> c_int {
    // SAFETY: raises where the stack ends. Plans may be deep. NULL or a node of the plan.
    let own = unsafe {
        pg_sys::check_stack_depth();
        plan.as_ref().map_or(0, |plan| plan.plan_node_id)
    };
    children(plan).into_iter().map(highest_id).fold(own, c_int::max)
}

/// A finished plan being rewritten.
struct Rewriting {
    /// The calls, each of which becomes an InitPlan. The first has parameter `first`, and so on.
    made: Vec<*mut pg_sys::FuncExpr>,
    computes_early: bool,
    first: c_int,
    /// The highest number of a plan node.
    last_id: c_int,
}

impl Rewriting {
    /// Rewrites a plan node and all beneath it.
    fn plan(&mut self, plan: *mut pg_sys::Plan) {
        use pg_sys::NodeTag::*;
        let node: *mut pg_sys::Node = plan.cast();
        // SAFETY: NULL or a node of a finished plan, which nothing else refers to while this runs. Its tag says which struct it
        // is; each begins with a `Plan`. The lists are those of that struct, and hold what Postgres' plannodes.h says.
        unsafe {
            let Some(tag) = plan.as_ref().map(|plan| plan.type_) else { return };
            if tag != T_CustomScan {
                self.list(&raw mut (*plan).targetlist);
                self.list(&raw mut (*plan).qual);
            }
            match tag {
                T_Result => self.node(&raw mut (*node.cast::<pg_sys::Result>()).resconstantqual),
                T_ModifyTable => self.modify_table(node.cast()),
                T_IndexScan => {
                    let scan: *mut pg_sys::IndexScan = node.cast();
                    self.list(&raw mut (*scan).indexqual);
                    self.list(&raw mut (*scan).indexqualorig);
                }
                T_IndexOnlyScan => {
                    let scan: *mut pg_sys::IndexOnlyScan = node.cast();
                    self.list(&raw mut (*scan).indexqual);
                    self.list(&raw mut (*scan).recheckqual);
                }
                T_BitmapIndexScan => {
                    let scan: *mut pg_sys::BitmapIndexScan = node.cast();
                    self.list(&raw mut (*scan).indexqual);
                    self.list(&raw mut (*scan).indexqualorig);
                }
                T_BitmapHeapScan => self.list(&raw mut (*node.cast::<pg_sys::BitmapHeapScan>()).bitmapqualorig),
                T_NestLoop => self.list(&raw mut (*node.cast::<pg_sys::Join>()).joinqual),
                T_MergeJoin => {
                    self.list(&raw mut (*node.cast::<pg_sys::Join>()).joinqual);
                    self.list(&raw mut (*node.cast::<pg_sys::MergeJoin>()).mergeclauses);
                }
                T_HashJoin => {
                    let join: *mut pg_sys::HashJoin = node.cast();
                    self.list(&raw mut (*join).join.joinqual);
                    self.list(&raw mut (*join).hashclauses);
                    self.list(&raw mut (*join).hashkeys);
                }
                T_Hash => self.list(&raw mut (*node.cast::<pg_sys::Hash>()).hashkeys),
                _ => {}
            }
        }
        children(plan).into_iter().for_each(|child| self.plan(child));
    }

    /// # Safety
    /// `node` must be a plan node of this kind.
    unsafe fn modify_table(&mut self, node: *mut pg_sys::ModifyTable) {
        // SAFETY: the caller's promise.
        unsafe {
            self.list(&raw mut (*node).withCheckOptionLists);
            self.list(&raw mut (*node).returningLists);
            self.list(&raw mut (*node).onConflictSet);
            self.node(&raw mut (*node).onConflictWhere);
            self.list(&raw mut (*node).mergeActionLists);
        }
    }

    /// Rewrites a list of expressions.
    ///
    /// # Safety
    /// As `node`.
    unsafe fn list(&mut self, list: *mut *mut pg_sys::List) {
        // SAFETY: the caller's promise; a list is a node.
        unsafe { self.node(list.cast()) }
    }

    /// Rewrites an expression. Only one with a call for a parameter is copied; what else refers to the original keeps it.
    ///
    /// # Safety
    /// `expression` must point to a plan node's own pointer to an expression or a list of such.
    unsafe fn node(&mut self, expression: *mut *mut pg_sys::Node) {
        // SAFETY: the caller's promise.
        unsafe {
            let originals = calls(*expression);
            let parameters: Vec<Option<c_int>> = originals.iter().map(|call| self.parameter(*call)).collect();
            if parameters.iter().all(Option::is_none) {
                return;
            }
            let copy: *mut pg_sys::Node = pg_sys::copyObjectImpl((*expression).cast()).cast();
            // A copy has the same calls in the same order.
            for (call, parameter) in calls(copy).into_iter().zip(parameters) {
                if let Some(parameter) = parameter {
                    become_parameter(call, parameter);
                }
            }
            *expression = copy;
        }
    }

    /// The parameter for a call, if it gets one.
    ///
    /// # Safety
    /// `call` must be an expression that lives as long as the plan.
    unsafe fn parameter(&mut self, call: *mut pg_sys::FuncExpr) -> Option<c_int> {
        // SAFETY: the caller's promise.
        let gets_one = unsafe {
            is_ours(&*call) && is_constant_in_statement(&*call) && (!self.computes_early || cannot_raise(&*call))
        };
        if !gets_one {
            return None;
        }
        // SAFETY: compares two expressions.
        let known = self.made.iter().position(|known| unsafe { pg_sys::equal(known.cast(), call.cast()) });
        let n = known.unwrap_or_else(|| {
            self.made.push(call);
            self.made.len() - 1
        });
        c_int::try_from(n).ok().map(|n| self.first + n)
    }

    fn parameters(&self) -> impl Iterator<Item = c_int> {
        (self.first..).take(self.made.len())
    }

    /// Says of a plan node and all beneath it that they may read the parameters: to what hands values to workers, and to what
    /// looks at a changed row anew.
    fn announce(&self, plan: *mut pg_sys::Plan) {
        use pg_sys::NodeTag::*;
        let node: *mut pg_sys::Node = plan.cast();
        // SAFETY: NULL or a node of a finished plan, with sets of its own. Its tag says which struct it is.
        unsafe {
            let Some(fields) = plan.as_mut() else { return };
            fields.extParam = self.with_parameters(fields.extParam);
            fields.allParam = self.with_parameters(fields.allParam);
            match fields.type_ {
                T_Gather => {
                    let gather: *mut pg_sys::Gather = node.cast();
                    (*gather).initParam = self.with_parameters((*gather).initParam);
                }
                T_GatherMerge => {
                    let gather: *mut pg_sys::GatherMerge = node.cast();
                    (*gather).initParam = self.with_parameters((*gather).initParam);
                }
                _ => {}
            }
        }
        children(plan).into_iter().for_each(|child| self.announce(child));
    }

    /// # Safety
    /// `set` must be a set that nothing else refers to.
    unsafe fn with_parameters(&self, set: *mut pg_sys::Bitmapset) -> *mut pg_sys::Bitmapset {
        // SAFETY: the caller's promise.
        self.parameters().fold(set, |set, parameter| unsafe { pg_sys::bms_add_member(set, parameter) })
    }

    /// Lets the plan's topmost node compute the parameters.
    fn add_init_plans(self, planned: &mut pg_sys::PlannedStmt) {
        for (parameter, call) in self.parameters().zip(&self.made) {
            let call = *call;
            // SAFETY: plain constructors of nodes in the current memory context, which is the plan's. The call is the original
            // from the plan, of which a copy took the place.
            unsafe {
                planned.paramExecTypes = pg_sys::lappend_oid(planned.paramExecTypes, (*call).funcresulttype);
                let plan_node_id = self.last_id + 1 + parameter - self.first;
                planned.subplans = pg_sys::lappend(planned.subplans, row_of(call, plan_node_id).cast());
                let init_plan = init_plan(call, parameter, length(planned.subplans));
                let top = planned.planTree;
                (*top).initPlan = pg_sys::lappend((*top).initPlan, init_plan.cast());
                (*top).extParam = pg_sys::bms_del_member((*top).extParam, parameter);
            }
        }
    }
}

/// The calls of our functions in an expression, in its order. Not those within another's constant arguments.
///
/// # Safety
/// `expression` must be NULL, an expression or a list of such.
unsafe fn calls(expression: *mut pg_sys::Node) -> Vec<*mut pg_sys::FuncExpr> {
    let mut found = Calls { known: KNOWN.get(), calls: Vec::new() };
    let context = (&raw mut found).cast();
    // SAFETY: the caller's promise. Where the stack ends, Postgres raises: a long jump over `find_calls`, which holds nothing to
    // drop, and into this guard.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| find_calls(expression, context)) };
    found.calls
}

struct Calls {
    known: [pg_sys::Oid; 16],
    calls: Vec<*mut pg_sys::FuncExpr>,
}

/// Collects the calls in a node and all beneath it.
unsafe extern "C-unwind" fn find_calls(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: `calls` passes a `Calls` that outlives the walk, and nothing else refers to it meanwhile. The node is one of the
    // expression's.
    unsafe {
        if let Some(call) = cast::<pg_sys::FuncExpr>(node, pg_sys::NodeTag::T_FuncExpr) {
            let found = &mut *context.cast::<Calls>();
            if found.known.contains(&call.funcid) && pointers(call.args).all(is_made_of_constants) {
                found.calls.push(node.cast());
                return false;
            }
        }
        unguarded::expression_tree_walker(node, find_calls, context)
    }
}

/// Whether a call is one of our functions that have the support function.
fn is_ours(call: &pg_sys::FuncExpr) -> bool {
    let support = SEEN.get().support;
    // SAFETY: looks the function up in the catalog's cache.
    support != pg_sys::InvalidOid && unsafe { pg_sys::get_func_support(call.funcid) } == support
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

/// Whether a call of ours raises for no session: by what it does, and because its arguments are valid.
fn cannot_raise(call: &pg_sys::FuncExpr) -> bool {
    // SAFETY: NULL or a C string, in the current memory context; the arguments are nodes.
    unsafe {
        let name = pg_sys::get_func_name(call.funcid);
        let never_raises = !name.is_null()
            && match CStr::from_ptr(name).to_bytes() {
                b"aal" | b"subject" | b"subject_uuid" | b"has_aal" | b"authenticated_at" => true,
                // What somebody else's function does is not known.
                b"has_enrolled_aal" => settings::enrollment_function().is_none(),
                _ => false,
            };
        never_raises && pointers(call.args).all(|argument| is_valid_argument(argument))
    }
}

/// Whether an argument is a constant that our functions take: a level, or an age that is not negative.
///
/// # Safety
/// `argument` must be an expression.
unsafe fn is_valid_argument(argument: *mut pg_sys::Node) -> bool {
    // SAFETY: the caller's promise; a constant's value is of the type that it names.
    unsafe {
        let Some(constant) = cast::<pg_sys::Const>(argument, pg_sys::NodeTag::T_Const) else { return false };
        match constant.consttype {
            pg_sys::TEXTOID => Text::from_datum(constant.constvalue, constant.constisnull)
                .is_some_and(|Text(level)| Level::from_claim(level).is_some()),
            pg_sys::INTERVALOID => Interval::from_datum(constant.constvalue, constant.constisnull)
                .is_none_or(|age| MaxAge::from_interval(age.months(), age.days(), age.micros()).is_ok()),
            _ => false,
        }
    }
}

/// Makes the node of a call that of a parameter.
///
/// # Safety
/// `call` must be a node that nothing but its expression refers to.
unsafe fn become_parameter(call: *mut pg_sys::FuncExpr, parameter: c_int) {
    const { assert!(size_of::<pg_sys::Param>() <= size_of::<pg_sys::FuncExpr>()) };
    const { assert!(align_of::<pg_sys::Param>() <= align_of::<pg_sys::FuncExpr>()) };
    // SAFETY: the caller's promise; a call's node has room for a parameter's.
    unsafe {
        let (paramtype, paramcollid) = ((*call).funcresulttype, (*call).funccollid);
        let xpr = pg_sys::Expr { type_: pg_sys::NodeTag::T_Param };
        let paramkind = pg_sys::ParamKind::PARAM_EXEC;
        let node =
            pg_sys::Param { xpr, paramkind, paramid: parameter, paramtype, paramtypmod: -1, paramcollid, location: -1 };
        call.cast::<pg_sys::Param>().write(node);
    }
}

/// A plan that answers with one row: the call.
///
/// # Safety
/// `call` must be an expression that lives as long as the plan.
unsafe fn row_of(call: *mut pg_sys::FuncExpr, plan_node_id: c_int) -> *mut pg_sys::Result {
    // SAFETY: new nodes; the caller's promise.
    unsafe {
        let column = pg_sys::makeTargetEntry(call.cast(), 1, std::ptr::null_mut(), false);
        let mut row = PgBox::<pg_sys::Result>::alloc_node(pg_sys::NodeTag::T_Result);
        row.plan.plan_node_id = plan_node_id;
        row.plan.plan_rows = 1.0;
        row.plan.plan_width = pg_sys::get_typavgwidth((*call).funcresulttype, -1);
        row.plan.total_cost = pg_sys::cpu_operator_cost;
        row.plan.targetlist = pg_sys::lappend(std::ptr::null_mut(), column.cast());
        row.into_pg()
    }
}

/// What has a plan of the list of sub-plans compute a parameter, as `SS_make_initplan_from_plan()` makes it.
///
/// # Safety
/// `call` must be an expression.
unsafe fn init_plan(call: *mut pg_sys::FuncExpr, parameter: c_int, plan_id: c_int) -> *mut pg_sys::SubPlan {
    let name = if cfg!(any(feature = "pg15", feature = "pg16")) {
        format!("InitPlan {plan_id} (returns ${parameter})\0")
    } else {
        format!("InitPlan {plan_id}\0")
    };
    // SAFETY: a new node, which is all zeroes but for its tag; a copy of a text that ends with a NUL; the caller's promise.
    unsafe {
        let mut node = PgBox::<pg_sys::SubPlan>::alloc_node(pg_sys::NodeTag::T_SubPlan);
        node.subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
        node.plan_id = plan_id;
        node.plan_name = pg_sys::pstrdup(name.as_ptr().cast());
        node.firstColType = (*call).funcresulttype;
        node.firstColTypmod = -1;
        node.firstColCollation = (*call).funccollid;
        node.setParam = pg_sys::lappend_int(std::ptr::null_mut(), parameter);
        node.per_call_cost = pg_sys::cpu_operator_cost;
        node.into_pg()
    }
}

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
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_int, c_void};

use aal::{Level, MaxAge};
use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::types::{Text, pointers};

crate::v1_function_info!(pg_finfo_aal_once_per_statement);

thread_local! {
    /// The planner hook that was there before.
    static NEXT: Cell<pg_sys::planner_hook_type> = const { Cell::new(None) };
    /// What the planner was seen to do with our functions.
    static SEEN: Cell<Seen> = const { Cell::new(Seen { support: pg_sys::InvalidOid, planning: false, met: false, missed: false }) };
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
                let has_planner = !(*request.cast::<pg_sys::SupportRequestSimplify>()).root.is_null();
                meet(support, has_planner);
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
fn meet(support: pg_sys::Oid, has_planner: bool) {
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
    use super::{c_char, c_int, pg_sys};

    // SAFETY: declared as in Postgres' optimizer/planner.h.
    unsafe extern "C-unwind" {
        pub fn standard_planner(
            query: *mut pg_sys::Query,
            text: *const c_char,
            options: c_int,
            parameters: pg_sys::ParamListInfo,
        ) -> *mut pg_sys::PlannedStmt;
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

/// Puts a parameter in the place of each call that gives the same answer throughout the statement. Whether there was any.
fn once_per_statement(planned: &mut pg_sys::PlannedStmt) -> bool {
    // Workers get InitPlans' values before they start, and a row that changed meanwhile is looked at anew with all of them
    // computed: what raises would raise there without being reached.
    let computes_early =
        planned.parallelModeNeeded || !planned.rowMarks.is_null() || !planned.resultRelations.is_null();
    let top = planned.planTree;
    let subplans = pointers::<pg_sys::Plan>(planned.subplans).map(SubPlanState::Unread).collect();
    let mut rewriting =
        Rewriting { made: Vec::new(), subplans, computes_early, first: length(planned.paramExecTypes), last_id: 0 };
    if !rewriting.is_evaluated_once(top) {
        rewriting.plan(top);
    }
    for n in 0..rewriting.subplans.len() {
        rewriting.subplan(n);
    }
    let found = !rewriting.made.is_empty();
    rewriting.add_init_plans(planned);
    found
}

/// The parameters of ours that a part of a plan reads.
type Read = BTreeSet<c_int>;

enum SubPlanState {
    Unread(*mut pg_sys::Plan),
    Reading,
    Reads(Read),
}

/// A finished plan being rewritten.
struct Rewriting {
    /// The calls, each of which becomes an InitPlan. The first has parameter `first`, and so on.
    made: Vec<*mut pg_sys::FuncExpr>,
    subplans: Vec<SubPlanState>,
    computes_early: bool,
    first: c_int,
    /// The highest number of a plan node.
    last_id: c_int,
}

impl Rewriting {
    /// Whether a plan is nothing but a row of expressions, which depends on no row outside. PL/pgSQL takes such a plan apart, also
    /// where a Gather stands above it (`debug_parallel_query`).
    fn is_evaluated_once(&self, plan: *mut pg_sys::Plan) -> bool {
        // SAFETY: NULL or a node of the plan.
        unsafe {
            if let Some(gather) = cast::<pg_sys::Plan>(plan.cast(), pg_sys::NodeTag::T_Gather) {
                return self.is_evaluated_once(gather.lefttree);
            }
            cast::<pg_sys::Plan>(plan.cast(), pg_sys::NodeTag::T_Result)
                .is_some_and(|row| row.lefttree.is_null() && row.extParam.is_null())
        }
    }

    /// Rewrites a sub-plan, by its place in the list. What it reads, those that call it read, too.
    fn subplan(&mut self, n: usize) -> Read {
        let Some(state) = self.subplans.get_mut(n) else { return Read::new() };
        let read = match std::mem::replace(state, SubPlanState::Reading) {
            SubPlanState::Unread(plan) if plan.is_null() || self.is_evaluated_once(plan) => {
                self.note_id(plan);
                Read::new()
            }
            SubPlanState::Unread(plan) => self.plan(plan),
            SubPlanState::Reads(read) => read,
            SubPlanState::Reading => Read::new(),
        };
        self.subplans[n] = SubPlanState::Reads(read.clone());
        read
    }

    fn note_id(&mut self, plan: *mut pg_sys::Plan) {
        // SAFETY: NULL or a node of the plan.
        self.last_id = unsafe { plan.as_ref() }.map_or(self.last_id, |plan| self.last_id.max(plan.plan_node_id));
    }

    /// Rewrites a plan node and all beneath it.
    fn plan(&mut self, plan: *mut pg_sys::Plan) -> Read {
        use pg_sys::NodeTag::*;
        if plan.is_null() {
            return Read::new();
        }
        // SAFETY: raises where the stack ends. Plans may be deep.
        unsafe { pg_sys::check_stack_depth() };
        self.note_id(plan);
        let mut read = Read::new();
        // SAFETY: a node of a finished plan, which nothing else refers to while this runs. Its tag says which struct it is;
        // each begins with a `Plan`. The lists are those of that struct, and hold what Postgres' plannodes.h says.
        unsafe {
            let tag = (*plan).type_;
            let node: *mut pg_sys::Node = plan.cast();
            if tag != T_CustomScan {
                self.list(&mut read, &raw mut (*plan).targetlist);
                self.list(&mut read, &raw mut (*plan).qual);
            }
            for init_plan in pointers::<pg_sys::SubPlan>((*plan).initPlan) {
                read.extend(self.subplan(place((*init_plan).plan_id)));
            }
            read.extend(self.plan((*plan).lefttree));
            read.extend(self.plan((*plan).righttree));
            match tag {
                T_Result => self.node(&mut read, &raw mut (*node.cast::<pg_sys::Result>()).resconstantqual),
                T_ModifyTable => self.modify_table(&mut read, node.cast()),
                T_Append => read.extend(self.plans((*node.cast::<pg_sys::Append>()).appendplans)),
                T_MergeAppend => read.extend(self.plans((*node.cast::<pg_sys::MergeAppend>()).mergeplans)),
                T_BitmapAnd => read.extend(self.plans((*node.cast::<pg_sys::BitmapAnd>()).bitmapplans)),
                T_BitmapOr => read.extend(self.plans((*node.cast::<pg_sys::BitmapOr>()).bitmapplans)),
                T_SubqueryScan => read.extend(self.plan((*node.cast::<pg_sys::SubqueryScan>()).subplan)),
                T_CustomScan => read.extend(self.plans((*node.cast::<pg_sys::CustomScan>()).custom_plans)),
                T_CteScan => read.extend(self.subplan(place((*node.cast::<pg_sys::CteScan>()).ctePlanId))),
                T_IndexScan => {
                    let scan: *mut pg_sys::IndexScan = node.cast();
                    self.list(&mut read, &raw mut (*scan).indexqual);
                    self.list(&mut read, &raw mut (*scan).indexqualorig);
                }
                T_IndexOnlyScan => {
                    let scan: *mut pg_sys::IndexOnlyScan = node.cast();
                    self.list(&mut read, &raw mut (*scan).indexqual);
                    self.list(&mut read, &raw mut (*scan).recheckqual);
                }
                T_BitmapIndexScan => {
                    let scan: *mut pg_sys::BitmapIndexScan = node.cast();
                    self.list(&mut read, &raw mut (*scan).indexqual);
                    self.list(&mut read, &raw mut (*scan).indexqualorig);
                }
                T_BitmapHeapScan => {
                    self.list(&mut read, &raw mut (*node.cast::<pg_sys::BitmapHeapScan>()).bitmapqualorig);
                }
                T_NestLoop => self.list(&mut read, &raw mut (*node.cast::<pg_sys::Join>()).joinqual),
                T_MergeJoin => {
                    self.list(&mut read, &raw mut (*node.cast::<pg_sys::Join>()).joinqual);
                    self.list(&mut read, &raw mut (*node.cast::<pg_sys::MergeJoin>()).mergeclauses);
                }
                T_HashJoin => {
                    let join: *mut pg_sys::HashJoin = node.cast();
                    self.list(&mut read, &raw mut (*join).join.joinqual);
                    self.list(&mut read, &raw mut (*join).hashclauses);
                    self.list(&mut read, &raw mut (*join).hashkeys);
                }
                T_Hash => self.list(&mut read, &raw mut (*node.cast::<pg_sys::Hash>()).hashkeys),
                T_Gather => {
                    let gather: *mut pg_sys::Gather = node.cast();
                    (*gather).initParam = with((*gather).initParam, &read);
                }
                T_GatherMerge => {
                    let gather: *mut pg_sys::GatherMerge = node.cast();
                    (*gather).initParam = with((*gather).initParam, &read);
                }
                _ => {}
            }
            (*plan).extParam = with((*plan).extParam, &read);
            (*plan).allParam = with((*plan).allParam, &read);
        }
        read
    }

    fn plans(&mut self, list: *mut pg_sys::List) -> Read {
        pointers(list).flat_map(|plan| self.plan(plan)).collect()
    }

    /// # Safety
    /// `node` must be a plan node of this kind.
    unsafe fn modify_table(&mut self, read: &mut Read, node: *mut pg_sys::ModifyTable) {
        // SAFETY: the caller's promise.
        unsafe {
            self.list(read, &raw mut (*node).withCheckOptionLists);
            self.list(read, &raw mut (*node).returningLists);
            self.list(read, &raw mut (*node).onConflictSet);
            self.node(read, &raw mut (*node).onConflictWhere);
            self.list(read, &raw mut (*node).mergeActionLists);
        }
    }

    /// Rewrites a list of expressions.
    ///
    /// # Safety
    /// As `node`.
    unsafe fn list(&mut self, read: &mut Read, list: *mut *mut pg_sys::List) {
        // SAFETY: the caller's promise; a list is a node.
        unsafe { self.node(read, list.cast()) }
    }

    /// Rewrites an expression.
    ///
    /// # Safety
    /// `expression` must point to a plan node's own pointer to an expression or a list of such.
    unsafe fn node(&mut self, read: &mut Read, expression: *mut *mut pg_sys::Node) {
        let mut mutation = Mutation { rewriting: self, read, changed: false };
        // SAFETY: the caller's promise. The copy takes the original's place only where it differs.
        unsafe {
            let copy = mutate(*expression, (&raw mut mutation).cast());
            if mutation.changed {
                *expression = copy;
            }
        }
    }

    /// The parameter for a call.
    fn parameter(&mut self, call: *mut pg_sys::FuncExpr) -> c_int {
        // SAFETY: compares two expressions.
        let known = self.made.iter().position(|known| unsafe { pg_sys::equal(known.cast(), call.cast()) });
        let n = known.unwrap_or_else(|| {
            self.made.push(call);
            self.made.len() - 1
        });
        self.first + c_int::try_from(n).unwrap_or(c_int::MAX)
    }

    /// Lets the plan's topmost node compute the parameters.
    fn add_init_plans(self, planned: &mut pg_sys::PlannedStmt) {
        for (parameter, call) in (self.first..).zip(self.made) {
            // SAFETY: plain constructors of nodes in the current memory context, which is the plan's. The call is the plan's
            // own, and is nowhere in it any more.
            unsafe {
                planned.paramExecTypes = pg_sys::lappend_oid(planned.paramExecTypes, (*call).funcresulttype);
                let plan_node_id = self.last_id + 1 + parameter - self.first;
                planned.subplans = pg_sys::lappend(planned.subplans, row_of(call, plan_node_id).cast());
                let init_plan = init_plan(call, parameter, length(planned.subplans));
                let top = planned.planTree;
                (*top).initPlan = pg_sys::lappend((*top).initPlan, init_plan.cast());
                (*top).extParam = pg_sys::bms_del_member((*top).extParam, parameter);
                (*top).allParam = pg_sys::bms_add_member((*top).allParam, parameter);
            }
        }
    }
}

/// One expression being copied.
struct Mutation<'a> {
    rewriting: &'a mut Rewriting,
    read: &'a mut Read,
    changed: bool,
}

/// Copies an expression with the parameters in it.
#[pg_guard]
unsafe extern "C-unwind" fn mutate(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    // SAFETY: `Rewriting::node` passes a `Mutation` that outlives the copying, and nothing else refers to it meanwhile but by
    // this pointer, one call within the other. The node is NULL or one of the expression's.
    unsafe {
        let mutation = &mut *context.cast::<Mutation<'_>>();
        if let Some(call) = cast::<pg_sys::FuncExpr>(node, pg_sys::NodeTag::T_FuncExpr)
            && is_ours(call)
            && is_constant_in_statement(call)
            && (!mutation.rewriting.computes_early || cannot_raise(call))
        {
            let parameter = mutation.rewriting.parameter(node.cast());
            mutation.read.insert(parameter);
            mutation.changed = true;
            return parameter_node(call, parameter).cast();
        }
        if let Some(sub_plan) = cast::<pg_sys::SubPlan>(node, pg_sys::NodeTag::T_SubPlan) {
            let read = mutation.rewriting.subplan(place(sub_plan.plan_id));
            mutation.read.extend(read);
        }
        copy_with(node, context)
    }
}

/// Copies a node, and its expressions by `mutate`.
///
/// # Safety
/// As `mutate`.
unsafe fn copy_with(node: *mut pg_sys::Node, context: *mut c_void) -> *mut pg_sys::Node {
    // SAFETY: the caller's promises. Until Postgres 16 the function is declared without its callback's arguments.
    #[cfg(feature = "pg15")]
    unsafe {
        type Mutator = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> *mut pg_sys::Node;
        type Undeclared = unsafe extern "C-unwind" fn() -> *mut pg_sys::Node;
        pg_sys::expression_tree_mutator(node, Some(std::mem::transmute::<Mutator, Undeclared>(mutate)), context)
    }
    // SAFETY: as above.
    #[cfg(not(feature = "pg15"))]
    unsafe {
        pg_sys::expression_tree_mutator_impl(node, Some(mutate), context)
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

/// Whether a call of ours raises for no session: it isn't one that is there to raise, and its arguments are valid.
fn cannot_raise(call: &pg_sys::FuncExpr) -> bool {
    // SAFETY: NULL or a C string, in the current memory context; the arguments are nodes.
    unsafe {
        let name = pg_sys::get_func_name(call.funcid);
        let demands = name.is_null() || CStr::from_ptr(name).to_bytes().starts_with(b"require_");
        !demands && pointers(call.args).all(|argument| is_valid_argument(argument))
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

/// The parameter that stands in the plan for a call.
fn parameter_node(call: &pg_sys::FuncExpr, parameter: c_int) -> *mut pg_sys::Param {
    // SAFETY: a new node, which is all zeroes but for its tag.
    let mut node = unsafe { PgBox::<pg_sys::Param>::alloc_node(pg_sys::NodeTag::T_Param) };
    node.paramkind = pg_sys::ParamKind::PARAM_EXEC;
    node.paramid = parameter;
    node.paramtype = call.funcresulttype;
    node.paramtypmod = -1;
    node.paramcollid = call.funccollid;
    node.location = -1;
    node.into_pg()
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

/// A set of parameters with more in it.
///
/// # Safety
/// `set` must be a set that nothing else refers to.
unsafe fn with(set: *mut pg_sys::Bitmapset, more: &Read) -> *mut pg_sys::Bitmapset {
    // SAFETY: the caller's promise.
    more.iter().fold(set, |set, parameter| unsafe { pg_sys::bms_add_member(set, *parameter) })
}

fn length(list: *mut pg_sys::List) -> c_int {
    // SAFETY: NIL or a list.
    unsafe { list.as_ref() }.map_or(0, |list| list.length)
}

/// The place of a sub-plan in the list, by its number, which begins with 1.
fn place(plan_id: c_int) -> usize {
    usize::try_from(plan_id - 1).unwrap_or(usize::MAX)
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
/// `node` must be NULL or a node that outlives `'a`; `tag` must be the tag of `T`, or of what begins with a `T`.
pub unsafe fn cast<'a, T>(node: *mut pg_sys::Node, tag: pg_sys::NodeTag) -> Option<&'a T> {
    // SAFETY: the caller's promises.
    unsafe { if is(node, tag) { node.cast::<T>().as_ref() } else { None } }
}

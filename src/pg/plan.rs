//! Finished plans: their nodes, the expressions in them, and parameters that take the place of calls.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use pgrx::datum::Interval;
use pgrx::prelude::*;

use super::list::{length, pointers};
use super::lookup;
use super::node::{cast, is};
use super::types::Text;
use super::unplanned::PassedCheck;

/// Raises where the stack ends: plans may be deep.
pub fn check_stack_depth() {
    // SAFETY: check_stack_depth compares an address with the backend's limit. What it raises becomes a panic by pgrx's guard.
    unsafe { pg_sys::check_stack_depth() }
}

/// Whether a statement names a table, by its finished plan.
pub fn names_tables(planned: &pg_sys::PlannedStmt) -> bool {
    // SAFETY: a finished plan's own range table, a list of RangeTblEntry, which lives with it.
    let mut entries = unsafe { pointers::<pg_sys::RangeTblEntry>(planned.rtable) };
    // SAFETY: as above.
    entries.any(|entry| unsafe { entry.as_ref() }.is_some_and(|it| it.rtekind == pg_sys::RTEKind::RTE_RELATION))
}

/// Whether the whole statement is run by another library, in a plan node of its own.
pub fn is_run_by_a_library(planned: &pg_sys::PlannedStmt) -> bool {
    // SAFETY: NULL or the root of a finished plan, which lives with it. Each node begins with its tag.
    unsafe { planned.planTree.as_ref() }.is_some_and(|root| root.type_ == pg_sys::NodeTag::T_CustomScan)
}

/// A statement's finished plan, which nobody else refers to for `'p`.
pub struct FinishedPlan<'p>(&'p mut pg_sys::PlannedStmt);

impl<'p> FinishedPlan<'p> {
    /// # Safety
    /// `planned` must be NULL or what the planner has made of one statement, whole. Nobody else may refer into it for `'p`, and its
    /// memory must live as long.
    pub unsafe fn new(planned: *mut pg_sys::PlannedStmt) -> Option<FinishedPlan<'p>> {
        // SAFETY: the caller's promise.
        unsafe { planned.as_mut() }.map(FinishedPlan)
    }

    /// Whether it computes InitPlans before it needs them. Workers get InitPlans' values before they start, and a row that changed
    /// meanwhile is looked at anew with all of them computed.
    pub fn computes_early(&self) -> bool {
        self.0.parallelModeNeeded || !self.0.rowMarks.is_null() || !self.0.resultRelations.is_null()
    }

    /// The topmost nodes: of the statement, and of each sub-plan.
    pub fn roots(&self) -> Vec<PlanNode<'p>> {
        // SAFETY: a finished plan's list of sub-plans, which lives with it.
        let subplans = unsafe { pointers::<pg_sys::Plan>(self.0.subplans) };
        std::iter::once(self.0.planTree).chain(subplans).filter_map(PlanNode::new).collect()
    }

    /// Whether a topmost node, with all beneath it, evaluates each of its expressions once at most. It does where it runs once, and
    /// where nothing beneath it gives more than one row. That is so of a read, an update or a delete by a unique key, and of an INSERT
    /// of one row.
    pub fn evaluates_once(&self, root: PlanNode<'p>) -> bool {
        self.runs_once(root) && self.gives_one_row(root)
    }

    /// Whether a topmost node runs once at most: the statement's own, and those that it computes before, such as a CTE.
    fn runs_once(&self, root: PlanNode<'p>) -> bool {
        if root.plan.as_ptr() == self.0.planTree {
            return true;
        }
        // SAFETY: the topmost node of a finished plan and its list of SubPlan.
        let mut init_plans =
            unsafe { self.0.planTree.as_ref().into_iter().flat_map(|top| pointers::<pg_sys::SubPlan>(top.initPlan)) };
        // SAFETY: as above.
        init_plans.any(|it| unsafe { it.as_ref() }.is_some_and(|it| self.subplan(it.plan_id) == Some(root)))
    }

    /// A sub-plan, by its number.
    fn subplan(&self, plan_id: c_int) -> Option<PlanNode<'p>> {
        let place = usize::try_from(plan_id).ok()?.checked_sub(1)?;
        // SAFETY: a finished plan's list of sub-plans, which lives with it.
        unsafe { pointers::<pg_sys::Plan>(self.0.subplans) }.nth(place).and_then(PlanNode::new)
    }

    /// Whether neither a node nor any beneath it gives more than one row each time it runs. Where it can't be told, no.
    fn gives_one_row(&self, node: PlanNode<'p>) -> bool {
        use pg_sys::NodeTag::*;
        let (plan, tree) = (node.plan.as_ptr(), node.plan.as_ptr().cast::<pg_sys::Node>());
        // SAFETY: as in `PlanNode::children`.
        unsafe {
            match node.tag() {
                T_IndexScan => is_by_unique_key(
                    (*tree.cast::<pg_sys::IndexScan>()).indexid,
                    (*tree.cast::<pg_sys::IndexScan>()).indexqual,
                ),
                T_IndexOnlyScan => is_by_unique_key(
                    (*tree.cast::<pg_sys::IndexOnlyScan>()).indexid,
                    (*tree.cast::<pg_sys::IndexOnlyScan>()).indexqual,
                ),
                T_CteScan => {
                    let scanned = self.subplan((*tree.cast::<pg_sys::CteScan>()).ctePlanId);
                    scanned.is_some_and(|scanned| self.gives_one_row(scanned))
                }
                T_SubqueryScan => {
                    let scanned = PlanNode::new((*tree.cast::<pg_sys::SubqueryScan>()).subplan);
                    scanned.is_some_and(|scanned| self.gives_one_row(scanned))
                }
                T_Agg if (*tree.cast::<pg_sys::Agg>()).aggstrategy != pg_sys::AggStrategy::AGG_PLAIN => false,
                T_Agg | T_Limit | T_LockRows | T_ModifyTable | T_Result | T_Sort => {
                    match PlanNode::new((*plan).lefttree) {
                        Some(beneath) => self.gives_one_row(beneath),
                        None => node.tag() == T_Result,
                    }
                }
                _ => false,
            }
        }
    }

    /// How many parameters the executor computes. The next one has this number.
    pub fn parameters(&self) -> c_int {
        // SAFETY: a finished plan's own list.
        unsafe { length(self.0.paramExecTypes) }
    }

    /// Adds checks of new rows that every row passes, where the statement's topmost node changes tables. They are there for their names.
    pub fn add_passed_checks(&mut self, checks: &[PassedCheck<'p>]) {
        // SAFETY: the topmost node of the plan, to which nobody else refers (see `new`). Its list of checks is NIL, or has one for each table
        // that it changes. A list that the query has, too, is copied.
        unsafe {
            let top = self.0.planTree;
            if checks.is_empty() || !is(top.cast(), pg_sys::NodeTag::T_ModifyTable) {
                return;
            }
            let modify: *mut pg_sys::ModifyTable = top.cast();
            let mut of_tables = pointers::<pg_sys::List>((*modify).withCheckOptionLists);
            let mut all = std::ptr::null_mut();
            for _ in 0..length((*modify).resultRelations) {
                let of_table = pg_sys::list_copy(of_tables.next().unwrap_or_default());
                let of_table =
                    checks.iter().fold(of_table, |list, check| pg_sys::lappend(list, check.node().as_ptr().cast()));
                all = pg_sys::lappend(all, of_table.cast());
            }
            (*modify).withCheckOptionLists = all;
        }
    }

    /// Does some work with the memory in which the plan lies as the current one.
    pub fn in_its_memory<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        // SAFETY: the planner allocated the plan, in a context that lives as long. An error leaves it current, as errors do: Postgres
        // switches where it catches one.
        unsafe {
            let own = pg_sys::GetMemoryChunkContext(std::ptr::from_mut(self.0).cast());
            let outer = pg_sys::MemoryContextSwitchTo(own);
            let done = work(self);
            pg_sys::MemoryContextSwitchTo(outer);
            done
        }
    }

    /// Lets the topmost node compute one more parameter, by an InitPlan. Returns the parameter's number. `call` comes from this plan,
    /// where a copy has taken its place.
    pub fn add_init_plan(&mut self, call: Call<'p>, plan_node_id: c_int) -> c_int {
        let parameter = self.parameters();
        let planned = &mut *self.0;
        // SAFETY: plain constructors of nodes in the current memory context. The call and the topmost node are those of the plan,
        // to which nobody else refers (see `new`).
        unsafe {
            planned.paramExecTypes = pg_sys::lappend_oid(planned.paramExecTypes, call.result_type());
            planned.subplans = pg_sys::lappend(planned.subplans, row_of(call, plan_node_id).cast());
            let init_plan = init_plan(call, parameter, length(planned.subplans));
            let top = planned.planTree;
            (*top).initPlan = pg_sys::lappend((*top).initPlan, init_plan.cast());
            (*top).extParam = pg_sys::bms_del_member((*top).extParam, parameter);
        }
        parameter
    }
}

/// Whether conditions on an index find one row at most: it is unique, and each of its keys is compared by `=`. A
/// unique index whose check is deferred may hold more for a while.
///
/// # Safety
/// `conditions` must be the `indexqual` of a scan of this index.
unsafe fn is_by_unique_key(index: pg_sys::Oid, conditions: *mut pg_sys::List) -> bool {
    let Some(keys) = lookup::unique_index_keys(index) else { return false };
    // SAFETY: the caller's promise; each condition is an expression, and the left side of an operator there is a column of the index.
    let compared = |key| unsafe {
        pointers(conditions).any(|condition| {
            cast::<pg_sys::OpExpr>(condition, pg_sys::NodeTag::T_OpExpr).is_some_and(|operator| {
                let left = pointers(operator.args).next().unwrap_or(std::ptr::null_mut());
                let column = cast::<pg_sys::Var>(left, pg_sys::NodeTag::T_Var).map(|column| column.varattno);
                column == Some(key) && lookup::estimates_equality(operator.opno)
            })
        })
    };
    keys > 0 && (1..=keys).all(compared)
}

/// A node of a [`FinishedPlan`].
#[derive(Clone, Copy, PartialEq)]
pub struct PlanNode<'p> {
    plan: NonNull<pg_sys::Plan>,
    lives: PhantomData<&'p pg_sys::Plan>,
}

impl<'p> PlanNode<'p> {
    // Only for what a plan's own fields point to.
    fn new(plan: *mut pg_sys::Plan) -> Option<PlanNode<'p>> {
        NonNull::new(plan).map(|plan| PlanNode { plan, lives: PhantomData })
    }

    fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: a node of a finished plan, which lives for 'p.
        unsafe { (*self.plan.as_ptr()).type_ }
    }

    /// Its number in the plan.
    pub fn id(self) -> c_int {
        // SAFETY: as in `tag`.
        unsafe { (*self.plan.as_ptr()).plan_node_id }
    }

    /// The nodes right beneath it.
    pub fn children(self) -> Vec<PlanNode<'p>> {
        use pg_sys::NodeTag::*;
        let (plan, node) = (self.plan.as_ptr(), self.plan.as_ptr().cast::<pg_sys::Node>());
        // SAFETY: as in `tag`. Each node of a plan begins with a `Plan`, and its tag says which struct it is.
        let (left, right, list) = unsafe {
            let list = match self.tag() {
                T_Append => (*node.cast::<pg_sys::Append>()).appendplans,
                T_MergeAppend => (*node.cast::<pg_sys::MergeAppend>()).mergeplans,
                T_BitmapAnd => (*node.cast::<pg_sys::BitmapAnd>()).bitmapplans,
                T_BitmapOr => (*node.cast::<pg_sys::BitmapOr>()).bitmapplans,
                T_CustomScan => (*node.cast::<pg_sys::CustomScan>()).custom_plans,
                T_SubqueryScan => {
                    return PlanNode::new((*node.cast::<pg_sys::SubqueryScan>()).subplan).into_iter().collect();
                }
                _ => std::ptr::null_mut(),
            };
            ((*plan).lefttree, (*plan).righttree, list)
        };
        // SAFETY: NIL, or the node's own list of plan nodes.
        let listed = unsafe { pointers(list) };
        [left, right].into_iter().chain(listed).filter_map(PlanNode::new).collect()
    }

    /// Whether it is nothing but a row of expressions, which depends on no row outside. PL/pgSQL takes such a plan apart, also
    /// where a Gather stands above it (`debug_parallel_query`).
    pub fn is_row_of_expressions(self) -> bool {
        // SAFETY: as in `tag`.
        let (beneath, depends_on_nothing) =
            unsafe { ((*self.plan.as_ptr()).lefttree, (*self.plan.as_ptr()).extParam.is_null()) };
        match self.tag() {
            pg_sys::NodeTag::T_Gather => PlanNode::new(beneath).is_some_and(PlanNode::is_row_of_expressions),
            pg_sys::NodeTag::T_Result => beneath.is_null() && depends_on_nothing,
            _ => false,
        }
    }

    /// Its expressions in which a parameter can be read instead of a call.
    pub fn expressions(self) -> Vec<Expression<'p>> {
        use pg_sys::NodeTag::*;
        let (plan, node) = (self.plan.as_ptr(), self.plan.as_ptr().cast::<pg_sys::Node>());
        // SAFETY: as in `children`. Each field is, as Postgres' plannodes.h says, an expression or a list of such, and a list is a
        // node. Only their places are taken.
        let (own, more): ([*mut *mut pg_sys::List; 2], Vec<*mut *mut pg_sys::List>) = unsafe {
            let more = match self.tag() {
                T_Result => vec![(&raw mut (*node.cast::<pg_sys::Result>()).resconstantqual).cast()],
                T_ModifyTable => {
                    let modify: *mut pg_sys::ModifyTable = node.cast();
                    vec![
                        &raw mut (*modify).withCheckOptionLists,
                        &raw mut (*modify).returningLists,
                        &raw mut (*modify).onConflictSet,
                        (&raw mut (*modify).onConflictWhere).cast(),
                        &raw mut (*modify).mergeActionLists,
                    ]
                }
                T_IndexScan => {
                    let scan: *mut pg_sys::IndexScan = node.cast();
                    vec![&raw mut (*scan).indexqual, &raw mut (*scan).indexqualorig]
                }
                T_IndexOnlyScan => {
                    let scan: *mut pg_sys::IndexOnlyScan = node.cast();
                    vec![&raw mut (*scan).indexqual, &raw mut (*scan).recheckqual]
                }
                T_BitmapIndexScan => {
                    let scan: *mut pg_sys::BitmapIndexScan = node.cast();
                    vec![&raw mut (*scan).indexqual, &raw mut (*scan).indexqualorig]
                }
                T_BitmapHeapScan => vec![&raw mut (*node.cast::<pg_sys::BitmapHeapScan>()).bitmapqualorig],
                T_NestLoop => vec![&raw mut (*node.cast::<pg_sys::Join>()).joinqual],
                T_MergeJoin => vec![
                    &raw mut (*node.cast::<pg_sys::Join>()).joinqual,
                    &raw mut (*node.cast::<pg_sys::MergeJoin>()).mergeclauses,
                ],
                T_HashJoin => {
                    let join: *mut pg_sys::HashJoin = node.cast();
                    vec![&raw mut (*join).join.joinqual, &raw mut (*join).hashclauses, &raw mut (*join).hashkeys]
                }
                T_Hash => vec![&raw mut (*node.cast::<pg_sys::Hash>()).hashkeys],
                _ => Vec::new(),
            };
            ([&raw mut (*plan).targetlist, &raw mut (*plan).qual], more)
        };
        // A custom scan's are its maker's.
        let own = own.into_iter().filter(|_| self.tag() != T_CustomScan);
        own.chain(more).map(|place| Expression { place: place.cast(), lives: PhantomData }).collect()
    }

    /// Says that the node may read some parameters: to what hands values to workers, and to what looks at a changed row anew.
    pub fn may_read(self, parameters: std::ops::Range<c_int>) {
        use pg_sys::NodeTag::*;
        let (plan, node) = (self.plan.as_ptr(), self.plan.as_ptr().cast::<pg_sys::Node>());
        let with = |set: *mut pg_sys::Bitmapset| {
            // SAFETY: a set of the node's own, which the caller puts the answer in the place of.
            parameters.clone().fold(set, |set, parameter| unsafe { pg_sys::bms_add_member(set, parameter) })
        };
        // SAFETY: as in `children`. A node's sets are its own, and its tag says which struct it is.
        unsafe {
            (*plan).extParam = with((*plan).extParam);
            (*plan).allParam = with((*plan).allParam);
            match self.tag() {
                T_Gather => {
                    let gather: *mut pg_sys::Gather = node.cast();
                    (*gather).initParam = with((*gather).initParam);
                }
                T_GatherMerge => {
                    let gather: *mut pg_sys::GatherMerge = node.cast();
                    (*gather).initParam = with((*gather).initParam);
                }
                _ => {}
            }
        }
    }
}

/// An expression of a [`PlanNode`], or a list of such: where the node points to it.
pub struct Expression<'p> {
    place: *mut *mut pg_sys::Node,
    lives: PhantomData<&'p pg_sys::Node>,
}

impl<'p> Expression<'p> {
    /// The calls of these functions in it, in its order: those with arguments that are made of constants. Not those within another's
    /// arguments.
    pub fn calls(&self, functions: &[pg_sys::Oid]) -> Vec<Call<'p>> {
        // SAFETY: the node's own pointer to an expression (see `PlanNode::expressions`), which lives for 'p.
        unsafe { if (*self.place).is_null() { Vec::new() } else { calls(*self.place, functions) } }
    }

    /// Puts parameters in the place of the calls that [`calls`](Self::calls) gives: of each that has one here. Only then the expression
    /// is copied; what else refers to the original keeps it.
    pub fn replace_calls(&self, functions: &[pg_sys::Oid], parameters: &[Option<c_int>]) {
        if parameters.iter().all(Option::is_none) {
            return;
        }
        // SAFETY: the node's own pointer to an expression. Nothing but this refers to the copy, which has the same calls in the same
        // order.
        unsafe {
            let copy: *mut pg_sys::Node = pg_sys::copyObjectImpl((*self.place).cast()).cast();
            for (call, parameter) in calls(copy, functions).into_iter().zip(parameters) {
                if let Some(parameter) = parameter {
                    become_parameter(call, *parameter);
                }
            }
            *self.place = copy;
        }
    }
}

/// A call of a function, in an expression that lives for `'p`.
#[derive(Clone, Copy)]
pub struct Call<'p> {
    call: NonNull<pg_sys::FuncExpr>,
    lives: PhantomData<&'p pg_sys::FuncExpr>,
}

/// An argument of a call.
pub enum Argument<'p> {
    /// A constant of type text, or NULL.
    Text(Option<&'p str>),
    /// A constant of type interval, or NULL.
    Interval(Option<Interval>),
    /// Anything else.
    Other,
}

impl<'p> Call<'p> {
    /// `None` where the node is no call of a function.
    ///
    /// # Safety
    /// `node` must be NULL or an expression that lives for `'p`.
    pub unsafe fn new(node: *mut pg_sys::Node) -> Option<Call<'p>> {
        // SAFETY: the caller's promise.
        let is_call = unsafe { is(node, pg_sys::NodeTag::T_FuncExpr) };
        NonNull::new(node.cast()).filter(|_| is_call).map(|call| Call { call, lives: PhantomData })
    }

    pub(super) fn node(&self) -> NonNull<pg_sys::FuncExpr> {
        self.call
    }

    fn fields(&self) -> &pg_sys::FuncExpr {
        // SAFETY: by the promise of `new`. Calls are written to only by `replace_calls`, to copies that it alone has, and before they are
        // planned by `UnplannedCall::add_null`.
        unsafe { self.call.as_ref() }
    }

    /// The function.
    pub fn function(&self) -> pg_sys::Oid {
        self.fields().funcid
    }

    fn result_type(&self) -> pg_sys::Oid {
        self.fields().funcresulttype
    }

    /// Whether two calls are the same.
    pub fn is_same_as(&self, other: &Call<'_>) -> bool {
        // SAFETY: both are expressions (see `new`), which equal only reads.
        self.function() == other.function()
            && unsafe { pg_sys::equal(self.call.as_ptr().cast(), other.call.as_ptr().cast()) }
    }

    /// Whether the call gives the same answer throughout the statement, given that its function is STABLE.
    pub fn is_constant_in_statement(&self) -> bool {
        let call = self.fields();
        // SAFETY: the arguments of a call (see `new`) are a list of expressions.
        let are_arguments_constant = || unsafe {
            pointers(call.args).all(|argument| is_made_of_constants(argument))
                && !pg_sys::contain_volatile_functions(call.args.cast())
        };
        self.has_only_constants() || !call.funcretset && are_arguments_constant()
    }

    /// How many arguments it has.
    pub fn arity(&self) -> usize {
        // SAFETY: the arguments of a call (see `new`) are a list.
        usize::try_from(unsafe { length(self.fields().args) }).unwrap_or_default()
    }

    /// Whether its arguments are constants, all of them, and it gives one answer. Nothing is looked up.
    pub fn has_only_constants(&self) -> bool {
        let call = self.fields();
        // SAFETY: the arguments of a call (see `new`) are a list of expressions.
        !call.funcretset && unsafe { pointers(call.args).all(|argument| is(argument, pg_sys::NodeTag::T_Const)) }
    }

    /// Its arguments.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'p>> + use<'p> {
        // SAFETY: the arguments of a call (see `new`) are a list of expressions; a constant's value is of the type that it names.
        unsafe {
            let argument = |argument| match cast::<pg_sys::Const>(argument, pg_sys::NodeTag::T_Const) {
                Some(constant) if constant.consttype == pg_sys::TEXTOID => {
                    Argument::Text(Text::from_datum(constant.constvalue, constant.constisnull).map(|Text(text)| text))
                }
                Some(constant) if constant.consttype == pg_sys::INTERVALOID => {
                    Argument::Interval(Interval::from_datum(constant.constvalue, constant.constisnull))
                }
                _ => Argument::Other,
            };
            pointers(self.fields().args).map(argument)
        }
    }
}

type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

// SAFETY: declared as in Postgres' nodes/nodeFuncs.h. Until Postgres 16 the walker's arguments are left open there.
unsafe extern "C-unwind" {
    #[cfg_attr(not(feature = "pg15"), link_name = "expression_tree_walker_impl")]
    fn expression_tree_walker(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
}

/// # Safety
/// `expression` must be NULL, or an expression or a list of such that lives for `'p`.
unsafe fn calls<'p>(expression: *mut pg_sys::Node, functions: &[pg_sys::Oid]) -> Vec<Call<'p>> {
    let mut found = Calls { functions, calls: Vec::new() };
    let context = (&raw mut found).cast();
    // SAFETY: the caller's promise. Where the stack ends, Postgres raises: a long jump over `find_calls`, which holds nothing to
    // drop, and into this guard.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| find_calls(expression, context)) };
    found.calls
}

struct Calls<'f, 'p> {
    functions: &'f [pg_sys::Oid],
    calls: Vec<Call<'p>>,
}

/// Collects the calls in a node and all beneath it.
unsafe extern "C-unwind" fn find_calls(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    if node.is_null() {
        return false;
    }
    // SAFETY: `calls` passes a `Calls` that outlives the walk, and nothing else refers to it meanwhile. The node is one of the
    // expression's.
    unsafe {
        if let Some(call) = Call::new(node) {
            let found = &mut *context.cast::<Calls<'_, '_>>();
            let fields = call.fields();
            if found.functions.contains(&fields.funcid)
                && pointers(fields.args).all(|argument| is_made_of_constants(argument))
            {
                found.calls.push(call);
                return false;
            }
        }
        expression_tree_walker(node, find_calls, context)
    }
}

/// Whether an expression is made of nothing but constants, the statement's own parameters, and functions of such.
/// Everything else is a no: columns, sub-selects, aggregates, and nodes that only have a meaning where they stand.
///
/// # Safety
/// `node` must be NULL or an expression.
unsafe fn is_made_of_constants(node: *mut pg_sys::Node) -> bool {
    use pg_sys::NodeTag::*;
    // SAFETY: the caller's promise, and each `cast` compares the node's tag with the type it casts to. What an expression's fields
    // point to are expressions.
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
            !call.funcretset && pointers(call.args).all(|argument| is_made_of_constants(argument))
        } else if let Some(operator) = cast::<pg_sys::OpExpr>(node, T_OpExpr) {
            !operator.opretset && pointers(operator.args).all(|argument| is_made_of_constants(argument))
        } else {
            false
        }
    }
}

/// Makes the node of a call that of a parameter.
///
/// # Safety
/// Nothing but its expression may refer to the call, which is no call afterwards.
unsafe fn become_parameter(call: Call<'_>, parameter: c_int) {
    const { assert!(size_of::<pg_sys::Param>() <= size_of::<pg_sys::FuncExpr>()) };
    const { assert!(align_of::<pg_sys::Param>() <= align_of::<pg_sys::FuncExpr>()) };
    let (paramtype, paramcollid) = (call.result_type(), call.fields().funccollid);
    let xpr = pg_sys::Expr { type_: pg_sys::NodeTag::T_Param };
    let paramkind = pg_sys::ParamKind::PARAM_EXEC;
    let node =
        pg_sys::Param { xpr, paramkind, paramid: parameter, paramtype, paramtypmod: -1, paramcollid, location: -1 };
    // SAFETY: the caller's promise; a call's node has room for a parameter's (see above).
    unsafe { call.call.as_ptr().cast::<pg_sys::Param>().write(node) };
}

/// A plan that answers with one row: the call.
fn row_of(call: Call<'_>, plan_node_id: c_int) -> *mut pg_sys::Result {
    // SAFETY: new nodes of the current memory context; the call is an expression.
    unsafe {
        let column = pg_sys::makeTargetEntry(call.call.as_ptr().cast(), 1, std::ptr::null_mut(), false);
        let mut row = PgBox::<pg_sys::Result>::alloc_node(pg_sys::NodeTag::T_Result);
        row.plan.plan_node_id = plan_node_id;
        row.plan.plan_rows = 1.0;
        row.plan.plan_width = pg_sys::get_typavgwidth(call.result_type(), -1);
        row.plan.total_cost = pg_sys::cpu_operator_cost;
        row.plan.targetlist = pg_sys::lappend(std::ptr::null_mut(), column.cast());
        row.into_pg()
    }
}

/// The node that has a plan of the list of sub-plans compute a parameter, as `SS_make_initplan_from_plan()` makes it.
fn init_plan(call: Call<'_>, parameter: c_int, plan_id: c_int) -> *mut pg_sys::SubPlan {
    let name = if cfg!(any(feature = "pg15", feature = "pg16")) {
        format!("InitPlan {plan_id} (returns ${parameter})")
    } else {
        format!("InitPlan {plan_id}")
    };
    // SAFETY: a new node of the current memory context, which is all zeroes but for its tag.
    unsafe {
        let mut node = PgBox::<pg_sys::SubPlan>::alloc_node(pg_sys::NodeTag::T_SubPlan);
        node.subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
        node.plan_id = plan_id;
        node.plan_name = super::guc::copy_of(&name);
        node.firstColType = call.result_type();
        node.firstColTypmod = -1;
        node.firstColCollation = call.fields().funccollid;
        node.setParam = pg_sys::lappend_int(std::ptr::null_mut(), parameter);
        node.per_call_cost = pg_sys::cpu_operator_cost;
        node.into_pg()
    }
}

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
//! Before all that, conditions of row security go that another one implies. So do checks of new rows that only ask what an UPDATE has
//! asked of the old row: see [`implied`].
//!
//! Stored objects (policies, views, functions) and the output of `pg_get_expr` and `pg_dump` stay as they were written.
//!
//! Some places stay as they are, and a call there is evaluated as any other function's:
//!
//! - a plan, or a sub-plan that depends on no row, that is nothing but a row of expressions: it is evaluated once already. That
//!   covers the author's own `(select …)`, and PL/pgSQL's simple expressions, which must stay simple;
//! - a statement that reaches one row by a unique key, or inserts one: a call runs where it is reached, at most once for each place. An
//!   InitPlan would cost more than the call. But where the query calls a function that costs more, equal calls share one (looking up
//!   users and sessions in Supabase Auth's tables costs nothing again: see `session::kept`);
//! - functions and VALUES lists in FROM, LIMIT, partition pruning, and the inner parts of other extensions' plan nodes;
//! - a call with an argument that isn't made of constants, the statement's parameters, and functions of such: a column above all;
//! - a call that may raise, in a statement that computes InitPlans before it needs them (for parallel workers, and where a
//!   row was changed meanwhile). It must raise only where it is reached.
//!
//! Parallel workers get the parameter's value from their leader.

mod implied;
mod rewrite;

use std::cell::Cell;
use std::ffi::{c_char, c_int};

use pgrx::prelude::*;

use self::implied::take_out_implied;
use self::rewrite::{Cost, Ours, once_per_statement};
use crate::pg::plan::{Call, FinishedPlan};
use crate::pg::unplanned::UnplannedQuery;

crate::pg::v1_function_info!(pg_finfo_aal_once_per_statement);

thread_local! {
    /// The planner hook that was there before.
    static NEXT: Cell<pg_sys::planner_hook_type> = const { Cell::new(None) };
    /// What the planner was seen to do with our functions.
    static SEEN: Cell<Seen> = const {
        Cell::new(Seen { support: pg_sys::InvalidOid, planning: false, calls_ours: false, costs_more: false, missed: false })
    };
    /// Our functions, as far as the planner has seen calls of them. There are 13 with the support function.
    static KNOWN: Cell<[Known; 16]> = const { Cell::new([Known { function: pg_sys::InvalidOid, cost: Cost::Little }; 16]) };
}

/// One of our functions.
#[derive(Clone, Copy)]
struct Known {
    function: pg_sys::Oid,
    /// What its second call in a statement costs.
    cost: Cost,
}

#[derive(Clone, Copy)]
struct Seen {
    /// The OID of the support function, by which our functions are known.
    support: pg_sys::Oid,
    /// Whether our planner hook is at work.
    planning: bool,
    /// Whether the query being planned calls one of our functions.
    calls_ours: bool,
    /// Whether a second call of one of them costs more than a parameter does.
    costs_more: bool,
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
pub extern "C-unwind" fn aal_once_per_statement(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: Postgres calls every function with a valid call info and, here, the function's own record in it. Only the
    // planner can call this one (nobody else has an `internal`); it is declared with one argument, and STRICT. The argument is a
    // request of the planner's, which only this call has in hand now.
    let (request, is_answered) = unsafe {
        let support = (*fcinfo).flinfo.as_ref().map_or(pg_sys::InvalidOid, |function| function.fn_oid);
        let request = (*(*fcinfo).args.as_ptr()).value.cast_mut_ptr::<pg_sys::Node>();
        (request, answer(support, request).unwrap_or_else(|| look_up_and_answer(support, request)))
    };
    // A pointer that may be NULL, and never an SQL null.
    if is_answered { pg_sys::Datum::from(request) } else { pg_sys::Datum::null() }
}

/// Answers what needs no look-up, as most of it. So it runs without pgrx's guard: nothing here calls Postgres, or panics. Returns whether
/// the request was answered; `None` where something must be looked up.
///
/// # Safety
/// `request` must be NULL or a request of the planner's, which nobody else has in hand now.
unsafe fn answer(support: pg_sys::Oid, request: *mut pg_sys::Node) -> Option<bool> {
    // SAFETY: the caller's promise; the request's tag says which it is.
    unsafe {
        match request.as_ref().map(|request| request.type_) {
            Some(pg_sys::NodeTag::T_SupportRequestSimplify) => {
                let request = &*request.cast::<pg_sys::SupportRequestSimplify>();
                let all = KNOWN.get();
                let known = all.iter().find(|known| known.function == called(request) && known.cost == Cost::Little)?;
                note_call(support, known.cost, !request.root.is_null());
                Some(false)
            }
            Some(pg_sys::NodeTag::T_SupportRequestSelectivity) => {
                (*request.cast::<pg_sys::SupportRequestSelectivity>()).selectivity = 1.0;
                Some(true)
            }
            Some(pg_sys::NodeTag::T_SupportRequestCost) => {
                let request = &mut *request.cast::<pg_sys::SupportRequestCost>();
                let is_once = Call::new(request.node)?.has_only_constants();
                is_once.then(|| costs_nothing(request))
            }
            _ => Some(false),
        }
    }
}

/// Answers the others.
///
/// # Safety
/// As for [`answer`].
#[pg_guard]
unsafe extern "C-unwind" fn look_up_and_answer(support: pg_sys::Oid, request: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `answer`.
    unsafe {
        match request.as_ref().map(|request| request.type_) {
            Some(pg_sys::NodeTag::T_SupportRequestSimplify) => {
                let request = &*request.cast::<pg_sys::SupportRequestSimplify>();
                note_call(support, learn(called(request)), !request.root.is_null());
                false
            }
            Some(pg_sys::NodeTag::T_SupportRequestCost) => {
                let request = &mut *request.cast::<pg_sys::SupportRequestCost>();
                let is_once = Call::new(request.node).is_some_and(|call| call.is_constant_in_statement());
                is_once && costs_nothing(request)
            }
            _ => false,
        }
    }
}

/// The function whose call the planner would simplify.
fn called(request: &pg_sys::SupportRequestSimplify) -> pg_sys::Oid {
    // SAFETY: the planner's request has the call.
    unsafe { request.fcall.as_ref() }.map_or(pg_sys::InvalidOid, |call| call.funcid)
}

/// A call that is evaluated once costs nothing for each row.
fn costs_nothing(request: &mut pg_sys::SupportRequestCost) -> bool {
    request.startup = 0.0;
    request.per_tuple = 0.0;
    true
}

/// What the second call of one of our functions costs. It is known from now on.
fn learn(function: pg_sys::Oid) -> Cost {
    let mut all = KNOWN.get();
    if let Some(known) = all.iter().find(|known| known.function == function) {
        return known.cost;
    }
    let cost = Cost::of(function);
    if let Some(free) = all.iter_mut().find(|known| known.function == pg_sys::InvalidOid) {
        *free = Known { function, cost };
        KNOWN.set(all);
    }
    cost
}

/// Notes that a query calls one of our functions. Without a planner (a CHECK constraint, the arguments of EXECUTE) there is no plan.
fn note_call(support: pg_sys::Oid, cost: Cost, has_planner: bool) {
    let seen = SEEN.get();
    SEEN.set(Seen {
        support,
        calls_ours: seen.calls_ours || seen.planning && has_planner,
        costs_more: seen.costs_more || cost.is_more_than_a_parameters(),
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
    // SAFETY: Postgres passes a query that it is about to plan, which the planner may change. The plan cache hands over a copy.
    let passed = unsafe { UnplannedQuery::new(query) }.map(take_out_implied).unwrap_or_default();
    let planning = Planning::begin();
    let next = NEXT.get();
    // SAFETY: passes on what Postgres passed. What raises there must not jump over our frames: hence pgrx's guard.
    let planned = unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| match next {
            Some(next) => next(query, text, options, parameters),
            None => standard_planner(query, text, options, parameters),
        })
    };
    let Seen { calls_ours, costs_more, .. } = SEEN.get();
    drop(planning);
    // SAFETY: the planner has just made the plan, in the current memory context, and nobody else has it yet.
    if let Some(mut planned) = unsafe { FinishedPlan::new(planned) }.filter(|_| calls_ours) {
        planned.add_passed_checks(&passed);
        once_per_statement(&mut planned, ours(costs_more));
    }
    planned
}

/// Postgres' own planner, without the guard that pgrx puts around it: `plan` has one around both.
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
        SEEN.set(Seen { planning: true, calls_ours: false, costs_more: false, ..outer });
        Planning { outer }
    }
}

impl Drop for Planning {
    // Also where an error unwinds.
    fn drop(&mut self) {
        let Seen { planning, calls_ours, costs_more, .. } = self.outer;
        SEEN.set(Seen { planning, calls_ours, costs_more, ..SEEN.get() });
    }
}

/// Whether a query was planned while the library was being loaded, without our hook.
pub fn has_missed_a_query() -> bool {
    SEEN.get().missed
}

/// Makes up for the query that was planned while the library was being loaded. Called before a query is run: its plan is changed in
/// place, where it lies, before it is first run.
pub fn catch_up(planned: &mut FinishedPlan<'_>) {
    if planned.in_its_memory(|planned| once_per_statement(planned, ours(true))) {
        SEEN.set(Seen { missed: false, ..SEEN.get() });
    }
}

fn ours(costs_more: bool) -> Ours {
    let known = KNOWN.get();
    Ours { support: SEEN.get().support, seen: known.map(|known| known.function), costs_more }
}

/// The transaction has ended, and with it the statement that was planned while the library was being loaded.
pub fn transaction_ended() {
    SEEN.set(Seen { missed: false, ..SEEN.get() });
}

//! Rewriting a finished plan: a parameter in the place of each call that gives the same answer throughout the statement.

#![deny(unsafe_code)]

use std::ffi::c_int;

use aal::{Level, MaxAge};
use pgrx::prelude::*;

use crate::pg::lookup;
use crate::pg::plan::{Argument, Call, Expression, FinishedPlan, PlanNode, check_stack_depth};
use crate::settings;

/// Our functions, as the planner has seen them.
pub struct Ours {
    /// Their support function, by which they are known.
    pub support: pg_sys::Oid,
    /// Those that the planner has seen a call of, and `InvalidOid`.
    pub seen: [pg_sys::Oid; 16],
    /// Whether the query may call one whose second call costs more than a parameter does.
    pub costs_more: bool,
}

impl Ours {
    /// Whether a call is one of ours.
    fn have(&self, call: &Call<'_>) -> bool {
        self.seen.contains(&call.function()) && lookup::support_function(call.function()) == Some(self.support)
    }
}

/// Puts a parameter in the place of each call that gives the same answer throughout the statement. Whether there was any.
pub fn once_per_statement(planned: &mut FinishedPlan<'_>, ours: Ours) -> bool {
    let roots = planned.roots();
    // They are evaluated once already.
    let stay: Vec<bool> = roots
        .iter()
        .map(|root| root.is_row_of_expressions() || !ours.costs_more && planned.evaluates_once(*root))
        .collect();
    if stay.iter().all(|stays| *stays) {
        return false;
    }
    let mut rewriting = Rewriting {
        ours,
        calls: Vec::new(),
        computes_early: planned.computes_early(),
        first: planned.parameters(),
        last_id: 0,
    };
    for (root, stays) in roots.iter().zip(stay) {
        rewriting.rewrite_node(*root, stays);
    }
    let Rewriting { calls, first, last_id, .. } = rewriting;
    if calls.is_empty() {
        return false;
    }
    let end = calls.iter().fold(first, |parameter, _| parameter + 1);
    // Any node may come to read any of them: by itself, or by a sub-plan in an expression.
    roots.into_iter().for_each(|root| announce(root, first..end));
    for (id, call) in (last_id + 1..).zip(calls) {
        planned.add_init_plan(call, id);
    }
    true
}

/// Says of a plan node and all beneath it that they may read the parameters.
fn announce(node: PlanNode<'_>, parameters: std::ops::Range<c_int>) {
    node.may_read(parameters.clone());
    node.children().into_iter().for_each(|child| announce(child, parameters.clone()));
}

/// A finished plan being rewritten.
struct Rewriting<'p> {
    ours: Ours,
    /// The calls, each of which becomes an InitPlan. The first has parameter `first`, and so on.
    calls: Vec<Call<'p>>,
    /// What raises would raise there without being reached.
    computes_early: bool,
    first: c_int,
    /// The highest number of a plan node.
    last_id: c_int,
}

impl<'p> Rewriting<'p> {
    /// Rewrites a plan node and all beneath it, or lets them stay as they are.
    fn rewrite_node(&mut self, node: PlanNode<'p>, stays: bool) {
        check_stack_depth();
        self.last_id = self.last_id.max(node.id());
        if !stays {
            node.expressions().iter().for_each(|expression| self.rewrite_expression(expression));
        }
        node.children().into_iter().for_each(|child| self.rewrite_node(child, stays));
    }

    fn rewrite_expression(&mut self, expression: &Expression<'p>) {
        let calls = expression.calls(&self.ours.seen);
        let parameters: Vec<Option<c_int>> = calls.into_iter().map(|call| self.parameter(call)).collect();
        expression.replace_calls(&self.ours.seen, &parameters);
    }

    /// The parameter for a call, if it gets one.
    fn parameter(&mut self, call: Call<'p>) -> Option<c_int> {
        let gets_one =
            self.ours.have(&call) && call.is_constant_in_statement() && (!self.computes_early || cannot_raise(&call));
        if !gets_one {
            return None;
        }
        let known = self.calls.iter().position(|known| known.is_same_as(&call));
        let n = known.unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        c_int::try_from(n).ok().map(|n| self.first + n)
    }
}

/// What a second call of one of our functions costs in a statement.
#[derive(Clone, Copy, PartialEq)]
pub enum Cost {
    /// No more than a parameter does: it only reads the claims in force.
    Little,
    /// It looks the user up.
    User,
    /// It looks the session up.
    Session,
    /// More.
    Much,
}

impl Cost {
    pub fn of(function: pg_sys::Oid) -> Cost {
        match lookup::function_name(function).unwrap_or_default().as_str() {
            "aal" | "subject" | "subject_uuid" | "has_aal" | "require_aal" | "authenticated_at" => Cost::Little,
            "enrolled_aal" | "has_enrolled_aal" | "require_enrolled_aal" => Cost::User,
            "session_is_live" | "require_live_session" => Cost::Session,
            _ => Cost::Much,
        }
    }

    /// A look-up in Supabase Auth's tables is kept within the statement. The answer of the administrator's own function is not.
    pub fn is_more_than_a_parameters(self) -> bool {
        match self {
            Cost::Little => false,
            Cost::User => settings::enrollment_function().is_some(),
            Cost::Session => settings::session_function().is_some(),
            Cost::Much => true,
        }
    }
}

/// Whether a call of ours raises for no session: by what it does, and because its arguments are valid.
fn cannot_raise(call: &Call<'_>) -> bool {
    let name = lookup::function_name(call.function()).unwrap_or_default();
    let never_raises = match name.as_str() {
        "aal" | "subject" | "subject_uuid" | "has_aal" | "authenticated_at" => true,
        // What somebody else's function does is not known.
        "has_enrolled_aal" => settings::enrollment_function().is_none(),
        "session_is_live" => settings::session_function().is_none(),
        _ => false,
    };
    never_raises && call.arguments().all(|argument| is_valid(&argument))
}

/// Whether an argument is a constant that our functions take: a level, or an age that is not negative.
fn is_valid(argument: &Argument<'_>) -> bool {
    match argument {
        Argument::Text(level) => level.is_some_and(|level| Level::from_claim(level).is_some()),
        Argument::Interval(age) => {
            age.as_ref().is_none_or(|age| MaxAge::from_interval(age.months(), age.days(), age.micros()).is_ok())
        }
        Argument::Other => false,
    }
}

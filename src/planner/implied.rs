//! Conditions of row security that another one implies, taken out of a query before it is planned.
//!
//! An UPDATE of a protected table must meet its policy for reads, and that for updates: `has_aal('aal1')` and `has_aal('aal2')`. The
//! second implies the first, which would be planned and asked for nothing. Both ask the same session, and of no row.
//!
//! Here the calls get their second argument, too, where that is left to its default. Postgres reads the default's text anew for each
//! call that it plans.

#![deny(unsafe_code)]

use std::cell::Cell;

use aal::protection::Made;
use aal::{Command, FixedRequirement, Level, MaxAge};
use pgrx::prelude::*;

use crate::own_function::OwnFunction;
use crate::pg::lookup;
use crate::pg::plan::{Argument, Call};
use crate::pg::unplanned::{Conditions, NewRowCondition, UnplannedCall, UnplannedQuery};

thread_local! {
    /// `has_aal`, with any age by default.
    static HAS_AAL: OwnFunction = const { OwnFunction::new_if("has_aal_wrapper", is_planned_by_us) };
}

/// Whether a function asks us when it is planned, and takes any age by default.
fn is_planned_by_us(function: pg_sys::Oid) -> bool {
    lookup::support_function(function).is_some() && lookup::ends_with_null_by_default(function)
}

/// Takes out what is implied.
pub fn take_out_implied(query: UnplannedQuery<'_>) {
    let implying = Implying { has_aal: Cell::new(None) };
    query.visit(&|conditions| implying.of_old_rows(conditions), &|conditions| implying.of_new_rows(conditions));
}

/// A query in which conditions imply others.
struct Implying {
    /// `has_aal`, where a call was found.
    has_aal: Cell<Option<pg_sys::Oid>>,
}

impl Implying {
    fn of_old_rows(&self, conditions: &Conditions<'_>) {
        while let Some((implied, by)) = implied(&self.requirements(conditions.calls()), |_, _| true) {
            conditions.take_out(implied, by);
        }
    }

    fn of_new_rows(&self, mut conditions: Vec<NewRowCondition<'_>>) {
        loop {
            let calls = conditions.iter().enumerate().filter_map(|(place, condition)| Some((place, condition.call()?)));
            // The first that isn't met is named in the error: it stays the same one.
            let may_go = |implied: usize, by: usize| {
                by < implied
                    && conditions[implied].is_asked_with(&conditions[by])
                    && !is_known_to_guards(&conditions[implied])
            };
            let Some((implied, _)) = implied(&self.requirements(calls.collect()), may_go) else { return };
            conditions.remove(implied).take_out();
        }
    }

    /// What `has_aal` is asked by those of these calls that call it, with valid constants. Nothing where there is but one, which nothing
    /// implies.
    fn requirements(&self, mut calls: Vec<(usize, UnplannedCall<'_>)>) -> Vec<(usize, FixedRequirement)> {
        calls.retain(|(_, call)| call.has_only_constants() && (1..=2).contains(&call.arity()));
        for (_, call) in calls.iter().filter(|(_, call)| call.arity() == 1 && self.is_has_aal(call)) {
            call.add_null();
        }
        if calls.len() < 2 {
            return Vec::new();
        }
        let ours = calls.iter().filter(|(_, call)| self.is_has_aal(call));
        ours.filter_map(|(place, call)| Some((*place, asked(call)?))).collect()
    }

    fn is_has_aal(&self, call: &Call<'_>) -> bool {
        let function = call.function();
        let is = self.has_aal.get() == Some(function) || HAS_AAL.with(|has_aal| has_aal.is(function));
        if is {
            self.has_aal.set(Some(function));
        }
        is
    }
}

/// The place of a condition that another implies, and the place of that other.
fn implied(asked: &[(usize, FixedRequirement)], may_go: impl Fn(usize, usize) -> bool) -> Option<(usize, usize)> {
    let pairs = asked.iter().flat_map(|implied| asked.iter().map(move |by| (implied, by)));
    pairs
        .filter(|(implied, by)| implied.0 != by.0 && by.1.implies(implied.1))
        .map(|(implied, by)| (implied.0, by.0))
        .find(|(implied, by)| may_go(*implied, *by))
}

/// What `has_aal` is asked by a call; `None` where it would raise.
fn asked(call: &Call<'_>) -> Option<FixedRequirement> {
    let mut arguments = call.arguments();
    let (Some(Argument::Text(Some(level))), Some(Argument::Interval(max_age)), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return None;
    };
    let level = Level::from_claim(level)?;
    let max_age = match max_age {
        Some(age) => Some(MaxAge::from_interval(age.months(), age.days(), age.micros()).ok()?),
        None => None,
    };
    Some(FixedRequirement { level, max_age })
}

/// Whether guards know by this condition whom a plan binds: it has the name of their command's policy.
fn is_known_to_guards(condition: &NewRowCondition<'_>) -> bool {
    let is_name = |command| {
        condition.policy().is_some_and(|policy| policy.to_bytes() == Made::policy_for(command).name().as_bytes())
    };
    [Command::Insert, Command::Update, Command::Delete].into_iter().any(is_name)
}

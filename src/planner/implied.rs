//! Conditions of row security that another one implies, taken out of a query before it is planned.
//!
//! An UPDATE of a protected table must meet its policy for reads, and that for updates: `has_aal('aal1')` and `has_aal('aal2')`. The
//! second implies the first, which would be planned and asked for nothing. Both ask the same session, and of no row. So does the check of
//! new rows that the policy for updates brings. It goes too, and leaves its name in the plan.
//!
//! Here the calls get their second argument, too, where that is left to its default. Postgres reads the default's text anew for each
//! call that it plans.

#![deny(unsafe_code)]

use std::ffi::CStr;

use aal::protection::Made;
use aal::{Command, FixedRequirement, Level, MaxAge};
use pgrx::prelude::*;

use crate::own_function::OwnFunction;
use crate::pg::lookup;
use crate::pg::plan::{Argument, Call, check_stack_depth};
use crate::pg::unplanned::{NewRowConditions, OldRowConditions, PassedCheck, UnplannedCall, UnplannedQuery};

thread_local! {
    /// `has_aal`, with any age by default.
    static HAS_AAL: OwnFunction = const { OwnFunction::new_if("has_aal_wrapper", is_planned_by_us) };
}

/// Whether a function asks us when it is planned, and takes any age by default. With NULL it is called, and in the session as that is.
fn is_planned_by_us(function: pg_sys::Oid) -> bool {
    lookup::support_function(function).is_some()
        && lookup::ends_with_null_by_default(function)
        && lookup::is_strict(function) == Some(false)
        && !lookup::has_settings(function)
}

/// Takes out what is implied. Returns the checks of the query's new rows by whose names guards know whom its plan binds.
pub fn take_out_implied(query: UnplannedQuery<'_>) -> Vec<PassedCheck<'_>> {
    let mut implying = Implying { has_aal: None, passed: Vec::new() };
    implying.visit(query, true);
    implying.passed
}

/// A query in which conditions imply others.
struct Implying<'q> {
    /// `has_aal`, where a call was found.
    has_aal: Option<pg_sys::Oid>,
    /// Checks of new rows that were taken out, and that guards know by their names.
    passed: Vec<PassedCheck<'q>>,
}

/// What a condition asks that is a call of `has_aal` and nothing else: its place among the conditions, and what it asks.
type Asked = (usize, FixedRequirement);

impl<'q> Implying<'q> {
    fn visit(&mut self, query: UnplannedQuery<'q>, is_whole: bool) {
        check_stack_depth();
        let mut of_updated_rows = Vec::new();
        for (conditions, are_of_updated_rows) in query.old_rows() {
            let asked = self.of_old_rows(&conditions);
            if are_of_updated_rows {
                of_updated_rows = asked;
            }
        }
        query.parts().for_each(|part| self.visit(part, false));
        if let Some(conditions) = query.new_rows() {
            self.of_new_rows(&conditions, &of_updated_rows, is_whole);
        }
    }

    /// Takes out conditions that others imply. Returns those that stay.
    fn of_old_rows(&mut self, conditions: &OldRowConditions<'q>) -> Vec<Asked> {
        loop {
            let asked = self.asked(conditions.calls());
            let Some((implied, by)) = find_implied(&asked) else { return asked };
            conditions.take_out_implied(implied, by);
        }
    }

    /// Lets every row pass a check that only asks what an UPDATE has asked of the old row, or less: it is asked once. So it is where one
    /// check asks what an earlier one did.
    fn of_new_rows(&mut self, conditions: &NewRowConditions<'q>, of_updated_rows: &[Asked], is_whole: bool) {
        let asked = self.asked(conditions.calls());
        for (place, required) in &asked {
            let is_named = conditions.policy(*place).is_some_and(is_known_to_guards);
            // The first that isn't met is named in the error: it stays the same one.
            let is_implied_by = |(by, of_by): &Asked| {
                by < place && conditions.are_asked_together(*by, *place) && of_by.implies(*required)
            };
            let was_asked = of_updated_rows.iter().any(|(_, asked)| asked.implies(*required));
            if was_asked && conditions.is_of_update(*place) && (is_whole || !is_named)
                || !is_named && asked.iter().any(is_implied_by)
            {
                let check = conditions.pass(*place);
                if is_named {
                    self.passed.push(check);
                }
            }
        }
    }

    /// Those of these calls that are of `has_aal`, as the level they ask for. Each such call gets its second argument, if it has none.
    fn asked(&mut self, calls: impl Iterator<Item = (usize, UnplannedCall<'q>)>) -> Vec<Asked> {
        let are_has_aal = calls.filter(|(_, call)| call.has_only_constants() && self.is_has_aal(call));
        let asked = are_has_aal.filter_map(|(place, call)| {
            if call.arity() == 1 {
                call.add_null();
            }
            Some((place, asked(&call)?))
        });
        asked.collect()
    }

    fn is_has_aal(&mut self, call: &Call<'_>) -> bool {
        let function = call.function();
        let is = self.has_aal == Some(function) || HAS_AAL.with(|has_aal| has_aal.is(function));
        if is {
            self.has_aal = Some(function);
        }
        is
    }
}

/// The place of a condition that another implies, and the place of that other.
fn find_implied(asked: &[Asked]) -> Option<(usize, usize)> {
    asked.iter().find_map(|(implied, required)| {
        let implies = |(place, asked): &&Asked| place != implied && asked.implies(*required);
        asked.iter().find(implies).map(|(by, _)| (*implied, *by))
    })
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

/// Whether guards know by this policy whom a plan binds: it has the name of their command's.
fn is_known_to_guards(policy: &CStr) -> bool {
    let is_name = |command| policy.to_bytes() == Made::policy_for(command).name().as_bytes();
    Command::WRITES.into_iter().any(is_name)
}

//! Conditions of row security that another one implies, taken out of a query before it is planned.
//!
//! An UPDATE of a protected table must meet its policy for reads, and that for updates: `has_aal('aal1')` and `has_aal('aal2')`. The
//! second implies the first, which would be planned and asked for nothing. Both ask the same session, and of no row.
//!
//! Here the calls get their second argument, too, where that is left to its default. Postgres reads the default's text anew for each
//! call that it plans.

#![deny(unsafe_code)]

use std::cell::Cell;
use std::ffi::CStr;

use aal::protection::Made;
use aal::{Command, FixedRequirement, Level, MaxAge};
use pgrx::prelude::*;

use crate::own_function::OwnFunction;
use crate::pg::lookup;
use crate::pg::plan::{Argument, Call};
use crate::pg::unplanned::{NewRowConditions, OldRowConditions, UnplannedCall, UnplannedQuery};

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
    fn of_old_rows(&self, conditions: &OldRowConditions<'_>) {
        let call = |place| conditions.call(place);
        while let Some((implied, by)) = self.implied(conditions.number(), call, |_, _| true) {
            conditions.take_out_implied(implied, by);
        }
    }

    fn of_new_rows(&self, conditions: &NewRowConditions<'_>) {
        // The first that isn't met is named in the error: it stays the same one.
        let may_go = |implied: usize, by: usize| {
            let is_later = by < implied && conditions.are_asked_together(implied, by);
            is_later && !conditions.policy(implied).is_some_and(is_known_to_guards)
        };
        while let Some((implied, _)) = self.implied(conditions.number(), |place| conditions.call(place), may_go) {
            conditions.take_out(implied);
        }
    }

    /// The place of a condition that another implies, and the place of that other. Each call gets its second argument, if it has none.
    fn implied<'q>(
        &self,
        number: usize,
        call: impl Fn(usize) -> Option<UnplannedCall<'q>>,
        may_go: impl Fn(usize, usize) -> bool,
    ) -> Option<(usize, usize)> {
        let places = 0..number;
        let call = |place| call(place).filter(|call| call.has_only_constants());
        for call in places.clone().filter_map(call).filter(|call| call.arity() == 1 && self.is_has_aal(call)) {
            call.add_null();
        }
        let mut pairs = places.flat_map(|one| (0..one).map(move |other| (one, other)));
        pairs.find_map(|(one, other)| {
            let (call_one, call_other) = (call(one)?, call(other)?);
            let is_same_function = call_one.function() == call_other.function();
            if !is_same_function || !self.is_has_aal(&call_one) {
                return None;
            }
            let (of_one, of_other) = (asked(&call_one)?, asked(&call_other)?);
            let ways = [((one, other), of_other.implies(of_one)), ((other, one), of_one.implies(of_other))];
            ways.into_iter().find(|((implied, by), is)| *is && may_go(*implied, *by)).map(|(pair, _)| pair)
        })
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

/// Whether a call of `has_aal` that is true says that another one is true of the same session.
pub fn implies(one: &Call<'_>, other: &Call<'_>) -> bool {
    let is_has_aal = || one.function() == other.function() && HAS_AAL.with(|has_aal| has_aal.is(one.function()));
    let have_constants = one.has_only_constants() && other.has_only_constants();
    have_constants && is_has_aal() && asked(one).zip(asked(other)).is_some_and(|(one, other)| one.implies(other))
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

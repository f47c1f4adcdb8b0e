//! Queries that Postgres is about to plan: the conditions that row security has put on their rows.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use pgrx::prelude::*;

use super::list::pointers;
use super::lookup;
use super::node::is;
use super::plan::{Call, check_stack_depth};

/// A query that is about to be planned, with row security's conditions in it.
#[derive(Clone, Copy)]
pub struct UnplannedQuery<'q> {
    query: NonNull<pg_sys::Query>,
    lives: PhantomData<&'q pg_sys::Query>,
}

impl<'q> UnplannedQuery<'q> {
    /// # Safety
    /// `query` must be NULL or what the planner was handed, whole, before it begins. It may be changed, as the planner changes it, and
    /// nobody else refers into it for `'q`.
    pub unsafe fn new(query: *mut pg_sys::Query) -> Option<UnplannedQuery<'q>> {
        NonNull::new(query).map(|query| UnplannedQuery { query, lives: PhantomData })
    }

    /// Passes on the conditions on old rows, of each table; and those on new rows, if there are any: of the query, and of those in its
    /// FROM and WITH.
    pub fn visit(self, on_old_rows: &impl Fn(&Conditions<'q>), on_new_rows: &impl Fn(Vec<NewRowCondition<'q>>)) {
        check_stack_depth();
        // SAFETY: by the promise of `new`. The range table is a list of RangeTblEntry, whose conditions are a list of expressions; WITH is a
        // list of CommonTableExpr. A query's checks are a list of WithCheckOption.
        unsafe {
            let query = self.query.as_ptr();
            for entry in pointers::<pg_sys::RangeTblEntry>((*query).rtable).filter_map(|entry| entry.as_mut()) {
                if let Some(list) = NonNull::new(entry.securityQuals) {
                    on_old_rows(&Conditions { list, lives: PhantomData });
                }
                if let Some(query) = UnplannedQuery::new(entry.subquery) {
                    query.visit(on_old_rows, on_new_rows);
                }
            }
            for with in pointers::<pg_sys::CommonTableExpr>((*query).cteList) {
                let query = Some((*with).ctequery).filter(|query| is(*query, pg_sys::NodeTag::T_Query));
                if let Some(query) = query.and_then(|query| UnplannedQuery::new(query.cast())) {
                    query.visit(on_old_rows, on_new_rows);
                }
            }
            if !(*query).withCheckOptions.is_null() {
                let check = |check| NewRowCondition { check, of: self.query, lives: PhantomData };
                on_new_rows(pointers((*query).withCheckOptions).filter_map(NonNull::new).map(check).collect());
            }
        }
    }
}

/// The conditions of a table, all of which must be true of a row before anything else sees it: in the order in which they are asked.
pub struct Conditions<'q> {
    list: NonNull<pg_sys::List>,
    lives: PhantomData<&'q pg_sys::List>,
}

impl<'q> Conditions<'q> {
    /// Those that are nothing but a call, with their places.
    pub fn calls(&self) -> Vec<(usize, UnplannedCall<'q>)> {
        // SAFETY: a list of expressions (see `visit`).
        let all = unsafe { pointers::<pg_sys::Node>(self.list.as_ptr()) };
        // SAFETY: as above.
        let call = |node| unsafe { Call::new(node) }.map(UnplannedCall);
        all.enumerate().filter_map(|(place, node)| Some((place, call(node)?))).collect()
    }

    /// Takes the condition at `implied` out, as that at `by` implies it. The other is asked where the first of both was.
    pub fn take_out(&self, implied: usize, by: usize) {
        // SAFETY: both are places in the list, which nobody else refers to (see `new`); it keeps `by`, so it has its place in memory.
        unsafe {
            let list = self.list.as_ptr();
            let kept = *(*list).elements.add(by);
            *(*list).elements.add(implied.min(by)) = kept;
            if let Ok(gone) = i32::try_from(implied.max(by)) {
                pg_sys::list_delete_nth_cell(list, gone);
            }
        }
    }
}

/// A condition that new rows must meet.
pub struct NewRowCondition<'q> {
    check: NonNull<pg_sys::WithCheckOption>,
    of: NonNull<pg_sys::Query>,
    lives: PhantomData<&'q pg_sys::WithCheckOption>,
}

impl<'q> NewRowCondition<'q> {
    /// The call that it is nothing but.
    pub fn call(&self) -> Option<UnplannedCall<'q>> {
        // SAFETY: a check of a query (see `visit`), whose condition is an expression.
        unsafe { Call::new(self.check.as_ref().qual) }.map(UnplannedCall)
    }

    /// The policy that it comes from, where it is one's own.
    pub fn policy(&self) -> Option<&'q CStr> {
        // SAFETY: as above; the name is NULL or a C string.
        unsafe {
            let name = self.check.as_ref().polname;
            (!name.is_null()).then(|| CStr::from_ptr(name))
        }
    }

    /// Whether another is asked of the same rows.
    pub fn is_asked_with(&self, other: &NewRowCondition<'_>) -> bool {
        // SAFETY: as above.
        let (own, other) = unsafe { (self.check.as_ref(), other.check.as_ref()) };
        own.kind == other.kind
    }

    /// Takes it out of its query.
    pub fn take_out(self) {
        // SAFETY: by the promise of `UnplannedQuery::new`. The check stays in memory, and only the list forgets it.
        unsafe {
            let checks = &mut (*self.of.as_ptr()).withCheckOptions;
            *checks = pg_sys::list_delete_ptr(*checks, self.check.as_ptr().cast());
        }
    }
}

/// A call in a condition of a query that is about to be planned.
pub struct UnplannedCall<'q>(Call<'q>);

impl<'q> Deref for UnplannedCall<'q> {
    type Target = Call<'q>;

    fn deref(&self) -> &Call<'q> {
        &self.0
    }
}

impl UnplannedCall<'_> {
    /// Gives it its last argument, NULL, where that is missing: as the planner does where that is the parameter's default.
    pub fn add_null(&self) {
        let Some(parameter) = lookup::last_parameter(self.function(), self.arity()) else { return };
        // SAFETY: a call of a query that nobody else refers into (see `UnplannedQuery::new`), which has room for one argument more; a new
        // constant in the memory in which Postgres plans.
        unsafe {
            let null = pg_sys::makeNullConst(parameter, -1, pg_sys::InvalidOid);
            let call = self.node().as_ptr();
            (*call).args = pg_sys::lappend((*call).args, null.cast());
        }
    }
}

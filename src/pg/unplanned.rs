//! Queries that Postgres is about to plan: the conditions that row security has put on their rows.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use pgrx::prelude::*;

use super::list::{pointer, pointers};
use super::lookup;
use super::node::is;
use super::plan::Call;

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

    /// The conditions on old rows of each of its tables, and whether that is the one which it updates.
    pub fn old_rows(self) -> impl Iterator<Item = (OldRowConditions<'q>, bool)> {
        // SAFETY: by the promise of `new`. The range table is a list of RangeTblEntry, which live with it.
        unsafe {
            let query = self.query.as_ptr();
            let is_update = (*query).commandType == pg_sys::CmdType::CMD_UPDATE;
            let updated = if is_update { (*query).resultRelation } else { 0 };
            (1..)
                .zip(pointers::<pg_sys::RangeTblEntry>((*query).rtable))
                .filter_map(move |(number, table)| Some((Conditions::new((*table).securityQuals)?, number == updated)))
        }
    }

    /// The conditions on its new rows.
    pub fn new_rows(self) -> Option<NewRowConditions<'q>> {
        // SAFETY: by the promise of `new`.
        unsafe { Conditions::new((*self.query.as_ptr()).withCheckOptions) }
    }

    /// The queries in its FROM and WITH.
    pub fn parts(self) -> impl Iterator<Item = UnplannedQuery<'q>> {
        // SAFETY: by the promise of `new`. The range table is a list of RangeTblEntry, and WITH one of CommonTableExpr. What they point to lives
        // with them.
        unsafe {
            let query = self.query.as_ptr();
            let in_from = pointers::<pg_sys::RangeTblEntry>((*query).rtable).map(|table| (*table).subquery);
            let in_with = pointers::<pg_sys::CommonTableExpr>((*query).cteList).map(|with| (*with).ctequery);
            let in_with = in_with.filter(|query| is(*query, pg_sys::NodeTag::T_Query)).map(|query| query.cast());
            in_from.chain(in_with).filter_map(|query| UnplannedQuery::new(query))
        }
    }
}

/// Conditions in a query that is about to be planned: as many nodes of one kind, in the order in which they are asked.
pub struct Conditions<'q, T> {
    list: NonNull<pg_sys::List>,
    lives: PhantomData<&'q T>,
}

/// Those of a table, all of which must be true of a row before anything else sees it. They are expressions.
pub type OldRowConditions<'q> = Conditions<'q, pg_sys::Node>;

/// Those that new rows of a query must meet.
pub type NewRowConditions<'q> = Conditions<'q, pg_sys::WithCheckOption>;

impl<'q, T> Conditions<'q, T> {
    /// # Safety
    /// `list` must be one of a query that was handed to [`UnplannedQuery::new`], of nodes of this kind.
    unsafe fn new(list: *mut pg_sys::List) -> Option<Conditions<'q, T>> {
        NonNull::new(list).map(|list| Conditions { list, lives: PhantomData })
    }

    fn placed(&self) -> impl Iterator<Item = (usize, *mut T)> {
        // SAFETY: a list of the query's (see `new`), which lives for 'q.
        (0..).zip(unsafe { pointers(self.list.as_ptr()) })
    }
}

impl<'q> OldRowConditions<'q> {
    /// Those conditions that are a call and nothing else, with their places.
    pub fn calls(&self) -> impl Iterator<Item = (usize, UnplannedCall<'q>)> {
        // SAFETY: expressions of the query's.
        self.placed().filter_map(|(place, node)| Some((place, UnplannedCall(unsafe { Call::new(node) }?))))
    }

    /// Takes the condition at `implied` out, as that at `by` implies it. The other is asked where the first of both was.
    pub fn take_out_implied(&self, implied: usize, by: usize) {
        let Ok(last) = i32::try_from(implied.max(by)) else { return };
        // SAFETY: both are places in the list, which nobody else refers to (see `UnplannedQuery::new`), and which keeps its place in memory as
        // long as it has an item.
        unsafe {
            let cells = (*self.list.as_ptr()).elements;
            *cells.add(implied.min(by)) = *cells.add(by);
            pg_sys::list_delete_nth_cell(self.list.as_ptr(), last);
        }
    }
}

impl<'q> NewRowConditions<'q> {
    fn at(&self, place: usize) -> Option<NonNull<pg_sys::WithCheckOption>> {
        // SAFETY: a list of the query's (see `new`).
        unsafe { pointer(self.list.as_ptr(), place) }.and_then(NonNull::new)
    }

    fn check(&self, place: usize) -> Option<&pg_sys::WithCheckOption> {
        // SAFETY: a check of the query's, which is not written to while this is read.
        self.at(place).map(|check| unsafe { check.as_ref() })
    }

    /// Those conditions that are a call and nothing else, with their places.
    pub fn calls(&self) -> impl Iterator<Item = (usize, UnplannedCall<'q>)> {
        // SAFETY: checks of the query's, each of whose conditions is an expression.
        self.placed().filter_map(|(place, check)| Some((place, UnplannedCall(unsafe { Call::new((*check).qual) }?))))
    }

    /// The policy that the condition at this place comes from, where it is one's own.
    pub fn policy(&self, place: usize) -> Option<&'q CStr> {
        let name = self.check(place)?.polname;
        // SAFETY: NULL or a C string of the query's.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
    }

    /// Lets every row pass the condition at this place. The planner drops it.
    ///
    /// # Panics
    /// Where no condition is there.
    pub fn pass(&self, place: usize) -> PassedCheck<'q> {
        let check = self.at(place).expect("a condition at this place");
        // SAFETY: a check of a query that nobody else refers into (see `UnplannedQuery::new`). An empty condition is true.
        unsafe { (*check.as_ptr()).qual = std::ptr::null_mut() };
        PassedCheck { check, lives: PhantomData }
    }

    /// Whether that at this place is row security's, on rows that an UPDATE has changed.
    pub fn is_of_update(&self, place: usize) -> bool {
        self.check(place).is_some_and(|check| check.kind == pg_sys::WCOKind::WCO_RLS_UPDATE_CHECK)
    }

    /// Whether those at these two places are asked of the same rows.
    pub fn are_asked_together(&self, one: usize, other: usize) -> bool {
        self.check(one).zip(self.check(other)).is_some_and(|(one, other)| one.kind == other.kind)
    }
}

/// A check of new rows that every row passes.
pub struct PassedCheck<'q> {
    check: NonNull<pg_sys::WithCheckOption>,
    lives: PhantomData<&'q pg_sys::WithCheckOption>,
}

impl PassedCheck<'_> {
    pub(super) fn node(&self) -> NonNull<pg_sys::WithCheckOption> {
        self.check
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

//! The tables that a statement changes, as the executor has them: what the statement may do there, and its own copies of their
//! triggers.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use pgrx::prelude::*;

use super::list::pointers;
use super::lookup;
use super::trigger::Trigger;

/// A statement that the executor has started and not ended.
pub struct StartedQuery<'q> {
    estate: NonNull<pg_sys::EState>,
    lives: PhantomData<&'q mut pg_sys::EState>,
}

impl<'q> StartedQuery<'q> {
    /// `None` where there is nothing to execute.
    ///
    /// # Safety
    /// `query` must be NULL or a statement that the executor has started, and doesn't end during `'q`. Nothing but the executor may
    /// refer into its execution state during `'q`.
    pub unsafe fn new(query: *mut pg_sys::QueryDesc) -> Option<StartedQuery<'q>> {
        // SAFETY: the caller's promise. A started statement has an execution state until it ends.
        let estate = NonNull::new(unsafe { query.as_ref() }?.estate)?;
        Some(StartedQuery { estate, lives: PhantomData })
    }

    /// The tables that the executor opened to change them when it started.
    pub fn changed_tables(&self) -> Vec<ChangedTable<'_>> {
        // SAFETY: by the promise of `new` the state is there; its list holds ResultRelInfo, which live until the statement ends.
        let all = unsafe { pointers((*self.estate.as_ptr()).es_opened_result_relations) };
        self.tables(all)
    }

    /// What the statement does, if it changes tables in no other way: it has no part in WITH that does.
    pub fn only_command(&self) -> Option<pg_sys::CmdType::Type> {
        // SAFETY: as in `changed_tables`; the state refers to the statement's plan, which outlives it.
        let plan = unsafe { (*self.estate.as_ptr()).es_plannedstmt.as_ref() }?;
        (!plan.hasModifyingCTE).then_some(plan.commandType)
    }

    /// Whether the statement is only shown (EXPLAIN): it doesn't run.
    pub fn is_only_shown(&self) -> bool {
        // SAFETY: as in `changed_tables`.
        unsafe { (*self.estate.as_ptr()).es_top_eflags & pg_sys::EXEC_FLAG_EXPLAIN_ONLY as c_int != 0 }
    }

    /// The partitions that rows were routed to so far.
    pub fn routed_tables(&self) -> Vec<ChangedTable<'_>> {
        // SAFETY: as in `changed_tables`.
        let all = unsafe { pointers((*self.estate.as_ptr()).es_tuple_routing_result_relations) };
        self.tables(all)
    }

    fn tables(&self, all: impl Iterator<Item = *mut pg_sys::ResultRelInfo>) -> Vec<ChangedTable<'_>> {
        let table = |info| ChangedTable { info, estate: self.estate, lives: PhantomData };
        all.filter_map(NonNull::new).map(table).collect()
    }

    /// Runs the parts of the statement in WITH to their end, as the executor does next: after it all partitions are known.
    pub fn run_secondary_parts(&mut self) {
        // SAFETY: by the promise of `new` the state is there; its list holds states of the plan's nodes. As this borrows `self`
        // mutably, nothing refers into the state meanwhile. A part that is done answers with no row again. The node's function may
        // raise: it's called within pgrx's guard, in a closure that holds nothing to drop. An error leaves the memory context as
        // errors do.
        unsafe {
            let estate = self.estate.as_ptr();
            let outer = pg_sys::MemoryContextSwitchTo((*estate).es_query_cxt);
            (*estate).es_direction = pg_sys::ScanDirection::ForwardScanDirection;
            let parts: Vec<*mut pg_sys::PlanState> = pointers((*estate).es_auxmodifytables).collect();
            for part in parts {
                let Some(next) = (*part).ExecProcNode else { continue };
                loop {
                    if let Some(context) = (*estate).es_per_tuple_exprcontext.as_ref() {
                        pg_sys::MemoryContextReset(context.ecxt_per_tuple_memory);
                    }
                    let row = pg_sys::ffi::pg_guard_ffi_boundary(|| next(part));
                    let is_row = !row.is_null() && u32::from((*row).tts_flags) & pg_sys::TTS_FLAG_EMPTY == 0;
                    if !is_row {
                        break;
                    }
                }
            }
            pg_sys::MemoryContextSwitchTo(outer);
        }
    }
}

/// A table that a statement changes. It is made by a [`StartedQuery`] that outlives it.
///
/// Fields are read through the pointers, and no reference into the executor's structs is kept: this changes them.
#[derive(Clone, Copy)]
pub struct ChangedTable<'q> {
    info: NonNull<pg_sys::ResultRelInfo>,
    estate: NonNull<pg_sys::EState>,
    lives: PhantomData<&'q pg_sys::EState>,
}

/// Whether it is the same entry of the executor's.
impl PartialEq for ChangedTable<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.info == other.info
    }
}

impl<'q> ChangedTable<'q> {
    fn with(&self, info: NonNull<pg_sys::ResultRelInfo>) -> ChangedTable<'q> {
        ChangedTable { info, ..*self }
    }

    /// What the statement names: this table, or the one above it.
    pub fn root(&self) -> ChangedTable<'q> {
        // SAFETY: the executor's entry lives until the statement ends, and so does that of the table above it.
        let root = unsafe { (*self.info.as_ptr()).ri_RootResultRelInfo };
        NonNull::new(root).map_or(*self, |root| self.with(root))
    }

    /// The table as the executor opens it for triggers that were queued. Newer minor releases don't take a partition that rows were
    /// routed to, but open the table once more for all of them.
    pub fn as_queued_triggers_see_it(&self) -> ChangedTable<'q> {
        // SAFETY: the function that the executor itself calls next, with the same arguments and in the same memory context.
        let info = self.in_statement_memory(|| unsafe {
            pg_sys::ExecGetTriggerResultRel(self.estate.as_ptr(), self.oid(), std::ptr::null_mut())
        });
        NonNull::new(info).map_or(*self, |info| self.with(info))
    }

    /// The table's OID.
    pub fn oid(&self) -> pg_sys::Oid {
        // SAFETY: the executor keeps the table open until the statement ends.
        unsafe { (*(*self.info.as_ptr()).ri_RelationDesc).rd_id }
    }

    fn kind(&self) -> u8 {
        // SAFETY: as in `oid`; an open table has its catalog row.
        unsafe { (*(*(*self.info.as_ptr()).ri_RelationDesc).rd_rel).relkind as u8 }
    }

    /// Whether it is a plain table, partitions included.
    pub fn is_plain(&self) -> bool {
        self.kind() == pg_sys::RELKIND_RELATION
    }

    /// Whether its rows are in partitions.
    pub fn is_partitioned(&self) -> bool {
        self.kind() == pg_sys::RELKIND_PARTITIONED_TABLE
    }

    /// Whether the statement may update where it meant to insert: ON CONFLICT.
    pub fn has_on_conflict_update(&self) -> bool {
        // SAFETY: the executor's entry lives until the statement ends.
        unsafe { !(*self.info.as_ptr()).ri_onConflict.is_null() }
    }

    /// The names of the policies that the plan checks new rows by.
    pub fn checked_policies(&self) -> Vec<&'q CStr> {
        // SAFETY: the entry and the plan live until the statement ends. The list holds WithCheckOption of the plan, which nobody
        // changes; the name is NULL or a C string.
        unsafe {
            pointers::<pg_sys::WithCheckOption>((*self.info.as_ptr()).ri_WithCheckOptions)
                .filter_map(|check| check.as_ref())
                .filter(|check| !check.polname.is_null())
                .map(|check| CStr::from_ptr(check.polname))
                .collect()
        }
    }

    /// The number that another table's column has here: it goes by the same name.
    pub fn number_of(&self, other: &ChangedTable<'_>, column: pg_sys::AttrNumber) -> Option<pg_sys::AttrNumber> {
        // SAFETY: get_attname takes any OID and number; with missing_ok it answers NULL or a C string of its own.
        let name = unsafe { pg_sys::get_attname(other.oid(), column, true) };
        // SAFETY: as above.
        if name.is_null() { None } else { lookup::column(self.oid(), unsafe { CStr::from_ptr(name) }) }
    }

    /// The role whose rights the statement needs on the table that it names, if that isn't the current one: the owner of the view
    /// through which it is reached.
    pub fn acts_as(&self) -> Option<pg_sys::Oid> {
        self.permissions().map(|permissions| permissions.checkAsUser).filter(|role| *role != pg_sys::InvalidOid)
    }

    /// Whether the statement sets any column, of a table that it names.
    pub fn sets_columns(&self) -> bool {
        self.permissions().is_some_and(|permissions| !permissions.updatedCols.is_null())
    }

    /// Whether the statement sets this column, of a table that it names.
    pub fn sets_column(&self, column: pg_sys::AttrNumber) -> bool {
        let member = c_int::from(column) - pg_sys::FirstLowInvalidHeapAttributeNumber;
        // SAFETY: NULL or a set that the statement's permissions hold.
        self.permissions().is_some_and(|permissions| unsafe { pg_sys::bms_is_member(member, permissions.updatedCols) })
    }

    fn range_table_entry(&self) -> Option<&'q pg_sys::RangeTblEntry> {
        // SAFETY: the entry and the state live until the statement ends. The range table holds RangeTblEntry of the plan, which
        // outlives the state and which nobody changes.
        unsafe {
            let place = usize::try_from((*self.info.as_ptr()).ri_RangeTableIndex).ok()?.checked_sub(1)?;
            pointers::<pg_sys::RangeTblEntry>((*self.estate.as_ptr()).es_range_table).nth(place)?.as_ref()
        }
    }

    #[cfg(feature = "pg15")]
    fn permissions(&self) -> Option<&'q pg_sys::RangeTblEntry> {
        self.range_table_entry()
    }

    #[cfg(not(feature = "pg15"))]
    fn permissions(&self) -> Option<&'q pg_sys::RTEPermissionInfo> {
        let place = usize::try_from(self.range_table_entry()?.perminfoindex).ok()?.checked_sub(1)?;
        // SAFETY: as for the range table; the list holds RTEPermissionInfo, one of them this entry's if it has any.
        unsafe { pointers::<pg_sys::RTEPermissionInfo>((*self.estate.as_ptr()).es_rteperminfos).nth(place)?.as_ref() }
    }

    /// The statement's own copies of the table's triggers, by their places.
    pub fn triggers(&self) -> impl Iterator<Item = Trigger<'q>> + use<'q> {
        let (info, mut place) = (self.info, 0);
        std::iter::from_fn(move || {
            // SAFETY: NULL, or the copy that the executor or `add_check` made: as many triggers as the number says. What they point to is
            // in the statement's memory, and is never changed there or freed before the statement ends. Each is copied in its turn.
            let trigger = unsafe {
                let all = (*info.as_ptr()).ri_TrigDesc.as_ref().filter(|all| place < all.numtriggers as usize)?;
                Trigger::new(&*all.triggers.add(place))
            };
            place += 1;
            Some(trigger)
        })
    }

    /// Gives the trigger at this place other arguments for the rest of the statement.
    ///
    /// # Panics
    /// Where no trigger is there.
    pub fn change_arguments(&self, place: usize, arguments: &[&'q CStr]) {
        let trigger = self.triggers().nth(place).expect("a trigger at this place");
        let changed = self.with_arguments(&trigger, arguments);
        // SAFETY: there is a trigger at this place (see above), in the statement's own copy. Nothing holds a reference to it:
        // `triggers` gives copies, and the executor looks it up by its place.
        unsafe { (*(*self.info.as_ptr()).ri_TrigDesc).triggers.add(place).write(changed) };
    }

    /// Switches the trigger at this place off for the rest of the statement.
    ///
    /// # Panics
    /// Where no trigger is there.
    pub fn switch_off(&self, place: usize) {
        assert!(self.triggers().nth(place).is_some(), "a trigger at this place");
        // SAFETY: the executor's entry lives until the statement ends, and has the copy that the trigger is in.
        let all = unsafe { (*self.info.as_ptr()).ri_TrigDesc };
        // SAFETY: as for `change_arguments`.
        unsafe { (*(*all).triggers.add(place)).tgenabled = pg_sys::TRIGGER_DISABLED as c_char };
        let [inserts, updates, deletes] =
            [pg_sys::TRIGGER_TYPE_INSERT, pg_sys::TRIGGER_TYPE_UPDATE, pg_sys::TRIGGER_TYPE_DELETE]
                .map(|event| self.has_before_statement(event));
        // The executor prepares nothing where none is left.
        // SAFETY: the statement's own copy, as above.
        unsafe {
            (*all).trig_insert_before_statement &= inserts;
            (*all).trig_update_before_statement &= updates;
            (*all).trig_delete_before_statement &= deletes;
        }
    }

    /// Whether a trigger that isn't switched off fires before statements, for this event.
    fn has_before_statement(&self, event: u32) -> bool {
        self.triggers().any(|trigger| trigger.is_before_statement() && trigger.fires_for(event) && trigger.is_enabled())
    }

    fn with_arguments(&self, trigger: &Trigger<'_>, arguments: &[&'q CStr]) -> pg_sys::Trigger {
        // Never written to.
        let pointers: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        pg_sys::Trigger { tgnargs: pointers.len() as i16, tgargs: self.keep(&pointers), ..*trigger.definition() }
    }

    /// Adds a BEFORE UPDATE trigger for each row, after all others. It calls what `like`, a trigger of the table `of`, calls. Only
    /// before a trigger has fired.
    pub fn add_check(
        &self,
        (of, like): (pg_sys::Oid, &Trigger<'q>),
        columns: &[pg_sys::AttrNumber],
        arguments: &[&'q CStr],
    ) {
        let kind = pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_UPDATE;
        let added = pg_sys::Trigger {
            tgoid: pg_sys::InvalidOid,
            // Nothing else asks for it, of a trigger that is no constraint: see `Trigger::made_on`.
            tgconstrrelid: of,
            tgtype: kind as i16,
            tgattr: self.keep(columns),
            tgnattr: columns.len() as i16,
            ..self.with_arguments(like, arguments)
        };
        let mut triggers: Vec<pg_sys::Trigger> = self.triggers().map(|trigger| *trigger.definition()).collect();
        let before = triggers.len();
        triggers.push(added);
        let number = triggers.len();
        let triggers = self.keep(&triggers);
        let info = self.info.as_ptr();
        // SAFETY: the entry and the state are the backend's until the statement ends, and no trigger has fired yet. So nothing
        // else holds a pointer into the arrays that are replaced, and nothing is lost with them. All that the executor indexes by
        // a trigger's place grows with the triggers, each array from as many as there were. It allocates the counters as the
        // executor does.
        unsafe {
            let functions = self.grown((*info).ri_TrigFunctions, before..number);
            let conditions = self.grown((*info).ri_TrigWhenExprs, before..number);
            let instrument = (*self.estate.as_ptr()).es_instrument;
            let counters = match instrument {
                0 => std::ptr::null_mut(),
                _ => self.in_statement_memory(|| pg_sys::InstrAlloc(number as c_int, instrument, false)),
            };
            let all = match (*info).ri_TrigDesc.as_mut() {
                Some(all) => all,
                None => &mut *self.grown::<pg_sys::TriggerDesc>(std::ptr::null_mut(), 0..1),
            };
            all.triggers = triggers;
            all.numtriggers = number as c_int;
            all.trig_update_before_row = true;
            (*info).ri_TrigDesc = all;
            (*info).ri_TrigFunctions = functions;
            (*info).ri_TrigWhenExprs = conditions;
            (*info).ri_TrigInstrument = counters;
        }
    }

    /// Calls a function that allocates in the current memory context, with the statement's as that.
    fn in_statement_memory<T>(&self, allocate: impl FnOnce() -> T) -> T {
        // SAFETY: the context lives until the statement ends. An error leaves it current, as errors do: Postgres switches where it
        // catches one.
        unsafe {
            let outer = pg_sys::MemoryContextSwitchTo((*self.estate.as_ptr()).es_query_cxt);
            let allocated = allocate();
            pg_sys::MemoryContextSwitchTo(outer);
            allocated
        }
    }

    /// A copy that lives as long as the statement.
    fn keep<T: Copy>(&self, items: &[T]) -> *mut T {
        // SAFETY: takes nothing over; then there is room for as many, in memory that nobody else has.
        unsafe {
            let copy: *mut T = self.grown(std::ptr::null(), 0..items.len());
            copy.copy_from_nonoverlapping(items.as_ptr(), items.len());
            copy
        }
    }

    /// An array that lives as long as the statement, of `lengths.end` items: those of another with `lengths.start` items, then zeroes.
    ///
    /// # Safety
    /// `items` must be NULL or an array of `lengths.start` items.
    unsafe fn grown<T>(&self, items: *const T, lengths: Range<usize>) -> *mut T {
        let size = lengths.end * size_of::<T>();
        // SAFETY: memory of the statement, as large as asked, and all zeroes. By the caller's promise the copied elements are
        // there, and they fit because a range doesn't run backwards here.
        unsafe {
            let larger: *mut T = pg_sys::MemoryContextAllocZero((*self.estate.as_ptr()).es_query_cxt, size).cast();
            if !items.is_null() {
                larger.copy_from_nonoverlapping(items, lengths.start);
            }
            larger
        }
    }
}

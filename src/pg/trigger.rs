//! Triggers: their definitions, and calls of a trigger function.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;

use pgrx::prelude::*;
use pgrx::trigger_support::{PgTriggerLevel, PgTriggerWhen};

/// The definition of a trigger. What it points to lives for `'a`.
#[derive(Clone, Copy)]
pub struct Trigger<'a> {
    definition: pg_sys::Trigger,
    lives: PhantomData<&'a pg_sys::Trigger>,
}

impl<'a> Trigger<'a> {
    /// # Safety
    /// `definition` must be a trigger in Postgres' form: as many arguments and columns as its numbers say, the arguments C strings.
    /// They must not change or be freed during `'a`.
    pub unsafe fn new(definition: &pg_sys::Trigger) -> Trigger<'a> {
        Trigger { definition: *definition, lives: PhantomData }
    }

    /// Its definition, in Postgres' form.
    pub fn definition(&self) -> &pg_sys::Trigger {
        &self.definition
    }

    /// The function that it calls.
    pub fn function(&self) -> pg_sys::Oid {
        self.definition.tgfoid
    }

    /// Its arguments.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &'a CStr> + Clone + use<'a> {
        let all: &'a [*mut c_char] = match usize::try_from(self.definition.tgnargs) {
            // SAFETY: by the promise of `new`, as many pointers are there, and live for 'a.
            Ok(number) if number > 0 && !self.definition.tgargs.is_null() => unsafe {
                std::slice::from_raw_parts(self.definition.tgargs, number)
            },
            _ => &[],
        };
        // SAFETY: by the promise of `new`, each is a C string that lives for 'a.
        all.iter().map(|argument| unsafe { CStr::from_ptr(*argument) })
    }

    /// Where its last argument points; NULL where it has none.
    pub fn last_argument(&self) -> *const c_char {
        match usize::try_from(self.definition.tgnargs) {
            // SAFETY: by the promise of `new`, as many pointers are there.
            Ok(number) if number > 0 && !self.definition.tgargs.is_null() => unsafe {
                *self.definition.tgargs.add(number - 1)
            },
            _ => std::ptr::null(),
        }
    }

    /// The columns that it names.
    pub fn columns(&self) -> &'a [pg_sys::AttrNumber] {
        match usize::try_from(self.definition.tgnattr) {
            // SAFETY: by the promise of `new`, as many numbers are there, and live for 'a.
            Ok(number) if number > 0 && !self.definition.tgattr.is_null() => unsafe {
                std::slice::from_raw_parts(self.definition.tgattr, number)
            },
            _ => &[],
        }
    }

    fn kind(&self) -> u32 {
        self.definition.tgtype as u32
    }

    /// Whether it fires for an event: `TRIGGER_TYPE_INSERT` …
    pub fn fires_for(&self, event: u32) -> bool {
        self.kind() & event != 0
    }

    /// Whether it fires before its event: for the statement, or for each row.
    pub fn is_before(&self) -> bool {
        self.fires_for(pg_sys::TRIGGER_TYPE_BEFORE) && !self.fires_for(pg_sys::TRIGGER_TYPE_INSTEAD)
    }

    /// Whether it fires before its event for the statement.
    pub fn is_before_statement(&self) -> bool {
        self.is_before() && !self.fires_for(pg_sys::TRIGGER_TYPE_ROW)
    }

    /// Whether it fires before each statement of its commands, in this session.
    pub fn always_fires_before_statements(&self) -> bool {
        self.is_before_statement() && !self.has_condition() && self.columns().is_empty() && self.is_enabled_here()
    }

    /// Whether it is switched on in the session's mode of replication.
    fn is_enabled_here(&self) -> bool {
        // SAFETY: a plain variable, which only this backend's one thread reads and writes.
        let is_replica = unsafe { pg_sys::SessionReplicationRole } == pg_sys::SESSION_REPLICATION_ROLE_REPLICA as c_int;
        match self.definition.tgenabled as u8 {
            pg_sys::TRIGGER_FIRES_ALWAYS => true,
            pg_sys::TRIGGER_FIRES_ON_ORIGIN => !is_replica,
            pg_sys::TRIGGER_FIRES_ON_REPLICA => is_replica,
            _ => false,
        }
    }

    /// Whether it fires after the update of each row, and for nothing else.
    pub fn is_after_row_update(&self) -> bool {
        const KIND: u32 =
            pg_sys::TRIGGER_TYPE_LEVEL_MASK | pg_sys::TRIGGER_TYPE_TIMING_MASK | pg_sys::TRIGGER_TYPE_EVENT_MASK;
        self.kind() & KIND == pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_UPDATE
    }

    /// Whether it is switched on in some mode of replication.
    pub fn is_enabled(&self) -> bool {
        self.definition.tgenabled as u8 != pg_sys::TRIGGER_DISABLED
    }

    /// Whether Postgres copied it from the trigger of a table above.
    pub fn is_copy(&self) -> bool {
        self.definition.tgisclone
    }

    /// For a trigger that pg_aal has added to a statement: the table of the trigger that it is like.
    pub fn made_on(&self) -> pg_sys::Oid {
        self.definition.tgconstrrelid
    }

    /// Whether it has a WHEN.
    pub fn has_condition(&self) -> bool {
        !self.definition.tgqual.is_null()
    }
}

/// A call of a trigger function.
pub struct TriggerCall<'a> {
    call: PgTrigger<'a>,
    data: &'a pg_sys::TriggerData,
    /// The answer that is kept with the trigger's function for one statement.
    kept: &'a Cell<*mut c_void>,
}

/// The answers that can be kept, by their places.
static ANSWERS: [u8; 2] = [0, 1];

impl<'a> TriggerCall<'a> {
    /// `None` where the function isn't called as a trigger.
    ///
    /// # Safety
    /// `fcinfo` must be what Postgres called the function with, and `'a` must end with the call.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Option<TriggerCall<'a>> {
        // SAFETY: the caller's promise. from_fcinfo checks that the call is a trigger's; then Postgres keeps the data, the trigger
        // and the table until the call ends.
        let call = unsafe { PgTrigger::from_fcinfo(fcinfo.as_ref()?) }.ok()?;
        // SAFETY: as above: from_fcinfo has found a call with trigger data.
        let data = unsafe { (*fcinfo).context.cast::<pg_sys::TriggerData>().as_ref()? };
        // SAFETY: Postgres calls a trigger function with its look-up info, whose fn_extra is the function's own. It lasts as long as the
        // triggers of one table in one statement, and with the call until that ends.
        let kept = unsafe { Cell::from_mut((*fcinfo).flinfo.as_mut().map(|info| &mut info.fn_extra)?) };
        Some(TriggerCall { call, data, kept })
    }

    /// The trigger that calls.
    pub fn trigger(&self) -> Trigger<'a> {
        // SAFETY: Postgres keeps the trigger's definition until the call ends, and with it 'a.
        unsafe { Trigger::new(&*self.data.tg_trigger) }
    }

    /// The answer that was kept for this trigger, within this statement and for this table.
    pub fn kept_answer(&self) -> Option<bool> {
        let kept = self.kept.get().cast_const().cast();
        ANSWERS.iter().position(|answer| std::ptr::eq(answer, kept)).map(|place| place == 1)
    }

    /// Keeps an answer for the trigger's other calls within this statement.
    pub fn keep_answer(&self, answer: bool) {
        self.kept.set((&raw const ANSWERS[usize::from(answer)]).cast_mut().cast());
    }

    /// What fired it; `None` for a command that isn't known.
    pub fn operation(&self) -> Option<PgTriggerOperation> {
        self.call.op().ok()
    }

    /// When it fires; `None` for a time that isn't known.
    pub fn when(&self) -> Option<PgTriggerWhen> {
        self.call.when().ok()
    }

    /// Whether it fires for a statement or a row.
    pub fn level(&self) -> PgTriggerLevel {
        self.call.level()
    }

    /// The table that it fires on.
    pub fn table(&self) -> pg_sys::Oid {
        // SAFETY: Postgres keeps the table open until the call ends.
        unsafe { (*self.data.tg_relation).rd_id }
    }

    /// What a BEFORE trigger for each row returns to let the row be as it is.
    pub fn row_as_it_is(&self) -> pg_sys::Datum {
        let is_update = matches!(self.operation(), Some(PgTriggerOperation::Update));
        pg_sys::Datum::from(if is_update { self.data.tg_newtuple } else { self.data.tg_trigtuple })
    }

    /// Whether the statement names a column in its SET, or Postgres computes the column anew.
    pub fn names_column(&self, column: pg_sys::AttrNumber) -> bool {
        let named = self.data.tg_updatedcols;
        let member = c_int::from(column) - pg_sys::FirstLowInvalidHeapAttributeNumber;
        // SAFETY: the set of columns that Postgres hands to an UPDATE trigger for each row. Without one, each counts.
        named.is_null() || unsafe { pg_sys::bms_is_member(member, named) }
    }

    /// Whether a column has another value in the new row of an UPDATE: other bytes. No operator of a type is asked, which might be a
    /// user's. A column that isn't there counts as changed, and so does each where there are no two rows.
    pub fn changes_column(&self, column: pg_sys::AttrNumber) -> bool {
        let (old, new) = (self.data.tg_trigtuple, self.data.tg_newtuple);
        if old.is_null() || new.is_null() {
            return true;
        }
        // SAFETY: the columns of a table that Postgres keeps open until the call ends; nothing is released.
        let columns = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*self.data.tg_relation).rd_att) };
        let place = usize::try_from(column).ok().and_then(|number| number.checked_sub(1));
        let Some(attribute) = place.and_then(|place| columns.get(place)) else { return true };
        let (mut old_is_null, mut new_is_null) = (false, false);
        // SAFETY: both rows have the table's columns, and this is one of them. The values are of its type, neither of them NULL
        // where they are compared. datum_image_eq may read a value that is stored elsewhere, and so raise: it's called within
        // pgrx's guard, in a closure that holds nothing to drop.
        unsafe {
            let description = (*self.data.tg_relation).rd_att;
            let old = pg_sys::heap_getattr(old, c_int::from(column), description, &mut old_is_null);
            let new = pg_sys::heap_getattr(new, c_int::from(column), description, &mut new_is_null);
            let (by_value, length) = (attribute.attbyval, c_int::from(attribute.attlen));
            if old_is_null || new_is_null {
                old_is_null != new_is_null
            } else {
                !pg_sys::ffi::pg_guard_ffi_boundary(|| datum_image_eq(old, new, by_value, length))
            }
        }
    }

    /// Whether the new row was written by the statement whose triggers fire, and not by a foreign key's action within it: those
    /// queue their triggers with the statement's. Each statement writes with a command number of its own, which its snapshot holds.
    ///
    /// Where the row doesn't say so (another kind of storage, or there is no new row), it counts as the statement's.
    pub fn is_written_by_the_statement(&self) -> bool {
        // SAFETY: NULL, or the new row of an UPDATE, which Postgres keeps until the call ends.
        let Some(new) = (unsafe { self.data.tg_newtuple.as_ref() }) else { return true };
        // SAFETY: a row's header, in the form in which rows are stored. Its command number is asked only where this transaction wrote
        // it, and the active snapshot only where there is one: a trigger runs under that of its statement.
        unsafe {
            let row = new.t_data;
            if !pg_sys::ActiveSnapshotSet()
                || !pg_sys::TransactionIdIsCurrentTransactionId((*row).t_choice.t_heap.t_xmin)
            {
                return true;
            }
            pg_sys::HeapTupleHeaderGetCmin(row) == (*pg_sys::GetActiveSnapshot()).curcid
        }
    }
}

// SAFETY: declared as in Postgres' utils/datum.h, which pgrx doesn't bind.
unsafe extern "C-unwind" {
    fn datum_image_eq(a: pg_sys::Datum, b: pg_sys::Datum, by_value: bool, length: c_int) -> bool;
}

//! Whom a statement's guards bind. That is decided when the statement begins, as row security decides it: later the statement may have
//! changed the role.
//!
//! The executor copies the triggers of each table that a statement changes, for that statement alone. In these copies this file
//!
//! - marks the triggers that call `auth.aal_guard`: for which commands they bind (see [`Mark`]);
//! - switches those off that bind for none. So a foreign key's own action queues no check of sensitive columns, which would run
//!   when the action has given the owner's name back;
//! - adds a last BEFORE UPDATE trigger to the partitions and children that the statement reaches through the table it names. It checks
//!   sensitive columns where the named table's own trigger doesn't fire: Postgres fires no AFTER UPDATE trigger for a row that moves
//!   to another partition, and a child that isn't a partition has no copy of its parent's triggers.
//!
//! Nothing here is kept beyond the statement, or outside its memory.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ops::Range;

use aal::Command;
use aal::protection::Made;
use pgrx::prelude::*;

use crate::pg::list::pointers;
use crate::row_security;

/// What was decided about a trigger: an argument after those of its definition. What counts is where it points, to one of [`MARKS`],
/// which no argument of a definition does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark(u8);

/// Empty C strings, one for each set of a mark's bits.
static MARKS: [u8; 32] = [0; 32];

impl Mark {
    /// The trigger was added here: it refuses where a sensitive column changes.
    const ADDED: u8 = 8;

    /// The trigger belongs to a partition that rows were routed to: it was marked after its events had been queued.
    const ROUTED: u8 = 16;

    /// The mark of a trigger, if it has one.
    pub fn of(trigger: &pg_sys::Trigger) -> Option<Mark> {
        let last = *arguments(trigger).last()?;
        let bits = (last as usize).checked_sub(MARKS.as_ptr() as usize)?;
        (bits < MARKS.len()).then_some(Mark(bits as u8))
    }

    /// Whether the statement's role is bound for this command.
    pub fn binds(self, command: Command) -> bool {
        self.0 & bit(command) != 0
    }

    /// Whether an update that was queued for an AFTER trigger is by a role that is bound. A statement may reach a table twice, as two
    /// roles, and Postgres then takes the trigger of either. But for a role that isn't bound it is switched off, and nothing queued.
    pub fn binds_queued_update(self) -> bool {
        self.0 & Self::ROUTED == 0 || self.binds(Command::Update)
    }

    /// Whether the trigger was added here.
    pub fn is_added(self) -> bool {
        self.0 & Self::ADDED != 0
    }

    fn as_argument(self) -> *mut c_char {
        // Never written to.
        std::ptr::from_ref(&MARKS[usize::from(self.0)]).cast_mut().cast()
    }
}

fn bit(command: Command) -> u8 {
    match command {
        Command::Insert => 1,
        Command::Update => 2,
        Command::Delete => 4,
        // No trigger fires for SELECT, and the executor doesn't see TRUNCATE.
        Command::Select | Command::Truncate => 0,
    }
}

/// The arguments of a trigger's definition, without the mark.
pub fn defined_arguments(trigger: &pg_sys::Trigger) -> impl Iterator<Item = String> {
    let all = arguments(trigger);
    let defined = if Mark::of(trigger).is_some() { &all[..all.len() - 1] } else { all };
    defined.iter().map(|argument| {
        // SAFETY: a trigger's arguments are C strings.
        unsafe { CStr::from_ptr(*argument) }.to_string_lossy().into_owned()
    })
}

fn arguments(trigger: &pg_sys::Trigger) -> &[*mut c_char] {
    match usize::try_from(trigger.tgnargs) {
        // SAFETY: Postgres, and `with_mark` below, keep as many arguments there as the number says.
        Ok(number) if number > 0 && !trigger.tgargs.is_null() => unsafe {
            std::slice::from_raw_parts(trigger.tgargs, number)
        },
        _ => &[],
    }
}

fn is_after_row_update(trigger: &pg_sys::Trigger) -> bool {
    const KIND: u32 =
        pg_sys::TRIGGER_TYPE_LEVEL_MASK | pg_sys::TRIGGER_TYPE_TIMING_MASK | pg_sys::TRIGGER_TYPE_EVENT_MASK;
    trigger.tgtype as u32 & KIND == pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_UPDATE
}

/// The columns that a trigger names.
pub fn columns(trigger: &pg_sys::Trigger) -> &[pg_sys::AttrNumber] {
    match usize::try_from(trigger.tgnattr) {
        // SAFETY: Postgres, and `add` below, keep as many columns there as the number says.
        Ok(number) if number > 0 && !trigger.tgattr.is_null() => unsafe {
            std::slice::from_raw_parts(trigger.tgattr, number)
        },
        _ => &[],
    }
}

/// Decides for a statement that has just begun. `role` is the role that began it. A second call changes nothing.
///
/// # Safety
/// `query` is a statement that the executor has started and not ended.
pub unsafe fn begin(query: *mut pg_sys::QueryDesc, role: pg_sys::Oid) {
    // SAFETY: the caller's promise; a started query has an execution state until it ends.
    let Some(estate) = (unsafe { execution_state(query) }) else { return };
    // SAFETY: as above.
    let targets: Vec<*mut pg_sys::ResultRelInfo> = pointers(unsafe { (*estate).es_opened_result_relations }).collect();
    let mut guards = GuardFunction::default();
    let mut known: Option<(*mut pg_sys::ResultRelInfo, Mark)> = None;
    for target in &targets {
        // SAFETY: the list holds ResultRelInfo of this execution state, which lives on until the statement ends.
        let target = unsafe { Target::new(*target, estate) };
        let ours = target.unmarked(&mut guards);
        let added_for = target.checks_to_add(&mut guards);
        if ours.is_empty() && added_for.is_empty() {
            continue;
        }
        let root = target.root();
        let mark = match known {
            Some((known, mark)) if known == root.info => mark,
            _ => target.decide(&targets, role),
        };
        // Where row security is off for the named table, each table that holds rows is asked.
        if row_security::RowSecurity::of(root.oid(), root.acts_as(role)) != row_security::RowSecurity::Off {
            known = Some((root.info, mark));
        }
        for trigger in ours {
            target.mark(trigger, mark);
        }
        if mark.binds(Command::Update) {
            for check in added_for {
                target.add(&check, Mark(mark.0 | Mark::ADDED));
            }
        }
    }
}

/// Marks the triggers of partitions that the statement's rows were routed to: the executor copies those while it runs. Called
/// before the triggers fire that were queued.
///
/// # Safety
/// As for [`begin`].
pub unsafe fn finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: the caller's promise, as above.
    let Some(estate) = (unsafe { execution_state(query) }) else { return };
    // SAFETY: as above.
    let opened: Vec<*mut pg_sys::ResultRelInfo> = pointers(unsafe { (*estate).es_opened_result_relations }).collect();
    // SAFETY: as in `begin`.
    let mut targets = opened.into_iter().map(|info| unsafe { Target::new(info, estate) });
    if targets.any(|target| target.may_update_where_rows_are_routed()) {
        // SAFETY: as above.
        unsafe { run_secondary_parts(estate) };
    }
    let mut guards = GuardFunction::default();
    // SAFETY: as above.
    let routed: Vec<*mut pg_sys::ResultRelInfo> =
        pointers(unsafe { (*estate).es_tuple_routing_result_relations }).collect();
    let mut decided = Vec::new();
    for info in routed {
        // SAFETY: as in `begin`.
        let target = unsafe { Target::new(info, estate) };
        let mark = target.root().triggers().iter().find_map(Mark::of);
        if let (Some(mark), false) = (mark, target.unmarked(&mut guards).is_empty()) {
            decided.push((target, mark));
        }
    }
    for (target, _) in &decided {
        // Rows may have come here by two ways, as two roles.
        let same = decided.iter().filter(|(other, _)| other.oid() == target.oid());
        let mark = Mark(same.fold(Mark::ROUTED, |bits, (_, mark)| bits | mark.0));
        for target in [*target, target.as_queued_triggers_see_it()] {
            for trigger in target.unmarked(&mut guards) {
                target.mark(trigger, mark);
            }
        }
    }
}

/// Runs the parts of the statement in WITH to their end, as the executor does next: after it all partitions are known.
///
/// # Safety
/// The execution state is that of a statement that has run and isn't finished.
unsafe fn run_secondary_parts(estate: *mut pg_sys::EState) {
    // SAFETY: the caller's promise; the list holds states of the plan's nodes. A part that is done answers with no row again. No
    // reference into the execution state is held meanwhile. The node's function may raise: it's called within pgrx's guard, in a closure
    // that holds nothing to drop. An error leaves the memory context as errors do.
    unsafe {
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

/// # Safety
/// As for [`begin`].
unsafe fn execution_state(query: *mut pg_sys::QueryDesc) -> Option<*mut pg_sys::EState> {
    // SAFETY: the caller's promise.
    let estate = unsafe { query.as_ref() }?.estate;
    (!estate.is_null()).then_some(estate)
}

/// A table that a statement changes. `'a` is within the time in which the execution state lives.
#[derive(Clone, Copy)]
struct Target<'a> {
    info: *mut pg_sys::ResultRelInfo,
    estate: *mut pg_sys::EState,
    lives: PhantomData<&'a pg_sys::EState>,
}

/// A check of sensitive columns to add: the trigger that makes it, and the columns' numbers in the table to add it to.
struct Check {
    trigger: pg_sys::Trigger,
    columns: Vec<pg_sys::AttrNumber>,
}

impl<'a> Target<'a> {
    /// # Safety
    /// `info` is a ResultRelInfo of this execution state, which outlives `'a`.
    unsafe fn new(info: *mut pg_sys::ResultRelInfo, estate: *mut pg_sys::EState) -> Target<'a> {
        Target { info, estate, lives: PhantomData }
    }

    fn state(&self) -> &pg_sys::EState {
        // SAFETY: the promise of `new`. The reference is used while nothing calls the executor.
        unsafe { &*self.estate }
    }

    fn info(&self) -> &'a pg_sys::ResultRelInfo {
        // SAFETY: the executor's lists hold ResultRelInfo, which live as long as the execution state. What is changed here is
        // behind their pointers, or written by `add` while no such reference is used.
        unsafe { &*self.info }
    }

    /// What the statement names: this table, or the one above it.
    fn root(&self) -> Target<'a> {
        let root = self.info().ri_RootResultRelInfo;
        Target { info: if root.is_null() { self.info } else { root }, ..*self }
    }

    /// Whether the statement inserts here or updates instead (ON CONFLICT), where partitions hold the rows and a guard was marked.
    fn may_update_where_rows_are_routed(&self) -> bool {
        // SAFETY: the catalog's row of an open table.
        let kind = unsafe { (*self.relation().rd_rel).relkind };
        kind as u8 == pg_sys::RELKIND_PARTITIONED_TABLE
            && !self.info().ri_onConflict.is_null()
            && self.triggers().iter().any(|trigger| Mark::of(trigger).is_some())
    }

    /// The table as the executor opens it for triggers that were queued. Newer minor releases don't take a partition that rows were
    /// routed to, but open the table once more for all of them.
    fn as_queued_triggers_see_it(&self) -> Target<'a> {
        // SAFETY: the function that the executor itself calls next, with the same arguments and in the same memory context.
        let info = self.in_statement_memory(|| unsafe {
            pg_sys::ExecGetTriggerResultRel(self.estate, self.oid(), std::ptr::null_mut())
        });
        Target { info, ..*self }
    }

    fn relation(&self) -> &'a pg_sys::RelationData {
        // SAFETY: a target's table is open as long as the execution state.
        unsafe { &*self.info().ri_RelationDesc }
    }

    fn oid(&self) -> pg_sys::Oid {
        self.relation().rd_id
    }

    fn is_plain_table(&self) -> bool {
        // SAFETY: the catalog's row of an open table.
        let kind = unsafe { (*self.relation().rd_rel).relkind };
        kind as u8 == pg_sys::RELKIND_RELATION
    }

    /// The statement's own copy of the table's triggers.
    fn triggers(&self) -> &'a [pg_sys::Trigger] {
        // SAFETY: NULL, or the copy that the executor made of the table's triggers, or `add`.
        match unsafe { self.info().ri_TrigDesc.as_ref() } {
            // SAFETY: as many triggers as the number says.
            Some(all) if all.numtriggers > 0 => unsafe {
                std::slice::from_raw_parts(all.triggers, all.numtriggers as usize)
            },
            _ => &[],
        }
    }

    /// The places of the triggers that call `auth.aal_guard` and aren't marked yet.
    fn unmarked(&self, guards: &mut GuardFunction) -> Vec<usize> {
        let mut unmarked = |trigger: &pg_sys::Trigger| guards.calls(trigger) && Mark::of(trigger).is_none();
        self.triggers().iter().enumerate().filter(|(_, trigger)| unmarked(trigger)).map(|(place, _)| place).collect()
    }

    /// The checks of sensitive columns that this table needs beside its own triggers.
    fn checks_to_add(&self, guards: &mut GuardFunction) -> Vec<Check> {
        let root = self.root();
        let is_added = |trigger: &pg_sys::Trigger| Mark::of(trigger).is_some_and(Mark::is_added);
        if self.info == root.info || !self.is_plain_table() || self.triggers().iter().any(is_added) {
            return Vec::new();
        }
        let mut checks_columns = |trigger: &&pg_sys::Trigger| {
            is_after_row_update(trigger)
                && trigger.tgenabled as u8 != pg_sys::TRIGGER_DISABLED
                && trigger.tgqual.is_null()
                && !columns(trigger).is_empty()
                && guards.calls(trigger)
        };
        let updated = root.updated_columns();
        let of_root: Vec<&pg_sys::Trigger> = root.triggers().iter().filter(&mut checks_columns).collect();
        if of_root.is_empty() {
            // A row may leave this partition while the table above it has no sensitive columns.
            let own = self.triggers().iter().filter(&mut checks_columns).filter(|_| !updated.is_null());
            return own.map(|trigger| Check { trigger: *trigger, columns: columns(trigger).to_vec() }).collect();
        }
        let checks = of_root.into_iter().filter(|trigger| root.may_update(columns(trigger), updated));
        checks.map(|trigger| Check { trigger: *trigger, columns: self.numbers(&root, columns(trigger)) }).collect()
    }

    /// Whether a statement may set one of these columns: it names one, or one is computed from others.
    fn may_update(&self, columns: &[pg_sys::AttrNumber], updated: *const pg_sys::Bitmapset) -> bool {
        // SAFETY: the names of an open table's columns are looked up; and a set that the statement's permissions hold.
        !updated.is_null()
            && columns.iter().any(|column| unsafe {
                pg_sys::bms_is_member(c_int::from(*column) - pg_sys::FirstLowInvalidHeapAttributeNumber, updated)
                    || pg_sys::get_attgenerated(self.oid(), *column) != 0
            })
    }

    /// The numbers that another table's columns have here: they go by the same names.
    fn numbers(&self, other: &Target<'_>, columns: &[pg_sys::AttrNumber]) -> Vec<pg_sys::AttrNumber> {
        let number = |column: &pg_sys::AttrNumber| {
            // SAFETY: looks a column up by its number, then by its name; both tables are open.
            unsafe {
                let name = pg_sys::get_attname(other.oid(), *column, true);
                if name.is_null() { 0 } else { pg_sys::get_attnum(self.oid(), name) }
            }
        };
        columns.iter().map(number).filter(|number| *number != 0).collect()
    }

    /// For which commands the statement's role is bound.
    fn decide(&self, targets: &[*mut pg_sys::ResultRelInfo], role: pg_sys::Oid) -> Mark {
        let root = self.root();
        let role = root.acts_as(role);
        let bound = [Command::Insert, Command::Update, Command::Delete].into_iter().filter(|command| {
            // What was decided when the statement was planned stands in its plan.
            self.plan_has_policy(targets, Made::policy_for(*command))
                || row_security::binds(root.oid(), self.oid(), role, Made::policy_for(*command))
        });
        Mark(bound.fold(0, |bits, command| bits | bit(command)))
    }

    /// Whether the plan checks new rows of the named table by this policy.
    fn plan_has_policy(&self, targets: &[*mut pg_sys::ResultRelInfo], policy: Made) -> bool {
        let root = self.root().info;
        let siblings = targets.iter().map(|info| Target { info: *info, ..*self });
        siblings.filter(|target| target.root().info == root).any(|target| {
            pointers::<pg_sys::WithCheckOption>(target.info().ri_WithCheckOptions).any(|check| {
                // SAFETY: the list holds WithCheckOption of the plan; the name is NULL or a C string.
                let name = unsafe { check.as_ref() }.map_or(std::ptr::null_mut(), |check| check.polname);
                // SAFETY: as above.
                !name.is_null() && unsafe { CStr::from_ptr(name) }.to_bytes() == policy.name().as_bytes()
            })
        })
    }

    /// The role whose rights the statement needs on the table that it names: a view's owner's where it is reached through a view.
    fn acts_as(&self, role: pg_sys::Oid) -> pg_sys::Oid {
        match self.permissions() {
            Some(permissions) if permissions.checkAsUser != pg_sys::InvalidOid => permissions.checkAsUser,
            _ => role,
        }
    }

    /// The columns that the statement updates, in a table that it names.
    fn updated_columns(&self) -> *const pg_sys::Bitmapset {
        self.permissions().map_or(std::ptr::null(), |permissions| permissions.updatedCols.cast_const())
    }

    fn range_table_entry(&self) -> Option<*mut pg_sys::RangeTblEntry> {
        let place = usize::try_from(self.info().ri_RangeTableIndex).ok()?.checked_sub(1)?;
        pointers(self.state().es_range_table).nth(place)
    }

    #[cfg(feature = "pg15")]
    fn permissions(&self) -> Option<&'a pg_sys::RangeTblEntry> {
        // SAFETY: the range table holds RangeTblEntry of the plan, which outlives the execution state.
        unsafe { self.range_table_entry()?.as_ref() }
    }

    #[cfg(not(feature = "pg15"))]
    fn permissions(&self) -> Option<&'a pg_sys::RTEPermissionInfo> {
        // SAFETY: as on 15; and the list holds RTEPermissionInfo, one of them this entry's if it has any.
        let entry = unsafe { self.range_table_entry()?.as_ref() }?;
        let place = usize::try_from(entry.perminfoindex).ok()?.checked_sub(1)?;
        // SAFETY: as above.
        unsafe { pointers::<pg_sys::RTEPermissionInfo>(self.state().es_rteperminfos).nth(place)?.as_ref() }
    }

    /// Marks the trigger at this place.
    fn mark(&self, place: usize, mark: Mark) {
        let trigger = &self.triggers()[place];
        let events = [
            (pg_sys::TRIGGER_TYPE_INSERT, Command::Insert),
            (pg_sys::TRIGGER_TYPE_UPDATE, Command::Update),
            (pg_sys::TRIGGER_TYPE_DELETE, Command::Delete),
        ];
        let fires_for = |event: u32| trigger.tgtype as u32 & event != 0;
        let binds = events.into_iter().any(|(event, command)| fires_for(event) && mark.binds(command));
        let is_before = fires_for(pg_sys::TRIGGER_TYPE_BEFORE) && !fires_for(pg_sys::TRIGGER_TYPE_INSTEAD);
        let mut marked = self.with_mark(trigger, mark);
        // Other kinds of triggers report their misuse whoever is bound.
        if !binds && (is_before || is_after_row_update(trigger)) {
            marked.tgenabled = pg_sys::TRIGGER_DISABLED as c_char;
        }
        // SAFETY: the place is within the statement's own copy of the triggers.
        unsafe { (*self.info().ri_TrigDesc).triggers.add(place).write(marked) };
    }

    /// A trigger with a mark behind its arguments.
    fn with_mark(&self, trigger: &pg_sys::Trigger, mark: Mark) -> pg_sys::Trigger {
        let defined = arguments(trigger);
        let defined = if Mark::of(trigger).is_some() { &defined[..defined.len() - 1] } else { defined };
        let mut all = defined.to_vec();
        all.push(mark.as_argument());
        pg_sys::Trigger { tgnargs: all.len() as i16, tgargs: self.keep(&all), ..*trigger }
    }

    /// Adds a BEFORE UPDATE trigger for each row, after all others.
    fn add(&self, check: &Check, mark: Mark) {
        if check.columns.is_empty() {
            return;
        }
        let kind = pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_UPDATE;
        let added = pg_sys::Trigger {
            tgoid: pg_sys::InvalidOid,
            tgtype: kind as i16,
            tgattr: self.keep(&check.columns),
            tgnattr: check.columns.len() as i16,
            ..self.with_mark(&check.trigger, mark)
        };
        let mut triggers = self.triggers().to_vec();
        let before = triggers.len();
        triggers.push(added);
        let number = triggers.len();
        let info = self.info();
        let functions = self.grown(info.ri_TrigFunctions, before..number);
        let conditions = self.grown(info.ri_TrigWhenExprs, before..number);
        let instrument = self.state().es_instrument;
        let counters = match instrument {
            0 => std::ptr::null_mut(),
            // SAFETY: allocates as many, as the executor does.
            _ => self.in_statement_memory(|| unsafe { pg_sys::InstrAlloc(number as c_int, instrument, false) }),
        };
        let triggers = self.keep(&triggers);
        // SAFETY: the execution state is the backend's, and no trigger has fired yet: so nothing else holds a pointer into what is
        // replaced, and nothing is lost with it. All that the executor indexes by a trigger's place grows with the triggers.
        unsafe {
            let all = match info.ri_TrigDesc.as_mut() {
                Some(all) => all,
                None => &mut *self.grown::<pg_sys::TriggerDesc>(std::ptr::null_mut(), 0..1),
            };
            all.triggers = triggers;
            all.numtriggers = number as c_int;
            all.trig_update_before_row = true;
            let info = self.info;
            (*info).ri_TrigDesc = all;
            (*info).ri_TrigFunctions = functions;
            (*info).ri_TrigWhenExprs = conditions;
            (*info).ri_TrigInstrument = counters;
        }
    }

    /// Calls a function that allocates in the current memory context, with the statement's as that.
    fn in_statement_memory<T>(&self, allocate: impl FnOnce() -> T) -> T {
        // SAFETY: the context lives as long as the execution state. An error leaves it current, as errors do: who catches it switches.
        unsafe {
            let outer = pg_sys::MemoryContextSwitchTo(self.state().es_query_cxt);
            let allocated = allocate();
            pg_sys::MemoryContextSwitchTo(outer);
            allocated
        }
    }

    /// A copy that lives as long as the statement.
    fn keep<T: Copy>(&self, items: &[T]) -> *mut T {
        let copy: *mut T = self.grown(std::ptr::null_mut(), 0..items.len());
        // SAFETY: room for as many, in memory that nobody else has.
        unsafe { copy.copy_from_nonoverlapping(items.as_ptr(), items.len()) };
        copy
    }

    /// An array that lives as long as the statement, of `lengths.end` items: those of another with `lengths.start` items, then zeroes.
    fn grown<T>(&self, items: *const T, lengths: Range<usize>) -> *mut T {
        let size = lengths.end * size_of::<T>();
        // SAFETY: memory of the statement, as large as asked, and all zeroes; what is copied fits.
        unsafe {
            let larger: *mut T = pg_sys::MemoryContextAllocZero(self.state().es_query_cxt, size).cast();
            if !items.is_null() {
                larger.copy_from_nonoverlapping(items, lengths.start);
            }
            larger
        }
    }
}

/// Recognises triggers that call `auth.aal_guard`.
#[derive(Default)]
struct GuardFunction {
    /// The function that was looked up last, and whether it is the guard.
    last: Option<(pg_sys::Oid, bool)>,
}

impl GuardFunction {
    fn calls(&mut self, trigger: &pg_sys::Trigger) -> bool {
        let function = trigger.tgfoid;
        match self.last {
            Some((last, is_guard)) if last == function => is_guard,
            _ => {
                let is_guard = is_guard(function);
                self.last = Some((function, is_guard));
                is_guard
            }
        }
    }
}

/// Whether a function is `aal_guard` of this library. Only superusers make functions in C.
fn is_guard(function: pg_sys::Oid) -> bool {
    const C_LANGUAGE: u32 = 13;
    // SAFETY: looks a function up and releases it again; its row is there meanwhile.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as c_int;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return false;
        }
        let form: *const pg_sys::FormData_pg_proc = pg_sys::GETSTRUCT(row).cast();
        let is_guard = (*form).prolang == pg_sys::Oid::from_u32(C_LANGUAGE)
            && text_of(cache, row, pg_sys::Anum_pg_proc_prosrc).as_deref() == Some("aal_guard")
            && text_of(cache, row, pg_sys::Anum_pg_proc_probin).is_some_and(|file| file.contains("pg_aal"));
        pg_sys::ReleaseSysCache(row);
        is_guard
    }
}

/// A text of a row of the catalog.
///
/// # Safety
/// `row` comes from that cache, and the attribute is of type text.
unsafe fn text_of(cache: c_int, row: pg_sys::HeapTuple, attribute: u32) -> Option<String> {
    let mut is_null = false;
    // SAFETY: the caller's promises.
    unsafe {
        let datum = pg_sys::SysCacheGetAttr(cache, row, attribute as pg_sys::AttrNumber, &mut is_null);
        String::from_datum(datum, is_null)
    }
}

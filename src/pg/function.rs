//! Users' functions: one found by its name, and called by its OID with the rights of its owner; and one called as in an expression.

use std::ffi::{CStr, c_int};

use pgrx::prelude::*;

use super::guc::SettingsLevel;
use super::syscache::Row;
use super::transaction;

/// A function that takes texts, as the catalog has it.
pub struct TextFunction {
    oid: pg_sys::Oid,
    parameters: usize,
    owner: pg_sys::Oid,
    /// Whether it is a plain function that returns one boolean.
    pub returns_boolean: bool,
    /// `provolatile` of pg_proc.
    pub volatility: u8,
    /// `proparallel` of pg_proc.
    pub parallel: u8,
    /// Its SET clauses, as `name=value`.
    pub settings: Vec<String>,
}

impl TextFunction {
    /// The function `name (text, …)` of a schema, with so many parameters.
    pub fn find(schema: pg_sys::Oid, name: &CStr, parameters: usize) -> Option<TextFunction> {
        let types = vec![pg_sys::TEXTOID; parameters];
        let count = c_int::try_from(parameters).ok()?;
        let cache = pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP;
        // SAFETY: a cache of pg_proc, whose keys are a name, which is read as a C string, a vector of OIDs, and an OID. proconfig is of
        // type text[].
        let (row, settings) = unsafe {
            let arguments = pg_sys::buildoidvector(types.as_ptr(), count);
            let keys = [name.as_ptr().into(), arguments.cast::<std::ffi::c_void>().into(), schema.into()];
            let row = Row::<pg_sys::FormData_pg_proc>::search(cache, keys)?;
            let settings = row.column(pg_sys::Anum_pg_proc_proconfig).unwrap_or_default();
            (row, settings)
        };
        let entry = row.form();
        Some(TextFunction {
            oid: entry.oid,
            parameters,
            owner: entry.proowner,
            returns_boolean: entry.prorettype == pg_sys::BOOLOID
                && !entry.proretset
                && entry.prokind as u8 == pg_sys::PROKIND_FUNCTION,
            volatility: entry.provolatile as u8,
            parallel: entry.proparallel as u8,
            settings,
        })
    }

    /// Calls it with its owner's rights, in a restricted operation, with names as they are in `pg_catalog`. `None` for NULL.
    ///
    /// # Panics
    /// Where it doesn't return one boolean, or has another number of parameters.
    pub fn ask(&self, arguments: &[&str]) -> Option<bool> {
        assert!(self.returns_boolean, "a function that returns one boolean");
        assert!(self.parameters == arguments.len(), "an argument for each parameter");
        let rights = OwnersRights::take(self.owner);
        let count = i16::try_from(arguments.len()).ok()?;
        let given = |argument: &&str| Some(pg_sys::NullableDatum { value: argument.into_datum()?, isnull: false });
        let given: Vec<_> = arguments.iter().map(given).collect::<Option<_>>()?;
        let mut function = pg_sys::FmgrInfo::default();
        // SAFETY: calls as pgrx does: with room for the call info and its arguments, which are texts as `find` looked for, as many.
        // `function` outlives the call. What the function raises becomes a panic by pgrx's guard; the closure that it jumps out
        // of holds nothing to drop. A NULL is not read as a boolean.
        let answer = unsafe {
            pg_sys::fmgr_info(self.oid, &mut function);
            let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + size_of_val(given.as_slice());
            let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
            (*call).flinfo = &mut function;
            (*call).fncollation = pg_sys::DEFAULT_COLLATION_OID;
            (*call).nargs = count;
            let places: *mut pg_sys::NullableDatum = (&raw mut (*call).args).cast();
            places.copy_from_nonoverlapping(given.as_ptr(), given.len());
            let answer = function.fn_addr.map(|address| pg_sys::ffi::pg_guard_ffi_boundary(|| address(call)));
            answer.filter(|_| !(*call).isnull)
        };
        drop(rights);
        answer.map(|answer| answer.value() != 0)
    }
}

/// Calls a function that takes nothing and returns one boolean, with the rights that it has in an expression. `None` for NULL.
///
/// # Panics
/// Where it isn't such a function.
pub fn ask(function: pg_sys::Oid) -> Option<bool> {
    let fits = Row::<pg_sys::FormData_pg_proc>::find(function).is_some_and(|row| {
        let entry = row.form();
        entry.prorettype == pg_sys::BOOLOID && !entry.proretset && entry.pronargs == 0
    });
    assert!(fits, "a function that takes nothing and returns one boolean");
    let mut called = pg_sys::FmgrInfo::default();
    // SAFETY: calls as pgrx does, a function as it was promised to be: with room for the call info, and no argument. `called` outlives
    // the call. What the function raises becomes a panic by pgrx's guard; the closure that it jumps out of holds nothing to drop.
    // A NULL is not read as a boolean.
    let answer = unsafe {
        pg_sys::fmgr_info(function, &mut called);
        let size = size_of::<pg_sys::FunctionCallInfoBaseData>();
        let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = &mut called;
        let answer = called.fn_addr.map(|address| pg_sys::ffi::pg_guard_ffi_boundary(|| address(call)));
        answer.filter(|_| !(*call).isnull)
    };
    answer.map(|answer| answer.value() != 0)
}

/// As long as this lives, the current role is another, in a restricted operation, names mean what they do in `pg_catalog`, and
/// the latest snapshot is active.
struct OwnersRights {
    user: pg_sys::Oid,
    context: c_int,
    has_snapshot: bool,
    // Dropped last.
    _settings: SettingsLevel,
}

impl OwnersRights {
    fn take(owner: pg_sys::Oid) -> OwnersRights {
        let restricted = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION) as c_int;
        let settings = SettingsLevel::keeping_nothing();
        settings.set(c"search_path", c"pg_catalog, pg_temp", pg_sys::GucContext::PGC_USERSET);
        let has_snapshot = !transaction::is_in_parallel_mode();
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: as Postgres' own ri_PerformCheck. `drop` puts the role back and pops the snapshot; after an error Postgres does
        // when it ends the (sub)transaction.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            if has_snapshot {
                pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
            }
            pg_sys::SetUserIdAndSecContext(owner, context | restricted);
        }
        OwnersRights { user, context, has_snapshot, _settings: settings }
    }
}

impl Drop for OwnersRights {
    fn drop(&mut self) {
        // After an error Postgres does all of it, and none must be done twice.
        if std::thread::panicking() {
            return;
        }
        // SAFETY: what `take` found before, and the snapshot that it pushed: a function leaves none behind.
        unsafe {
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
            if self.has_snapshot {
                pg_sys::PopActiveSnapshot();
            }
        }
    }
}

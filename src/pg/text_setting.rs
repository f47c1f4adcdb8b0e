//! Text settings by their name, read where they are: a gateway's `request.jwt.claims`, which may or may not be there, and
//! our own where it matters which transaction set it.
//!
//! They are read on every call of a function that a policy may call for every row, so reading must cost next to
//! nothing. Nothing here defines a setting: somebody else's could then not be defined by its owner.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

/// A text setting, by its name.
pub struct TextSetting {
    name: &'static CStr,
    #[cfg(feature = "pg15")]
    place: sorted::Place,
}

impl TextSetting {
    /// `name`: in lower case. (Settings' names are compared without regard to ASCII case.)
    pub const fn new(name: &'static CStr) -> Self {
        TextSetting {
            name,
            #[cfg(feature = "pg15")]
            place: sorted::Place::unknown(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }

    /// Its value; `None` where it isn't there or is empty, as it is after a transaction-local set.
    pub fn get(&self) -> Option<Value> {
        // SAFETY: NULL or a setting of this backend.
        unsafe { value_of(self.record()) }
    }

    /// Its value if this transaction set it; `None` also where the value was there before, and where it was only put back
    /// to what it was. Not for a parallel worker, which sets all settings as its leader has them.
    ///
    /// What a session sets lives on when its transaction ends, and through a pooler the next transaction is somebody else's.
    pub fn get_of_this_transaction(&self) -> Option<Value> {
        let record = self.record();
        // What a transaction has changed, and would change back if it failed, is on the setting's stack until it ends.
        // SAFETY: NULL or a setting of this backend.
        let is_set = unsafe { record.as_ref() }
            .is_some_and(|it| it.source == pg_sys::GucSource::PGC_S_SESSION && !it.stack.is_null());
        // SAFETY: as above.
        if is_set { unsafe { value_of(record) } } else { None }
    }

    /// Whether a function that runs now has it in a SET clause.
    pub fn is_set_by_a_function(&self) -> bool {
        // SAFETY: NULL or a setting of this backend, and NULL or the top of its stack.
        let top = unsafe { self.record().as_ref().and_then(|setting| setting.stack.as_ref()) };
        top.is_some_and(|top| top.state == pg_sys::GucStackState::GUC_SAVE)
    }

    /// Whether the value it is reset to, of any type, comes from the options that the client connected with.
    pub fn comes_with_the_connection(&self) -> bool {
        // SAFETY: NULL or a setting of this backend.
        unsafe { self.record().as_ref() }.is_some_and(|it| it.reset_source == pg_sys::GucSource::PGC_S_CLIENT)
    }

    /// Postgres 15 searches a sorted array for each name, twenty comparisons for the two that hold claims: more work
    /// than all the rest. Settings are rarely added, so this one is mostly where it was the last time.
    #[cfg(feature = "pg15")]
    fn record(&self) -> *mut pg_sys::config_generic {
        self.place.record(self.name)
    }

    /// From Postgres 16 on they are in a hash table.
    #[cfg(not(feature = "pg15"))]
    fn record(&self) -> *mut pg_sys::config_generic {
        // SAFETY: declared as in Postgres' utils/guc_tables.h.
        unsafe extern "C-unwind" {
            fn find_option(
                name: *const c_char,
                create_placeholders: bool,
                skip_errors: bool,
                elevel: std::ffi::c_int,
            ) -> *mut pg_sys::config_generic;
        }
        // SAFETY: with skip_errors and without create_placeholders find_option raises nothing, so it needs no guard: it
        // looks a name up.
        unsafe { find_option(self.name.as_ptr(), false, true, 0) }
    }
}

/// The value of a text setting; `None` where it is no such or empty.
///
/// # Safety
/// `record` must be NULL or a setting of this backend.
unsafe fn value_of(record: *mut pg_sys::config_generic) -> Option<Value> {
    // SAFETY: the caller's promise.
    if unsafe { record.as_ref() }?.vartype != pg_sys::config_type::PGC_STRING {
        return None;
    }
    // SAFETY: a text setting, which the generic part is the beginning of, points to the variable with its value.
    let value: *const c_char = unsafe { *(*record.cast::<pg_sys::config_string>()).variable };
    // SAFETY: NULL or a C string, which has at least the byte that ends it.
    let first = unsafe { value.as_ref() }?;
    if *first == 0 { None } else { Some(Value(value)) }
}

/// The value of a setting: a C string that isn't empty, valid until a setting changes. Use it at once.
pub struct Value(*const c_char);

impl Value {
    /// Whether it is this text, in one pass over both.
    pub fn is(&self, text: &CStr) -> bool {
        same(self.0, text.as_ptr())
    }

    /// The text.
    pub fn as_c_str(&self) -> &CStr {
        // SAFETY: a C string, by what `Value` promises; no setting changes while it is borrowed.
        unsafe { CStr::from_ptr(self.0) }
    }
}

/// Whether two C strings are the same. Both must be C strings.
fn same(a: *const c_char, b: *const c_char) -> bool {
    // SAFETY: strcmp only reads, up to the end of the shorter.
    unsafe { libc::strcmp(a, b) == 0 }
}

/// Postgres 15's settings: an array of pointers, sorted by name.
#[cfg(feature = "pg15")]
mod sorted {
    use std::cell::RefCell;
    use std::cmp::Ordering;
    use std::ffi::{CStr, CString, c_char, c_int};
    use std::mem::ManuallyDrop;

    use pgrx::pg_sys;

    use super::same;

    type Setting = *mut pg_sys::config_generic;

    /// Where a name was found the last time, or between which two others it was missing. Without a destructor, as all that
    /// a callback of Postgres may reach: see `executor`.
    pub struct Place(ManuallyDrop<RefCell<Option<Found>>>);

    enum Found {
        At { index: usize, name: CString },
        Between { index: usize, before: Option<CString>, after: Option<CString> },
    }

    impl Place {
        pub const fn unknown() -> Self {
            Place(ManuallyDrop::new(RefCell::new(None)))
        }

        /// The setting of this name; NULL if there is none.
        pub fn record(&self, name: &CStr) -> Setting {
            let all = all();
            let mut place = self.0.borrow_mut();
            let found = match &mut *place {
                Some(found) if found.still_holds(all) => found,
                stale => stale.insert(Found::search(name, all)),
            };
            match found {
                Found::At { index, .. } => all[*index],
                Found::Between { .. } => std::ptr::null_mut(),
            }
        }
    }

    impl Found {
        /// The array is sorted and each name is in it once. So a name that is where it was is the only one of its kind,
        /// and between two names that still are neighbours there is still nothing.
        fn still_holds(&self, all: &[Setting]) -> bool {
            let is = |setting: Option<&Setting>, name: &Option<CString>| match (setting, name) {
                (Some(setting), Some(name)) => same(name_of(*setting), name.as_ptr()),
                (None, None) => true,
                _ => false,
            };
            match self {
                Found::At { index, name } => all.get(*index).is_some_and(|at| same(name_of(*at), name.as_ptr())),
                Found::Between { index, before, after } => {
                    is(index.checked_sub(1).and_then(|before| all.get(before)), before) && is(all.get(*index), after)
                }
            }
        }

        fn search(name: &CStr, all: &[Setting]) -> Self {
            let owned = |setting: Setting| c_str_of(setting).to_owned();
            match all.binary_search_by(|setting| compare(c_str_of(*setting), name)) {
                Ok(index) => Found::At { index, name: owned(all[index]) },
                Err(index) => Found::Between {
                    index,
                    before: index.checked_sub(1).map(|before| owned(all[before])),
                    after: all.get(index).map(|after| owned(*after)),
                },
            }
        }
    }

    /// All settings of the backend, as they are now.
    fn all<'a>() -> &'a [Setting] {
        // SAFETY: declared as in Postgres' utils/guc_tables.h and utils/guc.h.
        unsafe extern "C-unwind" {
            fn get_guc_variables() -> *mut Setting;
            fn GetNumConfigOptions() -> c_int;
        }
        // SAFETY: both only return a variable of the backend, so they need no guard.
        let (array, length) = unsafe { (get_guc_variables(), GetNumConfigOptions()) };
        // SAFETY: the array holds that many pointers, and isn't changed while this module looks at it.
        unsafe { std::slice::from_raw_parts(array, length.unsigned_abs() as usize) }
    }

    fn name_of(setting: Setting) -> *const c_char {
        // SAFETY: a setting of the array.
        unsafe { (*setting).name }
    }

    fn c_str_of<'a>(setting: Setting) -> &'a CStr {
        // SAFETY: the name of a setting is a C string.
        unsafe { CStr::from_ptr(name_of(setting)) }
    }

    /// The order of the array (`guc_name_compare`): without regard to ASCII case, bytes as C's signed `char`.
    fn compare(a: &CStr, b: &CStr) -> Ordering {
        let folded = |byte: &u8| byte.to_ascii_lowercase() as i8;
        a.to_bytes().iter().map(folded).cmp(b.to_bytes().iter().map(folded))
    }
}

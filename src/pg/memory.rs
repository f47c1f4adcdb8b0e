//! Memory contexts of Postgres' that Rust owns.

use std::ffi::CStr;

use pgrx::pg_sys;

/// A memory context. It is deleted when this is dropped, so a reference to anything in it borrows this.
pub struct Memory(pg_sys::MemoryContext);

impl Memory {
    /// An empty context.
    pub fn new(name: &'static CStr) -> Memory {
        // SAFETY: TopMemoryContext lives as long as the process, so nothing but `drop` deletes its new child. Postgres
        // keeps the name's address, which is static.
        Memory(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::TopMemoryContext,
                name.as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Does something while this is the current context.
    pub(super) fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Back(pg_sys::MemoryContext);
        impl Drop for Back {
            fn drop(&mut self) {
                // SAFETY: the context that was current when `work` began. Nothing that `work` does deletes it.
                unsafe { pg_sys::CurrentMemoryContext = self.0 }
            }
        }
        // SAFETY: this context exists until `drop`. Backends have one thread.
        let _back = unsafe {
            let back = Back(pg_sys::CurrentMemoryContext);
            pg_sys::CurrentMemoryContext = self.0;
            back
        };
        work()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by `new` and deleted only here. It is not current: `with` borrows this.
        unsafe { pg_sys::MemoryContextDelete(self.0) }
    }
}

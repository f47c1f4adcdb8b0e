//! The backend's process, and its server. Nothing here raises an error.

use pgrx::prelude::*;

/// Whether this process is a parallel worker, which takes over its leader's settings.
pub fn is_parallel_worker() -> bool {
    // SAFETY: Postgres sets this variable before it loads a library: -1 but in a parallel worker.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// Whether the server is a standby, or still recovers.
pub fn is_standby() -> bool {
    // SAFETY: RecoveryInProgress reads shared memory, to which every backend is attached.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// When the backend last took over the configuration's files.
pub fn configuration_loaded_at() -> pg_sys::TimestampTz {
    // SAFETY: a plain variable, which only this backend's one thread reads and writes.
    unsafe { pg_sys::PgReloadTime }
}

/// Whether the server is loading `shared_preload_libraries`.
pub fn is_preloading_for_all() -> bool {
    // SAFETY: a plain variable, which only this process's one thread reads and writes.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

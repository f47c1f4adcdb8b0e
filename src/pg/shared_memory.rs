//! Blocks of bytes in shared memory, for all backends of the server: in shards, each with a lock.
//!
//! Postgres gives such memory only while it loads `shared_preload_libraries`. It is zero at first, and after a crash of any
//! backend: then the server makes all shared memory anew, and runs the hooks here again. So nothing is ever read that a crashed
//! backend left.

use std::cell::Cell;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use pgrx::prelude::*;

/// How many shards there are.
pub const SHARDS: usize = 64;

const NAME: &CStr = c"pg_aal";

/// One block.
pub type Block = [u8; 2048];

/// What a shard counts.
pub type Counts = [u64; 4];

/// The memory: this, and behind it the blocks of each shard in turn.
#[repr(C)]
struct Memory {
    /// Made at random when the server starts.
    secret: [u8; 32],
    blocks_per_shard: usize,
    counts: [Counts; SHARDS],
}

thread_local! {
    /// The hooks that were there before, and what this library asks for. The postmaster sets them, and hands them to its backends.
    static REQUEST: Cell<Request> = const { Cell::new(Request { blocks_per_shard: 0, next_request: None, next_startup: None }) };
    static MEMORY: Cell<Option<Attached>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Request {
    blocks_per_shard: usize,
    next_request: pg_sys::shmem_request_hook_type,
    next_startup: pg_sys::shmem_startup_hook_type,
}

#[derive(Clone, Copy)]
struct Attached {
    memory: NonNull<Memory>,
    locks: NonNull<pg_sys::LWLockPadded>,
}

/// Asks for about so many bytes. To be called once, while the server loads `shared_preload_libraries`.
pub fn request(bytes: usize) {
    let blocks_per_shard = bytes / size_of::<Block>() / SHARDS;
    if blocks_per_shard == 0 {
        return;
    }
    // SAFETY: variables of the postmaster, which libraries change while they are loaded.
    unsafe {
        let (next_request, next_startup) = (pg_sys::shmem_request_hook, pg_sys::shmem_startup_hook);
        REQUEST.set(Request { blocks_per_shard, next_request, next_startup });
        pg_sys::shmem_request_hook = Some(ask);
        pg_sys::shmem_startup_hook = Some(attach);
    }
}

fn bytes(blocks_per_shard: usize) -> usize {
    size_of::<Memory>() + SHARDS * blocks_per_shard * size_of::<Block>()
}

#[pg_guard]
unsafe extern "C-unwind" fn ask() {
    let Request { blocks_per_shard, next_request, .. } = REQUEST.get();
    // SAFETY: Postgres calls this hook when such requests are due; the name is static.
    unsafe {
        if let Some(next) = next_request {
            pg_sys::ffi::pg_guard_ffi_boundary(|| next());
        }
        pg_sys::RequestAddinShmemSpace(bytes(blocks_per_shard));
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), SHARDS as i32);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn attach() {
    let Request { blocks_per_shard, next_startup, .. } = REQUEST.get();
    MEMORY.set(None);
    // SAFETY: Postgres calls this hook in the postmaster, when shared memory is there and no backend is. The place is as long as
    // was asked for, and aligned for any type of C; zeroes are a valid `Memory`.
    unsafe {
        if let Some(next) = next_startup {
            pg_sys::ffi::pg_guard_ffi_boundary(|| next());
        }
        let mut is_there = false;
        let bytes = bytes(blocks_per_shard);
        let memory = pg_sys::ShmemInitStruct(NAME.as_ptr(), bytes, &mut is_there).cast::<Memory>();
        memory.cast::<u8>().write_bytes(0, bytes);
        (*memory).blocks_per_shard = blocks_per_shard;
        let secret: *mut c_void = (&raw mut (*memory).secret).cast();
        // Without a secret there is no name for a token, and nothing is shared.
        if !pg_sys::pg_strong_random(secret, size_of::<[u8; 32]>()) {
            return;
        }
        let locks = NonNull::new(pg_sys::GetNamedLWLockTranche(NAME.as_ptr()));
        MEMORY.set(NonNull::new(memory).zip(locks).map(|(memory, locks)| Attached { memory, locks }));
    }
}

/// The secret that the server made when it started; `None` without shared memory.
pub fn secret() -> Option<[u8; 32]> {
    // SAFETY: the memory stays as long as the process. The secret was written before there was a backend. No reference is made to
    // the whole, whose counts others change.
    MEMORY.get().map(|attached| unsafe { (*attached.memory.as_ptr()).secret })
}

/// How many bytes the blocks have together.
pub fn size() -> usize {
    // SAFETY: as for the secret.
    let per_shard = MEMORY.get().map_or(0, |attached| unsafe { (*attached.memory.as_ptr()).blocks_per_shard });
    SHARDS * per_shard * size_of::<Block>()
}

/// Works with the counts and the blocks of a shard, which nobody else reads or writes meanwhile. `work` must not call back into
/// Postgres, and should be quick. `None` without shared memory, and for a shard that isn't there.
pub fn with_shard<T>(shard: usize, work: impl FnOnce(&mut Counts, &mut [Block]) -> T) -> Option<T> {
    let Attached { memory, locks } = MEMORY.get().filter(|_| shard < SHARDS)?;
    // SAFETY: the tranche has a lock for each shard, and the memory a place for each shard's counts and, behind it, for its blocks
    // (see `bytes`). Every access is by this function, under the shard's lock: so there is no other reference to either. Any bytes
    // are valid counts and blocks. `blocks_per_shard` was written before there was a backend.
    unsafe {
        let _held = Held::take(&raw mut (*locks.as_ptr().add(shard)).lock);
        let memory = memory.as_ptr();
        let per_shard = (*memory).blocks_per_shard;
        let counts = &mut *(&raw mut (*memory).counts).cast::<Counts>().add(shard);
        let blocks = std::slice::from_raw_parts_mut(memory.add(1).cast::<Block>().add(shard * per_shard), per_shard);
        Some(work(counts, blocks))
    }
}

/// A lock that this backend holds, as long as this lives. Postgres delays a cancel or a termination until it is released.
struct Held(*mut pg_sys::LWLock);

impl Held {
    /// # Safety
    /// `lock` must be a lock of shared memory, which this backend does not hold.
    unsafe fn take(lock: *mut pg_sys::LWLock) -> Held {
        // SAFETY: the caller's promise. What it raises becomes a panic by pgrx's guard, before there is anything to release.
        unsafe { pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
        Held(lock)
    }
}

impl Drop for Held {
    // Also where a panic unwinds.
    fn drop(&mut self) {
        // SAFETY: taken by `take`, and released only here.
        unsafe { pg_sys::LWLockRelease(self.0) };
    }
}

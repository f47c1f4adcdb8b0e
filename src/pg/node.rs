//! Postgres' trees of nodes: each begins with a tag that says what it is.

use pgrx::pg_sys;

/// Whether a node is of this kind.
///
/// # Safety
/// `node` must be NULL or a node.
pub unsafe fn is(node: *mut pg_sys::Node, tag: pg_sys::NodeTag) -> bool {
    // SAFETY: every node begins with its tag.
    unsafe { node.as_ref() }.is_some_and(|node| node.type_ == tag)
}

/// The node as what its tag says it is.
///
/// # Safety
/// `node` must be NULL or a node that outlives `'a`; `tag` must be the tag of `T`, or of what begins with a `T`.
pub unsafe fn cast<'a, T>(node: *mut pg_sys::Node, tag: pg_sys::NodeTag) -> Option<&'a T> {
    // SAFETY: the caller's promises.
    unsafe { if is(node, tag) { node.cast::<T>().as_ref() } else { None } }
}

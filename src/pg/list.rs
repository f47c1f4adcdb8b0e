//! Postgres' lists.

use std::ffi::c_int;
use std::marker::PhantomData;

use pgrx::pg_sys;

use super::node::{Node, NodeRef, Tagged};

/// A list of nodes, in a tree that lives as long as `'tree`. NIL is the empty one.
#[derive(Clone, Copy)]
pub struct List<'tree> {
    list: *mut pg_sys::List,
    tree: PhantomData<&'tree pg_sys::List>,
}

impl<'tree> List<'tree> {
    /// The empty list.
    pub const NIL: List<'static> = List { list: std::ptr::null_mut(), tree: PhantomData };

    /// The list at this place.
    ///
    /// # Safety
    /// `list` must be NIL or a list as Postgres made it. If it is one of pointers, each must be NULL or what [`Node::new`] asks for.
    pub(super) unsafe fn new(list: *mut pg_sys::List) -> List<'tree> {
        List { list, tree: PhantomData }
    }

    /// Whether it has no item.
    pub fn is_empty(self) -> bool {
        self.list.is_null()
    }

    /// Its items; `None` where one is NULL. None at all where they aren't nodes, but numbers.
    pub fn nodes(self) -> impl Iterator<Item = Option<Node<'tree>>> {
        // SAFETY: `new` was promised NIL or a list.
        let list: Option<&'tree pg_sys::List> = unsafe { self.list.as_ref() };
        let list = list.filter(|list| list.type_ == pg_sys::NodeTag::T_List);
        let length = list.map_or(0, |list| usize::try_from(list.length).unwrap_or_default());
        (0..length).map(move |n| {
            // SAFETY: a list has as many cells as its length says. Those of a T_List hold pointers, to nodes here.
            list.and_then(|list| unsafe { Node::new((*list.elements.add(n)).ptr_value.cast()) })
        })
    }

    /// Its items, where Postgres' header says that all are of one kind.
    pub fn items<T: Tagged + 'tree>(self) -> impl Iterator<Item = NodeRef<'tree, T>> {
        self.nodes().map(|node| node.and_then(Node::cast).expect("a list's items are as Postgres' header says"))
    }

    /// Its items, where Postgres' header says that they are lists.
    pub fn lists(self) -> impl Iterator<Item = List<'tree>> {
        self.nodes().map(|node| node.and_then(Node::list).unwrap_or(List::NIL))
    }

    /// Its only item; `None` where there are more or none.
    pub fn single(self) -> Option<Node<'tree>> {
        let mut nodes = self.nodes();
        let first = nodes.next();
        if nodes.next().is_some() { None } else { first.flatten() }
    }
}

/// The OIDs of a list; none for NIL.
///
/// # Safety
/// `list` must be NIL or a list of OIDs that outlives the iterator.
pub(super) unsafe fn oids(list: *mut pg_sys::List) -> impl Iterator<Item = pg_sys::Oid> {
    // SAFETY: the caller's promise.
    let cells = unsafe { cells(list) };
    // SAFETY: the cells of a list of OIDs hold OIDs.
    cells.map(|cell| unsafe { cell.oid_value })
}

/// The pointers of a list; none for NIL. They are as valid as the list's maker says.
///
/// # Safety
/// `list` must be NIL or a list of pointers that outlives the iterator.
pub(super) unsafe fn pointers<T>(list: *mut pg_sys::List) -> impl Iterator<Item = *mut T> {
    // SAFETY: the caller's promise.
    let cells = unsafe { cells(list) };
    // SAFETY: the cells of a list of pointers hold pointers.
    cells.map(|cell| unsafe { cell.ptr_value }.cast())
}

/// The pointer at this place of a list; `None` where there is none. It is as valid as the list's maker says.
///
/// # Safety
/// `list` must be NIL or a list of pointers.
pub(super) unsafe fn pointer<T>(list: *mut pg_sys::List, place: usize) -> Option<*mut T> {
    // SAFETY: the caller's promise. A list has as many cells as its length says; those of a list of pointers hold pointers.
    unsafe {
        let list = list.as_ref().filter(|list| place < list.length as usize)?;
        Some((*list.elements.add(place)).ptr_value.cast())
    }
}

/// The cells of a list; none for NIL.
///
/// # Safety
/// `list` must be NIL or a list that outlives the iterator. Items that are added or removed meanwhile count.
unsafe fn cells(list: *mut pg_sys::List) -> impl Iterator<Item = pg_sys::ListCell> {
    let mut n = 0;
    std::iter::from_fn(move || {
        // SAFETY: the caller's promise. A list has as many cells as its length says.
        let cell = unsafe {
            let list = list.as_ref().filter(|list| n < list.length as usize)?;
            *list.elements.add(n)
        };
        n += 1;
        Some(cell)
    })
}

/// How many items a list has; none for NIL.
///
/// # Safety
/// `list` must be NIL or a list.
pub(super) unsafe fn length(list: *mut pg_sys::List) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { list.as_ref() }.map_or(0, |list| list.length)
}

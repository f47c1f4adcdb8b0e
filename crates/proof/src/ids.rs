//! Ids and indexes. An id is an OID of Postgres; an index is a place in one of the catalog's lists.
//!
//! Each kind has a type of its own, so none can stand in for another. No id is 0, which Postgres uses for "none".

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// By its OID; `None` for 0.
            pub const fn new(oid: u32) -> Option<$name> {
                match NonZeroU32::new(oid) {
                    Some(oid) => Some($name(oid)),
                    None => None,
                }
            }

            /// Its OID.
            pub const fn oid(self) -> u32 {
                self.0.get()
            }
        }

        impl TryFrom<u32> for $name {
            type Error = InvalidOid;

            fn try_from(oid: u32) -> Result<$name, InvalidOid> {
                $name::new(oid).ok_or(InvalidOid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A table, or a view: Postgres keeps both in `pg_class`.
    TableId
    /// A role.
    RoleId
    /// A policy.
    PolicyId
    /// A function, a procedure or an aggregate.
    FunctionId
}

/// 0 where an OID was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOid;

/// A place in a list of one kind.
pub trait ListIndex: Copy {
    /// The place after so many others.
    fn from_usize(n: usize) -> Self;
    /// How many others come before.
    fn to_usize(self) -> usize;
}

macro_rules! indexes {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        impl ListIndex for $name {
            fn from_usize(n: usize) -> $name {
                $name(n)
            }

            fn to_usize(self) -> usize {
                self.0
            }
        }
    )*};
}

indexes! {
    /// A place among the catalog's tables.
    TableIndex
    /// A place among the catalog's roles.
    RoleIndex
    /// A place among the catalog's views.
    ViewIndex
    /// A place among the catalog's functions.
    FunctionIndex
    /// A place among the catalog's foreign keys.
    ForeignKeyIndex
    /// A place among the catalog's watches.
    WatchIndex
    /// A place among the catalog's stored claims.
    StoredIndex
}

/// A list that takes only indexes of its own kind.
#[derive(Clone, Debug)]
pub struct Indexed<I, T> {
    items: Vec<T>,
    kind: PhantomData<I>,
}

/// One item for each table of the catalog.
pub type ByTable<T> = Indexed<TableIndex, T>;

/// One item for each role of the catalog.
pub type ByRole<T> = Indexed<RoleIndex, T>;

/// One item for each view of the catalog.
pub type ByView<T> = Indexed<ViewIndex, T>;

/// One item for each function of the catalog.
pub type ByFunction<T> = Indexed<FunctionIndex, T>;

/// One item for each foreign key of the catalog.
pub type ByForeignKey<T> = Indexed<ForeignKeyIndex, T>;

/// One item for each watch of the catalog.
pub type ByWatch<T> = Indexed<WatchIndex, T>;

/// One item for each of the catalog's stored claims.
pub type ByStored<T> = Indexed<StoredIndex, T>;

impl<I: ListIndex, T> Indexed<I, T> {
    /// Adds an item, and answers its index.
    pub fn push(&mut self, item: T) -> I {
        self.items.push(item);
        I::from_usize(self.items.len() - 1)
    }

    /// The items, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// The items, in order, to change them.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// The items with their indexes.
    pub fn indexed(&self) -> impl Iterator<Item = (I, &T)> {
        self.items.iter().enumerate().map(|(n, item)| (I::from_usize(n), item))
    }

    /// The indexes.
    pub fn indexes(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from_usize)
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<I, T> Default for Indexed<I, T> {
    fn default() -> Self {
        Indexed { items: Vec::new(), kind: PhantomData }
    }
}

impl<I: ListIndex, T> Index<I> for Indexed<I, T> {
    type Output = T;

    fn index(&self, index: I) -> &T {
        &self.items[index.to_usize()]
    }
}

impl<I: ListIndex, T> IndexMut<I> for Indexed<I, T> {
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.items[index.to_usize()]
    }
}

impl<I, T> From<Vec<T>> for Indexed<I, T> {
    fn from(items: Vec<T>) -> Self {
        Indexed { items, kind: PhantomData }
    }
}

impl<I, T> FromIterator<T> for Indexed<I, T> {
    fn from_iter<S: IntoIterator<Item = T>>(items: S) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<'a, I: ListIndex, T> IntoIterator for &'a Indexed<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_id() {
        assert_eq!((TableId::new(0), RoleId::new(0), PolicyId::new(0)), (None, None, None));
        assert_eq!(RoleId::try_from(0), Err(InvalidOid));
        assert_eq!(TableId::new(16_384).map(TableId::oid), Some(16_384));
    }

    #[test]
    fn an_item_is_found_by_the_index_that_its_list_gave() {
        let mut names: ByRole<&str> = ["anon", "authenticated"].into_iter().collect();
        let clerk = names.push("clerk");
        assert_eq!(names[clerk], "clerk");
        assert!(names.indexed().all(|(index, name)| names[index] == *name));
        assert_eq!(names.indexes().count(), names.len());
    }
}

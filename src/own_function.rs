//! Recognises a function of this library in the catalog, by its symbol and its library.

use std::cell::Cell;

use pgrx::prelude::*;

use crate::pg::lookup::{self, Version};

/// A function of this library.
pub struct OwnFunction {
    symbol: &'static str,
    /// What else must be so of it.
    also: fn(pg_sys::Oid) -> bool,
    /// The version of it that was found.
    found: Cell<Option<Version>>,
}

impl OwnFunction {
    /// The one with this symbol.
    pub const fn new(symbol: &'static str) -> OwnFunction {
        OwnFunction::new_if(symbol, |_| true)
    }

    /// The one with this symbol, if the catalog says this of it.
    pub const fn new_if(symbol: &'static str, also: fn(pg_sys::Oid) -> bool) -> OwnFunction {
        OwnFunction { symbol, also, found: Cell::new(None) }
    }

    /// Whether a function of the catalog is this one.
    pub fn is(&self, function: pg_sys::Oid) -> bool {
        let Some(version) = lookup::function_version(function) else { return false };
        if self.found.get() == Some(version) {
            return true;
        }
        let is_ours = lookup::c_function(function)
            .is_some_and(|function| function.symbol == self.symbol && function.library.contains("pg_aal"));
        let is_ours = is_ours && (self.also)(function);
        if is_ours {
            self.found.set(Some(version));
        }
        is_ours
    }
}

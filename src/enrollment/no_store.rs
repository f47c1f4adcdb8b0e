//! The reasons for which nobody can be looked up.

use std::fmt;

use aal::store_fault::NO_FACTORS;

/// Why nobody can be looked up.
#[derive(Clone, Debug)]
pub enum NoStore {
    /// `auth.mfa_factors` or `auth.users` isn't there, or not as Supabase Auth makes it.
    Tables(&'static str),
    /// `pg_aal.enrollment_function` doesn't name one that fits.
    Function(&'static str),
}

impl fmt::Display for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoStore::Tables(why) => write!(f, "{NO_FACTORS}{why}"),
            NoStore::Function(why) => {
                write!(f, "{NO_FACTORS}pg_aal.enrollment_function {why}")
            }
        }
    }
}

impl NoStore {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NoStore::Tables(_) => {
                "Without Supabase Auth, set pg_aal.enrollment_function to a function (text) that returns boolean."
            }
            NoStore::Function(_) => {
                "It must name, with its schema, a function (text) that returns boolean, is stable or immutable, and parallel safe."
            }
        }
    }
}

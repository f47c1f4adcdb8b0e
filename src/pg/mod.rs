//! The toolbox for what C hands over and wants: behind types and functions that are safe to use, where that can be.

pub mod catch;
pub mod changed_table;
pub mod constant;
pub mod elog;
pub mod event_trigger;
pub mod function;
pub mod guc;
pub mod interval;
pub mod list;
pub mod lookup;
pub mod memory;
pub mod node;
pub mod permissions;
pub mod plan;
pub mod process;
pub mod query;
pub mod relation;
pub mod role;
pub mod shared_memory;
pub mod sqlstate;
pub mod stored_setting;
mod syscache;
pub mod table_scan;
pub mod text_setting;
pub mod transaction;
pub mod trigger;
pub mod types;
pub mod unplanned;

/// Defines the record by which Postgres knows a function as one of its V1 calling convention. pgrx's own attributes
/// define it, too, but fit neither a trigger that reports its misuse nor a function that answers with a bare pointer.
macro_rules! v1_function_info {
    ($name:ident) => {
        /// The record of Postgres' V1 calling convention.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> &'static pgrx::pg_sys::Pg_finfo_record {
            const V1: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &V1
        }
    };
}
pub(crate) use v1_function_info;

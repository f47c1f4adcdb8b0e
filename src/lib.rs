//! pg_aal: step-up authentication for Postgres row-level security.
//!
//! A thin shell over the crate [`aal`], which decides. Here is only the code that needs Postgres:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`pg`] | the toolbox for what C hands over: errors, look-ups, settings, tables, triggers, plans, types |
//! | [`settings`] | every `pg_aal.*` setting |
//! | [`session`] | the claims in force, the keys, one token a statement, and the claims for parallel workers |
//! | [`enrollment`] | looking up whether a user has a second factor |
//! | [`liveness`] | looking up whether a session is live |
//! | [`denial`] | raising `insufficient_aal` and its siblings |
//! | [`own_function`] | recognising this library's functions in the catalog |
//! | [`planner`] | evaluating once per statement |
//! | [`row_security`], [`statement_guards`] | whom row security and a statement's guards bind, and sensitive columns where rows move |
//! | [`refused_reads`] | refusing statements that read below the level of a table |
//! | [`applies_when`] | for which sessions a protection is |
//! | [`executor`] | the hooks by which the others learn of statements |
//! | [`utility`] | the hook for statements that the executor doesn't run |
//! | [`citus`] | the tables that Citus holds |
//! | [`reader`] | policies' trees and function bodies as the proof's expressions |
//! | [`catalog`] | tables, policies and triggers as the proof wants them |
//! | [`functions`] | the SQL API, one file per topic |
//!
//! Postgres errors cross Rust frames as panics and Rust panics reach Postgres as errors, so unwinding is needed.

//!
//! Unsafe code is denied but where it is allowed below: in [`pg`], and where Postgres calls us. Such a place has its own `allow`, too,
//! where it is a single function.

#![deny(unsafe_code)]

use pgrx::prelude::*;

mod applies_when;
mod catalog;
mod citus;
mod denial;
mod enrollment;
#[allow(unsafe_code)]
mod executor;
mod functions;
mod liveness;
mod own_function;
#[allow(unsafe_code)]
mod pg;
#[allow(unsafe_code)]
mod planner;
mod reader;
mod refused_reads;
mod row_security;
mod session;
mod settings;
mod statement_guards;
#[allow(unsafe_code)]
mod utility;

#[cfg(not(panic = "unwind"))]
compile_error!("pg_aal needs panic = \"unwind\": pgrx turns panics into Postgres errors");

pg_module_magic!(name, version);

extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/protected_schemas.sql", name = "protected_schemas", requires = ["aal_guard"]);
extension_sql_file!(
    "../sql/protected_tables.sql",
    name = "protected_tables",
    requires = ["aal_guard", functions::liveness::session_is_live, functions::protection::recognized_protections]
);
extension_sql_file!(
    "../sql/planner.sql",
    name = "planner",
    requires = [
        functions::session::aal,
        functions::session::subject,
        functions::session::subject_uuid,
        functions::session::has_aal,
        functions::session::require_aal,
        functions::session::claims,
        functions::session::authenticated_at,
        functions::enrollment::enrolled_aal,
        functions::enrollment::has_enrolled_aal,
        functions::enrollment::require_enrolled_aal,
        functions::enrollment::aal_status,
        functions::liveness::session_is_live,
        functions::liveness::require_live_session
    ]
);
extension_sql_file!(
    "../sql/comments.sql",
    name = "comments",
    requires = [
        "planner",
        "protected_tables",
        "protected_schemas",
        "aal_new_partitions",
        functions::session::amr,
        functions::token::verify_jwt,
        functions::token::authenticate,
        functions::token::token_keys,
        functions::token::token_cache,
        functions::protection::protect_table,
        functions::protection::protect_table_sql,
        functions::protection::unprotect_table,
        functions::protection::schema::protect_schema,
        functions::protection::schema::unprotect_schema,
        functions::explain::explain_access,
        functions::proof::aal_matrix,
        functions::proof::aal_lint,
        functions::proof::assert_aal,
        functions::proof::assert_schema,
        functions::function_proof::aal_functions,
        functions::function_proof::assert_aal_function,
        functions::proof::aal_report,
        functions::snapshot::aal_snapshot,
        functions::snapshot::aal_diff,
        functions::snapshot::assert_aal_not_lowered,
        functions::snapshot::aal_findings_sarif,
        functions::snapshot::aal_findings_junit,
        functions::snapshot::aal_diff_sarif,
        functions::snapshot::aal_diff_junit
    ]
);
extension_sql_file!("../sql/refuse_overloads.sql", name = "refuse_overloads", finalize);

/// Called by Postgres once, when it loads the library.
#[allow(non_snake_case)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::refuse_to_load_in_parallel_mode();
    settings::define();
    session::share_tokens();
    executor::install();
    planner::install();
    functions::protection::pending::install();
    refused_reads::install();
    keep_backtraces_from_clients();
}

/// pgrx would put a Rust panic's backtrace into the DETAIL that clients see (where the server's environment has
/// `RUST_BACKTRACE`). The place goes to the server's log instead, and nothing to the client. The panic's text
/// stays out of the log: it could quote what it was working on.
fn keep_backtraces_from_clients() {
    std::panic::set_hook(Box::new(|panic| {
        let is_bug = panic.payload().is::<&str>() || panic.payload().is::<String>();
        if let (true, Some(place)) = (is_bug, panic.location()) {
            eprintln!("pg_aal: internal error at {place}");
        }
    }));
}

/// Things that go wrong, so that a test can see what comes of it. Not in release builds, and without an SQL function.
#[cfg(debug_assertions)]
#[allow(unsafe_code)]
mod faults_for_tests {
    use pgrx::prelude::*;

    crate::pg::v1_function_info!(pg_finfo_aal_panic_for_tests);

    /// Panics.
    #[unsafe(no_mangle)]
    #[pg_guard]
    pub extern "C-unwind" fn aal_panic_for_tests(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        panic!("a bug in pg_aal")
    }

    crate::pg::v1_function_info!(pg_finfo_aal_exit_for_tests);

    /// Ends the process as a library may: without Postgres.
    #[unsafe(no_mangle)]
    #[pg_guard]
    pub extern "C-unwind" fn aal_exit_for_tests(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
        std::process::exit(1)
    }
}

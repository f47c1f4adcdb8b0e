//! Writes `portable/pg_aal_portable--VERSION.sql`: the edition of pg_aal in plain SQL, for hosts that allow no extension in C.
//!
//! Its text is `sql/portable/*.sql`. Its words and tables (levels, methods, reasons, messages, hints) are those of the crate `aal`:
//! they are asked for each case, and never written a second time.
//!
//! usage: pg_aal-portable [--check]
//!        --check: write nothing, and fail if the file isn't what would be written
#![forbid(unsafe_code)]

mod edition;
mod facts;
mod literal;
mod protection;
mod refusals;
mod statements;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let checks = match arguments.as_slice() {
        [] => false,
        [only] if only == "--check" => true,
        _ => {
            eprintln!("usage: pg_aal-portable [--check]");
            return ExitCode::from(2);
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portable").join(format!("pg_aal_portable--{version}.sql"));
    let text = match edition::render(version) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("a template of sql/portable does not render: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if checks {
        if fs::read_to_string(&path).is_ok_and(|held| held == text) {
            return ExitCode::SUCCESS;
        }
        eprintln!(
            "portable/pg_aal_portable--{version}.sql is not what sql/portable and crates/aal say: run make portable"
        );
        return ExitCode::FAILURE;
    }
    match fs::write(&path, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

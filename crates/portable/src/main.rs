//! Writes `portable/pg_aal_portable--VERSION.sql`: the edition of pg_aal in plain SQL, for hosts that allow no extension in C.
//!
//! Its text is `sql/portable/*.sql`. Its words and tables (levels, methods, reasons, messages, hints) are those of the crate `aal`:
//! they are asked for each case, and never written a second time.
//!
//! usage: pg_aal-portable [--check]
//!        --check: write nothing, and fail if a file isn't what would be written
//!
//! Beside it, `.functions.json` says what each function is. The proof knows the edition by that.
#![forbid(unsafe_code)]

mod edition;
mod facts;
mod fingerprints;
mod literal;
mod protection;
mod refusals;
mod statements;

use std::path::{Path, PathBuf};
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
    match files().and_then(|files| files.iter().try_for_each(|file| if checks { file.check() } else { file.write() })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A file of `portable/`, and what it is to hold.
struct File {
    name: String,
    text: String,
}

/// The edition, and what its functions are.
fn files() -> Result<[File; 2], String> {
    let version = env!("CARGO_PKG_VERSION");
    let text =
        edition::render(version).map_err(|error| format!("a template of sql/portable does not render: {error:#}"))?;
    let functions = fingerprints::of(version, &text)?;
    let name = |kind| format!("pg_aal_portable--{version}.{kind}");
    Ok([File { name: name("sql"), text }, File { name: name("functions.json"), text: functions }])
}

impl File {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../portable").join(&self.name)
    }

    fn check(&self) -> Result<(), String> {
        if fs::read_to_string(self.path()).is_ok_and(|held| held == self.text) {
            return Ok(());
        }
        Err(format!("portable/{} is not what sql/portable and crates/aal say: run make portable", self.name))
    }

    fn write(&self) -> Result<(), String> {
        fs::write(self.path(), &self.text).map_err(|error| format!("{}: {error}", self.path().display()))
    }
}

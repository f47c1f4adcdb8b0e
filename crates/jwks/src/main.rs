//! `pg_aal-jwks`: fetches the key set of each issuer, and writes them into one file, for `pg_aal.jwks_file`.
//!
//! An administrator names the issuers and where their keys are. Nothing that a token says is followed, for there is none
//! here. An answer that isn't surely a good set leaves the set that was there before.
#![forbid(unsafe_code)]

mod address;
mod configuration;
mod fetch;
mod file;
mod update;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use configuration::Configuration;
use update::Outcome;

const USAGE: &str = "\
usage: pg_aal-jwks CONFIGURATION

Fetches the key set of each issuer in CONFIGURATION, a file of JSON, and writes them into its \"file\".

exit status: 0  each set is as its issuer publishes it
             1  an issuer has no keys: neither a new set nor an earlier one
             2  the configuration can't be used; nothing was fetched
             3  an issuer's earlier set was kept
             4  the file can't be written; it is as it was
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let path = match &arguments[..] {
        [only] if only == "--help" || only == "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [only] if only == "--version" => {
            println!("pg_aal-jwks {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        [path] => Path::new(path),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(path) {
        Ok(outcome) => ExitCode::from(match outcome {
            Outcome::AllNew => 0,
            Outcome::SomeMissing => 1,
            Outcome::SomeKept => 3,
        }),
        Err(Failure { message, status }) => {
            eprintln!("pg_aal-jwks: {message}");
            ExitCode::from(status)
        }
    }
}

/// Why nothing was done.
struct Failure {
    message: String,
    status: u8,
}

fn run(path: &Path) -> Result<Outcome, Failure> {
    let unusable = |message| Failure { message, status: 2 };
    let text = std::fs::read(path).map_err(|error| unusable(format!("{}: {error}", path.display())))?;
    let configuration =
        Configuration::from_json(&text).map_err(|fault| unusable(format!("{}: {fault}", path.display())))?;
    let client = fetch::Client::new(&configuration).map_err(unusable)?;
    update::update(&configuration, &client).map_err(|message| Failure { message, status: 4 })
}

//! The dump and the roles: from files, or from a database.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::Options;
use crate::server::Server;

/// The texts to restore.
pub struct Source {
    pub dump: Vec<u8>,
    pub roles: Option<String>,
}

pub fn read(options: &Options, server: &Server) -> Result<Source> {
    let source = match (&options.database, &options.dump) {
        (Some(database), _) => {
            let roles = match &options.roles {
                Some(file) => read_text(file)?,
                None => dumped(server, "pg_dumpall", &["--roles-only", "--no-role-passwords"], database)?,
            };
            let dump = dumped(server, "pg_dump", &["--schema-only"], database)?;
            Source { dump: dump.into_bytes(), roles: Some(roles) }
        }
        (None, Some(dump)) => {
            let roles = options.roles.as_deref().map(read_text).transpose()?;
            Source { dump: fs::read(dump).with_context(|| dump.display().to_string())?, roles }
        }
        (None, None) => bail!("name a dump or a database"),
    };
    ensure!(!source.dump.starts_with(b"PGDMP"), "the dump is in pg_dump's custom format: make it with --format=plain");
    ensure!(!source.dump.contains(&0), "the dump is not a text");
    Ok(source)
}

/// What a program of Postgres writes of a database. Its address, which may hold a password, is in no message.
fn dumped(server: &Server, program: &str, arguments: &[&str], database: &str) -> Result<String> {
    let output = server.program(program).args(arguments).arg("--no-password").arg("--dbname").arg(database).output()?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn read_text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

pub fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| file.display().to_string())
}

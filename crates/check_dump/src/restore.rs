//! Restoring the dump, as a role without rights of its own, by a psql that obeys no command of the dump.

use std::fmt;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use postgres::Client;

use crate::problems::{Failure, Problems};
use crate::quoting::identifier;
use crate::roles::Roles;
use crate::server::{SUPERUSER, Server};

/// It restores. It can be each of the dump's roles, and nothing more: no superuser, so no program, no file and no C.
const RESTORER: &str = "check-dump restorer";
/// Each of the dump's roles is a member while it is restored: an owner needs CREATE on the schema, which the dump grants at its end.
const OWNERS: &str = "check-dump owners";

/// How long a restore may take.
const LONGEST: Duration = Duration::from_secs(600);

/// How much was restored.
pub struct Restored {
    tables: i64,
    policies: i64,
    functions: i64,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tables, {} policies, {} functions", self.tables, self.policies, self.functions)
    }
}

pub fn restore(
    server: &Server,
    check: &mut Client,
    roles: &Roles<'_>,
    dump: &[u8],
    problems: &mut Problems,
) -> Result<Restored> {
    prepare(check, roles)?;
    let errors = run(server, dump)?;
    weigh(&errors, dump, problems)?;
    clear(check, roles)?;
    let counts = check.query_one(
        "select (select count(*) from pg_class where relkind in ('r', 'p') and oid >= 16384 and relnamespace <> 'pg_toast'::regnamespace),
                (select count(*) from pg_policy),
                (select count(*) from pg_proc p where oid >= 16384
                  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))",
        &[],
    )?;
    Ok(Restored { tables: counts.get(0), policies: counts.get(1), functions: counts.get(2) })
}

fn prepare(check: &mut Client, roles: &Roles<'_>) -> Result<()> {
    let (restorer, owners, database) = (identifier(RESTORER), identifier(OWNERS), crate::server::DATABASE);
    check.batch_execute(&format!(
        "create role {owners};
         create role {restorer} login inherit;
         grant create on database {database} to {restorer}, {owners};
         alter schema public owner to {restorer};
         alter schema auth owner to {restorer};
         revoke usage on schema auth from public;
         grant create, usage on schema public, auth to {owners};
         alter default privileges for role {restorer} grant create, usage on schemas to {owners};"
    ))?;
    for role in &roles.names {
        let role = identifier(role);
        check.batch_execute(&format!("grant {role} to {restorer}; grant {owners} to {role};"))?;
    }
    Ok(())
}

/// Takes away what only the restoring needed. What the dump gives no owner belongs to `postgres`, as on Supabase.
fn clear(check: &mut Client, roles: &Roles<'_>) -> Result<()> {
    let (restorer, owners) = (identifier(RESTORER), identifier(OWNERS));
    let owner = if roles.names.contains("postgres") { "postgres".to_owned() } else { identifier(SUPERUSER) };
    let owner_of_schema = |check: &mut Client, schema: &str| -> Result<Option<String>> {
        let row = check.query_opt(
            "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname::text = $1",
            &[&schema],
        )?;
        Ok(row.map(|row| row.get(0)))
    };
    for (schema, its_owner) in [("public", "pg_database_owner"), ("auth", SUPERUSER)] {
        if owner_of_schema(check, schema)?.as_deref() == Some(RESTORER) {
            check.batch_execute(&format!("alter schema {schema} owner to {}", identifier(its_owner)))?;
        }
    }
    check.batch_execute(&format!(
        "reassign owned by {restorer}, {owners} to {owner};
         alter default privileges for role {restorer} revoke create, usage on schemas from {owners};
         drop owned by {owners};
         drop owned by {restorer};
         drop role {restorer}, {owners};"
    ))?;
    Ok(())
}

/// Runs psql, and answers with what it says of errors.
fn run(server: &Server, dump: &[u8]) -> Result<String> {
    let key = random_key()?;
    let mut psql = server.psql(RESTORER);
    psql.args(["--set", "VERBOSITY=verbose", "--output", "/dev/null", "--file", "-"]);
    let mut running = psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut input = running.stdin.take().context("psql has no input")?;
    let mut errors = running.stderr.take().context("psql has no errors")?;
    // From here on, psql obeys no command but this one, with this key.
    let text = [format!("\\restrict {key}\n").as_bytes(), dump, b"\n"].concat();
    // It may end before it has read all.
    let writing = thread::spawn(move || input.write_all(&text).is_ok());
    let (done, ended) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut said = Vec::new();
        let read = errors.read_to_end(&mut said);
        let _ = done.send(());
        read.map(|_| said)
    });
    if ended.recv_timeout(LONGEST).is_err() {
        running.kill()?;
        bail!("the restore took more than {} s", LONGEST.as_secs());
    }
    let status = running.wait()?;
    let said = reading.join().map_err(|_| anyhow::anyhow!("psql's errors could not be read"))??;
    let said = String::from_utf8_lossy(&said).into_owned();
    drop(writing.join());
    if !status.success() {
        bail!("psql ended early: {}", said.lines().last().unwrap_or_default());
    }
    Ok(said)
}

fn random_key() -> Result<String> {
    let mut bytes = [0; 24];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Sorts psql's errors. A dump with commands for psql is refused: pg_dump writes none but one pair.
fn weigh(errors: &str, dump: &[u8], problems: &mut Problems) -> Result<()> {
    let lines: Vec<&[u8]> = dump.split(|byte| *byte == b'\n').collect();
    for error in errors.lines().filter_map(|line| line.strip_prefix("psql:<stdin>:")) {
        let Some((number, said)) = error.split_once(": ") else { continue };
        // The first line is ours.
        let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(2));
        let line = place.and_then(|place| lines.get(place)).map(|it| String::from_utf8_lossy(it)).unwrap_or_default();
        if let Some(said) = said.strip_prefix("ERROR:  ") {
            let (sqlstate, message) = said.split_once(": ").unwrap_or(("", said));
            problems.add(&Failure { sqlstate, message, line: line.trim() });
        } else if said.starts_with("FATAL:") || said.starts_with("PANIC:") {
            bail!("the server ended the restore: {said}");
        } else if said.starts_with("error: ") && !is_pg_dumps_own(line.trim()) {
            bail!("line {} of the dump has a command for psql, which pg_dump does not write: {}", number, line.trim());
        }
    }
    Ok(())
}

/// Whether a line is of the pair that pg_dump writes around a dump.
fn is_pg_dumps_own(line: &str) -> bool {
    let key = line.strip_prefix("\\restrict ").or_else(|| line.strip_prefix("\\unrestrict "));
    key.is_some_and(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

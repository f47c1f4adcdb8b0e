//! What the native functions prove of the restored database, in short.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use postgres::Client;

use crate::FailOn;
use crate::problems::Problems;
use crate::server::{SUPERUSER, Server};

/// How many tables and functions are shown. The report has all.
const SHOWN: usize = 60;

/// The lints by which the portable edition isn't surely what its release made.
const DOUBTS: [&str; 2] = ["0045_portable_altered", "0047_portable_replaceable"];
/// It looks for event triggers, which aren't restored.
const UNWATCHED: &str = "0028_new_tables_unwatched";

/// The proof of a restored database.
pub struct Proof {
    edition: &'static str,
    findings: Vec<Finding>,
    /// For each table and role, the levels of SELECT, INSERT, UPDATE and DELETE.
    levels: BTreeMap<(String, String), Vec<String>>,
    /// Functions that reach protected tables past their policies: what they are, who may call them, and the level that they need.
    functions: Vec<[String; 3]>,
}

struct Finding {
    name: String,
    level: String,
    detail: String,
}

impl Proof {
    pub fn of(check: &mut Client, problems: &Problems) -> Result<Proof> {
        let mut findings = Vec::new();
        for row in check.query("select name, level, detail from auth.aal_lint()", &[])? {
            let finding = Finding { name: row.get(0), level: row.get(1), detail: row.get(2) };
            if finding.name != UNWATCHED || problems.event_triggers == 0 {
                findings.push(finding);
            }
        }
        let mut levels: BTreeMap<_, Vec<String>> = BTreeMap::new();
        let roles = api_roles(check)?;
        let matrix = "select target::text, role::text, required_aal || coalesce(' within ' || max_age::text, '')
                        from auth.aal_matrix() where role::text = any ($1) and command <> 'TRUNCATE'";
        for row in check.query(matrix, &[&roles])? {
            levels.entry((row.get(0), row.get(1))).or_default().push(row.get(2));
        }
        levels.retain(|_, levels| levels.iter().any(|it| it != "denied"));
        let functions = "select target::text, string_agg(role::text, ', ' order by role::text), required_aal
                           from auth.aal_functions() where role::text = any ($1) group by target, required_aal order by 1, 3";
        let functions = check.query(functions, &[&roles])?;
        let functions = functions.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
        Ok(Proof { edition: edition(check, &findings)?, findings, levels, functions })
    }

    /// Whether the portable edition isn't surely what its release made.
    pub fn doubts_portable(&self) -> bool {
        self.findings.iter().any(|it| DOUBTS.contains(&it.name.as_str()))
    }

    /// Whether a finding is at this level, or above it.
    pub fn fails(&self, fail_on: FailOn) -> bool {
        let fails = |finding: &Finding| match fail_on {
            FailOn::Never => false,
            FailOn::Error => finding.level == "ERROR",
            FailOn::Warn => finding.level != "INFO",
        };
        self.findings.iter().any(fails)
    }

    pub fn print(&self) {
        println!("Portable edition: {}", self.edition);
        println!("\nThe level that each command needs (SELECT, INSERT, UPDATE, DELETE):");
        for ((table, role), levels) in self.levels.iter().take(SHOWN) {
            println!("  {table:<40} {role:<16} {}", levels.join(", "));
        }
        shown_of(self.levels.len());
        if !self.functions.is_empty() {
            println!("\nFunctions that reach protected tables past their policies:");
            for [function, roles, level] in self.functions.iter().take(SHOWN) {
                println!("  {function:<40} {level:<8} {roles}");
            }
            shown_of(self.functions.len());
        }
        println!("\nFindings: {}", self.findings.len());
        for finding in &self.findings {
            println!("  {:<5} {}: {}", finding.level, finding.name, finding.detail);
        }
    }
}

fn shown_of(count: usize) {
    if count > SHOWN {
        println!("  ... and {} more: see the report", count - SHOWN);
    }
}

/// The roles of clients: Supabase's, else those that the role of a gateway can become, else all that row security binds.
fn api_roles(check: &mut Client) -> Result<Vec<String>> {
    let row = check.query_one(
        "select coalesce(
           (select array_agg(rolname::text) from pg_roles where rolname in ('anon', 'authenticated')),
           (select array_agg(r.rolname::text) from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles g on g.oid = m.member
             where g.rolname = 'authenticator' and not r.rolbypassrls and not r.rolsuper),
           array(select rolname::text from pg_roles where not rolbypassrls and not rolsuper and rolname !~ '^pg_'))",
        &[],
    )?;
    Ok(row.get(0))
}

/// What the functions of schema `aal` are. None of them is called: they are the dump's.
fn edition(check: &mut Client, findings: &[Finding]) -> Result<&'static str> {
    let claimed: i64 = check
        .query_one(
            "select count(distinct p.proname) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname = 'aal' and p.proname in ('version', 'has_aal')",
            &[],
        )?
        .get(0);
    let has = |lint: &str| findings.iter().any(|it| it.name == lint);
    Ok(match claimed {
        2 if has(DOUBTS[0]) => "NOT as its release made it",
        2 if has("0046_portable_outdated") => "all functions are as an earlier release made them",
        2 => "all functions are as the newest release made them",
        _ => "none",
    })
}

/// Runs the assertions, and says what fails. They read only.
pub fn assertions_hold(server: &Server, file: &Path) -> Result<bool> {
    let mut psql = server.psql(SUPERUSER);
    psql.env("PGOPTIONS", "-c default_transaction_read_only=on -c search_path=public");
    let file = file.canonicalize()?;
    let status = psql.args(["--set", "ON_ERROR_STOP=1", "--output", "/dev/null", "--file"]).arg(&file).status()?;
    let holds = status.success();
    println!("\nAssertions of {}: {}", file.display(), if holds { "hold" } else { "FAIL" });
    Ok(holds)
}

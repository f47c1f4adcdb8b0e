//! `make check-dump`: the proof of a database that can't have the extension, such as one on hosted Supabase.
//!
//! Its schema-only dump is restored in a throw-away cluster that has the extension. The dump may hold anything: a role without
//! rights restores it, psql obeys no command of it, and the extension is compared with itself afterwards.
#![forbid(unsafe_code)]

mod intact;
mod problems;
mod proof;
mod quoting;
mod restore;
mod role_file;
mod roles;
mod server;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use problems::Problems;
use proof::Proof;
use role_file::RoleFile;
use server::Server;

/// Restores a schema-only dump beside pg_aal in a throw-away cluster, and says what it proves.
///
/// Exit status: 0 proven; 1 a finding or a failed assertion; 2 not proven, because something can't be told.
#[derive(Parser)]
#[command(version, name = "pg_aal-check-dump")]
struct Options {
    /// The folder of a throw-away cluster with pg_aal, as pgrx-config/cluster.sh prints it. Its roles are changed.
    #[arg(long)]
    cluster: PathBuf,
    /// The dump, as pg_dump --schema-only writes it.
    #[arg(long, conflicts_with = "database", required_unless_present = "database")]
    dump: Option<PathBuf>,
    /// The roles, as pg_dumpall --roles-only writes them. Without this file, those of Supabase are assumed.
    #[arg(long)]
    roles: Option<PathBuf>,
    /// Assumes the roles of Supabase beside those of the file.
    #[arg(long)]
    supabase_roles: bool,
    /// The address of a database, whose schema and roles are dumped here.
    #[arg(long)]
    database: Option<String>,
    /// SQL that must not fail, such as select auth.assert_schema('public').
    #[arg(long = "assert")]
    assertions: Option<PathBuf>,
    /// The least severe level of findings that fails.
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// Statements that failed to be restored don't count as open. The summary still names them.
    #[arg(long)]
    accept_open: bool,
    /// Writes auth.aal_report() to this file.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Writes auth.aal_findings_sarif() to this file.
    #[arg(long)]
    sarif: Option<PathBuf>,
    /// Writes auth.aal_findings_junit() to this file.
    #[arg(long)]
    junit: Option<PathBuf>,
}

/// The least severe level that fails.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warn,
    Never,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(verdict) => {
            println!("\n{}", verdict.text());
            ExitCode::from(verdict.status())
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            println!("\nNOT PROVEN: the check could not be made.");
            ExitCode::from(2)
        }
    }
}

/// The outcome.
enum Verdict {
    Proven,
    Failed,
    NotProven,
}

impl Verdict {
    fn status(&self) -> u8 {
        match self {
            Verdict::Proven => 0,
            Verdict::Failed => 1,
            Verdict::NotProven => 2,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Verdict::Proven => "PROVEN: no finding fails, and every assertion holds.",
            Verdict::Failed => "FAILED: see the findings and assertions above.",
            Verdict::NotProven => "NOT PROVEN: something above can't be told.",
        }
    }
}

fn run(options: &Options) -> Result<Verdict> {
    let server = Server::in_folder(&options.cluster)?;
    let source = source::read(options, &server)?;
    let role_file = RoleFile::parse(source.roles.as_deref().unwrap_or_default());
    let with_supabases = options.supabase_roles || source.roles.is_none();

    let mut check = server.take_over()?;
    let mut problems = Problems::default();
    let roles = roles::Roles::new(&role_file, with_supabases);
    roles.create(&mut check)?;
    let before = intact::Extension::install(&mut check)?;
    let restored = restore::restore(&server, &mut check, &roles, &source.dump, &mut problems)?;
    roles.complete(&mut check, &mut problems)?;
    let changed = before.differs(&mut check)?;
    if let Some(changed) = changed {
        println!("The dump tampered with pg_aal itself: {changed}.");
        return Ok(Verdict::NotProven);
    }

    println!("Restored: {restored}");
    println!("Roles: {roles}");
    problems.print();
    let proof = Proof::of(&mut check, &problems)?;
    proof.print();
    let asserted = options.assertions.as_deref().map_or(Ok(true), |file| proof::assertions_hold(&server, file))?;
    write_exports(options, &mut check)?;

    // What the portable edition answers isn't known, so neither is what the findings say of its policies.
    if proof.doubts_portable() {
        return Ok(Verdict::NotProven);
    }
    let is_open = problems.count_open() > 0 && !options.accept_open;
    Ok(match () {
        () if proof.fails(options.fail_on) || !asserted => Verdict::Failed,
        () if is_open => Verdict::NotProven,
        () => Verdict::Proven,
    })
}

fn write_exports(options: &Options, check: &mut postgres::Client) -> Result<()> {
    let exports: [(Option<&Path>, &str); 3] = [
        (options.report.as_deref(), "select auth.aal_report()"),
        (options.sarif.as_deref(), "select auth.aal_findings_sarif()::text"),
        (options.junit.as_deref(), "select auth.aal_findings_junit()::text"),
    ];
    for (file, query) in exports {
        if let Some(file) = file {
            let text: String = check.query_one(query, &[])?.get(0);
            source::write(file, &text)?;
            println!("Wrote {}", file.display());
        }
    }
    Ok(())
}

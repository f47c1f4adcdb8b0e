//! `make bench`: one run, one table, each figure a ratio to the same work without AAL.

mod chart;
mod ddl;
mod micro;
mod proof;
mod report;
mod token;
mod users;
mod variant;
mod works;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

/// Measures pg_aal in a throw-away cluster and writes performance.md, performance-proof.md and their charts.
#[derive(Parser)]
struct Options {
    /// The cluster's folder, as pgrx-config/cluster.sh prints it.
    #[arg(long)]
    cluster: PathBuf,
    /// SQL that makes the tables.
    #[arg(long)]
    setup: PathBuf,
    /// The portable edition, which is measured beside the native one.
    #[arg(long)]
    portable: PathBuf,
    /// SQL that makes the tables whose policies are proved.
    #[arg(long)]
    proof: PathBuf,
    /// The folder with the variants.
    #[arg(long)]
    variants: PathBuf,
    /// A folder with further variants.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Where criterion left its estimates.
    #[arg(long)]
    criterion: PathBuf,
    /// Measures the proof alone.
    #[arg(long)]
    only_proof: bool,
    /// Measures the policies alone, and writes no file.
    #[arg(long, conflicts_with = "only_proof")]
    only_policies: bool,
    /// Measures the portable edition beside the native one and the wrapped idiom, and prints the section.
    #[arg(long, conflicts_with_all = ["only_proof", "only_policies"])]
    only_portable: bool,
    /// The folder of a cluster that has the library in shared_preload_libraries.
    #[arg(long)]
    preloaded: Option<PathBuf>,
    /// Measures the tokens of many users alone, and prints the section.
    #[arg(long)]
    only_users: bool,
    /// How often each variant is measured.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// The folder to write to.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.only_users {
        println!("{}", measure_users(&options)?);
        return Ok(());
    }
    let machine = works::machine(&options.cluster)?;
    if options.only_portable {
        let variants = report::compared_with_portable(variant::read_folder(&options.variants)?);
        let bench = works::Bench::prepare(&options.cluster, &[&options.setup, &options.portable])?;
        let results = bench.run_inside(&variants, &[variant::Work::Scan, variant::Work::Insert], options.rounds)?;
        println!("{machine}\n{}", report::portable(&results));
        return Ok(());
    }
    if !options.only_policies {
        measure_proof(&options, &machine)?;
    }
    if options.only_proof {
        return Ok(());
    }
    let mut variants = variant::read_folder(&options.variants)?;
    if let Some(peers) = &options.peers {
        variants.extend(variant::read_folder(peers)?);
    }
    let bench = works::Bench::prepare(&options.cluster, &[&options.setup, &options.portable])?;
    let results = bench.run(&variants, options.rounds)?;
    let ddl = ddl::measure(&options.cluster, options.rounds)?;
    if options.only_policies {
        println!("{}", report::page(&results, &[], &ddl, "", &machine));
        return Ok(());
    }
    let micro = micro::read(&options.criterion)?;
    let chart = options.out.join("performance.svg");
    chart::draw(&results, &chart)?;
    let page = report::page(&results, &micro, &ddl, &measure_users(&options)?, &machine);
    std::fs::write(options.out.join("performance.md"), &page)?;
    println!("{page}");
    Ok(())
}

/// The section on the tokens of many users; empty without a cluster for them.
fn measure_users(options: &Options) -> Result<String> {
    let Some(preloaded) = &options.preloaded else { return Ok(String::new()) };
    Ok(users::section(&users::measure(preloaded, options.rounds)?))
}

/// Writes performance-proof.md and its chart.
fn measure_proof(options: &Options, machine: &str) -> Result<()> {
    let proofs = proof::measure(&options.cluster, &options.proof, options.rounds)?;
    proof::draw(&proofs, &options.out.join("performance-proof.svg"))?;
    let hostile = proof::measure_hostile(&options.cluster, &options.proof)?;
    let gated = proof::measure_gated(&options.cluster, &options.proof, options.rounds)?;
    let page = proof::page(&proofs, &gated, &hostile, machine);
    std::fs::write(options.out.join("performance-proof.md"), &page)?;
    println!("{page}");
    Ok(())
}

//! How long the proof takes, by how many policies there are.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::works::{connect, median};

/// How many tables there are, in turn; each has three roles and [`POLICIES`] policies.
const TABLES: [u32; 5] = [125, 250, 500, 1_000, 2_000];
/// How many policies a table has.
const POLICIES: u32 = 5;

/// The measurements on so many tables, in seconds: medians.
pub struct Proof {
    /// How many tables.
    pub tables: u32,
    /// `select * from auth.aal_matrix()`.
    pub matrix: f64,
    /// `select * from auth.aal_lint()`.
    pub lint: f64,
    /// `select * from pg_policies`: the query of a person who wants to know by hand.
    pub policies: f64,
}

/// How many hostile policies of each shape there are, in turn.
const HOSTILE: [u32; 4] = [1, 4, 16, 64];

/// The measurements where somebody wants to keep others from an answer.
pub struct Hostile {
    /// How many policies of each shape.
    pub policies: u32,
    /// `select * from auth.aal_matrix()`, in seconds.
    pub matrix: f64,
    /// `select * from auth.aal_lint()`.
    pub lint: f64,
    /// The most memory that the backend ever had, in MB.
    pub memory: f64,
}

/// The measurements where functions gate, in seconds: medians.
pub struct Gated {
    /// How many tables; there are half as many gates, and half as many remote procedures.
    pub tables: u32,
    /// `select * from auth.aal_matrix()`.
    pub matrix: f64,
    /// `select * from auth.aal_functions()`.
    pub functions: f64,
    /// `select * from auth.aal_lint()`.
    pub lint: f64,
}

impl Gated {
    fn seconds(&self) -> f64 {
        self.matrix + self.functions + self.lint
    }
}

/// Measures hostile policies, each number in a database and a session of its own. Once: only the magnitude matters.
pub fn measure_hostile(folder: &Path, setup: &Path) -> Result<Vec<Hostile>> {
    let setup = std::fs::read_to_string(setup.with_file_name("proof_hostile.sql"))?;
    let mut found = Vec::new();
    for policies in HOSTILE {
        eprintln!("proof: {policies} hostile policies of each shape");
        let database = format!("hostile_{policies}");
        connect(folder, "postgres")?.batch_execute(&format!("create database {database}"))?;
        connect(folder, &database)?.batch_execute(&setup.replace("{policies}", &policies.to_string()))?;
        let mut client = connect(folder, &database)?;
        let mut seconds = |function: &str| -> Result<f64> {
            let start = Instant::now();
            client.query(&format!("select * from auth.{function}()"), &[])?;
            Ok(start.elapsed().as_secs_f64())
        };
        let (matrix, lint) = (seconds("aal_matrix")?, seconds("aal_lint")?);
        let row = client.query_one(
            "select substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') from 'VmHWM:\\s+(\\d+)')::float8 / 1024",
            &[],
        )?;
        found.push(Hostile { policies, matrix, lint, memory: row.get(0) });
    }
    Ok(found)
}

/// Measures all, in databases of their own.
pub fn measure(folder: &Path, setup: &Path, rounds: usize) -> Result<Vec<Proof>> {
    let queries = ["auth.aal_matrix()", "auth.aal_lint()", "pg_policies"];
    let measured = |tables| measure_tables(folder, setup, "proof", tables, queries, rounds);
    let proof = |tables| measured(tables).map(|[matrix, lint, policies]| Proof { tables, matrix, lint, policies });
    TABLES.into_iter().map(proof).collect()
}

/// Measures gates in PL/pgSQL.
pub fn measure_gated(folder: &Path, setup: &Path, rounds: usize) -> Result<Vec<Gated>> {
    let setup = setup.with_file_name("proof_gates.sql");
    let queries = ["auth.aal_matrix()", "auth.aal_functions()", "auth.aal_lint()"];
    let measured = |tables| measure_tables(folder, &setup, "gated", tables, queries, rounds);
    let gated = |tables| measured(tables).map(|[matrix, functions, lint]| Gated { tables, matrix, functions, lint });
    TABLES.into_iter().map(gated).collect()
}

/// The seconds that each query takes in a database with so many tables: medians.
fn measure_tables<const N: usize>(
    folder: &Path,
    setup: &Path,
    name: &str,
    tables: u32,
    queries: [&str; N],
    rounds: usize,
) -> Result<[f64; N]> {
    eprintln!("{name}: {tables} tables");
    let database = format!("{name}_{tables}");
    connect(folder, "postgres")?.batch_execute(&format!("create database {database}"))?;
    let mut client = connect(folder, &database)?;
    client.batch_execute(&std::fs::read_to_string(setup)?.replace("{tables}", &tables.to_string()))?;
    let mut times = queries.map(|_| Vec::new());
    for _ in 0..rounds {
        for (times, query) in times.iter_mut().zip(queries) {
            let start = Instant::now();
            client.query(&format!("select * from {query}"), &[])?;
            times.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(times.map(median))
}

/// docs/performance-proof.md.
pub fn page(proofs: &[Proof], gated: &[Gated], hostile: &[Hostile], machine: &str) -> String {
    let mut page = String::new();
    let _ = write!(
        page,
        "# Performance of the proof\n\nWritten by `make bench`; [crates/bench/README.md](../crates/bench/README.md) says how it measures. {machine}, \
         release build, one run; medians. Don't compare seconds between machines.\n\n\
         `select *` from each, of tables with three roles and {POLICIES} policies each, no two alike. `pg_policies` shows the \
         policies as text, for reading by hand.\n\n![Milliseconds over the number of policies](performance-proof.svg)\n\n\
         | tables | policies | `auth.aal_matrix()` | `auth.aal_lint()` | `pg_policies` | matrix, per policy | matrix / `pg_policies` |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for Proof { tables, matrix, lint, policies } in proofs {
        let count = tables * POLICIES;
        let _ = writeln!(
            page,
            "| {tables} | {count} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} µs | {:.2} |",
            matrix * 1e3,
            lint * 1e3,
            policies * 1e3,
            matrix / f64::from(count) * 1e6,
            matrix / policies
        );
    }
    let _ = write!(
        page,
        "\n## Gates in PL/pgSQL\n\nTables as above, with half as many gates in PL/pgSQL. Two policies of each table ask one. \
         As many remote procedures in PL/pgSQL ask one before they write.\n\n\
         | tables | gates | `auth.aal_matrix()` | `auth.aal_functions()` | `auth.aal_lint()` | all, per table |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for one in gated {
        let Gated { tables, matrix, functions, lint } = one;
        let _ = writeln!(
            page,
            "| {tables} | {} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} µs |",
            tables / 2,
            matrix * 1e3,
            functions * 1e3,
            lint * 1e3,
            one.seconds() / f64::from(*tables) * 1e6
        );
    }
    let _ = write!(
        page,
        "\n## Hostile policies\n\nThere are so many of each of two shapes. One is 9,500 calls, 190 deep, of functions that can't be read. The other is tables with \
         five unknowns and 16 ages to be told apart, which also ask for the role. The work is bounded: beyond \
         [the limits](proof.md#who-may-call-them) policies are read no further, or weighed coarsely.\n\n\
         | of each shape | `auth.aal_matrix()` | `auth.aal_lint()` | memory of the session |\n| ---: | ---: | ---: | ---: |\n"
    );
    for Hostile { policies, matrix, lint, memory } in hostile {
        let _ = writeln!(page, "| {policies} | {matrix:.2} s | {lint:.2} s | {memory:.0} MB |");
    }
    let _ = write!(page, "\n## What was promised\n\n| promise | measured | kept |\n| --- | --- | --- |\n");
    let mut promise = |promise: &str, measured: String, kept: bool| {
        let _ = writeln!(page, "| {promise} | {measured} | {} |", if kept { "yes" } else { "**no**" });
    };
    if let Some(proof) = proofs.iter().find(|proof| proof.tables == 1_000) {
        let seconds = proof.matrix + proof.lint;
        promise(
            "matrix and lint of 1,000 tables, 3 roles, 5 policies each: at most 2 s together",
            format!("{seconds:.2} s"),
            seconds <= 2.0,
        );
    }
    if let [first, .., last] = proofs {
        let per_table = |proof: &Proof, of: fn(&Proof) -> f64| of(proof) / f64::from(proof.tables);
        let growth = |of: fn(&Proof) -> f64| per_table(last, of) / per_table(first, of);
        let growth = growth(|proof| proof.matrix).max(growth(|proof| proof.lint));
        promise(
            "their cost is linear: a policy of the most costs at most 1.5 × one of the fewest",
            format!("{growth:.2} ×"),
            growth <= 1.5,
        );
    }
    if let Some(one) = gated.iter().find(|one| one.tables == 1_000) {
        promise(
            "matrix, functions and lint of 1,000 tables, 3 roles, 5 policies each, with 500 gates in PL/pgSQL: at most 3 s together",
            format!("{:.2} s", one.seconds()),
            one.seconds() <= 3.0,
        );
    }
    if let [first, .., last] = gated {
        let per_table = |one: &Gated| one.seconds() / f64::from(one.tables);
        let growth = per_table(last) / per_table(first);
        promise(
            "their cost is linear: a table of the most costs at most 1.5 × one of the fewest",
            format!("{growth:.2} ×"),
            growth <= 1.5,
        );
    }
    if let Some(most) = hostile.last() {
        let seconds = most.matrix + most.lint;
        promise(
            "matrix and lint of the most hostile policies: at most 20 s together, and 500 MB",
            format!("{seconds:.1} s, {:.0} MB", most.memory),
            seconds <= 20.0 && most.memory <= 500.0,
        );
    }
    page
}

/// Draws both over the number of policies.
pub fn draw(proofs: &[Proof], file: &Path) -> Result<()> {
    let root = SVGBackend::new(file, (900, 420)).into_drawing_area();
    paint(&root, proofs).map_err(|error| anyhow!("{error}"))
}

type Line = (&'static str, RGBColor, fn(&Proof) -> f64);

fn paint(root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, proofs: &[Proof]) -> Result<(), String> {
    let error = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
    let most = proofs.iter().map(|proof| proof.tables * POLICIES).max().unwrap_or(1);
    let longest = proofs.iter().map(|proof| proof.matrix.max(proof.lint)).fold(0.0, f64::max) * 1_000.0;
    root.fill(&WHITE).map_err(error)?;
    let mut chart = ChartBuilder::on(root)
        .caption("Milliseconds for all tables, over the number of policies", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0..most + most / 20, 0.0..longest * 1.1)
        .map_err(error)?;
    chart.configure_mesh().x_desc("policies").y_desc("ms").light_line_style(WHITE).draw().map_err(error)?;
    let lines: [Line; 3] = [
        ("auth.aal_matrix()", RGBColor(36, 130, 96), |proof| proof.matrix),
        ("auth.aal_lint()", RGBColor(190, 90, 50), |proof| proof.lint),
        ("pg_policies", RGBColor(120, 120, 120), |proof| proof.policies),
    ];
    for (name, color, of) in lines {
        let points = || proofs.iter().map(|proof| (proof.tables * POLICIES, of(proof) * 1_000.0));
        let line = chart.draw_series(LineSeries::new(points(), color.stroke_width(2))).map_err(error)?;
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color));
        chart.draw_series(points().map(|point| Circle::new(point, 3, color.filled()))).map_err(error)?;
    }
    let labels = chart.configure_series_labels();
    let mut labels = labels;
    labels.position(SeriesLabelPosition::UpperLeft).border_style(BLACK.mix(0.3)).background_style(WHITE);
    labels.draw().map_err(error)?;
    root.present().map_err(error)
}

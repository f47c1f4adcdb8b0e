//! The policies that are compared, one SQL file each.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// A kind of work that variants are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A scan of a million rows.
    Scan,
    /// The same in a parallel plan.
    Parallel,
    /// An INSERT of 200,000 rows.
    Insert,
    /// A read by primary key, as PostgREST sends it.
    Read,
    /// A write of one row, as PostgREST sends it.
    Write,
    /// Writes of one row each, prepared, without a client between: only the executor and the triggers are left.
    Guard,
}

impl Work {
    fn parse(text: &str) -> Result<Work> {
        Ok(match text {
            "scan" => Work::Scan,
            "parallel" => Work::Parallel,
            "insert" => Work::Insert,
            "read" => Work::Read,
            "write" => Work::Write,
            "guard" => Work::Guard,
            _ => bail!("unknown work {text:?}: scan, parallel, insert, read, write or guard"),
        })
    }
}

/// A policy, or a set of them, to measure.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The file's name, without `.sql`.
    pub name: String,
    /// What the table calls it.
    pub title: String,
    /// What it is measured on.
    pub works: Vec<Work>,
    /// Whether its session is in token mode, its claims those of a token that Postgres verified.
    pub verifies: bool,
    /// Its statements; `{table}` stands for the table.
    pub sql: String,
}

/// Reads every SQL file of a folder, by name.
pub fn read_folder(folder: &Path) -> Result<Vec<Variant>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files.iter().map(|file| read(file).with_context(|| format!("in {}", file.display()))).collect()
}

fn read(file: &Path) -> Result<Variant> {
    let sql = std::fs::read_to_string(file)?;
    let header = |key: &str| {
        let start = format!("-- {key}: ");
        sql.lines().find_map(|line| line.strip_prefix(&start)).with_context(|| format!("there is no line {start:?}"))
    };
    let works = header("works")?.split(',').map(|work| Work::parse(work.trim())).collect::<Result<Vec<_>>>()?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let verifies = header("claims").is_ok_and(|claims| claims == "token");
    Ok(Variant { name, title: header("title")?.to_owned(), works, verifies, sql: sql.clone() })
}

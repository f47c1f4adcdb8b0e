//! What the event triggers cost: a CREATE TABLE, beside the same without them.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::works::{connect, median};

/// The kinds of CREATE TABLE: a title, the set-up, and the statement.
const KINDS: [(&str, &str, &str); 4] = [
    ("without event triggers", "alter event trigger aal_new_partitions disable", "create table ddl_bench (id int)"),
    ("with that of pg_aal", "", "create table ddl_bench (id int)"),
    (
        "beside a protected schema",
        "create schema ddl_watched; select auth.protect_schema('ddl_watched')",
        "create table ddl_bench (id int)",
    ),
    (
        "in a protected schema, which protects it",
        "create schema ddl_watched; select auth.protect_schema('ddl_watched')",
        "create table ddl_watched.ddl_bench (id int)",
    ),
];

/// How many statements one measurement takes.
const STATEMENTS: usize = 50;

/// The microseconds of each kind of CREATE TABLE: the median of the rounds' medians. The kinds take turns within a round.
pub fn measure(folder: &Path, rounds: usize) -> Result<Vec<(String, f64)>> {
    let mut client = connect(folder, "postgres")?;
    client.batch_execute("set client_min_messages = warning; load 'pg_aal'")?;
    let mut measured = vec![Vec::new(); KINDS.len()];
    for round in 0..rounds {
        for nr in 0..KINDS.len() {
            let nr = (nr + round) % KINDS.len();
            let (_, set_up, statement) = KINDS[nr];
            client.batch_execute(&format!("begin; {set_up}"))?;
            let mut times = Vec::new();
            for _ in 0..STATEMENTS {
                client.batch_execute("savepoint before")?;
                let start = Instant::now();
                client.batch_execute(statement)?;
                times.push(start.elapsed().as_secs_f64() * 1e6);
                client.batch_execute("rollback to before")?;
            }
            client.batch_execute("rollback")?;
            measured[nr].push(median(times));
        }
    }
    Ok(KINDS.iter().zip(measured).map(|((title, ..), rounds)| ((*title).to_owned(), median(rounds))).collect())
}

//! docs/performance.md.

use std::fmt::Write;

use crate::micro::Micro;
use crate::variant::{Variant, Work};
use crate::works::{GUARD, ROWS, Results, WRITES, column};

const NONE: &str = "00-none";
const BARE: &str = "20-pg_aal-bare";

/// What the portable edition is compared on: the title, the work, and the variants, in the order of the table's columns.
const PORTABLE: [(&str, Work, [&str; 5]); 6] = [
    ("read by key", Work::Read, WRAPPED),
    ("read by key, level enrolled", Work::Read, ENROLLED),
    ("write of a row", Work::Write, WRAPPED),
    ("1M rows", Work::Scan, WRAPPED),
    ("200k INSERT", Work::Insert, WRAPPED),
    ("write of a row, with a guard", Work::Write, GUARDED),
];
const WRAPPED: [&str; 5] =
    [NONE, "11-supabase-wrapped", "21-pg_aal-wrapped", "61-portable-wrapped", "62-portable-max_age"];
/// None of them has a max_age.
const ENROLLED: [&str; 5] =
    [NONE, "14-supabase-enrolled", "52-protect_table-enrolled", "65-portable-protect_table-enrolled", ""];
const GUARDED: [&str; 5] =
    [NONE, "13-supabase-guard", "51-protect_table", "64-portable-protect_table", "66-portable-protect_table-max_age"];

/// The page.
pub fn page(results: &Results, micro: &[Micro], ddl: &[(String, f64)], users: &str, machine: &str) -> String {
    let mut page = String::new();
    let _ = write!(
        page,
        "# Performance\n\nWritten by `make bench`; [crates/bench/README.md](../crates/bench/README.md) says how it measures. {machine}, release \
         build, one run. Don't compare seconds between machines; compare ratios within a run.\n\n\
         ![A scan of a million rows under each policy](performance.svg)\n\n## Against no AAL policy\n\n\
         Each figure is how long the work takes, as a multiple of the same work under row security without an AAL policy \
         (median of interleaved rounds).\n\n"
    );
    table(&mut page, results, &["1M rows", "1M rows, parallel", "200k INSERT", GUARD]);
    let _ = write!(
        page,
        "\n### One request, as PostgREST sends it\n\n`begin`, `select set_config(…)`, the statement, `commit`; pgbench, simple and \
         prepared protocol.\n\n"
    );
    let requests: Vec<&str> = results
        .columns
        .iter()
        .map(String::as_str)
        .filter(|c| c.starts_with("read") || c.starts_with("write"))
        .collect();
    table(&mut page, results, &requests);
    let _ = write!(page, "\n## What was promised\n\n| promise | measured | kept |\n| --- | --- | --- |\n");
    judged(&mut page, &promises(results, micro));
    page.push_str(&portable(results));
    let _ = write!(
        page,
        "\n## Where a request's time goes\n\nOf a statement by primary key, inside the server (by `explain (analyze, summary)`: the lower quartile \
         of 200 in a turn, and the median of 20 turns): all else of a request, most of its time, is the same for each. \
         A prepared statement has its plan. The promises on microseconds over no AAL policy are judged by the difference from a turn \
         without a policy right before: the median of the calmer half of the turns.\n\n"
    );
    for (work, what) in [(Work::Read, "read"), (Work::Write, "update")] {
        let _ = write!(page, "| {what} by key | planning, µs | execution, µs |\n| --- | ---: | ---: |\n");
        for profile in results.profile.iter().filter(|it| it.work == work) {
            let _ = writeln!(page, "| {} | {:.0} | {:.0} |", profile.title, profile.planning(), profile.execution());
        }
        page.push('\n');
    }
    page.push_str(users);
    let _ = write!(page, "\n## CREATE TABLE\n\n| `create table` | microseconds | ratio |\n| --- | ---: | ---: |\n");
    for (kind, microseconds) in ddl {
        let _ = writeln!(page, "| {kind} | {microseconds:.0} | {:.2} |", microseconds / ddl[0].1);
    }
    let _ = write!(page, "\n## In a new backend\n\n| call | microseconds |\n| --- | ---: |\n");
    for (call, microseconds) in &results.first_calls {
        let _ = writeln!(page, "| {call} | {microseconds:.0} |");
    }
    let _ = write!(
        page,
        "\nThe client's round trip is part of each. `shared_preload_libraries = 'pg_aal'` takes the loading away.\n\n\
         ## The core\n\n| micro-benchmark | nanoseconds |\n| --- | ---: |\n"
    );
    for Micro { name, median } in micro {
        let _ = writeln!(page, "| {name} | {median:.0} |");
    }
    page.push_str(BOUNDS);
    page
}

fn table(page: &mut String, results: &Results, columns: &[&str]) {
    let _ = writeln!(page, "| policy | {} |", columns.join(" | "));
    let _ = writeln!(page, "| --- |{}", " ---: |".repeat(columns.len()));
    for (name, title) in &results.titles {
        let cells: Vec<Option<f64>> = columns.iter().map(|column| results.ratio(column, name, NONE)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))).collect();
        let _ = writeln!(page, "| {} | {} |", title.replace('|', "\\|"), cells.join(" | "));
    }
    let seconds = |column: &&str| {
        results.seconds(column, NONE).map_or("–".to_owned(), |seconds| {
            if seconds < 0.01 { format!("{:.0} µs", seconds * 1e6) } else { format!("{:.0} ms", seconds * 1e3) }
        })
    };
    let _ =
        writeln!(page, "| *no AAL policy took* | {} |", columns.iter().map(seconds).collect::<Vec<_>>().join(" | "));
}

/// The rows of a table of promises.
fn judged(page: &mut String, promises: &[(String, String, bool)]) {
    for (promise, measured, kept) in promises {
        let _ = writeln!(page, "| {promise} | {measured} | {} |", if *kept { "yes" } else { "**no**" });
    }
}

/// The variants that the section on the portable edition compares, of these.
pub fn compared_with_portable(variants: Vec<Variant>) -> Vec<Variant> {
    let compared = |variant: &Variant| PORTABLE.iter().any(|(.., names)| names.contains(&variant.name.as_str()));
    variants.into_iter().filter(compared).collect()
}

/// The section on the portable edition: each work beside the native edition and the wrapped idiom, judged against its promise.
pub fn portable(results: &Results) -> String {
    let mut section = "\n## The portable edition\n\n\
        A statement is planned and executed inside the server, in a transaction of its own \
        (the lower quartile of 200 in a turn, and the median of 20 turns). \
        A scan and an INSERT are the median of the rounds. \
        Each policy has its call in a sub-select. The idiom is `(select auth.jwt() ->> 'aal') = 'aal2'`; its guard is a trigger by hand, \
        beside policies for each command as `protect_table` makes them: a policy alone raises no error. \
        For level enrolled, the idiom also looks for a verified factor in `auth.mfa_factors`, which it must be granted; \
        the editions also ask whether the user is deleted or banned, and whether these tables are Supabase Auth's.\n\n\
        | work | no AAL policy | idiom | native | portable | portable, max_age |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let mut promises = Vec::new();
    for (title, work, variants) in PORTABLE {
        let is_statement = matches!(work, Work::Read | Work::Write);
        let measured = variants.map(|variant| {
            if is_statement { results.microseconds(work, variant) } else { results.seconds(column(work), variant) }
        });
        let cells = measured.map(|value| match value {
            None => "–".to_owned(),
            Some(microseconds) if is_statement => format!("{microseconds:.0} µs"),
            Some(seconds) => format!("{:.0} ms", seconds * 1e3),
        });
        let _ = writeln!(section, "| {title} | {} |", cells.join(" | "));
        let ratio = |nr: usize, to: usize| {
            if is_statement {
                Some(measured[nr]? / measured[to]?)
            } else {
                results.ratio(column(work), variants[nr], variants[to])
            }
        };
        let mut at_most = |promise: String, ratio: Option<f64>, limit: f64| {
            if let Some(ratio) = ratio {
                promises.push((promise, format!("{ratio:.2} ×"), ratio <= limit));
            }
        };
        at_most(format!("{title}: at most 1.5 × the idiom"), ratio(3, 1), 1.5);
        at_most(format!("{title}, with max_age: at most 1.5 × the idiom"), ratio(4, 1), 1.5);
        if work == Work::Scan {
            at_most(format!("{title}: at most 1.1 × no AAL policy"), ratio(3, 0), 1.1);
        }
    }
    section.push_str("\n| promise | measured | kept |\n| --- | --- | --- |\n");
    judged(&mut section, &promises);
    section
}

/// Issue by issue: the request, the measurement, and whether that is enough.
fn promises(results: &Results, micro: &[Micro]) -> Vec<(String, String, bool)> {
    let mut promises = Vec::new();
    let mut at_most = |promise: String, ratio: Option<f64>, limit: f64| {
        if let Some(ratio) = ratio {
            promises.push((promise, format!("{ratio:.3} ×"), ratio <= limit));
        }
    };
    at_most(
        "bare `has_aal` over 1M rows: at most 1.15 × no AAL policy".into(),
        results.ratio("1M rows", BARE, NONE),
        1.15,
    );
    at_most(
        "OR with a column: at most 1.05 × the form wrapped by hand".into(),
        results.ratio("1M rows", "30-or-column", "31-or-column-wrapped"),
        1.05,
    );
    at_most("200k INSERT: at most 1.05 × no AAL policy".into(), results.ratio("200k INSERT", BARE, NONE), 1.05);
    for column in &results.columns {
        if column.starts_with("read by key") {
            at_most(format!("{column}: at most 1.05 × no AAL policy"), results.ratio(column, BARE, NONE), 1.05);
            at_most(
                format!("{column}: no slower than the idiom wrapped by hand (within 1 %)"),
                results.ratio(column, BARE, "11-supabase-wrapped"),
                1.01,
            );
        }
    }
    for column in &results.columns {
        if column.starts_with("write of a row, prepared") {
            let ratio = results.ratio(column, "51-protect_table", "50-protect_table-policies");
            at_most(format!("guard, {column}: at most 1.05 × without it"), ratio, 1.05);
        }
    }
    at_most(
        "refused reads, over 1M rows: at most 1.05 × no AAL policy".into(),
        results.ratio("1M rows", "55-protect_table-refuse_reads", NONE),
        1.05,
    );
    let guard = |variant| results.seconds(GUARD, variant);
    if let (Some(with), Some(without)) = (guard("51-protect_table"), guard("50-protect_table-policies")) {
        let microseconds = (with - without) / WRITES * 1e6;
        let request =
            results.seconds("write of a row, prepared, 1 client", "50-protect_table-policies").unwrap_or_default()
                * 1e6;
        promises.push((
            format!("guard, measured in the server: at most 5 % of a one-row prepared write ({request:.0} µs)"),
            format!("{microseconds:.2} µs"),
            microseconds <= request * 0.05,
        ));
    }
    for (promise, with, without, limit) in [
        (
            "live sessions, in the server: at most 5 µs a read by key over level enrolled",
            "53-protect_table-live",
            "52-protect_table-enrolled",
            5.0,
        ),
        (
            "refused reads, in the server: at most 5 µs a read by key",
            "55-protect_table-refuse_reads",
            "51-protect_table",
            5.0,
        ),
    ] {
        if let Some(microseconds) = results.microseconds_over(with, without) {
            promises.push((promise.into(), format!("{microseconds:.2} µs"), microseconds <= limit));
        }
    }
    for (work, what) in [(Work::Read, "read by key"), (Work::Write, "update by key")] {
        for (variant, how) in [(BARE, "bare `has_aal`"), ("51-protect_table", "protect_table")] {
            for (is_prepared, protocol) in [(false, "simple"), (true, "prepared")] {
                if let Some(microseconds) = results.microseconds_over_none(work, is_prepared, variant) {
                    let promise = format!("{what}, {protocol}, {how}: at most 7 µs in the server over no AAL policy");
                    promises.push((promise, format!("{microseconds:.2} µs"), microseconds <= 7.0));
                }
            }
        }
    }
    if let Some(ratio) = results.ratio("1M rows", "10-supabase-bare", BARE) {
        promises.push((
            "bare `has_aal`: at least 50 × faster than the bare idiom".into(),
            format!("{ratio:.0} ×"),
            ratio >= 50.0,
        ));
    }
    let seconds = |variant| results.seconds("1M rows", variant);
    if let (Some(level), Some(test)) = (seconds("40-level-from-column"), seconds("41-column-test")) {
        let nanoseconds = (level - test) / ROWS * 1e9;
        promises.push((
            "level from a column: at most 100 ns a row over a column test".into(),
            format!("{nanoseconds:.0} ns"),
            nanoseconds <= 100.0,
        ));
    }
    if let (Some(verified), Some(trusted)) = (seconds("42-level-from-column-token"), seconds("40-level-from-column")) {
        let nanoseconds = (verified - trusted) / ROWS * 1e9;
        promises.push((
            "a verified token, cached: at most 300 ns a call over the gateway's claims".into(),
            format!("{nanoseconds:.0} ns"),
            nanoseconds <= 300.0,
        ));
    }
    let nanoseconds = |name: String| micro.iter().find(|micro| micro.name == name).map(|micro| micro.median);
    for Micro { name, median } in micro {
        let Some(algorithm) = name.strip_suffix(": pg_aal") else { continue };
        if let Some(alone) = nanoseconds(format!("{algorithm}: jsonwebtoken alone")) {
            promises.push((
                format!("{algorithm}: at most 1.3 × jsonwebtoken alone"),
                format!("{:.2} × ({:.1} µs)", median / alone, median / 1e3),
                median / alone <= 1.3,
            ));
        }
    }
    promises
}

const BOUNDS: &str = "\n## What bounds it\n\n\
- **Constant arguments**: one InitPlan per call in the plan, evaluated once per statement. A statement that reaches one row by a unique \
key has none: its call runs in place, which costs less. Planning it costs the microseconds of the table above. The idiom wrapped by hand costs more: it also casts the claims to jsonb. \
With the simple protocol each request pays it; with more clients than cores, when all time is the processor's, it weighs most.\n\
- **A scan**: where the answer gates the whole scan, as here, Postgres puts a Result node with a one-time filter above it, which \
hands each row on. That is all it costs, and the same for the form wrapped by hand.\n\
- **A level from a column**: the call itself, per row. About a third of its time is Postgres' and pgrx's calling convention. \
Another third compares the claims' text with the cached one, all of it, because claims may change between two calls. The rest finds \
the setting: on Postgres 15 by comparing names where it was the last time, from 16 on by a hash look-up.\n\
- **A verified token**: once per token and backend, the cryptography and reading the JSON; then, per call, comparing the token's text \
and its times. A request that comes with a token that neither its backend nor shared memory has pays the verification.\n\
- **The guard**: decided once per statement, by the policies in its plan and the levels in the trigger's arguments. Where the session \
shows them, the trigger isn't called, unless another one fires first. It doesn't depend on the number of rows.\n\
- **Noise**: with 8 clients on so few cores, rounds differ by a tenth and more; a figure there only shows the order of magnitude.\n";

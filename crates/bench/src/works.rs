//! The measurements: in each round every variant once, in an order that changes from round to round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use postgres::{Client, Config, NoTls};

use crate::token;
use crate::variant::{Variant, Work};

/// Claims as Supabase Auth issues them, about 600 bytes, with a second factor verified a minute ago.
/// (A colon before a digit or a word would be a variable to pgbench.)
const CLAIMS: &str = r#"select set_config('request.jwt.claims', format(
  '{"iss":"http://localhost/auth/v1","sub":"11111111-1111-4111-8111-111111111111","aud":"authenticated","exp": %s,"iat": %s,'
  '"email":"jane@example.com","phone":"","app_metadata":{"provider":"email","providers":["email"]},"user_metadata":{'
  '"email":"jane@example.com","email_verified": true,"phone_verified": false,"sub":"11111111-1111-4111-8111-111111111111"},'
  '"role":"authenticated","aal":"aal2","amr":[{"method":"totp","timestamp": %s},{"method":"password","timestamp": %s}],'
  '"session_id":"33333333-3333-4333-8333-333333333333","is_anonymous": false}',
  now + 3600, now - 60, now - 60, now - 7200), false)
  from (select floor(extract(epoch from statement_timestamp()))::bigint as now) as clock"#;

/// How many rows the scans read.
pub const ROWS: f64 = 1_000_000.0;

/// The column with the writes inside the server, and how many a measurement does.
pub const GUARD: &str = "20k one-row writes in the server";
/// How many writes that are.
pub const WRITES: f64 = 20_000.0;

/// How often the variants take turns in the profile, and how many statements each turn has.
const TURNS: usize = 20;
const STATEMENTS_PER_TURN: usize = 300;
/// The first of a turn load what a change of policies made stale, and find the processor's caches filled by it.
const STALE_STATEMENTS: usize = 100;

/// How the clients of pgbench send their statements.
const PROTOCOLS: [&str; 2] = ["simple", "prepared"];
const CLIENTS: [usize; 2] = [1, 8];

/// The measurements: for each column of the table and each variant the rounds, in seconds.
pub struct Results {
    /// The variants, by name, in the table's order.
    pub titles: Vec<(String, String)>,
    /// The columns' titles, in the table's order.
    pub columns: Vec<String>,
    rounds: BTreeMap<(String, String), Vec<f64>>,
    /// First calls in a new backend, in microseconds: what, and the median.
    pub first_calls: Vec<(String, f64)>,
    /// Where the time of a read by key and of a write of a row goes.
    pub profile: Vec<Profile>,
}

/// Where the time of a statement goes inside the server.
pub struct Profile {
    variant: String,
    pub work: Work,
    pub title: String,
    turns: Vec<Turn>,
}

/// What a statement took in one turn, and right before it under no AAL policy.
struct Turn {
    with: Times,
    without: Times,
}

/// Where the time of a statement goes, in microseconds.
struct Times {
    planning: f64,
    execution: f64,
}

impl Times {
    /// How long a statement takes inside the server. A prepared one has its plan.
    fn in_server(&self, is_prepared: bool) -> f64 {
        if is_prepared { self.execution } else { self.planning + self.execution }
    }
}

impl Profile {
    /// How long planning takes, in microseconds.
    pub fn planning(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.with.planning).collect())
    }

    /// How long executing takes, in microseconds.
    pub fn execution(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.with.execution).collect())
    }

    /// How much longer it takes than under no AAL policy right before. It is the median of the calmer half of the turns: those in which the
    /// statement without a policy was the fastest.
    fn over_none(&self, is_prepared: bool) -> f64 {
        let in_server = |turn: &Turn| (turn.without.in_server(is_prepared), turn.with.in_server(is_prepared));
        let mut pairs: Vec<(f64, f64)> = self.turns.iter().map(in_server).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.truncate(pairs.len().div_ceil(2));
        median(pairs.into_iter().map(|(without, with)| with - without).collect())
    }
}

impl Results {
    /// The median of the rounds' ratios to another variant; `None` if either wasn't measured.
    pub fn ratio(&self, column: &str, variant: &str, to: &str) -> Option<f64> {
        let rounds = |variant: &str| self.rounds.get(&(column.to_owned(), variant.to_owned()));
        let ratios = rounds(variant)?.iter().zip(rounds(to)?).map(|(a, b)| a / b).collect();
        Some(median(ratios))
    }

    /// How long a read by key or a write of a row takes in the server, planned and executed, in microseconds.
    pub fn microseconds(&self, work: Work, variant: &str) -> Option<f64> {
        let turns = &self.profile_of(work, variant)?.turns;
        Some(median(turns.iter().map(|turn| turn.with.in_server(false)).collect()))
    }

    /// How much longer a statement by key takes in the server than under no AAL policy, in microseconds.
    pub fn microseconds_over_none(&self, work: Work, is_prepared: bool, variant: &str) -> Option<f64> {
        Some(self.profile_of(work, variant)?.over_none(is_prepared))
    }

    /// How much longer a read by key takes in the server than with another variant, in microseconds.
    pub fn microseconds_over(&self, variant: &str, than: &str) -> Option<f64> {
        let over_none = |variant| self.microseconds_over_none(Work::Read, false, variant);
        Some(over_none(variant)? - over_none(than)?)
    }

    fn profile_of(&self, work: Work, variant: &str) -> Option<&Profile> {
        self.profile.iter().find(|profile| profile.work == work && profile.variant == variant)
    }

    /// The median of the rounds, in seconds.
    pub fn seconds(&self, column: &str, variant: &str) -> Option<f64> {
        self.rounds.get(&(column.to_owned(), variant.to_owned())).cloned().map(median)
    }
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// The value that a quarter of them are below.
pub fn lower_quartile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 4]
}

/// A connection to a cluster.
pub fn connect(folder: &Path, database: &str) -> Result<Client> {
    Ok(Config::new().host_path(folder.join("socket")).user("postgres").dbname(database).connect(NoTls)?)
}

/// What it was measured on.
pub fn machine(folder: &Path) -> Result<String> {
    let version: String = connect(folder, "postgres")?.query_one("show server_version", &[])?.get(0);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split_once(": ")));
    let cores = std::thread::available_parallelism()?;
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default();
    let model = model.map_or("unknown processor", |(_, model)| model);
    Ok(format!("Postgres {version}, {cores} cores of {model}, {:.0} GiB of memory", kib / 1_048_576.0))
}

/// A cluster to measure in.
pub struct Bench {
    folder: PathBuf,
}

impl Bench {
    /// Makes the tables: runs these files.
    pub fn prepare(folder: &Path, files: &[&Path]) -> Result<Bench> {
        let bench = Bench { folder: folder.to_owned() };
        eprintln!("making a million rows");
        let mut psql = Command::new(folder.join("bin/psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(folder.join("socket"))
            .args(files.iter().flat_map(|file| [Path::new("-f"), file]))
            .stdout(std::process::Stdio::null());
        if !psql.status().context("starting psql")?.success() {
            bail!("the set-up failed");
        }
        Ok(bench)
    }

    fn connect(&self) -> Result<Client> {
        connect(&self.folder, "postgres")
    }

    /// Measures all variants on all their works.
    pub fn run(&self, variants: &[Variant], rounds: usize) -> Result<Results> {
        let mut results =
            self.run_inside(variants, &[Work::Scan, Work::Parallel, Work::Insert, Work::Guard], rounds)?;
        results.first_calls = self.first_calls()?;
        let variants = self.those_that_work(variants)?;
        for work in [Work::Read, Work::Write] {
            for protocol in PROTOCOLS {
                for clients in CLIENTS {
                    let column = format!("{}, {protocol}, {}", column(work), clients_text(clients));
                    let script = self.script(work)?;
                    self.rounds(&mut results, &variants, work, &column, rounds, |_, _| {
                        self.pgbench(&script, protocol, clients)
                    })?;
                }
            }
        }
        Ok(results)
    }

    /// Measures what needs no client but ours: these works, and where the time of a statement goes.
    pub fn run_inside(&self, variants: &[Variant], works: &[Work], rounds: usize) -> Result<Results> {
        let mut results = Results {
            titles: variants.iter().map(|variant| (variant.name.clone(), variant.title.clone())).collect(),
            columns: Vec::new(),
            rounds: BTreeMap::new(),
            first_calls: Vec::new(),
            profile: self.profile(variants)?,
        };
        let variants = self.those_that_work(variants)?;
        for &work in works {
            // Seconds each, some of them: half as many rounds do.
            let rounds = if matches!(work, Work::Scan | Work::Parallel) { rounds.div_ceil(2) } else { rounds };
            self.rounds(&mut results, &variants, work, column(work), rounds, |client, token| {
                statement(client, work, token)
            })?;
        }
        Ok(results)
    }

    /// Leaves out, with a word, the variants that can't be set up: a peer that isn't installed.
    fn those_that_work<'a>(&self, variants: &'a [Variant]) -> Result<Vec<&'a Variant>> {
        let mut admin = self.connect()?;
        let mut works = Vec::new();
        for variant in variants {
            match apply(&mut admin, variant, "bench") {
                Ok(()) => works.push(variant),
                Err(error) => eprintln!("left out: {}: {error:#}", variant.title),
            }
            clear(&mut admin, "bench")?;
        }
        Ok(works)
    }

    fn rounds(
        &self,
        results: &mut Results,
        variants: &[&Variant],
        work: Work,
        column: &str,
        rounds: usize,
        measure: impl Fn(&mut Client, Option<&str>) -> Result<f64>,
    ) -> Result<()> {
        let variants: Vec<_> = variants.iter().filter(|variant| variant.works.contains(&work)).collect();
        results.columns.push(column.to_owned());
        let mut admin = self.connect()?;
        let mut trusting = self.connect()?;
        trusting.batch_execute(settings(work))?;
        let claims: String = trusting.query_one(CLAIMS, &[])?.get(0);
        trusting.batch_execute("set role authenticated")?;
        let (token, jwks) = token::sign(&claims)?;
        let mut verifying = self.connect()?;
        verifying.batch_execute(settings(work))?;
        verifying.batch_execute("load 'pg_aal'; set pg_aal.claims_source = 'token'")?;
        verifying.execute("select set_config('pg_aal.jwks', $1, false)", &[&jwks])?;
        verifying.batch_execute("set role authenticated")?;
        let table = table(work);
        for round in 0..rounds {
            eprint!("\r{column}: round {} of {rounds}   ", round + 1);
            for nr in 0..variants.len() {
                // Another order each round: from another start, and every second time backwards.
                let nr = (nr + round * 3) % variants.len();
                let nr = if round % 2 == 1 { variants.len() - 1 - nr } else { nr };
                let variant = variants[nr];
                if work == Work::Insert {
                    // What a round before rolled back still takes up space.
                    admin.batch_execute("truncate bench_insert")?;
                }
                apply(&mut admin, variant, table)?;
                let (session, token) =
                    if variant.verifies { (&mut verifying, Some(token.as_str())) } else { (&mut trusting, None) };
                let seconds = measure(session, token).with_context(|| variant.title.clone())?;
                clear(&mut admin, table)?;
                results.rounds.entry((column.to_owned(), variant.name.clone())).or_default().push(seconds);
            }
        }
        eprintln!();
        Ok(())
    }

    /// A pgbench script: one request as PostgREST sends it.
    fn script(&self, work: Work) -> Result<PathBuf> {
        let claims: String = self.connect()?.query_one(CLAIMS, &[])?.get(0);
        let statement = match work {
            Work::Read => {
                "with pgrst_source as (select bench.* from bench where bench.id = :id) \
                 select null::bigint as total_result_set, count(_postgrest_t) as page_total, \
                 coalesce(json_agg(_postgrest_t), '[]') as body from (select * from pgrst_source) _postgrest_t;"
            }
            _ => {
                "with pgrst_source as (update bench set amount = amount + 1 where bench.id = :id returning 1) \
                 select '' as total_result_set, count(_postgrest_t) as page_total, '' as body \
                 from (select * from pgrst_source) _postgrest_t;"
            }
        };
        let script = format!(
            "\\set id random(1, 1000000)\nbegin;\nselect set_config('search_path', 'public', true), \
             set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{claims}', true), \
             set_config('request.method', 'GET', true), set_config('request.path', '/bench', true), \
             set_config('request.headers', '{{\"host\":\"localhost\",\"accept\":\"*/*\"}}', true), \
             set_config('request.cookies', '{{}}', true);\n{statement}\ncommit;\n"
        );
        let file = self.folder.join(format!("{work:?}.pgbench"));
        std::fs::write(&file, script)?;
        Ok(file)
    }

    /// The average latency of one request, in seconds.
    fn pgbench(&self, script: &Path, protocol: &str, clients: usize) -> Result<f64> {
        // More clients than cores: longer, because it matters more which client gets a core when.
        let seconds = if clients == 1 { "1" } else { "2" };
        let output = Command::new(self.folder.join("bin/pgbench"))
            .args(["-n", "-U", "postgres", "-T", seconds, "-M", protocol, "-j", "2", "-c"])
            .arg(clients.to_string())
            .arg("-h")
            .arg(self.folder.join("socket"))
            .arg("-f")
            .arg(script)
            .arg("postgres")
            .output()
            .context("starting pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let latency = text.lines().find_map(|line| line.strip_prefix("latency average = ")?.strip_suffix(" ms"));
        match (output.status.success(), latency) {
            (true, Some(milliseconds)) => Ok(milliseconds.parse::<f64>()? / 1_000.0),
            _ => bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Where the time of a statement goes, by what EXPLAIN says of many. The variants take turns, so that a disturbance meets all.
    /// It only ever makes a statement longer: the lower quartile of a turn counts.
    fn profile(&self, variants: &[Variant]) -> Result<Vec<Profile>> {
        let mut admin = self.connect()?;
        let mut session = self.connect()?;
        session.batch_execute(CLAIMS)?;
        session.batch_execute("set role authenticated")?;
        let mut profiles: Vec<Profile> = Vec::new();
        for turn in 0..TURNS {
            eprint!("\rone statement: turn {} of {TURNS}   ", turn + 1);
            for variant in variants {
                let works = || [Work::Read, Work::Write].into_iter().filter(|work| variant.works.contains(work));
                let without: Result<Vec<Times>> = works().map(|work| profile_turn(&mut session, work)).collect();
                let applied = apply(&mut admin, variant, "bench").is_ok();
                for (work, without) in works().zip(without?).filter(|_| applied) {
                    let turn = Turn { with: profile_turn(&mut session, work)?, without };
                    let known = profiles.iter_mut().find(|known| known.work == work && known.variant == variant.name);
                    if let Some(known) = known {
                        known.turns.push(turn);
                        continue;
                    }
                    let (variant, title) = (variant.name.clone(), variant.title.clone());
                    profiles.push(Profile { variant, title, work, turns: vec![turn] });
                }
                clear(&mut admin, "bench")?;
            }
        }
        eprintln!();
        Ok(profiles)
    }

    /// What the first call costs in a new backend, in microseconds, and the second.
    fn first_calls(&self) -> Result<Vec<(String, f64)>> {
        let calls = [
            ("`select 1`", "select 1"),
            ("`auth.jwt()`", "select auth.jwt() ->> 'aal' = 'aal2'"),
            ("`auth.has_aal('aal2')`, which loads the library", "select auth.has_aal('aal2')"),
        ];
        let mut medians = Vec::new();
        for (title, call) in calls {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for _ in 0..40 {
                let mut client = self.connect()?;
                client.batch_execute(CLAIMS)?;
                for times in [&mut first, &mut second] {
                    let start = Instant::now();
                    client.simple_query(call)?;
                    times.push(start.elapsed().as_secs_f64() * 1e6);
                }
            }
            medians.push((format!("{title}: first"), median(first)));
            medians.push((format!("{title}: second"), median(second)));
        }
        Ok(medians)
    }
}

/// The title of a column.
pub fn column(work: Work) -> &'static str {
    match work {
        Work::Scan => "1M rows",
        Work::Parallel => "1M rows, parallel",
        Work::Insert => "200k INSERT",
        Work::Read => "read by key",
        Work::Write => "write of a row",
        Work::Guard => GUARD,
    }
}

fn clients_text(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}

fn table(work: Work) -> &'static str {
    if work == Work::Insert { "bench_insert" } else { "bench" }
}

fn settings(work: Work) -> &'static str {
    match work {
        Work::Parallel => {
            "set jit = off; set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0"
        }
        _ => "set jit = off; set max_parallel_workers_per_gather = 0",
    }
}

/// One statement, timed, after one that loads what the variant needs. The best of three counts, because a disturbance
/// only ever makes it longer; but once is enough for a statement that takes a second.
fn statement(client: &mut Client, work: Work, token: Option<&str>) -> Result<f64> {
    client.simple_query("select count(*) from bench where id < 1000")?;
    let writes = "do 'begin for i in 1..20000 loop update bench set amount = amount where id = i; end loop; end'";
    let insert = "insert into bench_insert select n, 'aal2', n from generate_series(1, 200000) as n";
    let scan = "select count(*) from bench where amount >= 0";
    let statement = match work {
        Work::Insert => insert,
        Work::Guard => writes,
        _ => scan,
    };
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        client.batch_execute("begin")?;
        if let Some(token) = token {
            client.execute("select auth.authenticate($1)", &[&token])?;
        }
        let start = Instant::now();
        client.simple_query(statement)?;
        best = best.min(start.elapsed().as_secs_f64());
        client.batch_execute("rollback")?;
        if best > 1.0 {
            break;
        }
    }
    Ok(best)
}

/// What a statement takes in one turn.
fn profile_turn(session: &mut Client, work: Work) -> Result<Times> {
    let (mut planning, mut execution) = (Vec::new(), Vec::new());
    for id in 0..STATEMENTS_PER_TURN {
        // Each in a transaction of its own, as requests are: PL/pgSQL prepares its expressions anew.
        session.batch_execute("begin")?;
        let explained = explain(session, work, id)?;
        session.batch_execute("rollback")?;
        if id >= STALE_STATEMENTS {
            planning.push(explained.0);
            execution.push(explained.1);
        }
    }
    Ok(Times { planning: lower_quartile(planning), execution: lower_quartile(execution) })
}

/// The microseconds of planning and of executing a read by key or a write of a row.
fn explain(session: &mut Client, work: Work, id: usize) -> Result<(f64, f64)> {
    let statement = match work {
        Work::Read => {
            format!("select count(s), coalesce(json_agg(s), '[]') from (select * from bench where id = {id}) s")
        }
        _ => format!("update bench set amount = amount where id = {id}"),
    };
    let explain = format!("explain (analyze, timing off, summary on, format json) {statement}");
    let plan: serde_json::Value = session.query_one(&explain, &[])?.get(0);
    let microseconds = |key: &str| plan[0][key].as_f64().unwrap_or_default() * 1_000.0;
    Ok((microseconds("Planning Time"), microseconds("Execution Time")))
}

fn apply(admin: &mut Client, variant: &Variant, table: &str) -> Result<()> {
    Ok(admin.batch_execute(&variant.sql.replace("{table}", table))?)
}

/// Takes every policy but the permissive one, and every trigger, off the table.
fn clear(admin: &mut Client, table: &str) -> Result<()> {
    admin.batch_execute(&format!(
        "do $$ declare r record; begin
           for r in select polname from pg_policy where polrelid = '{table}'::regclass and polname <> 'everybody' loop
             execute format('drop policy %I on {table}', r.polname); end loop;
           for r in select tgname from pg_trigger where tgrelid = '{table}'::regclass and not tgisinternal loop
             execute format('drop trigger %I on {table}', r.tgname); end loop;
         end $$"
    ))?;
    Ok(())
}

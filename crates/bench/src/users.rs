//! Many users over a pool: requests with verified tokens, against the same requests with the gateway's claims.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use postgres::{Client, Statement};

use crate::token::Signer;
use crate::works::{connect, lower_quartile, median};

const USERS: [usize; 4] = [1, 64, 1_000, 100_000];
const POOLS: [usize; 2] = [1, 8];
/// How long each kind of request is served before the other takes its turn: short, so that what else the machine does hits both.
const TURN: Duration = Duration::from_millis(60);
/// The turns of each kind that a round has.
const TURNS: usize = 12;
/// At most so many times a request with claims, for users whose tokens are found.
const PROMISE: f64 = 1.05;
/// So many users have a place in the caches. The promise is about them. They are measured once more with nothing kept in the backends, so
/// that each token is found in shared memory.
const USERS_FOUND: usize = 1_000;

/// The figures for so many users over a pool of so many connections.
pub struct Load {
    users: usize,
    pool: usize,
    /// Whether the backends keep tokens, too: as many as they do by default.
    is_kept_in_backend: bool,
    /// Requests with tokens to requests with claims: the median of the turns' ratios, and that of the lower quartiles of their turns. A
    /// machine may change its speed between two turns, and seldom within one.
    ratios: [f64; 2],
    /// The lower quartile of a request with the gateway's claims, in seconds.
    request: f64,
    /// Of all requests with tokens, those whose token was found in the backend, and in shared memory.
    found: [f64; 2],
    /// What the largest backend of the pool has in memory that it shares with nobody, in MiB: with claims, and with tokens.
    memory: [f64; 2],
    /// Of the shared memory for tokens, the MiB in use and the MiB there are.
    shared: [f64; 2],
}

/// Measures in a cluster that has the library in `shared_preload_libraries`.
pub fn measure(cluster: &Path, rounds: usize) -> Result<Vec<Load>> {
    let mut admin = connect(cluster, "postgres")?;
    admin.batch_execute(
        "create extension pg_aal; create role authenticated; create table bench (id int primary key, amount int);
         insert into bench select n, n from generate_series(1, 100000) n;
         grant select on bench to authenticated; alter table bench enable row level security;
         create policy everybody on bench using (true); set client_min_messages = error;
         select from auth.protect_table('bench', read => 'aal2')",
    )?;
    // By itself: VACUUM runs in no transaction with others.
    admin.batch_execute("vacuum analyze bench")?;
    let signer = Signer::new()?;
    let mut loads = Vec::new();
    for users in USERS {
        eprintln!("{users} users");
        let tokens: Vec<(String, String)> = (0..users).map(|user| signer.token(user)).collect::<Result<_>>()?;
        for pool in POOLS {
            loads.push(measure_pool(cluster, &signer.jwks, &tokens, pool, true, rounds)?);
            if users == USERS_FOUND {
                loads.push(measure_pool(cluster, &signer.jwks, &tokens, pool, false, rounds)?);
            }
        }
    }
    Ok(loads)
}

fn measure_pool(
    cluster: &Path,
    jwks: &str,
    tokens: &[(String, String)],
    pool: usize,
    is_kept_in_backend: bool,
    rounds: usize,
) -> Result<Load> {
    let session = |source| (0..pool).map(|_| Session::open(cluster, jwks, source)).collect::<Result<Vec<Session>>>();
    let (mut trusting, mut verifying) = (session("request")?, session("token")?);
    if !is_kept_in_backend {
        for session in &mut verifying {
            session.client.batch_execute("set pg_aal.token_cache_size = 0")?;
        }
    }
    let claims: Vec<&str> = tokens.iter().map(|(claims, _)| claims.as_str()).collect();
    let tokens: Vec<&str> = tokens.iter().map(|(_, token)| token.as_str()).collect();
    // Each token is seen once, as far as there are not too many.
    let (next_with_claims, next_with_token) = (AtomicUsize::new(0), AtomicUsize::new(0));
    serve(&mut verifying, &tokens, &next_with_token, Duration::from_millis(500))?;
    let before = counts(&mut verifying)?;
    let (mut requests, mut verified, mut all) = (Vec::new(), Vec::new(), 0);
    for turn in 0..rounds * TURNS {
        let (mut with_claims, mut with_tokens) = (Served::default(), Served::default());
        for is_token in if turn % 2 == 0 { [false, true] } else { [true, false] } {
            if is_token {
                with_tokens = serve(&mut verifying, &tokens, &next_with_token, TURN)?;
            } else {
                with_claims = serve(&mut trusting, &claims, &next_with_claims, TURN)?;
            }
        }
        requests.push(with_claims.seconds);
        verified.push(with_tokens.seconds);
        all += with_tokens.requests;
    }
    let after = counts(&mut verifying)?;
    let found = [0, 1].map(|cache| (after[cache] - before[cache]) / all as f64);
    let memory = [largest(&mut trusting)?, largest(&mut verifying)?];
    let shared = shared_memory(&mut verifying[0].client)?;
    let of_turns = verified.iter().zip(&requests).map(|(with_tokens, with_claims)| with_tokens / with_claims).collect();
    let request = lower_quartile(requests);
    let ratios = [median(of_turns), lower_quartile(verified) / request];
    Ok(Load { users: tokens.len(), pool, is_kept_in_backend, ratios, request, found, memory, shared })
}

/// What the largest of these backends has in memory that it shares with nobody, in MiB.
fn largest(sessions: &mut [Session]) -> Result<f64> {
    let mut largest = 0.0;
    for session in sessions {
        let pid: i32 = session.client.query_one("select pg_backend_pid()", &[])?.get(0);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon in /proc")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        largest = f64::max(largest, kib / 1024.0);
    }
    Ok(largest)
}

/// The MiB of shared memory for tokens that are in use, and that there are.
fn shared_memory(client: &mut Client) -> Result<[f64; 2]> {
    let usage =
        "select bytes / 1048576.0::float8, size / 1048576.0::float8 from auth.token_cache() where cache = 'shared'";
    let row = client.query_one(usage, &[])?;
    Ok([row.get(0), row.get(1)])
}

/// How many tokens were found in these backends, and in shared memory.
fn counts(sessions: &mut [Session]) -> Result<[f64; 2]> {
    let mut counts = [0.0; 2];
    for session in sessions {
        let hits = "select sum(hits) filter (where cache = 'backend')::float8, coalesce(sum(hits) filter (where cache = 'shared'), 0)::float8
                      from auth.token_cache()";
        let row = session.client.query_one(hits, &[])?;
        counts = [counts[0] + row.get::<_, f64>(0), row.get(1)];
    }
    Ok(counts)
}

/// What a measurement found.
#[derive(Default)]
struct Served {
    requests: usize,
    /// Of one request.
    seconds: f64,
}

/// Serves requests of all users by turns, on all connections at once. It goes on with the user `next`: a turn is too short for many users.
fn serve(sessions: &mut [Session], texts: &[&str], next: &AtomicUsize, time: Duration) -> Result<Served> {
    let first = next.load(Ordering::Relaxed);
    let start = Instant::now();
    let next_user = || texts[next.fetch_add(1, Ordering::Relaxed) % texts.len()];
    std::thread::scope(|scope| {
        let work = |session: &mut Session| -> Result<()> {
            while start.elapsed() < time {
                session.serve(next_user())?;
            }
            Ok(())
        };
        let threads: Vec<_> = sessions.iter_mut().map(|session| scope.spawn(move || work(session))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
    })?;
    let requests = next.load(Ordering::Relaxed) - first;
    Ok(Served { requests, seconds: start.elapsed().as_secs_f64() * sessions.len() as f64 / requests as f64 })
}

/// A connection of a pool.
struct Session {
    client: Client,
    set: Statement,
    read: Statement,
    served: i32,
}

impl Session {
    fn open(cluster: &Path, jwks: &str, source: &str) -> Result<Session> {
        let mut client = connect(cluster, "postgres")?;
        client.execute("select set_config('pg_aal.claims_source', $1, false)", &[&source])?;
        client.execute("select set_config('pg_aal.jwks', $1, false)", &[&jwks])?;
        let setting = if source == "token" { "pg_aal.token" } else { "request.jwt.claims" };
        let set = client.prepare(&format!(
            "select set_config('role', 'authenticated', true), set_config('{setting}', $1, true),
                    set_config('request.method', 'GET', true), set_config('request.path', '/bench', true)"
        ))?;
        let read = client.prepare("select count(*) from bench where id = $1")?;
        Ok(Session { client, set, read, served: 0 })
    }

    /// One request, as PostgREST sends it. Its user sees the row.
    fn serve(&mut self, text: &str) -> Result<()> {
        self.served += 1;
        self.client.batch_execute("begin")?;
        self.client.query_one(&self.set, &[&text])?;
        let rows: i64 = self.client.query_one(&self.read, &[&(1 + self.served % 100_000)])?.get(0);
        self.client.batch_execute("commit")?;
        (rows == 1).then_some(()).context("a user with aal2 does not see the row")
    }
}

impl Load {
    fn only_shared(&self) -> &'static str {
        if self.is_kept_in_backend { "" } else { ", kept in shared memory only" }
    }
}

/// The section of the page.
pub fn section(loads: &[Load]) -> String {
    let mut section = String::from(
        "\n## Tokens of many users\n\nRequests by turns of so many users, with ES256 tokens that Postgres verifies, against the same \
         requests with the gateway's claims. Turns of 60 ms, one after the other. The ratio is the median of the turns' ratios, \
         with that of the lower quartiles behind it. The library is in `shared_preload_libraries`, and the sizes of both caches are the \
         defaults, but where only shared memory keeps tokens. After a warm-up of half a second. A backend finds the token that it had last without its cache. \
         Memory: what the largest backend shares with nobody.\n\n\
         | users | pool | request with claims | with tokens | found in the backend | found in shared memory | memory with claims | with tokens | shared memory |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for load in loads {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let _ = writeln!(
            section,
            "| {}{} | {} | {:.0} µs | {:.3} × ({:.3}) | {} | {} | {:.1} MiB | {:.1} MiB | {:.1} of {:.1} MiB |",
            load.users,
            load.only_shared(),
            load.pool,
            load.request * 1e6,
            load.ratios[0],
            load.ratios[1],
            percent(load.found[0]),
            percent(load.found[1]),
            load.memory[0],
            load.memory[1],
            load.shared[0],
            load.shared[1],
        );
    }
    section.push_str("\n| promise | measured | kept |\n| --- | ---: | --- |\n");
    for load in loads.iter().filter(|load| load.users <= USERS_FOUND) {
        let kept = if load.ratios[0] <= PROMISE { "yes" } else { "**no**" };
        let (users, pool, ratio, only_shared) = (load.users, load.pool, load.ratios[0], load.only_shared());
        let _ = writeln!(
            section,
            "| {users} users{only_shared} over {pool}: at most {PROMISE} × the gateway's claims | {ratio:.3} × | {kept} |"
        );
    }
    section
}

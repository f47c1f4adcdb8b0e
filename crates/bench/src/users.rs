//! Many users over a pool: requests with verified tokens, against the same requests with the gateway's claims.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use postgres::{Client, Statement};

use crate::token::Signer;
use crate::works::{connect, median};

const USERS: [usize; 4] = [1, 64, 1_000, 100_000];
const POOLS: [usize; 2] = [1, 8];
/// How long one measurement takes.
const ROUND: Duration = Duration::from_millis(700);

/// The figures for so many users over a pool of so many connections.
pub struct Load {
    users: usize,
    pool: usize,
    /// The median of the rounds' ratios: requests with tokens to requests with claims.
    ratio: f64,
    /// The median of a request with the gateway's claims, in seconds.
    request: f64,
    /// Of all requests with tokens, those whose token was found in the backend, and in shared memory.
    found: [f64; 2],
}

/// Measures in a cluster that has the library in `shared_preload_libraries`.
pub fn measure(cluster: &Path, rounds: usize) -> Result<Vec<Load>> {
    let mut admin = connect(cluster, "postgres")?;
    admin.batch_execute(
        "create extension pg_aal; create role authenticated; create table bench (id int primary key, amount int);
         insert into bench select n, n from generate_series(1, 100000) n; vacuum analyze bench;
         grant select on bench to authenticated; alter table bench enable row level security;
         create policy everybody on bench using (true); set client_min_messages = error;
         select from auth.protect_table('bench', read => 'aal2')",
    )?;
    let signer = Signer::new()?;
    let mut loads = Vec::new();
    for users in USERS {
        eprintln!("{users} users");
        let tokens: Vec<(String, String)> = (0..users).map(|user| signer.token(user)).collect::<Result<_>>()?;
        for pool in POOLS {
            loads.push(measure_pool(cluster, &signer.jwks, &tokens, pool, rounds)?);
        }
    }
    Ok(loads)
}

fn measure_pool(cluster: &Path, jwks: &str, tokens: &[(String, String)], pool: usize, rounds: usize) -> Result<Load> {
    let session = |source| (0..pool).map(|_| Session::open(cluster, jwks, source)).collect::<Result<Vec<Session>>>();
    let (mut trusting, mut verifying) = (session("request")?, session("token")?);
    let claims: Vec<&str> = tokens.iter().map(|(claims, _)| claims.as_str()).collect();
    let tokens: Vec<&str> = tokens.iter().map(|(_, token)| token.as_str()).collect();
    // Each token is seen once, as far as there are not too many.
    serve(&mut verifying, &tokens, Duration::from_millis(500))?;
    let before = counts(&mut verifying)?;
    let (mut ratios, mut requests, mut all) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        let measure = |sessions: &mut [Session], texts: &[&str]| serve(sessions, texts, ROUND);
        let (with_claims, with_tokens) = if round % 2 == 0 {
            let with_claims = measure(&mut trusting, &claims)?;
            (with_claims, measure(&mut verifying, &tokens)?)
        } else {
            let with_tokens = measure(&mut verifying, &tokens)?;
            (measure(&mut trusting, &claims)?, with_tokens)
        };
        ratios.push(with_tokens.seconds / with_claims.seconds);
        requests.push(with_claims.seconds);
        all += with_tokens.requests;
    }
    let after = counts(&mut verifying)?;
    let found = [0, 1].map(|cache| (after[cache] - before[cache]) / all as f64);
    Ok(Load { users: tokens.len(), pool, ratio: median(ratios), request: median(requests), found })
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
struct Served {
    requests: usize,
    /// Of one request.
    seconds: f64,
}

/// Serves requests of all users by turns, on all connections at once.
fn serve(sessions: &mut [Session], texts: &[&str], time: Duration) -> Result<Served> {
    let next = AtomicUsize::new(0);
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
    let requests = next.into_inner();
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

/// The section of the page.
pub fn section(loads: &[Load]) -> String {
    let mut section = String::from(
        "\n## Tokens of many users\n\nRequests by turns of so many users, with ES256 tokens that Postgres verifies, against the same \
         requests with the gateway's claims. The library is in `shared_preload_libraries`, and the sizes of both caches are the \
         defaults. After a warm-up of half a second. A backend finds the token that it had last without its cache.\n\n\
         | users | pool | request with claims | with tokens | found in the backend | found in shared memory |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for load in loads {
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        let _ = writeln!(
            section,
            "| {} | {} | {:.0} µs | {:.2} × | {} | {} |",
            load.users,
            load.pool,
            load.request * 1e6,
            load.ratio,
            percent(load.found[0]),
            percent(load.found[1])
        );
    }
    section
}

#!/usr/bin/env bash
# Measures everything in one run and writes docs/performance.md and its chart.
#
# usage: run.sh [--only-proof | --only-policies | --only-portable | --only-users]     PEERS=dir adds variants, PG=15 is the Postgres major, ROUNDS=11 how often each is measured
set -euo pipefail
source "$(dirname "$0")/../../pgrx-config/env.sh"

case $*: in : | --only-proof: | --only-policies: | --only-portable: | --only-users:) ;; *) misused ;; esac
major=${PG:-15}
require_majors "$major"
"$repo/pgrx-config/setup.sh" "$major"
"$repo/pgrx-config/build.sh" "$major" release

export CARGO_TARGET_DIR=$repo/target/pg$major
cd "$repo"
portable=portable/pg_aal_portable--$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml).sql
if [ -z "${1:-}" ]; then
    say "micro-benchmarks of the core"
    cargo bench --quiet -p aal -- --quiet
fi

# Restarts a cluster with the library in shared_preload_libraries.
preload() {
    echo "shared_preload_libraries = 'pg_aal'" >> "$1/data/postgresql.conf"
    (cd / && as_postgres "$1/bin/pg_ctl" restart --pgdata "$1/data" --wait --silent --log "$1/log/postgres.log" < /dev/null > /dev/null)
}

say "building the benchmark suite"
cargo build --quiet --release -p aal-bench
cluster=$("$repo/pgrx-config/cluster.sh" start "$major" release)
trap '"$repo/pgrx-config/cluster.sh" stop "$cluster"' EXIT
preloaded=$("$repo/pgrx-config/cluster.sh" start "$major" release)
trap '"$repo/pgrx-config/cluster.sh" stop "$cluster"; "$repo/pgrx-config/cluster.sh" stop "$preloaded"' EXIT
preload "$preloaded"
"$cluster/bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$cluster/socket" -U postgres -f crates/bench/proof_roles.sql
"$CARGO_TARGET_DIR/release/aal-bench" --cluster "$cluster" --preloaded "$preloaded" --variants crates/bench/variants ${PEERS:+--peers "$PEERS"} \
    --criterion "$CARGO_TARGET_DIR/criterion" --setup crates/bench/setup.sql --portable "$portable" --proof crates/bench/proof.sql --rounds "${ROUNDS:-11}" --out docs "$@"

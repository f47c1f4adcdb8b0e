#!/usr/bin/env bash
# Runs all tests: the core's once, then those of each folder here on each Postgres major given. The last line counts
# them: "N passed, N failed".
#
# usage: run.sh [MAJOR …]
set -euo pipefail
source "$(dirname "$0")/../pgrx-config/env.sh"

majors=("$@")
if [ ${#majors[@]} = 0 ]; then majors=(15); fi
require_majors "${majors[@]}"
logs=$repo/target/logs
counts=$logs/counts
mkdir -p "$logs"
rm -f "$counts".*

# Notes a suite's counts for the sum; a suite that ends badly without saying that a test failed counts as one that did.
count() {
    local suite=$1 of=$2 status=$3 suite_passed=$4 suite_failed=$5
    if [ "$status" != 0 ] && [ "$suite_failed" = 0 ]; then suite_failed=1; fi
    if [ "$((suite_passed + suite_failed))" = 0 ]; then suite_failed=1; fi
    echo "$suite_passed $suite_failed" >> "$counts.$of"
    say "$suite: $suite_passed passed, $suite_failed failed, after $((SECONDS / 60)) min"
}

# The sum of the numbers that stand before a word in a log.
sum() { grep -oE "$1" "$2" | grep -oE '[0-9]+' | awk '{ sum += $1 } END { print sum + 0 }'; }

# Runs the tests in JavaScript of a folder, all files of it.
run_node() {
    local folder=$1 major=$2 suite="$3 on Postgres $2" about=$4 log=$logs/$1-$2.log status=0
    say "$suite: $about"
    follow "$log" '^ *(not )?ok '
    (cd "$repo/tests/$folder" && PG=$major PYTHONPATH=$(python_packages) node --test --test-reporter=tap ./*.test.mjs) > "$log" 2>&1 || status=$?
    unfollow
    if [ "$status" != 0 ]; then grep -vE '^ *(duration_ms|---|\.\.\.)' "$log" >&2; fi
    sed -nE 's/^ok .* - (.*) # SKIP (.*)/skipped: \1: \2/p' "$log" | while IFS= read -r line; do say "$line"; done
    count "$suite" "$major" "$status" "$(sum '^# pass [0-9]+' "$log")" "$(sum '^# fail [0-9]+' "$log")"
}

# Runs all suites on one Postgres major.
run_major() {
    local major=$1 status=0 log=$logs/regress-$1.log
    # One Keycloak is enough.
    if [ "$major" != "${majors[0]}" ]; then export KEYCLOAK=0; fi
    say "pg_regress on Postgres $major"
    "$repo/tests/pg_regress/run.sh" "$major" > "$log" || status=$?
    count "pg_regress on Postgres $major" "$major" "$status" "$(sum '^[0-9]+ passed' "$log")" "$(sum '[0-9]+ failed$' "$log")"

    run_node e2e "$major" "end to end" "PostgREST, PgBouncer, a browser, tokens of other libraries, and the SQL of the docs"
    run_node client "$major" "client module" "with PostgREST; with Supabase Auth and a browser, where they are there"
    run_node soundness "$major" "soundness" "the matrix, tried on random schemas"
    run_node hosted "$major" "hosted" "the portable edition on a stand-in for hosted Supabase: its CLI, PostgREST, dumps, diffs, hostile users"
    run_node differential "$major" "differential" "random queries with and without planner support"
    run_node portable "$major" "portable edition" "its answers beside the native ones, and hostile surroundings"
}

# What users run is optimized further, and checks less.
run_core_as_released() {
    local status=0 log=$logs/core-release.log
    say "core: the same as it is released"
    CARGO_TARGET_DIR=$repo/target/pg${majors[0]} cargo test --quiet --release -p aal -p proof > "$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then cat "$log" >&2; fi
    count "core as released" core-release "$status" "$(sum '[0-9]+ passed' "$log")" "$(sum '[0-9]+ failed' "$log")"
}

"$repo/pgrx-config/setup.sh" --tests "${majors[0]}"

say "core: unit and property tests"
status=0
CARGO_TARGET_DIR=$repo/target/pg${majors[0]} with_progress "$logs/core.log" cargo test --quiet -p aal -p proof -p pg_aal-jwks -p pg_aal-portable -p pg_aal-check-dump || status=$?
count core core "$status" "$(sum '[0-9]+ passed' "$logs/core.log")" "$(sum '[0-9]+ failed' "$logs/core.log")"

# One program for all majors.
CARGO_TARGET_DIR=$repo/target/pg${majors[0]} with_progress "$logs/jwks.log" cargo build --quiet -p pg_aal-jwks -p pg_aal-check-dump
export PG_AAL_JWKS=$repo/target/pg${majors[0]}/debug/pg_aal-jwks PG_AAL_CHECK_DUMP=$repo/target/pg${majors[0]}/debug/pg_aal-check-dump

for major in "${majors[@]}"; do
    "$repo/pgrx-config/setup.sh" --tests "$major"
    "$repo/pgrx-config/build.sh" "$major"
done

# The majors side by side: each has clusters of its own, and keeps one processor busy. A debug build and a release build wait for no
# lock of each other's.
running=()
trap 'trap - INT TERM; kill 0' INT TERM
run_core_as_released &
running+=($!)
for major in "${majors[@]}"; do
    run_major "$major" &
    running+=($!)
done
ended=0
for job in "${running[@]}"; do wait "$job" || ended=1; done

read -r passed failed < <(awk '{ passed += $1; failed += $2 } END { print passed + 0, failed + 0 }' "$counts".*)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$ended" = 0 ]

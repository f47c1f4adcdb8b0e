#!/usr/bin/env bash
# Runs all tests: the core's once, then pg_regress and end-to-end on each Postgres major given. The last line counts
# them: "N passed, N failed".
#
# usage: run.sh [MAJOR …]
set -euo pipefail
source "$(dirname "$0")/../pgrx-config/env.sh"

majors=("$@")
if [ ${#majors[@]} = 0 ]; then majors=(15); fi
passed=0
failed=0

# Adds up a suite's counts; a suite that ends badly without saying that a test failed counts as one that did.
count() {
    local suite=$1 status=$2 suite_passed=$3 suite_failed=$4
    if [ "$status" != 0 ] && [ "$suite_failed" = 0 ]; then suite_failed=1; fi
    if [ "$((suite_passed + suite_failed))" = 0 ]; then suite_failed=1; fi
    passed=$((passed + suite_passed))
    failed=$((failed + suite_failed))
    say "$suite: $suite_passed passed, $suite_failed failed"
}

# The sum of the numbers that stand before a word in a log.
sum() { grep -oE "$1" "$2" | grep -oE '[0-9]+' | awk '{ sum += $1 } END { print sum + 0 }'; }

"$repo/pgrx-config/setup.sh" --tests "${majors[0]}"
logs=$repo/target/logs
mkdir -p "$logs"

say "core: unit and property tests"
status=0
CARGO_TARGET_DIR=$repo/target/pg${majors[0]} with_progress "$logs/core.log" cargo test --quiet -p aal -p proof || status=$?
count core "$status" "$(sum '[0-9]+ passed' "$logs/core.log")" "$(sum '[0-9]+ failed' "$logs/core.log")"

for major in "${majors[@]}"; do
    "$repo/pgrx-config/setup.sh" --tests "$major"
    "$repo/pgrx-config/build.sh" "$major"

    say "pg_regress on Postgres $major"
    status=0
    "$repo/tests/pg_regress/run.sh" "$major" > "$logs/regress-$major.log" || status=$?
    count "pg_regress on Postgres $major" "$status" \
        "$(sum '^[0-9]+ passed' "$logs/regress-$major.log")" "$(sum '[0-9]+ failed$' "$logs/regress-$major.log")"

    say "end to end on Postgres $major: PostgREST, PgBouncer, a browser, tokens of other libraries, random schemas and queries, and the SQL of the docs"
    status=0
    follow "$logs/e2e-$major.log" '^ *(not )?ok '
    (cd "$repo/tests/e2e" && PG=$major PYTHONPATH=$(python_packages) node --test --test-reporter=tap ./*.test.mjs) > "$logs/e2e-$major.log" 2>&1 || status=$?
    unfollow
    if [ "$status" != 0 ]; then grep -vE '^ *(duration_ms|---|\.\.\.)' "$logs/e2e-$major.log" >&2; fi
    sed -nE 's/^ok .* - (.*) # SKIP (.*)/skipped: \1: \2/p' "$logs/e2e-$major.log" | while IFS= read -r line; do say "$line"; done
    count "end to end on Postgres $major" "$status" \
        "$(sum '^# pass [0-9]+' "$logs/e2e-$major.log")" "$(sum '^# fail [0-9]+' "$logs/e2e-$major.log")"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

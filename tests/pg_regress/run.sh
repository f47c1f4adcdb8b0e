#!/usr/bin/env bash
# Runs tests/pg_regress/sql against a throw-away cluster and compares with expected/.
#
# usage: run.sh MAJOR [TEST …]     without tests: all. Prints "N passed, N failed" last.
set -euo pipefail
source "$(dirname "$0")/../../pgrx-config/env.sh"

if [ $# = 0 ]; then misused; fi
major=$1
shift
require_majors "$major"
here=$repo/tests/pg_regress
tests=("$@")
for test in "${tests[@]}"; do
    if [ ! -f "$here/sql/$test.sql" ]; then misused_by "no test $test in tests/pg_regress/sql"; fi
done
if [ ${#tests[@]} = 0 ]; then
    mapfile -t tests < <(cd "$here/sql" && printf '%s\n' *.sql | sed 's|\.sql$||')
fi

cluster=$("$repo/pgrx-config/cluster.sh" start "$major")
trap '"$repo/pgrx-config/cluster.sh" stop "$cluster"' EXIT
export PGHOST=$cluster/socket PGPORT=5432 PGUSER=postgres PATH=$cluster/bin:$PATH
unset PGDATABASE PGOPTIONS

createdb regression
psql -X -q -v ON_ERROR_STOP=1 -d regression -f "$here/fixture.sql" > /dev/null

output=$repo/target/pg$major/regress
rm -rf "$output"
mkdir -p "$output"
log=$output/log
status=0
"$(pg_regress_of "$major")" --use-existing --dbname=regression --inputdir="$here" --outputdir="$output" --bindir="$cluster/bin" \
    --host="$PGHOST" --port="$PGPORT" --user=postgres "${tests[@]}" 2>&1 | tee "$log" >&2 || status=1

# Postgres 15 writes "test name ... ok"; 16 and later write TAP.
passed=$(grep -cE '^test .* ok |^ok ' "$log" || true)
failed=$((${#tests[@]} - passed))
if [ "$failed" != 0 ] || [ "$status" != 0 ]; then
    cat "$output/regression.diffs" >&2 2>/dev/null || tail -20 "$cluster/log/postgres.log" >&2
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$status" = 0 ]

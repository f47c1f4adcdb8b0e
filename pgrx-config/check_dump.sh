#!/usr/bin/env bash
# Proves a database that can't have pg_aal: restores its schema-only dump beside the extension in a throw-away cluster.
# Ends with 0 if it is proven, 1 with a finding or a failed assertion, and 2 if it can't be told.
#
# usage: check_dump.sh MAJOR
#        from the environment:
#        DUMP=schema.sql    the dump; with ROLES=roles.sql, the roles that it names
#        DATABASE=address   instead of DUMP and ROLES: dumps both from there
#        SUPABASE_ROLES=1   assumes the roles of Supabase beside those of ROLES; without ROLES they are assumed anyway
#        ASSERT=file.sql    SQL that must not fail, such as select auth.assert_schema('public')
#        FAIL_ON=error      the least severe finding that fails: error, warn or never
#        ACCEPT_OPEN=1      statements that failed to be restored don't count as open
#        REPORT=file.html SARIF=file.json JUNIT=file.xml   what is to be written
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# != 1 ] || { [ -z "${DUMP:-}" ] && [ -z "${DATABASE:-}" ]; }; then misused; fi
major=$1
require_majors "$major"

options=()
add_file() { if [ -n "$2" ]; then options+=("$1" "$(realpath -m "$2")"); fi; }
add_file --dump "${DUMP:-}"
add_file --roles "${ROLES:-}"
add_file --assert "${ASSERT:-}"
add_file --report "${REPORT:-}"
add_file --sarif "${SARIF:-}"
add_file --junit "${JUNIT:-}"
if [ -n "${DATABASE:-}" ]; then options+=(--database "$DATABASE"); fi
if [ -n "${FAIL_ON:-}" ]; then options+=(--fail-on "$FAIL_ON"); fi
if [ "${SUPABASE_ROLES:-}" = 1 ]; then options+=(--supabase-roles); fi
if [ "${ACCEPT_OPEN:-}" = 1 ]; then options+=(--accept-open); fi

# What can't be built can't prove anything.
trap 'exit 2' ERR
program=${PG_AAL_CHECK_DUMP:-}
if [ -z "$program" ]; then
    export CARGO_TARGET_DIR=$repo/target/pg$major
    with_progress "$repo/target/logs/check-dump.log" cargo build --quiet --manifest-path "$repo/Cargo.toml" --package pg_aal-check-dump
    program=$CARGO_TARGET_DIR/debug/pg_aal-check-dump
fi
cluster=$("$repo/pgrx-config/cluster.sh" start "$major")
trap - ERR
trap '"$repo/pgrx-config/cluster.sh" stop "$cluster"' EXIT
status=0
"$program" --cluster "$cluster" "${options[@]}" || status=$?
exit "$status"

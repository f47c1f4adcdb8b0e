#!/usr/bin/env bash
# Builds the extension for one Postgres major and lays its files out under target/pgMAJOR/package-PROFILE.
#
# usage: build.sh MAJOR [debug|release]
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# = 0 ] || [ $# -gt 2 ]; then misused; fi
major=$1
profile=${2:-debug}
require_majors "$major"
case $profile in debug | release) ;; *) misused_by "no profile $profile" ;; esac
debug=()
if [ "$profile" = debug ]; then debug=(--debug); fi

say "building pg_aal for Postgres $major ($profile)"
cd "$repo"
export CARGO_TARGET_DIR=$repo/target/pg$major
log=$CARGO_TARGET_DIR/package-$profile.log
mkdir -p "$CARGO_TARGET_DIR"
with_progress "$log" \
    cargo pgrx package "${debug[@]}" --no-default-features --features "pg$major" --pg-config "$(pg_config_of "$major")" \
    --out-dir "$CARGO_TARGET_DIR/package-$profile.new"
# pg_aal_testing is SQL alone, of the same version.
extension=$(dirname "$(find "$CARGO_TARGET_DIR/package-$profile.new" -name pg_aal.control)")
version=$(sed -n "s/^default_version = '\(.*\)'$/\1/p" "$extension/pg_aal.control")
sed "s/@CARGO_VERSION@/$version/" sql/testing/pg_aal_testing.control > "$extension/pg_aal_testing.control"
cp sql/testing/pg_aal_testing.sql "$extension/pg_aal_testing--$version.sql"
# The job that fetches key sets, beside Postgres' own programs. Tests that need it build it themselves.
if [ "$profile" = release ]; then
    with_progress "$log" cargo build --release --package pg_aal-jwks
    programs=$CARGO_TARGET_DIR/package-$profile.new$("$(pg_config_of "$major")" --bindir)
    install -D --mode 755 "$CARGO_TARGET_DIR/release/pg_aal-jwks" "$programs/pg_aal-jwks"
fi
# Put in place whole: a cluster may be starting from it.
rm -rf "$CARGO_TARGET_DIR/package-$profile"
mv "$CARGO_TARGET_DIR/package-$profile.new" "$CARGO_TARGET_DIR/package-$profile"

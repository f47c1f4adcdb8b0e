#!/usr/bin/env bash
# Writes the portable edition into portable/, or checks that it is what would be written.
#
# usage: portable.sh [--check]
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# -gt 1 ] || { [ $# = 1 ] && [ "$1" != --check ]; }; then misused; fi
# Beside the default major, whose crates are built already where the tests ran.
CARGO_TARGET_DIR=$repo/target/pg15 cargo run --quiet --manifest-path "$repo/Cargo.toml" --package pg_aal-portable -- "$@"

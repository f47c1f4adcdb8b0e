#!/usr/bin/env bash
# rustfmt, clippy with warnings as errors, cargo-deny.
#
# usage: lint.sh MAJOR
set -euo pipefail
source "$(dirname "$0")/env.sh"

major=${1:?usage: lint.sh MAJOR}
"$repo/pgrx-config/setup.sh" --lint "$major"
cd "$repo"
say "rustfmt"
cargo fmt --all --check
# Debian's Rust for bookworm comes without clippy, rustup's with it.
if cargo clippy --version > /dev/null 2>&1; then
    say "clippy"
    CARGO_TARGET_DIR=$repo/target/pg$major with_progress "$repo/target/logs/clippy.log" \
        cargo clippy --workspace --all-targets --no-default-features --features "pg$major" -- -D warnings
else
    say "clippy NOT run: this Rust ($(rustc --version)) comes without it"
fi
say "cargo deny"
cargo deny --log-level error check bans licenses sources
# The advisories come from outside the registries. Where they can't be had, say so and go on.
if ! advisories=$(cargo deny --log-level error check advisories 2>&1); then
    if [[ $advisories == *"failed to fetch advisory database"* ]]; then
        say "advisories NOT checked: their database can't be reached from here"
    else
        fail "$advisories"
    fi
fi
say "lint passed"

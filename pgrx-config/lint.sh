#!/usr/bin/env bash
# Checks what no test runs: who imports what, prose, spelling, scripts, Markdown, JavaScript, TypeScript and SQL, then Rust:
# rustfmt, clippy with warnings as errors, cargo-deny. The checks of our own are in lint/, with the settings of the others.
#
# usage: lint.sh MAJOR
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# != 1 ]; then misused; fi
major=$1
require_majors "$major"
"$repo/pgrx-config/setup.sh" --lint "$major"
cd "$repo"
lint=pgrx-config/lint

# The files of the repository that match, also those that aren't added yet.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

say "imports: one direction between the rooms"
node $lint/imports.mjs
say "prose"
node $lint/prose.mjs
say "spelling"
# Expected output repeats what the tests say.
files ':!*.svg' ':!*package-lock.json' ':!*Cargo.lock' ':!LICENSE' ':!crates/aal/fuzz/seeds' ':!tests/pg_regress/expected' |
    PYTHONPATH=$(lint_packages) xargs -d '\n' python3 -m codespell_lib --ignore-words $lint/codespell.words
say "shellcheck"
files '*.sh' '*.env' .ci/run | xargs -d '\n' "$(lint_packages)/bin/shellcheck" --external-sources --source-path SCRIPTDIR
say "markdownlint"
report=$(files '*.md' | xargs -d '\n' $lint/node_modules/.bin/markdownlint-cli2 --config $lint/.markdownlint-cli2.jsonc 2>&1) ||
    fail "$report"
say "prettier"
files '*.mjs' '*.js' '*.ts' | xargs -d '\n' $lint/node_modules/.bin/prettier --config $lint/prettier.json --log-level warn --check ||
    fail "run make format"
say "TypeScript"
clients/js/node_modules/.bin/tsc --project clients/js --noEmit
say "SQL"
files '*.sql' | xargs -d '\n' node $lint/sql.mjs

say "portable edition"
pgrx-config/portable.sh --check
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

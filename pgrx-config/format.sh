#!/usr/bin/env bash
# Formats Rust, JavaScript and TypeScript, as make lint wants them.
#
# usage: format.sh
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# != 0 ]; then misused; fi
cd "$repo"
cargo fmt --all
git ls-files --cached --others --exclude-standard -- '*.mjs' '*.js' '*.ts' | while IFS= read -r file; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
done | xargs -d '\n' pgrx-config/lint/node_modules/.bin/prettier --config pgrx-config/lint/prettier.json --log-level warn --write

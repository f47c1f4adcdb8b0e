#!/usr/bin/env bash
# Fuzzes the core: each target for so many seconds, from the seeds and what earlier runs found worth keeping.
#
# usage: run.sh SECONDS [TARGET …]
set -euo pipefail
source "$(dirname "$0")/../../../pgrx-config/env.sh"

if [[ ! ${1:-} =~ ^[0-9]+$ ]]; then misused; fi
seconds=$1
shift
targets=("$@")
for target in "${targets[@]}"; do
    if [ ! -f "$repo/crates/aal/fuzz/fuzz_targets/$target.rs" ]; then misused_by "no target $target in crates/aal/fuzz/fuzz_targets"; fi
done
"$repo/pgrx-config/setup.sh" --fuzz 15
cd "$repo/crates/aal/fuzz"
if [ ${#targets[@]} = 0 ]; then mapfile -t targets < <(cd fuzz_targets && printf '%s\n' *.rs | sed 's|\.rs$||'); fi
for target in "${targets[@]}"; do
    say "fuzzing $target for $seconds seconds"
    mkdir -p "corpus/$target"
    # No sanitizer: the core is safe Rust, and stable Rust has none.
    cargo fuzz run --sanitizer none --target-dir "$repo/target/fuzz" "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -max_len=8192 -timeout=10 -dict=json.dict -print_final_stats=1 \
        > "$repo/target/fuzz/$target.log" 2>&1 || { tail -30 "$repo/target/fuzz/$target.log" >&2; fail "$target"; }
    grep -E "^Done|number_of_executed_units" "$repo/target/fuzz/$target.log" >&2
done

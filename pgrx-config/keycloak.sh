#!/usr/bin/env bash
# Puts Keycloak into the cache, built for a database in memory, and prints its folder. It comes from the Java registry by
# its coordinates, through Debian's Maven. A minute or two, once.
#
# usage: keycloak.sh            installs it where it isn't there
#        keycloak.sh --cached   only says where it is, and fails where it isn't there
set -euo pipefail
source "$(dirname "$0")/env.sh"

home=$cache/keycloak-$KEYCLOAK
log=$repo/target/logs/keycloak.log

install_debian_packages() {
    local missing=()
    command -v mvn > /dev/null || missing+=(maven)
    # Java 17 on bookworm, 21 on trixie.
    command -v java > /dev/null || missing+=(default-jre-headless)
    [ ${#missing[@]} = 0 ] && return
    say "installing Debian packages: ${missing[*]}"
    as_root apt-get update -qq
    with_progress "$log" as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# Maven's own files go with the download.
fetch() {
    local download=$1
    say "fetching Keycloak $KEYCLOAK (170 MB)"
    # It leaves marks in the folder where it runs.
    cd "$download"
    with_progress "$log" mvn --batch-mode --strict-checksums "-Dmaven.repo.local=$download/maven" \
        "org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:unpack" \
        "-Dartifact=org.keycloak:keycloak-quarkus-dist:$KEYCLOAK:zip" "-DoutputDirectory=$download/unpacked"
    chmod +x "$download/unpacked/keycloak-$KEYCLOAK/bin/kc.sh"
}

# A server that is built for its options starts in half the time.
build() {
    say "building Keycloak for a database in memory"
    with_progress "$log" "$1/bin/kc.sh" build --db=dev-mem
}

case ${1:-}:$# in
    :0) ;;
    --cached:1)
        [ -d "$home" ] || exit 1
        command -v java > /dev/null || exit 1
        ;;
    *) misused ;;
esac
if [ ! -d "$home" ]; then
    install_debian_packages
    mkdir -p "$cache"
    download=$(mktemp -d "$cache/keycloak.XXXXXX")
    trap 'rm -rf "$download"' EXIT
    (fetch "$download")
    build "$download/unpacked/keycloak-$KEYCLOAK"
    mv -T "$download/unpacked/keycloak-$KEYCLOAK" "$home" 2> /dev/null || [ -d "$home" ]
fi
echo "$home"

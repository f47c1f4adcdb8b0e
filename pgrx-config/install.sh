#!/usr/bin/env bash
# Builds a release and installs it into the Postgres of a pg_config.
#
# usage: install.sh PG_CONFIG
set -euo pipefail
source "$(dirname "$0")/env.sh"

if [ $# != 1 ]; then misused; fi
pg_config=$(command -v "$1") || misused_by "no $1 here: name one with PG_CONFIG="
export AAL_PG_CONFIG=$pg_config
major=$("$pg_config" --version | grep -oE '[0-9]+' | head -1)
require_majors "$major"
"$repo/pgrx-config/setup.sh" --build "$major"
"$repo/pgrx-config/build.sh" "$major" release

package=$repo/target/pg$major/package-release
lib=$("$pg_config" --pkglibdir)
extension=$("$pg_config" --sharedir)/extension
into=(install -m 644)
if [ ! -w "$lib" ] || [ ! -w "$extension" ]; then into=(as_root install -m 644); fi
find "$package" -name 'pg_aal.so' -print0 | while IFS= read -r -d '' file; do "${into[@]}" "$file" "$lib/"; done
find "$package" -path '*/extension/*' -type f -print0 | while IFS= read -r -d '' file; do "${into[@]}" "$file" "$extension/"; done
programs=$("$pg_config" --bindir)
as_owner=()
if [ ! -w "$programs" ]; then as_owner=(as_root); fi
"${as_owner[@]}" install -m 755 "$package$programs/pg_aal-jwks" "$programs/"
say "installed into $lib, $extension and $programs: now 'create extension pg_aal' in a database"

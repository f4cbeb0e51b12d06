#!/usr/bin/env bash
# What is installed works from where it is put: the program, the manual page, and both libraries
# through pkg-config.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

[[ -n ${PACKRAT_BUILD:-} ]] || { echo "skipped: PACKRAT_BUILD names no build tree"; exit 77; }
must cmake --install "$PACKRAT_BUILD" --prefix "$WORK/prefix"
must "$WORK/prefix/bin/packrat" --version
cp "$OUT" version

page=$(find "$WORK/prefix" -name packrat.1)
[[ -n $page ]] || fail "packrat.1 is not installed"
must "$PACKRAT" man
equal "packrat.1 is what packrat man prints" "$(cksum < "$page")" "$(cksum < "$OUT")"
grep -q 'cache\.mode' "$page" || fail "packrat.1 does not tell of --cache.mode"
if command -v mandoc > /dev/null; then
    must mandoc -T utf8 "$page"
    run mandoc -T lint -W error "$page"
    equal "mandoc finds no error in packrat.1" "$STATUS" 0
fi

[[ -z ${PACKRAT_SANITIZE:-} ]] || { say "skip  linking: a build with sanitizers"; finish; exit; }
cat > customer.c << 'C'
#include <packrat/packrat.h>
int main(void)
{
    pr_topo *topo = NULL;
    const pr_status st = pr_topo_discover(&topo);
    printf("packrat %s\n", st == PR_OK ? PR_VERSION : pr_error_message());
    pr_topo_free(topo);
    return pr_status_exit(st);
}
C
PKG_CONFIG_PATH=$(dirname "$(find "$WORK/prefix" -name packrat.pc)")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir packrat)
read -ra flags <<< "$(pkg-config --cflags --libs packrat)"
must "${CC:-cc}" -std=c11 customer.c -o shared "${flags[@]}"
run env LD_LIBRARY_PATH="$libdir" ./shared
equal "linked with libpackrat.so" "$(cat "$OUT")" "$(cat version)"
# Only packrat itself is static here: static forms of its libraries need not be installed.
read -ra flags <<< "$(pkg-config --cflags --libs packrat hwloc sqlite3 jansson libxxhash liburing libzstd zlib libzip libmicrohttpd |
    tr '\n' ' ') $(pkg-config --static --libs-only-other packrat) -ldnnl -lm"
must "${CC:-cc}" -std=c11 customer.c -o static "${flags[@]/#-lpackrat/-l:libpackrat.a}"
run ./static
equal "linked with libpackrat.a" "$(cat "$OUT")" "$(cat version)"
finish

#!/usr/bin/env bash
# headers.sh: each public header compiles alone, twice in a row, as C11 and as C++17, without a
# warning and without any of our own flags.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=${PACKRAT_SOURCE:-$here/../..}
cc=${CC:-cc}
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Werror)
failures=0

# compile LANGUAGE COMPILER FLAGS...: every header on its own
compile() {
    local language=$1 compiler=$2 header
    shift 2
    for header in "$tree"/include/packrat/*.h; do
        header=packrat/$(basename "$header")
        if ! printf '#include <%s>\n#include <%s>\nint headers_test;\n' "$header" "$header" |
            "$compiler" "$@" "${warnings[@]}" -I"$tree/include" -fsyntax-only -x "$language" -; then
            echo "<$header> does not compile alone with $compiler $*"
            failures=$((failures + 1))
        fi
    done
}

compile c "$cc" -std=c11
cxx=
for candidate in "${CXX:-}" c++ g++ clang++; do
    if [ -n "$candidate" ] && command -v "$candidate" > /dev/null; then
        cxx=$candidate
        break
    fi
done
[ -z "$cxx" ] || compile c++ "$cxx" -std=c++17

if [ "$failures" -gt 0 ]; then exit 1; fi
if [ -z "$cxx" ]; then
    echo "skipped: the headers compile as C11; there is no C++ compiler for the other half"
    exit 77
fi
echo "headers.sh: every public header compiles alone as C11 ($cc) and as C++17 ($cxx)"

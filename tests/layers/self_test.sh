#!/usr/bin/env bash
# self_test.sh: layers.sh finds what it is there to find. Makes a small tree that keeps the rules,
# plants one violation after another, and expects each to be named with file, line and reason.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

mkdir -p "$tree"/{base,numa,loaders,cache,cli,bench,tests/unit,include/packrat} \
    "$tree"/pipeline/{sampler,nn,log}
cp "$here/../layers.txt" "$tree/tests/layers.txt"

# write FILE LINE...
write() {
    local path=$tree/$1
    shift
    mkdir -p "$(dirname "$path")"
    printf '%s\n' "$@" > "$path"
}

write include/packrat/base.h '#include <stdint.h>'
write include/packrat/cache.h '#include <packrat/base.h>' '#include <packrat/loaders.h>'
write include/packrat/packrat.h '#include <packrat/cache.h>' '#include <packrat/pipeline.h>'
write base/check.h '#include <packrat/base.h>'
write base/diag.c '#include "base/check.h"' '#include <unistd.h>' 'int f = STDERR_FILENO;'
write base/json.c '#include "base/check.h"' '#include <jansson.h>' '#include <stdio.h>'
write numa/topo.c '#include <packrat/numa.h>' '#include <hwloc.h>' '#include "base/check.h"'
write pipeline/nn/engine.c '#include <dnnl.h>' '#include <oneapi/dnnl/dnnl_types.h>'
write pipeline/step.c '#include "pipeline/nn/engine.h"' '#include "cache/plan.h"' \
    '/* printf(1); exit(1);' '   stdout */ int a; // abort()' \
    'const char *s = "exit(1) \" printf(", c = '"'\"'"';' \
    '#  include <sys/mman.h>' 'int snprintf_like(void); at->exit(1); x.printf(2); my_exit(3);' \
    'void f(FILE *out) { fprintf(out, "x"); } __attribute__((format(printf, 1, 2)))'
write cli/main.c '#include <packrat/packrat.h>' '#include "cli/command.h"' '#include <stdio.h>' \
    'int main(void) { printf("x"); exit(0); }'
write bench/bench_a.c '#include "cache/plan.h"' '#include <hwloc.h>' 'int main(void) { printf("x"); }'
write tests/unit/topo.c '#include "cache/plan.h"' '#include <sqlite3.h>'
write build/CMakeCache.txt ''
write build/CMakeFiles/made.c '#include <nonsense.h>'

if ! out=$(bash "$here/layers.sh" "$tree" 2>&1); then
    printf 'a clean tree is refused:\n%s\n' "$out"
    exit 1
fi

# plant FILE LINE WORDS TEXT...: with TEXT in FILE, expect "FILE:LINE: ...WORDS..." and only that.
plant() {
    local file=$1 line=$2 words=$3 kept='' out
    shift 3
    [ -e "$tree/$file" ] && kept=$(cat "$tree/$file")
    write "$file" "$@"
    if out=$(bash "$here/layers.sh" "$tree" 2>&1); then
        echo "not found: $file:$line: $words"
        failures=$((failures + 1))
    elif [ "$(grep -c . <<< "$out")" -ne 1 ] || [[ $out != "$file:$line: "*"$words"* ]]; then
        printf 'wanted "%s:%s: ...%s", got:\n%s\n' "$file" "$line" "$words" "$out"
        failures=$((failures + 1))
    fi
    if [ -n "$kept" ]; then printf '%s\n' "$kept" > "$tree/$file"; else rm "$tree/$file"; fi
}

# Floors.
plant base/up.c 2 'base may not include numa' '' '#include "numa/topo.h"'
plant base/up.c 1 'base may not include <packrat/numa.h>' '#include <packrat/numa.h>'
plant numa/up.c 1 'numa may not include loaders' '#include "loaders/npy.h"'
plant numa/up.c 1 'belongs to loaders' '#include <packrat/nouns.h>'
plant cache/side.c 1 'cache may not include pipeline/sampler' '#include "pipeline/sampler/draw.h"'
plant pipeline/nn/side.c 1 'pipeline/nn may not include cache' '#include "cache/plan.h"'
plant pipeline/nn/up.c 1 'pipeline/nn may not include pipeline' '#include "pipeline/step.h"'
plant pipeline/log/side.c 1 'belongs to pipeline/nn' '#include <packrat/nn.h>'
plant pipeline/up.c 3 'pipeline may not include cli' '' '' ' #  include "cli/command.h" // x'
plant cache/all.c 1 'which belongs to cli' '#include <packrat/packrat.h>'
plant cli/inner.c 1 'cli may not include base' '#include "base/check.h"'

# Third-party headers.
plant cache/hw.c 1 'only numa may' '#include <hwloc.h>'
plant cache/hw.c 1 'only numa may' '#include <hwloc/linux.h>'
plant pipeline/gemm.c 1 'only pipeline/nn may' '#include <dnnl.h>'
plant pipeline/gemm.c 1 'only pipeline/nn may' '#include <oneapi/dnnl/dnnl.h>'
plant pipeline/gemm.c 1 'only pipeline/nn may' '#include <dnnl_version.h>'
plant pipeline/sampler/draw.c 1 'only base may' '#include <Random123/philox.h>'
plant cli/db.c 1 'only pipeline/log may' '#include <sqlite3.h>'
plant base/zip.c 1 'only loaders may' '#include <zstd.h>'
plant base/zip.c 1 'no system header' '#include <lzma.h>'
plant base/zip.c 1 'no system header' '#include <vector>'
plant include/packrat/numa.h 1 'third-party' '#include <hwloc.h>'
plant include/packrat/numa.h 1 'only <packrat/...>' '#include "numa/topo.h"'
plant include/packrat/numa.h 1 'which belongs to cache' '#include <packrat/cache.h>'
plant include/packrat/odd.h 1 'does not name' 'int x;'
plant cache/odd.c 1 'not named in layers.txt' '#include <packrat/odd.h>'

# How an include is written.
plant cache/how.c 1 'in no room' '#include "plan.h"'
plant cache/how.c 1 'not the header of a room' '#include "../base/check.h"'
plant cache/how.c 1 'not the header of a room' '#include "cache/plan.c"'
plant cache/how.c 1 'as <packrat/...>' '#include "packrat/base.h"'
plant cache/how.c 1 'must name its file' '#include PLAN_HEADER'
plant cache/how.c 3 'base' '/* a' ' */' '#include "base/../numa/topo.h"'

# Printing and ending the process.
plant cache/talk.c 1 'prints' 'int f(void) { return printf("x"); }'
plant cache/talk.c 2 'prints' '/* fine: printf( */' 'void f(void) { fputs("x", stdout); }'
plant cache/talk.c 1 'prints' 'void f(void) { fprintf(stderr, "x"); }'
plant cache/talk.c 1 'prints' 'void f(void) { perror ("x"); }'
plant cache/talk.c 1 'prints' 'void f(void) { puts("//"); }'
plant cache/talk.c 1 'prints' 'void f(void) { write(STDERR_FILENO, "x", 1); }'
plant cache/end.c 1 'ends the process' 'void f(void) { exit(1); }'
plant cache/end.c 1 'ends the process' 'void f(void) { (void)g("\\"), abort(); }'
plant cache/end.c 1 'ends the process' '/* a */ exit(1); /* b'
plant cache/end.c 2 'ends the process' '/* exit(1)' 'exit(2) */ _exit(3);'

# Names, rooms and sizes.
plant numa/json.c 1 'shares its name with base/json.c' 'int x;'
plant pipeline/odd/x.c 1 'no room' 'int x;'
plant attic/x.c 1 'no room' 'int x;'
plant stray.c 1 'no room' 'int x;'
mapfile -t long < <(yes '' | head -600)
plant cache/long.c 601 'more than 600 lines' "${long[@]}" 'int x;'
plant tests/unit/test_long.c 601 'more than 600 lines' "${long[@]}" 'int x;'
plant tests/layers.txt 1 'cannot be understood' 'nonsense here' "$(cat "$tree/tests/layers.txt")"

if [ "$failures" -gt 0 ]; then
    echo "self_test.sh: $failures of the planted violations were not found as they should be"
    exit 1
fi
echo "self_test.sh: every planted violation was found"

#!/usr/bin/env bash
# exports.sh: only pr_ names leave the shared library, every name a public header declares is
# among them, and no global of the static library is outside pr_ and pri_.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=${PACKRAT_SOURCE:-$here/../..}
build=${PACKRAT_BUILD:-$tree/build}
shared=$build/libpackrat.so
static=$build/libpackrat.a
failures=0

for file in "$shared" "$static"; do
    [ -e "$file" ] || { echo "exports.sh: $file is not there: build first"; exit 1; }
done
command -v nm > /dev/null || { echo "skipped: nm is not installed"; exit 77; }

# Names the compiler makes itself: of sanitizers, coverage, OpenMP's named critical sections, and
# clang's resolvers of static functions with target clones.
ours() {
    grep -Ev '^(__(asan|odr_asan|ubsan|tsan|lsan|msan|sancov|gcov|llvm|start___|stop___)|\.)|\.resolver$' || true
}

exported=$(nm -D --defined-only "$shared" | awk '{ print $3 }' | sed 's/@.*//' | ours | sort -u)
[ -n "$exported" ] || { echo "$shared exports nothing"; exit 1; }
if strangers=$(grep -v '^pr_' <<< "$exported"); then
    printf '%s exports names outside pr_:\n%s\n' "$shared" "$strangers"
    failures=$((failures + 1))
fi

internal=$(nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | ours | sort -u)
if strangers=$(grep -Ev '^(pr_|pri_)' <<< "$internal"); then
    printf '%s has globals outside pr_ and pri_:\n%s\n' "$static" "$strangers"
    failures=$((failures + 1))
fi

# What the headers declare: "pr_name(" and "extern ... pr_name;" outside comments and macros.
declared=$(LC_ALL=C awk '
    { line = $0 }
    in_macro { in_macro = line ~ /\\$/; next }
    line ~ /^[ \t]*#/ { in_macro = line ~ /\\$/; next }
    {
        while (in_comment || (at = index(line, "/*")) > 0) {
            head = in_comment ? "" : substr(line, 1, at - 1)
            end = index(line, "*/")
            in_comment = end == 0
            line = head (end ? substr(line, end + 2) : "")
            if (in_comment) break
        }
        print line
    }' "$tree"/include/packrat/*.h |
    grep -oE '\bpr_[a-z0-9_]+\(|^extern .*\bpr_[a-z0-9_]+;' |
    sed -E 's/.*\b(pr_[a-z0-9_]+)[(;]$/\1/' | sort -u)
if missing=$(comm -23 <(echo "$declared") <(echo "$exported") | grep .); then
    printf 'declared in a public header but not exported:\n%s\n' "$missing"
    failures=$((failures + 1))
fi

if [ "$failures" -gt 0 ]; then exit 1; fi
echo "exports.sh: $(wc -l <<< "$exported") names exported, all of them pr_;" \
    "$(wc -l <<< "$declared") names declared, all of them exported"

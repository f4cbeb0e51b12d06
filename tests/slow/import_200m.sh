#!/usr/bin/env bash
# An edge list of 200 million lines within a --memory far below what all of its arcs take: the process
# never has more than is printed, nothing is lost, and some rows are what counting anew gives.
set -uo pipefail

edges=${PACKRAT_IMPORT_EDGES:-200000000}
nodes=$((edges / 40))
memory=$((320 << 20)) # all at once: 880 MiB
room=${TMPDIR:-/tmp}
tools=$PACKRAT_BUILD/tests

free=$(df --output=avail -B1 "$room" | tail -n 1)
if [[ $free -lt $((edges * 40)) ]]; then
    echo "skipped: $room has $free bytes free, the test wants $((edges * 40))"
    exit 77
fi
if [[ -n $PACKRAT_SANITIZE ]]; then
    echo "skipped: sanitizers take memory of their own"
    exit 77
fi
work=$(mktemp -d "$room/packrat-import.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
fail() { printf 'FAILED: %s\n' "$*"; failed=1; }

if ! { "$tools/edge_text" edges "$edges" "$nodes" > edges.txt && "$tools/edge_text" rows "$nodes" > rows.npy; }; then
    echo "FAILED: the edge list could not be written"
    exit 1
fi
ls -l edges.txt
"$tools/peak" peak "$PACKRAT" import edges.txt --features rows.npy --memory "$memory" --out made \
    --json > said || { echo "FAILED: import"; exit 1; }
rm edges.txt
cat said
field() { grep -o "\"$1\":[0-9]*" said | head -n 1 | cut -d: -f2; }
took=$(< peak)
printed=$(field peak_bytes)
echo "took $took bytes, printed $printed, allowed $memory, $(field passes) passes"
[[ $took -le $printed ]] || fail "more than was printed"
[[ $printed -le $memory ]] || fail "more than was allowed"
[[ $(field passes) -gt 2 ]] || fail "all fits: $memory bytes prove nothing"
[[ $(field nodes) -eq $nodes ]] || fail "nodes: $(field nodes), not $nodes"
[[ $(($(field edges) + $(field duplicates_dropped) + $(field self_loops_dropped))) -eq $edges ]] ||
    fail "edges were lost"
[[ $(stat -c %s made/indices.npy) -eq $((128 + 4 * $(field edges))) ]] || fail "indices.npy's length"

"$tools/edge_text" lists "$edges" "$nodes" $((nodes / 300)) $((nodes / 2)) $((nodes - 1)) > want
while read -r node sources; do
    begin=$(od -An -t u8 -j $((128 + 8 * node)) -N 8 made/indptr.npy)
    end=$(od -An -t u8 -j $((136 + 8 * node)) -N 8 made/indptr.npy)
    found=$(od -An -v -w4 -t u4 -j $((128 + 4 * begin)) -N $((4 * (end - begin))) made/indices.npy | xargs)
    [[ $found == "$sources" ]] || fail "node $node: found '$found', wanted '$sources'"
    echo "node $node: $((end - begin)) sources"
done < want
exit $failed

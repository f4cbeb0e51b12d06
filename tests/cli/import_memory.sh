#!/usr/bin/env bash
# Import within --memory: whatever it is, and however the text is packed, the same bytes come out; the
# process never has more than is printed, and less than the least is refused with that number.
set -uo pipefail
source "$PACKRAT_SOURCE/tests/cli/support.bash"

tools=$PACKRAT_BUILD/tests
nodes=100000
edges=2000000
must "$tools/edge_text" edges $edges $nodes
mv "$OUT" edges.txt
must "$tools/edge_text" rows $nodes
mv "$OUT" rows.npy
awk -v n=$nodes 'BEGIN { for (v = 0; v < n; v++) print v % 9 - 1 }' > labels.csv

# import NAME MEMORY FILE [OPTION...]: into NAME; its peak as it is and as it was printed.
import() {
    local name=$1 memory=$2 file=$3
    shift 3
    must "$tools/peak" "$WORK/peak" "$PACKRAT" import "$file" --features rows.npy \
        --labels labels.csv --memory "$memory" --out "$name" --json "$@"
    local peak printed
    peak=$(< "$WORK/peak")
    printed=$(json peak_bytes)
    say "$name: $peak bytes at the peak, $printed printed, $memory allowed, $(json passes) passes"
    [[ $memory -eq 0 || $printed -le $memory ]] || fail "$name: $printed bytes printed, $memory allowed"
    [[ -n $PACKRAT_SANITIZE || $peak -le $printed ]] || fail "$name: took $peak, printed $printed"
}

same() {
    local file
    for file in "$1"/*.npy; do
        cmp "$file" "$2/${file##*/}" || fail "$2/${file##*/} is not what it is in $1"
    done
}

for options in "" "--undirected" "--duplicates keep-all --self-loops add"; do
    say "-- options: ${options:-none}"
    read -ra with <<< "$options"
    rm -rf all least some
    import all 0 edges.txt "${with[@]}"
    least=$(json least_bytes)
    all=$(json peak_bytes)
    equal "all fits at once" "$(json passes)" 1
    import some $(((least + all) / 2)) edges.txt "${with[@]}"
    same all some
    [[ -z $options ]] || continue
    OMP_NUM_THREADS=1 import least "$least" edges.txt "${with[@]}"
    same all least
    [[ $(json passes) -gt 1 ]] || fail "the least memory takes one pass only"
    short=$((least - (1 << 20))) # what the process has before it begins is not the same every time
    expect 2 "--memory is $short bytes, must be at least [0-9]* for the $nodes rows" \
        "$PACKRAT" import edges.txt --features rows.npy --labels labels.csv --dry-run \
        --memory "$short" "${with[@]}"
done

say "-- counts"
rm -rf all
import all 0 edges.txt
equal "no edge is lost" \
    $(($(json edges) + $(json duplicates_dropped) + $(json self_loops_dropped))) $edges
"$tools/edge_text" lists $edges $nodes 5 777 50000 99999 > want
while read -r node sources; do
    begin=$(od -An -t u8 -j $((128 + 8 * node)) -N 8 all/indptr.npy)
    end=$(od -An -t u8 -j $((136 + 8 * node)) -N 8 all/indptr.npy)
    found=$(od -An -v -w4 -t u4 -j $((128 + 4 * begin)) -N $((4 * (end - begin))) all/indices.npy | xargs)
    equal "the sources of $node" "$found" "$sources"
done < want

say "-- archives"
cp edges.txt packed
gzip packed && mv packed.gz packed
import gz 0 packed
same all gz
if command -v zstd > /dev/null; then
    zstd -q edges.txt -o packed.zst
    import zst 0 packed.zst
    same all zst
    # From a pipe: how much there is is not said, the archive looks back as far as it was
    # told to.
    for window in 22 24; do
        zstd -q -c -1 --long=$window < edges.txt > far.zst
        run "$PACKRAT" import far.zst --features rows.npy --out never --memory $((least + 1000000))
        equal "an archive that looks back too far is refused" "$STATUS" 2
        enough=$(sed -n 's/.*must be at least \([0-9]*\) for far.zst.*/\1/p' "$ERR")
        rm -rf far
        import far "${enough:-0}" far.zst
        same all far
    done
fi
head -c 100000 packed > short
expect 2 "short: is cut off at byte 100000 of the archive, after [0-9]* bytes of text" \
    "$PACKRAT" import short --features rows.npy --out never
[[ ! -e never ]] || fail "a refused import left a directory"

say "-- ids of any size"
awk '{ printf "%.0f %.0f\n", $1 * 1000003, $2 * 1000003 }' edges.txt > wide.txt
import wide 0 wide.txt --remap
same all wide
least=$(json least_bytes)
rm -rf wide
import wide "$least" wide.txt --remap
same all wide
finish

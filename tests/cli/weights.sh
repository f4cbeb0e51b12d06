#!/usr/bin/env bash
# Edge weights from file to training: gen and import make them, --sampler weighted draws by them and
# says so where there are none; --sampler walk trains; batches are the same for any threads and
# instruction set, and the log says which sampler it was.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo plain
make_demo weighted --edge-weights pareto
[[ ! -e plain/edge_weight.npy ]] || fail "gen makes weights that nobody asked for"
equal "bytes of an f4 for each of 1200 nodes' arcs" \
    "$(($(stat -c %s weighted/edge_weight.npy) - 128))" \
    "$(($(stat -c %s weighted/indices.npy) - 128))"
equal "arcs with and without weights" "$(cksum < weighted/indices.npy)" "$(cksum < plain/indices.npy)"
expect 2 "--edge-weights" "$PACKRAT" gen --nodes 50 --edges 100 --out never --edge-weights normal

say "-- train"
train=("$PACKRAT" train --epochs 3 --batch-size 128 --fanout "5,4" --hidden 16 --json)
expect 2 "--sampler weighted needs edge weights" "${train[@]}" --data plain --sampler weighted \
    --log none
for sampler in weighted walk; do
    must "${train[@]}" --data weighted --sampler $sampler --log $sampler.db --seed 3
    hash=$(json batch_hash)
    equal "$sampler: the log's option" \
        "$(sql $sampler.db "SELECT json_extract(options, '\$.sampler') FROM run")" $sampler
    equal "$sampler: calls of the heap in a step" "$(json heap_calls)" 0
    must "${train[@]}" --data weighted --sampler $sampler --log none --seed 3 \
        --sampler.threads 3 --sampler.isa portable
    equal "$sampler: batches with 3 threads and the portable path" "$(json batch_hash)" "$hash"
done
must "${train[@]}" --data plain --sampler walk --walk.count 20 --walk.length 2 --walk.restart 0.1 \
    --eval sampled --log none
equal "walks need no weights; sampled evaluation" "$(json epochs)" 3
expect 2 "--walk.restart" "${train[@]}" --data plain --sampler walk --walk.restart 1.5 --log none

say "-- import"
printf '%s\n' "source,target,weight" "0,1,2.5" "1,2,0" "2,0,1e-3" > edges.csv
printf '%s\n' 1 2 3 > rows.csv
printf '%s\n' 0 1 0 > labels.csv
import=("$PACKRAT" import edges.csv --features rows.csv --labels labels.csv)
must "${import[@]}" --edge-weights --undirected --out small
equal "weights of 6 arcs" \
    "$(od -An -tf4 -j128 small/edge_weight.npy | tr -s ' \n' ' ' | sed 's/^ //; s/ $//')" \
    "2.5 0.001 2.5 0 0.001 0"
must "${train[@]}" --data small --sampler weighted --fanout 1,1 --log none
must "${import[@]}" --out unweighted
grep -q "columns after the second are ignored (--edge-weights reads" "$ERR" ||
    fail "no hint that a third column is ignored"
sed -i 's/2.5/-2.5/' edges.csv
expect 2 "edges.csv: line 2: weight -2.5, must be finite" "${import[@]}" --edge-weights --out never
sed -i 's/,-2.5//' edges.csv
expect 2 "edges.csv: line 2: found '0,1'.*and a weight" "${import[@]}" --edge-weights --out never
[[ ! -e never ]] || fail "a refused import left a directory"

say "-- a damaged file"
truncate -s -4 weighted/edge_weight.npy
expect 2 "edge_weight.npy" "${train[@]}" --data weighted --log none
finish

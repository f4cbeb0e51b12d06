#!/usr/bin/env bash
# Two NUMA nodes: threads and first touches of each lane are on its node, and two lanes train on
# the same batches as one. $PACKRAT_NUMA_VM names a program that runs another one on an emulated
# machine: "$PACKRAT_NUMA_VM" -n NODES -c CPUS --with PATH -- PROGRAM.
set -euo pipefail

vm=${PACKRAT_NUMA_VM:-$PACKRAT_SOURCE/../shared/numa-vm/run-in-numa-vm}
[[ -x $vm ]] || { echo "skipped: no emulated NUMA machine (set PACKRAT_NUMA_VM)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/packrat-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$vm" -n 2 -c 4 -- "$PACKRAT_BUILD/tests/unit_team" > "$work/team" 2> "$work/team.err"
grep 'OK \] memory_is_on_the_node_of_the_lane' "$work/team" # it skips on one node

"$PACKRAT" gen --nodes 3000 --edges 30000 --features 16 --classes 5 --out "$work/graph" > "$work/gen"
train=("$PACKRAT" train --data "$work/graph" --batch-size 200 --steps 20 --hidden 32 --log none
    --quiet --json)
"${train[@]}" > "$work/here"
for pipeline in off on; do
    "$vm" -n 2 -c 4 --with "$PACKRAT" --with "$work/graph" -- "${train[@]}" --pipeline "$pipeline" \
        > "$work/there.$pipeline"
done
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"]*\).*/\1/p" "$2"; }
echo "one node:  batch_hash $(field batch_hash "$work/here"), loss $(field train_loss "$work/here")"
for pipeline in off on; do
    there=$work/there.$pipeline
    echo "two nodes, --pipeline $pipeline: batch_hash $(field batch_hash "$there")," \
        "loss $(field train_loss "$there")"
    [[ $(field lanes "$there") == 2 ]]
    [[ $(field batch_hash "$work/here") == "$(field batch_hash "$there")" ]]
    awk -v a="$(field train_loss "$work/here")" -v b="$(field train_loss "$there")" \
        'BEGIN { d = a - b; exit d > 1e-4 || d < -1e-4 }'
done
[[ $(field rows_moved_per_step "$work/there.off") == "$(field rows_moved_per_step "$work/there.on")" ]]

#!/usr/bin/env bash
# A kernel that refuses to place threads, or to say where memory is: a run says so and goes on with
# the same batches; with --numa strict it is an error. (What it refuses of memory matters on machines
# of several nodes: scripts/test-numa-vm.)
set -euo pipefail
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"

refuse=$PACKRAT_BUILD/tests/refuse
"$refuse" asking true || { echo "skipped: this kernel does not filter calls"; exit 77; }

make_demo "$WORK/graph"
train=("$PACKRAT" train --data "$WORK/graph" --steps 5 --hidden 8 --log none --json --tuning none)
must "${train[@]}"
hash=$(json batch_hash)

say "-- threads cannot be pinned"
for lanes in 1 2; do
    must "$refuse" affinity "${train[@]}" --lanes "$lanes"
    equal "batches on $lanes lanes" "$(json batch_hash)" "$hash"
    equal "lines that say so" "$(grep -c 'on their cores' "$ERR" || true)" 1
done
expect 1 'threads are on their cores' "$refuse" affinity "${train[@]}" --numa strict

say "-- the kernel does not say where memory is: with one node there is nowhere else"
must "$refuse" asking "${train[@]}" --numa strict
equal "batches" "$(json batch_hash)" "$hash"
equal "pages" "$(json pages_checked)" 0

say "-- packrat topo does not claim what cannot be done"
must "$refuse" affinity "$PACKRAT" topo --json
equal "bound, refused" "$(json bound)" 0
must env OMP_PLACES=cores "$PACKRAT" topo --json
equal "bound, where the user has placed the threads" "$(json bound)" 0
finish

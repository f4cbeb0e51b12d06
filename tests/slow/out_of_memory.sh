#!/usr/bin/env bash
# At full size: 6 GiB of features (planted, 3M x 512 f32) in a memory group of 1.5 GiB: training and
# exact evaluation run, keep their budget, and are what they would have been outside. About ten minutes
# and 7 GB of disk; where memory outside holds the rows, the run outside reads them there.
set -euo pipefail
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"
# shellcheck source=tests/support/memory_group.bash
source "$PACKRAT_SOURCE/tests/support/memory_group.bash"
[[ -z ${PACKRAT_SANITIZE:-} ]] || { echo "skipped: a sanitizer needs memory of its own"; exit 77; }
free=$(($(stat -f -c %a "$WORK") * $(stat -f -c %S "$WORK") >> 30))
[[ $free -ge 12 ]] || { echo "skipped: $WORK has $free GiB free, 12 are needed"; exit 77; }
make_memory_group $((1536 << 20)) || { echo "skipped: $NO_GROUP"; exit 77; }

budget=$((1400 << 20))
must "$PACKRAT" gen --kind planted --nodes 3000000 --edges 45000000 --features 512 --classes 50 \
    --seed 7 --out "$WORK/graph"
train=("$PACKRAT" train --data "$WORK/graph" --feature-check read --steps 50 --batch-size 512
    --fanout "10,10" --hidden 64 --threads 2 --seed 3 --tuning none --sampler labor --kappa 8 --eval exact
    --json)

must "${train[@]}" --log none --pipeline on
hash=$(json batch_hash) loss=$(json train_loss) accuracy=$(json best_val_accuracy)
say "      outside: $(json step_ns_median) ns a step"
must in_memory_group "${train[@]}" --memory "$budget" --log run.db --spill "$WORK"
equal "inside: batches" "$(json batch_hash)" "$hash"
equal "inside: loss" "$(json train_loss)" "$loss"
# Exact passes within limits add up in another order: nodes on the border may go the other way.
equal "inside: validation" "$(awk -v a="$(json best_val_accuracy)" -v b="$accuracy" \
    'BEGIN { d = a - b; print (a > 0 && d * d < 1e-6) ? "the same" : a " and " b }')" "the same"
[[ $(json reads_disk) -gt 0 ]] || fail "inside: no row was read from disk"
peak=$(json peak_rss_bytes) planned=$(json memory_bytes)
say "      inside: $(json step_ns_median) ns a step"
say "      planned $((planned >> 20)) MiB, peak $((peak >> 20)) MiB of $((budget >> 20))"
[[ $peak -gt 0 && $peak -le $budget ]] || fail "inside: peak of $peak bytes, the budget is $budget"
must "$PACKRAT" report run.db
sed -n '/what was read from disk/,/^$/p; /what came of it/,/^$/p' "$OUT"
finish

#!/usr/bin/env bash
# In a memory group of 192 MiB, with 293 MiB of features: training runs, keeps its budget, and is the
# training it would have been outside. (tests/slow/out_of_memory.sh has the large one.)
set -euo pipefail
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"
# shellcheck source=tests/support/memory_group.bash
source "$PACKRAT_SOURCE/tests/support/memory_group.bash"
[[ -z ${PACKRAT_SANITIZE:-} ]] || { echo "skipped: a sanitizer needs memory of its own"; exit 77; }
[[ $(stat -f -c %a "$WORK") -gt $((400 * 1024 * 1024 / $(stat -f -c %S "$WORK"))) ]] ||
    { echo "skipped: $WORK has no room for 400 MiB"; exit 77; }
make_memory_group $((192 << 20)) || { echo "skipped: $NO_GROUP"; exit 77; }

budget=$((176 << 20))
must "$PACKRAT" gen --kind planted --nodes 300000 --edges 2400000 --features 256 --classes 8 \
    --seed 7 --out "$WORK/graph"
train=("$PACKRAT" train --data "$WORK/graph" --steps 30 --batch-size 128 --fanout "5,5" --hidden 16
    --threads 1 --seed 3 --tuning none --json)

must "${train[@]}" --log none --pipeline on
hash=$(json batch_hash) loss=$(json train_loss)
equal "outside: reads from disk" "$(json reads_disk)" 0

must in_memory_group "${train[@]}" --memory "$budget" --log run.db
equal "inside: batches" "$(json batch_hash)" "$hash"
equal "inside: loss" "$(json train_loss)" "$loss"
[[ $(json reads_disk) -gt 0 ]] || fail "inside: no row was read from disk"
peak=$(json peak_rss_bytes) planned=$(json memory_bytes)
say "      planned $((planned >> 20)) MiB, peak $((peak >> 20)) MiB of $((budget >> 20))"
[[ $peak -gt 0 && $peak -le $budget ]] || fail "inside: peak of $peak bytes, the budget is $budget"
[[ $planned -gt 0 && $planned -le $budget ]] || fail "inside: $planned bytes were planned"
equal "the log has prediction and outcome" \
    "$(sql run.db "SELECT predicted > 0 AND outcome > 0 FROM forecast WHERE item = 'peak_rss'")" 1
must "$PACKRAT" report run.db
grep -q 'what came of it' "$OUT" || fail "the report does not show prediction beside outcome"

# What cannot be kept is refused with the least that can, and that is kept.
expect 2 '[0-9]+M works' in_memory_group "${train[@]}" --memory 8M --log none
least=$(grep -Eo '[0-9]+M works' "$ERR" | head -n 1 | cut -d M -f 1)
must in_memory_group "${train[@]}" --memory "${least}M" --log none
equal "with the least: batches" "$(json batch_hash)" "$hash"
equal "with the least: loss" "$(json train_loss)" "$loss"
peak=$(json peak_rss_bytes)
say "      peak $((peak >> 20)) MiB of $least"
[[ $peak -le $((least << 20)) ]] || fail "with the least: peak of $peak bytes, the budget is ${least}M"
must in_memory_group "${train[@]/--json/--quiet}" --memory "$budget" --log none
grep -Eq '^memory +[0-9]+ MiB were used, [0-9]+ planned, 176 allowed$' "$OUT" ||
    fail "the summary has no line about the budget: $(cat "$OUT")"
finish

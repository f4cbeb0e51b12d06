#!/usr/bin/env bash
# Rows that stay in their file: the same training, and what was read for it in the summary, in --json,
# in the log and in the report.
set -euo pipefail
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"

make_demo "$WORK/graph" --features 100
train=("$PACKRAT" train --data "$WORK/graph" --steps 20 --batch-size 60 --hidden 8 --tuning none
    --threads 1 --cache.factor 1.3)

must "${train[@]}" --log run.db --json
hash=$(json batch_hash) loss=$(json train_loss)
equal "reads of rows in memory" "$(json reads_disk),$(json bytes_disk),$(json reads_again)" 0,0,0
must "$PACKRAT" report run.db
grep -q "read from disk" "$OUT" && fail "a report of rows in memory speaks of the disk"

for engine in auto threads; do
    must "${train[@]}" --cache.store direct --io.engine "$engine" --log run.db --json
    equal "$engine: batches" "$(json batch_hash)" "$hash"
    equal "$engine: loss" "$(json train_loss)" "$loss"
    equal "$engine: reads are counted" "$(json_type reads_disk)" integer
    [[ $(json reads_disk) -gt 0 && $(json bytes_disk) -gt 0 ]] || fail "$engine: nothing was read"
    equal "$engine: options" "$(json 'options."io.engine"')" "$engine"
    run_id=$(json run)
    equal "$engine: the log's reads" "$(json reads_disk),$(json bytes_disk),$(json reads_again)" \
        "$(sql run.db "SELECT sum(reads_disk) || ',' || sum(bytes_disk) || ',' || sum(reads_again)
            FROM step WHERE run = $run_id")"
    equal "$engine: partitions add up" \
        "$(sql run.db "SELECT sum(reads_disk) || ',' || sum(bytes_disk) FROM step_partition
            WHERE run = $run_id")" "$(json reads_disk),$(json bytes_disk)"
    equal "$engine: steps that do not add up" \
        "$(sql run.db "SELECT count(*) FROM step WHERE run = $run_id AND (rows_early > rows_disk OR
            reads_disk > rows_disk OR wait_rows_ns > wait_ns OR disk_ns < 0)")" 0
    equal "$engine: how rows are read is noted" \
        "$(sql run.db "SELECT count(*) FROM note WHERE run = $run_id AND text LIKE
            'rows are read from %feat.npy as they are needed: %'")" 1
done

# As many reads whoever asks for them.
equal "reads of the two engines" "$(sql run.db "SELECT count(DISTINCT reads) FROM (SELECT
    sum(reads_disk * (step + 1)) AS reads FROM step WHERE run > 1 GROUP BY run)")" 1

must "${train[@]}" --cache.store direct --log run.db
grep -Eq '^disk +[0-9]+ reads a step of [0-9.]+ KiB, [0-9.]+ MB in all$' "$OUT" ||
    fail "the summary has no line about the disk: $(cat "$OUT")"

must "$PACKRAT" report run.db
grep -q '^what was read from disk$' "$OUT" || fail "the report has no chapter about the disk"
tr -s '\n ' ' ' < "$OUT" | grep -Eq 'the disk is (not )?the limit: steps waited [0-9]+ % of their time for rows; [0-9,]+ reads/s of [0-9.]+ KiB, [0-9]+ MB/s; [0-9]+ % of rows came early' ||
    fail "the report does not say whether the disk is the limit"
must "$PACKRAT" report run.db --out page.html
grep -Eq 'the disk is (not )?the limit' page.html || fail "nor does the page"
must "$PACKRAT" report run.db --json
equal "the report's JSON" "$(json_type 'runs[0].disk.is_limit')" integer
equal "and its forecast" "$(json_type 'runs[0].forecast')" array

# Less memory for rows that are read early: other reads, the same training.
for ahead in 0 1 3; do
    must "${train[@]}" --cache.store direct --log none --json --io.ahead "$ahead" --io.staging 16K
    equal "--io.ahead $ahead --io.staging 16K: batches" "$(json batch_hash)" "$hash"
    equal "--io.ahead $ahead --io.staging 16K: loss" "$(json train_loss)" "$loss"
done

# What cannot be, by name and bounds.
direct=("${train[@]}" --log none --cache.store direct)
expect 2 'io\.depth.*0.*1' "${direct[@]}" --io.depth 0
expect 2 'io\.depth.*1024' "${direct[@]}" --io.depth 1025
expect 2 'io\.engine.*floppy.*auto.*uring.*threads' "${direct[@]}" --io.engine floppy
expect 2 'io\.gap' "${direct[@]}" --io.gap 2M
expect 2 'io\.max-read' "${direct[@]}" --io.max-read 100
expect 2 'io\.ahead' "${direct[@]}" --io.ahead 1000000
expect 2 'io\.staging' "${direct[@]}" --io.staging -1
expect 2 'io\.retries' "${direct[@]}" --io.retries -1
expect 2 'cache\.store.*tape' "${train[@]}" --log none --cache.store tape

# A file that is shorter than it was said to be when it was opened.
cp -r "$WORK/graph" "$WORK/cut"
truncate -s -400 "$WORK/cut/feat.npy"
expect 2 'feat\.npy' "${train[@]}" --data "$WORK/cut" --cache.store direct --log none
finish

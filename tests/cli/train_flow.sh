#!/usr/bin/env bash
# The whole way: gen, train, report, eval, infer to .npy and .csv, import; what --json says, what
# the log holds, and that the parts agree with each other.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

# has TYPE NAME...: the JSON object holds these names with this type (a regular expression).
has() {
    local type=$1 name
    shift
    for name in "$@"; do
        if [[ $(json_type "$name") =~ ^($type)$ ]]; then
            say "ok    $name is $type"
        else
            fail "$name is '$(json_type "$name")' in --json, wanted $type"
        fi
    done
}

# one_line: --json leaves exactly one line on standard output.
one_line() { equal "$1: lines on standard output" "$(wc -l < "$OUT")" 1; }

say "-- gen"
make_demo demo --json
one_line gen
has integer nodes edges features classes train val test
equal "gen nodes" "$(json nodes)" 1200
[[ -z $(find . -name '*tmp*') ]] || fail "gen leaves temporary files"
make_demo again --json --threads 1
equal "gen makes the same bytes again, with one thread" \
    "$(cd again && cat -- *.npy | cksum)" "$(cd demo && cat -- *.npy | cksum)"

say "-- train"
must "$PACKRAT" train --data demo --epochs 6 --batch-size 128 --fanout 5,5 --hidden 32 \
    --log run.db --checkpoint model.prc --json
one_line train
[[ ! -e run.db-wal ]] || fail "run.db-wal is left after a clean end"
has text command log batch_hash
has integer run epochs steps step_ns_median rows_lost threads bytes_moved pages_checked \
    pages_elsewhere
has "integer|null" bytes_local bytes_remote
has null inputs_repeated_per_step
has real train_loss best_val_accuracy test_accuracy best_val_micro_f1 test_micro_f1 \
    rows_moved_per_step rows_wanted_per_step hit_rate
has object options
equal "command" "$(json command)" train
equal "log" "$(json log)" run.db
equal "epochs" "$(json epochs)" 6
equal "options say what was asked for" "$(json 'options."batch-size"')" 128
steps=$(json steps)
best=$(json best_val_accuracy)
test_accuracy=$(json test_accuracy)
equal "calls of the heap in a step after warming up" "$(json heap_calls)" 0
batches=$(($(json steps) / 6))
equal "steps are whole epochs" $((batches * 6)) "$steps"
equal "the model learns: best validation over 0.5" "$(sql run.db "SELECT $best > 0.5")" 1

say "-- the log of that run"
equal "one row a step" "$(sql run.db "SELECT count(*) FROM step WHERE phase = 'train'")" "$steps"
equal "none missing" \
    "$(sql run.db "SELECT min(step), max(step) FROM step WHERE phase = 'train'")" \
    "0|$((steps - 1))"
equal "exit status" "$(sql run.db "SELECT exit_status FROM run")" 0
equal "rows lost" "$(sql run.db "SELECT rows_lost FROM run")" 0
equal "options are JSON" "$(sql run.db "SELECT json_valid(options) FROM run")" 1
equal "ended" "$(sql run.db "SELECT ended_at IS NOT NULL FROM run")" 1
equal "epochs of validation" \
    "$(sql run.db "SELECT count(*) FROM epoch WHERE split = 'val'")" 6
equal "best validation of the log" \
    "$(sql run.db "SELECT abs(max(accuracy) - $best) < 1e-9 FROM epoch WHERE split = 'val'")" 1
equal "integrity" "$(sql run.db 'PRAGMA integrity_check')" ok

say "-- several lanes"
must "$PACKRAT" train --data demo --epochs 3 --fanout 5,5 --hidden 32 --lanes 2 --log lanes.db --json
has real inputs_repeated_per_step
must "$PACKRAT" train --data demo --epochs 3 --fanout 5,5 --hidden 32 --lanes 2 --log lanes.db
equal "lanes and their memory in the summary" "$(grep -cE '^lanes       2|^memory      ' "$OUT")" 2
must "$PACKRAT" report lanes.db
equal "and in the report" \
    "$(grep -cE '^local reads over time|^where memory is, by the kernel' "$OUT")" 2
must "$PACKRAT" train --data demo --epochs 1 --fanout 5,5 --hidden 32 --lanes 1 \
    --log lanes.db
equal "one lane needs no words" "$(grep -cE '^lanes  |^memory  ' "$OUT")" 0

say "-- progress"
run "$PACKRAT" train --data demo --epochs 3 --fanout 5,5 --hidden 32 --log none
equal "a line an epoch" "$(grep -cE '^packrat train: epoch [1-3]/3, ' "$ERR")" 3
if command -v script > /dev/null; then
    script -qec "'$PACKRAT' train --data demo --epochs 3 --fanout 5,5 --hidden 32 --log none" \
        /dev/null < /dev/null > bar
    grep -q '\[####' bar || fail "no bar on a terminal"
    [[ $(grep -c 'packrat train: epoch' bar) -eq 0 ]] || fail "plain lines on a terminal"
fi

say "-- report"
must "$PACKRAT" report run.db
[[ -s $OUT ]] || fail "report prints nothing"
must "$PACKRAT" report run.db --json
one_line report
must "$PACKRAT" train --data demo --epochs 1 --fanout 5,5 --hidden 32 --quiet
[[ ! -s $ERR ]] || fail "--quiet is not quiet: $(head -n 1 "$ERR")"
must "$PACKRAT" report
must "$PACKRAT" report run.db packrat.db --run all

say "-- eval"
must "$PACKRAT" eval --data demo --checkpoint model.prc --json
one_line eval
has text command split
has real loss accuracy micro_f1
equal "split" "$(json split)" test
equal "test accuracy of the checkpoint is that of train" \
    "$(sql run.db "SELECT abs($(json accuracy) - $test_accuracy) < 1e-6")" 1
must "$PACKRAT" eval --data demo --checkpoint model.prc --split val --json
equal "validation accuracy of the checkpoint is the best of train" \
    "$(sql run.db "SELECT abs($(json accuracy) - $best) < 1e-6")" 1
must "$PACKRAT" eval --data demo --checkpoint model.prc --split all --log run.db
equal "eval in the log" \
    "$(sql run.db "SELECT exit_status FROM run WHERE command = 'eval'")" 0

say "-- infer"
must "$PACKRAT" infer --data demo --checkpoint model.prc --out class.npy --json
one_line infer
equal "num_nodes" "$(json num_nodes)" 1200
must "$PACKRAT" infer --data demo --checkpoint model.prc --out class.csv
header=$((10 + $(od -An -tu2 -j8 -N2 class.npy)))
od -An -v -w8 -td8 -j"$header" class.npy | awk '{ print NR - 1 "," $1 }' > from_npy
grep -E '^[0-9]' class.csv > from_csv
equal "csv and npy hold the same classes" "$(cksum < from_csv)" "$(cksum < from_npy)"
equal "a class for every node" "$(wc -l < from_csv)" 1200
must "$PACKRAT" infer --data demo --checkpoint model.prc --out some.csv --nodes demo/test_idx.npy
equal "--nodes gives the classes of those nodes" \
    "$(grep -E '^[0-9]' some.csv | sort | join -v 1 - <(sort class.csv) | wc -l)" 0
correct=$(join -t, <(od -An -v -w8 -td8 -j"$((10 + $(od -An -tu2 -j8 -N2 demo/label.npy)))" \
    demo/label.npy | awk '{ print NR - 1 "," $1 }' | sort -t, -k1,1) \
    <(grep -E '^[0-9]' some.csv | sort -t, -k1,1) | awk -F, '$2 == $3' | wc -l)
equal "predictions on test are as often right as train said" \
    "$(sql run.db "SELECT abs(1.0 * $correct / $(grep -cE '^[0-9]' some.csv) - $test_accuracy) < 1e-6")" 1
must "$PACKRAT" infer --data demo --checkpoint model.prc --out prob.csv --output probabilities
equal "probabilities add up to one" \
    "$(awk -F, '/^[0-9]/ { s = 0; for (i = 2; i <= NF; i++) s += $i
                           if (s < 0.999 || s > 1.001) bad++ } END { print bad + 0 }' prob.csv)" 0

say "-- link prediction"
must "$PACKRAT" train --data demo --task link --epochs 3 --batch-size 256 --fanout 5,5 --hidden 32 \
    --link.eval-negatives 20 --log link.db --checkpoint link.prc --json
one_line "train --task link"
has real val_mrr test_mrr test_hits_at_10 test_auc
has null best_val_accuracy test_accuracy
test_mrr=$(json test_mrr) test_auc=$(json test_auc)
equal "better than chance" "$(sql link.db "SELECT $test_mrr > 0.17 AND $test_auc > 0.5")" 1
equal "epochs with an MRR" \
    "$(sql link.db "SELECT count(*) FROM epoch WHERE mrr > 0 AND auc > 0")" 6
must "$PACKRAT" report link.db
grep -q "test MRR" "$OUT" || fail "the report has no MRR"
must "$PACKRAT" eval --data demo --checkpoint link.prc --json
one_line "eval of links"
equal "eval scores the same edges" \
    "$(sql link.db "SELECT abs($(json mrr) - $test_mrr) + abs($(json auc) - $test_auc) < 1e-6")" 1
must "$PACKRAT" eval --data demo --checkpoint link.prc --split val
grep -q "^MRR" "$OUT" || fail "eval prints no MRR"
must "$PACKRAT" train --data demo --task link --epochs 1 --batch-size 256 --fanout 5 --hidden 8 --log none
grep -q "^links" "$OUT" || fail "train prints no figures of links"

say "-- levers that cost accuracy say so"
for lever in '--cache-bias 8' '--order community' '--echo 2'; do
    read -ra words <<<"$lever"
    must "$PACKRAT" train --data demo --steps 2 --batch-size 64 --fanout 3 --hidden 4 --log none \
        "${words[@]}"
    grep -qe "$lever.*docs/stickiness.md" "$ERR" || fail "$lever does not say what it costs"
done
must "$PACKRAT" train --data demo --steps 2 --batch-size 64 --fanout 3 --hidden 4 --log none
grep -q "docs/stickiness.md" "$ERR" && fail "the defaults speak of costs"

say "-- import"
must "$PACKRAT" import demo --out copy --json
one_line import
equal "an imported copy has as many nodes" "$(json nodes)" 1200
printf '# a ring of four\n0 1\n1 2\n2 3\n3 0\n' > ring.txt
printf '1,0\n0,1\n1,0\n0,1\n' > ring_features.csv
printf '0\n1\n0\n1\n' > ring_labels.csv
must "$PACKRAT" import ring.txt --out ring --features ring_features.csv --labels ring_labels.csv \
    --undirected --train-percent 50 --val-percent 25
must "$PACKRAT" import ring.txt --features ring_features.csv --dry-run
must "$PACKRAT" train --data ring --epochs 1 --log none --hidden 4

say "-- topo"
must "$PACKRAT" topo
must "$PACKRAT" topo --json
one_line topo
[[ -n $(json_type nodes) && -n $(json_type lanes) && -n $(json_type partitions) &&
    -n $(json_type bound) ]] || fail "topo --json lacks nodes, lanes, partitions or bound"
finish

#!/usr/bin/env bash
# Any number of labels a node, by the commands: made, trained on with every optimiser and schedule,
# scored, predicted, reported and written anew.
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"

make_demo sets --multi-label
say "-- train"
must "$PACKRAT" train --data sets --epochs 20 --batch-size 128 --fanout 5,5 --hidden 32 \
    --log run.db --checkpoint model.prc --class-weights balanced --json
best=$(json best_val_micro_f1)
test_f1=$(json test_micro_f1)
accuracy=$(json test_accuracy)
equal "the log chooses the same epoch" \
    "$(sql run.db "SELECT abs(best_val_micro_f1 - $best) < 1e-6 AND abs(test_micro_f1 - $test_f1) < 1e-6
        AND abs(test_accuracy - $accuracy) < 1e-6 FROM v_run")" 1
equal "micro-F1 is not the share of nodes with all labels right" \
    "$(sql run.db "SELECT $test_f1 > $accuracy")" 1
must "$PACKRAT" report run.db
grep -q "test micro-F1 at best validation" "$OUT" || fail "the report does not show micro-F1"

say "-- eval and infer"
must "$PACKRAT" eval --data sets --checkpoint model.prc --split test --json
equal "eval gives what train said" \
    "$(sql run.db "SELECT abs($(json micro_f1) - $test_f1) < 1e-6")" 1
must "$PACKRAT" eval --data sets --checkpoint model.prc --split test
grep -q "all labels are right" "$OUT" || fail "eval does not say what its accuracy is of"
must "$PACKRAT" infer --data sets --checkpoint model.prc --out labels.csv
equal "a column for every label" "$(grep -v '^#' labels.csv | head -n 1)" \
    node,label_0,label_1,label_2,label_3
equal "of 0 and 1" "$(grep -cE '^[0-9]+(,[01]){4}$' labels.csv)" 1200

say "-- a model of classes is not for labels, nor the other way round"
make_demo classes
expect 2 "was trained for any number of labels a node" \
    "$PACKRAT" eval --data classes --checkpoint model.prc

say "-- optimisers and schedules"
for optimizer in adam adamw sgd; do
    for schedule in constant linear cosine step; do
        must "$PACKRAT" train --data sets --epochs 2 --fanout 3 --hidden 8 --log none --quiet \
            --optimizer "$optimizer" --lr-schedule "$schedule" --lr 0.05
        grep -q "^micro-F1    validation" "$OUT" || fail "$optimizer, $schedule: no micro-F1"
    done
done

say "-- other forms keep the labels"
must "$PACKRAT" import sets --out imported
must "$PACKRAT" reorder --data sets --out sorted
must "$PACKRAT" convert --data sorted --out small --format int8
for made in imported sorted small; do
    equal "$made has as many labels set" \
        "$(tail -c 4800 "$made/label.npy" | od -An -v -tu1 | tr -s ' ' '\n' | grep -c '^1$')" \
        "$(tail -c 4800 sets/label.npy | od -An -v -tu1 | tr -s ' ' '\n' | grep -c '^1$')"
done
finish

#!/usr/bin/env bash
# The accuracy of defaults on real graphs: mean test accuracy over 10 seeds at best validation.
set -euo pipefail

root=${PACKRAT_TEST_DATA:-$PACKRAT_SOURCE/../shared/data}
if [[ ! -e $root/cora/meta.json ]]; then
    echo "skipped: $root/cora is not there (set PACKRAT_TEST_DATA)"
    exit 77
fi
failed=0

# set, split, least mean in percent
check() {
    local accuracies
    accuracies=$(for seed in 1 2 3 4 5 6 7 8 9 10; do
        "$PACKRAT" train --data "$root/$1" --split "$2" --layers 2 --fanout all --hidden 64 \
            --seed "$seed" --log none --quiet --json |
            sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p'
    done)
    awk -v name="$1 $2" -v least="$3" '
        { sum += $1; squares += $1 * $1 }
        END {
            mean = sum / NR
            printf "%s: %.2f +- %.2f over %d seeds, wanted %s\n", name, 100 * mean,
                100 * sqrt(squares / NR - mean * mean), NR, least
            exit NR != 10 || 100 * mean < least
        }' <<< "$accuracies" || failed=1
}

check cora main 79.0
check citeseer main 67.0
check coauthor_cs alt 92.0
exit "$failed"

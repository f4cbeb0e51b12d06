#!/usr/bin/env bash
# A real graph with sparse features: the cache modes draw the same batches, learn the same, and
# move what they may.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

root=${PACKRAT_TEST_DATA:-$PACKRAT_SOURCE/../shared/data}
if [[ ! -e $root/cora/meta.json ]]; then
    echo "skipped: $root/cora is not there (set PACKRAT_TEST_DATA)"
    exit 77
fi
for mode in resident packed off; do
    "$PACKRAT" train --data "$root/cora" --fanout all --hidden 64 --epochs 30 --batch-size 70 \
        --cache.mode "$mode" --log cora.db --quiet --json > "$mode.json"
done
equal "sets of batch hashes" "$(sql cora.db "SELECT count(DISTINCT hashes) FROM (SELECT
    group_concat(batch_hash) AS hashes FROM (SELECT run, batch_hash FROM step WHERE phase = 'train'
    ORDER BY run, step) GROUP BY run)")" 1
equal "steps of each run" "$(sql cora.db "SELECT DISTINCT count(*) FROM step WHERE phase = 'train'
    GROUP BY run")" 60
equal "packed steps off the bound" "$(sql cora.db "SELECT count(*) FROM step WHERE mode = 'packed'
    AND bytes_moved <> bytes_bound")" 0
equal "steps that moved more than a gather" "$(sql cora.db "SELECT count(*) FROM step WHERE
    bytes_moved > bytes_gather")" 0
equal "runs under 74 % test accuracy after 30 epochs" "$(sql cora.db "SELECT count(*) FROM (SELECT
    max(accuracy) AS best FROM epoch WHERE split = 'test' GROUP BY run) WHERE best < 0.74")" 0
finish

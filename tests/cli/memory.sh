#!/usr/bin/env bash
# memory.sh: packrat train --memory: what is too little is refused with a limit that works, and what
# is planned is kept by the process, as the kernel counts it, from every kind of store.
set -u
# shellcheck source=tests/cli/support.bash
source "$(dirname "$0")/support.bash"

must "$PACKRAT" gen --kind planted --nodes 30000 --edges 300000 --features 256 --classes 6 --seed 7 \
    --out demo
common=(--data demo --batch-size 256 --steps 12 --eval exact --hidden 32 --threads 2 --json)

# kept WHAT LIMIT: the last run's peak is within its limit, by its log.
kept() {
    local peak
    peak=$(sql run.db "SELECT CAST(outcome AS INTEGER) FROM forecast WHERE item = 'peak_rss' \
        ORDER BY run DESC LIMIT 1")
    if [[ -n ${PACKRAT_SANITIZE:-} ]]; then
        say "skip  $1: a sanitizer takes memory of its own"
    elif [[ $peak -gt 0 && $peak -le $2 ]]; then
        say "ok    $1: $((peak >> 20)) MiB of $(($2 >> 20))"
    else
        fail "$1: the process took $peak bytes of $2"
    fi
}

say "-- too little"
expect 2 "--memory 10M is too little for planted: [0-9]+M works \(.*[0-9]+M" \
    "$PACKRAT" train "${common[@]}" --memory 10M
works=$(sed -n 's/.*: \([0-9]*\)M works.*/\1/p' "$ERR")
[[ -z ${PACKRAT_SANITIZE:-} ]] || works=$((works + 200)) # what it takes differs from run to run
must "$PACKRAT" train "${common[@]}" --memory "${works}M" --log run.db
kept "the limit that works" $((works << 20))
hash=$(json batch_hash)
equal "rows planned" "$(sql run.db "SELECT count(*) > 8 FROM forecast")" 1
equal "planned and outcome" "$(sql run.db "SELECT predicted >= 0 AND outcome > 0 FROM forecast \
    WHERE item = 'peak_rss'")" 1
expect 2 "works with the capacity that was asked for" "$PACKRAT" train "${common[@]}" \
    --memory 20M --cache.rows 30000

say "-- every store"
for store in auto copied in-place direct; do
    must "$PACKRAT" train "${common[@]}" --memory "$((works + 80))M" --cache.store "$store" --log run.db
    kept "$store" $(((works + 80) << 20))
    equal "$store: batches" "$(json batch_hash)" "$hash"
    equal "$store: the plan" "$(sql run.db "SELECT predicted <= ($works + 80) * 1048576.0 \
        FROM forecast WHERE item = 'peak_rss' ORDER BY run DESC LIMIT 1")" 1
done

say "-- words"
expect 2 "--memory.*" "$PACKRAT" train --data demo --memory much
expect 2 "--memory.*" "$PACKRAT" train --data demo --memory -1
finish

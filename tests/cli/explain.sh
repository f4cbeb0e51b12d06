#!/usr/bin/env bash
# explain.sh: packrat explain: a page for people and an object for programs say the same, nothing is
# written, and a plan that does not fit is said.
set -u
# shellcheck source=tests/cli/support.bash
source "$(dirname "$0")/support.bash"

has() {
    if grep -Eq -- "$2" "$OUT"; then
        say "ok    $1: $(grep -Em 1 -- "$2" "$OUT" | cut -c 1-70)"
    else
        fail "$1: standard output has no '$2'"
        sed 's/^/    /' "$OUT"
    fi
}

make_demo demo
before=$(listing | cksum)

say "-- a page"
must "$PACKRAT" explain --data demo --batch-size 64 --log run.db
has "memory" '^memory$'
for part in base graph slab index tape model evaluation total least; do
    has "$part" "^  $part +[0-9.]+ MiB"
done
has "store" '^  store +in place: '
has "cache" '^  cache +room for [0-9]+ of 1200 rows'
has "a step" '^  a step +[0-9]+ rows wanted, [0-9]+ moved'
has "what it waits for" '^  it waits for (compute|sampling);'
equal "files" "$(listing | cksum)" "$before"

say "-- rows of a file"
must "$PACKRAT" explain --data demo --batch-size 64 --cache.store direct --cache.rows 100
has "store" '^  store +direct: asked for'
has "reads" '^  the file +[0-9]+ reads a step'
has "staging" '^  staging +[0-9.]+ MiB'
has "more" 'more for the cache: [0-9]+ % of the rows wanted would be moved instead of [0-9]+ %'

say "-- an object"
must "$PACKRAT" explain --data demo --batch-size 64 --json
equal "lines" "$(wc -l < "$OUT")" 1
for name in total_bytes least_bytes capacity_rows num_rows threads lanes batches_drawn; do
    equal "$name" "$(json_type "$name")" integer
done
for name in inputs_per_step rows_moved_per_step compute_ns sample_ns step_ns; do
    equal "$name" "$(json_type "$name")" real
done
equal "limit" "$(json_type limit_bytes)" null
equal "fits" "$(json_type fits)" true
equal "rows" "$(json num_rows)" 1200
equal "sum of parts" "$(sqlite3 -batch :memory: "SELECT sum(value) FROM \
    json_each(CAST(readfile('$WORK/said/json') AS TEXT), '\$.bytes')")" "$(json total_bytes)"

say "-- a limit"
least=$(json least_bytes)
must "$PACKRAT" explain --data demo --batch-size 64 --memory "$least"
has "fits" 'it fits$'
run "$PACKRAT" explain --data demo --batch-size 64 --memory 4M
equal "exit status" "$STATUS" 1
has "does not fit" 'it does not fit$'
has "what works" '^--memory 4M is too little for planted: [0-9]+M works \('
run "$PACKRAT" explain --data demo --batch-size 64 --memory 4M --json
equal "fits" "$(json_type fits)" false
equal "exit status" "$(json exit_status)" 1
say "-- the least of all stores"
for memory in 0 4M; do
    run "$PACKRAT" explain --data demo --batch-size 64 --fanout 10,5 --memory $memory --json
    least=$(json least_bytes)
    for store in copied in-place direct; do
        run "$PACKRAT" explain --data demo --batch-size 64 --fanout 10,5 --memory $memory \
            --cache.store $store --json
        # Two starts of a process differ by less than 2 MiB.
        [[ $least -le $(($(json least_bytes) + (2 << 20))) ]] ||
            fail "--memory $memory: $least is said to be the least, $store works with $(json least_bytes)"
    done
done
must "$PACKRAT" train --data demo --batch-size 64 --fanout 10,5 --steps 2 --log none \
    --memory "$least"

say "-- a store that these rows cannot have"
for memory in 0 4M 1G; do
    for command in explain "train --log none --steps 2"; do
        read -ra with <<< "$command"
        expect 1 "no file has them as they are: they cannot be read direct" "$PACKRAT" "${with[@]}" \
            --data demo --batch-size 64 --feature-norm l2 --cache.store direct --memory $memory
    done
done
expect 2 "explain: --data is missing" "$PACKRAT" explain
expect 2 "nowhere" "$PACKRAT" explain --data nowhere
equal "files" "$(listing | cksum)" "$before"
finish

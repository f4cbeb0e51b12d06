#!/usr/bin/env bash
# The identities of the step log (docs/step-log.md) hold in every mode and for small capacities;
# batches are the same for any number of threads, any mode, with and without a log.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo demo
train=("$PACKRAT" train --data demo --batch-size 96 --fanout "6,4" --hidden 16 --epochs 3 --seed 5)

# name | options; each a run of its own in one log
cases='off|--cache.mode off
packed|--cache.mode packed
resident|--cache.mode resident
one row|--cache.mode resident --cache.rows 1
packed, one row|--cache.mode packed --cache.rows 1
factor 0|--cache.mode resident --cache.factor 0
half a batch|--cache.mode resident --cache.factor 0.5
packed, half a batch|--cache.mode packed --cache.factor 0.5
few bytes|--cache.mode resident --cache.bytes 64K
all rows|--cache.mode resident --cache.rows 1200
more than all|--cache.mode resident --cache.rows 100000
one thread|--cache.mode resident --threads 1
two threads|--cache.mode resident --threads 2
three threads|--cache.mode resident --threads 3
packed, one thread|--cache.mode packed --threads 1
packed, three threads|--cache.mode packed --threads 3
off, three threads|--cache.mode off --threads 3
lru|--cache.policy lru
lru, three threads|--cache.policy lru --threads 3
lru, tight|--cache.policy lru --cache.factor 1.2
sieve|--cache.policy sieve
sieve, three threads|--cache.policy sieve --threads 3
static|--cache.policy static
static, three threads|--cache.policy static --threads 3
presampled|--cache.policy static --cache.rank presampled
presampled, three threads|--cache.policy static --cache.rank presampled --threads 3
lookahead 0|--lookahead 0
lookahead 1|--lookahead 1
lookahead 5|--lookahead 5 --cache.factor 1.2
lookahead 5, three threads|--lookahead 5 --cache.factor 1.2 --threads 3
lookahead 31|--lookahead 31 --cache.factor 1.2
lookahead 31, one row|--lookahead 31 --cache.rows 1
lookahead 31, factor 0|--lookahead 31 --cache.factor 0
lookahead 5, sampled evaluation|--lookahead 5 --eval sampled
packed, lru|--cache.mode packed --cache.policy lru
sampled evaluation|--cache.mode resident --eval sampled
sampler threads|--cache.mode resident --sampler.threads 3
pipelined|--pipeline on
pipelined, one thread|--pipeline on --threads 1
pipelined, three threads|--pipeline on --threads 3 --sampler.threads 2
pipelined, lru|--pipeline on --cache.policy lru
pipelined, packed|--pipeline on --cache.mode packed
pipelined, off|--pipeline on --cache.mode off
pipelined, lookahead 31, tight|--pipeline on --lookahead 31 --cache.factor 1.2
pipelined, sampled evaluation|--pipeline on --lookahead 5 --eval sampled
in line|--pipeline off'

say "-- runs"
hash=
while IFS='|' read -r name options; do
    read -ra words <<< "$options"
    must "${train[@]}" "${words[@]}" --log run.db --json
    hash=${hash:-$(json batch_hash)}
    equal "batch_hash: $name" "$(json batch_hash)" "$hash"
done <<< "$cases"
for words in "--cache.mode off --threads 2" "--cache.mode packed --threads 3" \
    "--cache.mode resident --threads 1"; do
    read -ra words <<< "$words"
    must "${train[@]}" "${words[@]}" --log none --json
    equal "batch_hash: --log none ${words[*]}" "$(json batch_hash)" "$hash"
    equal "no log" "$(json_type log)$(json_type run)" nullnull
done
must "${train[@]}" --log none --json --seed 6
[[ $(json batch_hash) != "$hash" ]] || fail "another seed gives the same batches"

# none WHAT CONDITION: no row of table step of $log meets it.
none() {
    local rows
    rows=$(sql "$log" "SELECT run || ':' || phase || ':' || step FROM step WHERE $2 LIMIT 1")
    if [[ -z $rows ]]; then say "ok    $1"; else fail "$1: broken in run:phase:step $rows"; fi
}

# identities DATABASE ROW_BYTES: what holds in every row of step.
identities() {
    local log=$1 row_bytes=$2
    say "-- identities of $log, over $(sql "$log" 'SELECT count(*) FROM step') rows"
    none "every wanted row is hit, added, bypassed or direct" \
        "rows_hit + rows_added + rows_bypassed + rows_direct <> num_inputs"
    none "rows moved are those added, bypassed and compacted" \
        "rows_moved <> rows_added + rows_bypassed + rows_compacted AND path <> 'repack'"
    none "a repack writes every wanted row" \
        "path = 'repack' AND (mode <> 'packed' OR rows_moved <> num_inputs)"
    none "bytes moved are rows moved times the row" \
        "bytes_moved <> rows_moved * $row_bytes AND phase = 'train'"
    none "bytes of a gather are inputs times the row" \
        "bytes_gather <> num_inputs * $row_bytes AND phase = 'train'"
    none "no more is moved than a gather would" \
        "bytes_moved > bytes_gather"
    none "packed meets its bound exactly" \
        "mode = 'packed' AND path = 'paired' AND (bytes_bound IS NULL OR bytes_moved <> bytes_bound)"
    none "the bound is (A + h) S" \
        "mode = 'packed' AND bytes_bound <> (rows_added + rows_bypassed + rows_compacted) * $row_bytes"
    none "other modes have no bound" "mode <> 'packed' AND bytes_bound IS NOT NULL"
    none "off moves nothing" \
        "mode = 'off' AND (rows_moved <> 0 OR bytes_moved <> 0 OR rows_direct <> num_inputs)"
    none "resident writes the misses only" \
        "mode = 'resident' AND (rows_compacted <> 0 OR rows_moved <> rows_added + rows_bypassed)"
    none "no more rows are new than are wanted" "rows_first > num_inputs"
    none "hits and victims stay within the wanted and the resident" \
        "rows_victim > rows_added AND mode = 'resident'"
    none "bytes moved are local or remote" \
        "bytes_local + bytes_remote <> bytes_moved"
    none "what is known of one is known of the other" \
        "(bytes_local IS NULL) <> (bytes_remote IS NULL)"
    none "times add up to the step within 2 %" \
        "abs(wait_ns + prepare_ns + place_ns + aggregate_ns + gemm_ns + backward_ns + update_ns
             + other_ns - step_ns) > 0.02 * step_ns"
    none "no time is negative" \
        "min(wait_ns, prepare_ns, place_ns, aggregate_ns, gemm_ns, backward_ns, update_ns, step_ns,
             sample_ns, fetch_ns) < 0 OR other_ns < -0.02 * step_ns"
    none "a training step has a loss and counts" \
        "phase = 'train' AND (loss IS NULL OR num_correct IS NULL OR num_correct > num_seeds)"
    none "a step has edges and inputs for its seeds" "num_inputs < num_seeds"
}
identities run.db $((16 * 4))

# sums DATABASE: what holds across tables.
sums() {
    local unequal="" column
    for column in num_inputs rows_victim bytes_moved bytes_local bytes_remote bytes_disk; do
        unequal+=" OR sum(p.$column) <> s.$column"
    done
    equal "partitions of $1 add up to their step" "$(sql "$1" "SELECT count(*) FROM (SELECT s.run
        FROM step s JOIN step_partition p USING (run, phase, step) GROUP BY s.run, s.phase, s.step
        HAVING (s.rows_direct = 0 AND sum(p.rows_hit + p.rows_added + p.rows_bypassed)
            <> s.num_inputs)$unequal)")" 0
    equal "rows replicated and inputs repeated are counted in the same steps of $1" "$(sql "$1" "
        SELECT count(*) FROM step s JOIN step_partition p USING (run, phase, step)
        WHERE (s.inputs_repeated IS NULL) <> (p.rows_replicated IS NULL)")" 0
    equal "a row for every lane of every run of $1" "$(sql "$1" "SELECT count(*) FROM run r WHERE
        (SELECT count(*) FROM lane l WHERE l.run = r.id) <> (SELECT max(partition) + 1
            FROM step_partition p WHERE p.run = r.id)")" 0
    equal "the kernel was asked after the first step and at the end, in $1" "$(sql "$1" "SELECT
        count(*) FROM run r WHERE NOT EXISTS (SELECT * FROM note n WHERE n.run = r.id
            AND text LIKE '%not verified%') AND (SELECT min(step) || ',' || max(step)
            FROM placement p WHERE p.run = r.id) IS NOT (SELECT '1,' || count(*) FROM step s
            WHERE s.run = r.id AND phase = 'train')")" 0
    equal "pages are on a node, elsewhere or nowhere in $1" "$(sql "$1" "SELECT count(*)
        FROM placement WHERE pages_on_node + pages_elsewhere > pages_checked
            OR pages_checked > pages")" 0
}

say "-- across tables and runs"
sums run.db
equal "every step has a partition" "$(sql run.db "SELECT count(*) FROM step s LEFT JOIN step_partition p
    USING (run, phase, step) WHERE p.run IS NULL")" 0
equal "one row a step, none missing" "$(sql run.db "SELECT count(*) FROM (SELECT run FROM step
    WHERE phase = 'train' GROUP BY run HAVING min(step) <> 0 OR count(*) <> max(step) + 1)")" 0
equal "as many steps in every run" "$(sql run.db "SELECT count(DISTINCT n) FROM (SELECT count(*) AS n
    FROM step WHERE phase = 'train' GROUP BY run)")" 1
equal "batches are the same in every run, step by step" "$(sql run.db "SELECT count(*) FROM (SELECT
    step FROM step WHERE phase = 'train' GROUP BY step HAVING count(DISTINCT batch_hash) <> 1
    OR count(DISTINCT num_inputs) <> 1 OR count(DISTINCT num_edges) <> 1)")" 0
equal "no two steps of a run have the same batch" "$(sql run.db "SELECT count(*) FROM (SELECT run
    FROM step WHERE phase = 'train' AND run = 1 GROUP BY batch_hash HAVING count(*) > 1)")" 0

# same RUN RUN: the cache did the same in both.
same() {
    equal "cache decisions of '$1' and '$2'" "$(sql run.db "SELECT count(*) FROM step a JOIN step b
        USING (phase, step) WHERE phase = 'train'
        AND a.run = $(run_of "$1") AND b.run = $(run_of "$2")
        AND (a.rows_hit <> b.rows_hit OR a.rows_added <> b.rows_added
             OR a.rows_victim <> b.rows_victim OR a.rows_moved <> b.rows_moved)")" 0
}
run_of() { grep -nF -- "$1|" <<< "$cases" | grep -F ":$1|" | cut -d: -f1; }
same resident "one thread"
same resident "two threads"
same resident "three threads"
same packed "packed, one thread"
same packed "packed, three threads"
same lru "lru, three threads"
same sieve "sieve, three threads"
same static "static, three threads"
same presampled "presampled, three threads"
same "lookahead 5" "lookahead 5, three threads"
same packed "packed, lru"

# moved NAME: rows moved in all training steps of a run.
moved() { sql run.db "SELECT sum(rows_moved) FROM step WHERE phase = 'train' AND run = $(run_of "$1")"; }
equal "looking 5 ahead moves no more than lru" \
    "$(($(moved "lookahead 5") <= $(moved "lru, tight")))" 1
equal "looking 31 ahead moves no more than 5" \
    "$(($(moved "lookahead 31") <= $(moved "lookahead 5")))" 1

# window NAME W: every training step knew of W lists behind its own, or of all that were left.
window() {
    equal "window of '$1'" "$(sql run.db "SELECT count(*) FROM step s WHERE phase = 'train'
        AND run = $(run_of "$1") AND (lookahead <> min($2, (SELECT max(step) FROM step
            WHERE phase = 'train' AND run = s.run) - step) OR queue_depth <> lookahead)")" 0
}
window lru 0
window static 0
window packed 0
window "lookahead 0" 0
window "lookahead 1" 1
window "lookahead 5" 5
window "lookahead 31" 31
window "lookahead 5, sampled evaluation" 5
equal "batches wait while others are evaluated" "$(sql run.db "SELECT min(lookahead = queue_depth)
    || max(lookahead) FROM step WHERE phase = 'eval' AND mode <> 'off'
    AND run = $(run_of "lookahead 5, sampled evaluation")")" 15
equal "training looks ahead by default" "$(sql run.db "SELECT DISTINCT policy FROM step
    WHERE phase = 'train' AND run = $(run_of resident)")" lookahead
must "${train[@]}" --log none --json --lookahead 6
equal "policy and window in the results" "$(json policy), $(json lookahead)" "lookahead, 6"
must "${train[@]}" --log none --json --cache.policy sieve
equal "policy and window in the results" "$(json policy), $(json lookahead)" "sieve, 0"
equal "all rows resident: none is added twice" "$(sql run.db "SELECT sum(rows_added) = sum(rows_first)
    FROM step WHERE phase = 'train' AND run = $(run_of 'all rows')")" 1
equal "losses do not depend on the mode" "$(sql run.db "SELECT count(*) FROM (SELECT step FROM step
    WHERE phase = 'train' GROUP BY step HAVING max(loss) - min(loss) > 1e-3 * max(loss))")" 0
say "-- several lanes"
lanes='one|
two|--lanes 2
three, hash|--lanes 3 --shards hash
two, pipelined|--lanes 2 --pipeline on
two, packed|--lanes 2 --cache.mode packed
two, off|--lanes 2 --cache.mode off --graph-copies on
two, sampled evaluation|--lanes 2 --eval sampled --verify-every 7'
while IFS='|' read -r name options; do
    read -ra words <<< "$options"
    must "${train[@]}" ${words[@]+"${words[@]}"} --log lanes.db --json
    equal "batch_hash: lanes: $name" "$(json batch_hash)" "$hash"
    equal "calls of the heap in a step: lanes: $name" "$(json heap_calls)" 0
    equal "bytes in the results: lanes: $name" "$(json bytes_moved) $(json bytes_local)" "$(sql \
        lanes.db "SELECT sum(bytes_moved) || ' ' || coalesce(sum(bytes_local), '') FROM step
            WHERE phase = 'train' AND run = $(json run)")"
    equal "pages in the results: lanes: $name" "$(json pages_checked) $(json pages_elsewhere)" \
        "$(sql lanes.db "SELECT coalesce(sum(pages_checked), 0) || ' ' ||
            coalesce(sum(pages_elsewhere), 0) FROM placement WHERE run = $(json run)")"
done <<< "$lanes"
identities lanes.db $((16 * 4))
sums lanes.db
equal "lanes as asked for" "$(sql lanes.db "SELECT group_concat(n) FROM (SELECT count(*) AS n
    FROM lane GROUP BY run ORDER BY run)")" 1,2,3,2,2,2,2
equal "inputs beyond those of one lane are counted as repeated" "$(sql lanes.db "SELECT count(*)
    FROM step s JOIN step one USING (phase, step) WHERE phase = 'train' AND one.run = 1
    AND s.inputs_repeated <> s.num_inputs - one.num_inputs")" 0
equal "and that in every 16th step" "$(sql lanes.db "SELECT count(*) FROM step
    WHERE phase = 'train' AND run > 1 AND (inputs_repeated IS NULL) = (step % 16 = 0)")" 0
equal "one lane repeats nothing" "$(sql lanes.db "SELECT max(inputs_repeated) FROM step
    WHERE run = 1")" 0
equal "losses do not depend on lanes" "$(sql lanes.db "SELECT count(*) FROM (SELECT step FROM step
    WHERE phase = 'train' GROUP BY step HAVING max(loss) - min(loss) > 1e-3 * max(loss))")" 0
equal "the kernel is asked every so many steps" "$(sql lanes.db "SELECT group_concat(step) FROM
    (SELECT DISTINCT step FROM placement WHERE run = 7 ORDER BY step) WHERE step % 7 = 0")" \
    "$(sql lanes.db "SELECT group_concat(step) FROM step WHERE run = 7 AND phase = 'train'
        AND step > 0 AND step % 7 = 0")"

say "-- a real graph with sparse features"
cora=${PACKRAT_TEST_DATA:-}/cora
if [[ -e $cora/meta.json ]]; then
    hash=
    for mode in off packed resident; do
        must "$PACKRAT" train --data "$cora" --epochs 2 --batch-size 32 --hidden 16 --eval none \
            --cache.mode "$mode" --cache.factor 1.5 --log cora.db --json
        hash=${hash:-$(json batch_hash)}
        equal "batch_hash: $mode" "$(json batch_hash)" "$hash"
    done
    identities cora.db $((1433 * 4))
else
    say "skip  cora: $cora is not there"
fi
finish

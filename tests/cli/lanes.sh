#!/usr/bin/env bash
# Several lanes on one machine train on the batches of one lane, whatever deals their rows; the log
# of such a run adds up; what lanes cannot be given is refused or said.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo demo
train=("$PACKRAT" train --data demo --batch-size 90 --fanout "6,4" --hidden 16 --epochs 2 --seed 5)

# A part for every node, as `packrat partition` writes: .npy of bytes, parts 0 1 2 in turns of 100.
{
    header="{'descr': '|u1', 'fortran_order': False, 'shape': (1200,), }"
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"
    for ((v = 0; v < 1200; v++)); do printf '%b' "\\x0$((v / 100 % 3))"; done
} > parts.npy

say "-- the same batches"
cases='one lane|--lanes 1
two lanes|--lanes 2
three lanes|--lanes 3
three lanes of two threads|--lanes 3 --threads 6
uneven lanes|--lanes 3 --threads 5
five lanes|--lanes 5
by hash|--lanes 3 --shards hash
by parts|--lanes 3 --shards.file parts.npy
rows in place|--lanes 3 --cache.store in-place
copied|--lanes 3 --cache.store copied
packed|--lanes 3 --cache.mode packed
read in place|--lanes 3 --cache.mode off
sieve|--lanes 3 --cache.policy sieve
static|--lanes 3 --cache.policy static
few rows|--lanes 3 --cache.rows 100
one row for all|--lanes 3 --cache.rows 1
pipelined|--lanes 3 --pipeline on
copies of the graph|--lanes 3 --graph-copies on
sampled evaluation|--lanes 3 --eval sampled
strict where nothing need be bound|--lanes 1 --numa strict'
hash=''
while IFS='|' read -r name options; do
    read -ra words <<< "$options"
    must "${train[@]}" "${words[@]}" --log run.db --json
    hash=${hash:-$(json batch_hash)}
    equal "batch_hash: $name" "$(json batch_hash)" "$hash"
    equal "lanes: $name" "$(json lanes)" "${words[1]}"
    equal "heap calls: $name" "$(json heap_calls)" 0
done <<< "$cases"
for kind in uniform replace labor walk; do
    hash=
    for words in "--lanes 1" "--lanes 3" "--lanes 2 --shards hash --pipeline on"; do
        read -ra words <<< "$words"
        must "${train[@]}" "${words[@]}" --sampler "$kind" --log none --json
        hash=${hash:-$(json batch_hash)}
        equal "batch_hash: $kind ${words[*]}" "$(json batch_hash)" "$hash"
    done
done
for lanes in 1 2; do
    must "${train[@]}" --eval sampled --lanes "$lanes" --log eval.db --json
done
equal "sampled evaluation draws the same batches" "$(sql eval.db "SELECT count(*) FROM (SELECT step
    FROM step WHERE phase = 'eval' GROUP BY step HAVING count(DISTINCT batch_hash) <> 1
    OR count(*) <> 2)")" 0

# Exact evaluation is cut into parts of the vertices: the same but for rounding.
for lanes in 1 3; do
    must "${train[@]}" --eval exact --lanes "$lanes" --log exact.db --json
done
equal "exact evaluation scores the same" "$(sql exact.db "SELECT count(*) FROM epoch a JOIN epoch b
    USING (epoch, split) WHERE a.run = 1 AND b.run = 2 AND split <> 'train'
    AND abs(a.accuracy - b.accuracy) <= 0.01 AND abs(a.loss - b.loss) <= 0.01 * a.loss")" 4
equal "with as many partitions as lanes, which add up" "$(sql exact.db "SELECT count(*), sum(num_inputs)
    FROM step_partition WHERE run = 2 AND phase = 'eval'")" "6|2400"

say "-- batches smaller than the lanes"
hash=
for lanes in 1 5; do
    must "$PACKRAT" train --data demo --batch-size 3 --fanout 3,2 --hidden 8 --steps 40 \
        --lanes "$lanes" --log few.db --json
    hash=${hash:-$(json batch_hash)}
    equal "batch_hash: 3 seeds, $lanes lanes" "$(json batch_hash)" "$hash"
done
equal "lanes without seeds want nothing" "$(sql few.db "SELECT count(*), count(DISTINCT partition)
    FROM step_partition WHERE phase = 'train' AND num_inputs = 0 AND rows_hit + rows_added
    + rows_bypassed + rows_victim + bytes_moved = 0")" "80|2"

say "-- the log adds up"
equal "losses agree to rounding" "$(sql run.db "SELECT count(*) FROM (SELECT step FROM step
    WHERE phase = 'train' GROUP BY step HAVING max(loss) - min(loss) > 1e-3 * max(loss))")" 0
equal "as many partitions as lanes" "$(sql run.db "SELECT count(*) FROM (SELECT p.run FROM
    step_partition p WHERE p.phase = 'train' GROUP BY p.run, p.step HAVING count(*) <>
    (SELECT count(DISTINCT partition) FROM step_partition q WHERE q.run = p.run))")" 0
equal "partitions add up to their step" "$(sql run.db "SELECT count(*) FROM (SELECT s.run FROM step s
    JOIN step_partition p USING (run, phase, step) GROUP BY s.run, s.phase, s.step
    HAVING sum(p.num_inputs) <> s.num_inputs OR sum(p.bytes_moved) <> s.bytes_moved
        OR sum(p.rows_victim) <> s.rows_victim OR sum(p.bytes_local) <> s.bytes_local
        OR sum(p.bytes_remote) <> s.bytes_remote
        OR (s.rows_direct = 0 AND sum(p.rows_hit + p.rows_added + p.rows_bypassed) <> s.num_inputs))")" 0
equal "bytes are local or remote" "$(sql run.db "SELECT count(*) FROM step WHERE phase = 'train'
    AND bytes_local + bytes_remote <> bytes_moved")" 0
equal "and known, but for rows in place on several nodes" "$(sql run.db "SELECT count(*) FROM step
    WHERE phase = 'train' AND bytes_local + bytes_remote IS NULL
    AND run NOT IN ($(grep -nE '^(rows in place|read in place)\|' <<< "$cases" | cut -d: -f1 | paste -sd,))")" 0
equal "lanes share the rows that the caches may keep" "$(sql run.db "SELECT max(n) <= 100 FROM
    (SELECT sum(rows_added - rows_victim) AS n FROM step WHERE phase = 'train'
    AND run = $(grep -nF 'few rows|' <<< "$cases" | cut -d: -f1))")" 1

say "-- what is said and refused"
bias=(--sampler labor --cache-bias 8)
must "${train[@]}" "${bias[@]}" --lanes 2 --log bias.db --json
two=$(json batch_hash)
grep -q "each remembers the rows of its own batches" "$ERR" || fail "a bias with lanes is not said"
equal "and noted" "$(sql bias.db "SELECT count(*) FROM note WHERE text LIKE '%of its own batches%'")" 1
must "${train[@]}" "${bias[@]}" --lanes 1 --log none --json
! grep -q "its own batches" "$ERR" || fail "one lane has nothing to say about lanes"
[[ $(json batch_hash) != "$two" ]] || fail "a bias does not depend on lanes: say so no more"
expect 2 "numa off is one lane, but --lanes asks for 2" "${train[@]}" --numa off --lanes 2 --log none
expect 2 "lanes is 65, must be|--lanes" "${train[@]}" --lanes 65 --log none
must taskset -c 0 "${train[@]}" --lanes 2 --log none --json
grep -Eq "affinity|cpuset" "$ERR" || fail "being kept to one CPU is not said"
equal "restricted, and the same batches" "$(json lanes)" 2
must env OMP_THREAD_LIMIT=1 "${train[@]}" --lanes 2 --threads 6 --log none --json
equal "threads that OpenMP did not start are not counted" "$(json threads)" 2
must "${train[@]}" --log none --json
finish

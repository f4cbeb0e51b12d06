#!/usr/bin/env bash
# A run that SIGTERM or kill -9 ended goes on with --resume, and its checkpoint and results are those
# of one that was not: the same bytes of weights. What cannot go on is refused.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo demo
train=("$PACKRAT" train --data demo --batch-size 64 --fanout "5,5" --hidden 16 --epochs 12 --threads 1
    --log none --quiet --json)

# arrays FILE: the checksum of what is behind the header: weights and optimiser.
arrays() {
    local header
    header=$(od -An -tu4 -j12 -N4 "$1" | tr -d ' ')
    tail -c "+$((17 + header))" "$1" | head -c -8 | cksum
}

must "${train[@]}" --checkpoint whole.prc
figures='steps batch_hash train_loss best_val_accuracy test_accuracy best_epoch'
for figure in $figures; do declare "whole_$figure=$(json "$figure")"; done

# interrupt SIGNAL FILE: start it, end it a moment after its first checkpoint, a minute at most.
interrupt() {
    "${train[@]}" --checkpoint "$2" --checkpoint-every 3 --resume > "$OUT" 2> "$ERR" &
    CHILD=$!
    for ((i = 0; i < 6000; i++)); do
        [[ -e $2 ]] && break
        kill -0 "$CHILD" 2> /dev/null || break
        sleep 0.01
    done
    sleep "0.0$((RANDOM % 10))"
    kill -"$1" "$CHILD" 2> /dev/null || true
    STATUS=0
    wait "$CHILD" 2> /dev/null || STATUS=$?
    CHILD=
}

RANDOM=7
for signal in TERM KILL; do
    say "-- SIG$signal, four times in one run"
    for ((k = 0; k < 4; k++)); do
        interrupt "$signal" "$signal.prc"
        say "      ended with status $STATUS"
    done
    must "${train[@]}" --checkpoint "$signal.prc" --resume
    for figure in $figures; do
        whole=whole_$figure
        equal "$figure" "$(json "$figure")" "${!whole}"
    done
    equal "weights and optimiser" "$(arrays "$signal.prc")" "$(arrays whole.prc)"
done

say "-- what goes on is logged as a run of its own, from its step"
rm -f log.db part.prc
must "${train[@]}" --checkpoint part.prc --steps 4 --log log.db
must "${train[@]}" --checkpoint part.prc --steps 9 --log log.db --resume
equal "first step" "$(json first_step)" 4
equal "steps of the second run" "$(sql log.db "SELECT min(step) || ' .. ' || max(step) FROM step
    WHERE run = 2 AND phase = 'train'")" "4 .. 8"
equal "its options" "$(sql log.db "SELECT json_extract(options, '$.\"resumed-at\"') FROM run
    WHERE id = 2")" 4
must "$PACKRAT" report log.db --run 2
grep -q "resumed-at=4" "$OUT" || fail "the report does not say where it went on"
grep -q "resumed at step 4: " "$OUT" || fail "the report does not say what its scores leave out"
must "${train[@]:0:${#train[@]}-1}" --checkpoint part.prc --steps 9 --resume
if grep -q "^step  " "$OUT"; then fail "a run that was done has times of steps"; fi

say "-- one warning where rounding may differ"
loud=("$PACKRAT" train --data demo --batch-size 64 --fanout "5,5" --hidden 16 --log none)
must "${loud[@]}" --checkpoint part2.prc --steps 3 --threads 1
must env DNNL_MAX_CPU_ISA=SSE41 "${loud[@]}" --checkpoint part2.prc --steps 6 --threads 2 --resume
equal "warnings" "$(grep -c "weights may differ in their last bits" "$ERR")" 1
grep -q "onednn isa: 'sse41' was" "$ERR" || fail "it does not say which instructions: $(cat "$ERR")"
grep -q "threads: '2' was '1'" "$ERR" || fail "it does not say how many threads: $(cat "$ERR")"

say "-- refused, with both values"
expect 2 "--seed is 5 here, 1 there" "${train[@]}" --checkpoint whole.prc --resume --seed 5
expect 2 "--hidden is 8 here, 16 there" "${train[@]}" --checkpoint whole.prc --resume --hidden 8
must "$PACKRAT" gen --kind planted --nodes 500 --edges 3000 --out other
expect 2 "the dataset's fingerprint is" "${train[@]}" --data other --checkpoint whole.prc --resume
expect 2 "--resume needs --checkpoint" "${train[@]}" --resume
printf 'no checkpoint' > text.prc
expect 2 "text.prc" "${train[@]}" --checkpoint text.prc --resume

finish

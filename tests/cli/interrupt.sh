#!/usr/bin/env bash
# SIGINT and SIGTERM end a training run cleanly, with their exit status; kill -9 at any moment
# leaves a log that opens and holds a prefix of the steps, and a checkpoint whole or absent.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo demo
train=("$PACKRAT" train --data demo --batch-size 64)
small=(--fanout "5,5" --hidden 16)

# wait_for PATTERN FILE: until a line of it appears, a minute at most.
wait_for() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -Eq -- "$1" "$2" 2> /dev/null && return
        kill -0 "$CHILD" 2> /dev/null || break
        sleep 0.1
    done
    fail "no '$1' on standard error in time"
    sed 's/^/    /' "$2" | tail -n 5
    finish
}

# end_child: wait for it, keep its exit status.
end_child() {
    STATUS=0
    wait "$CHILD" || STATUS=$?
    CHILD=
}

# check_log DATABASE: it opens, is whole, and each run holds its steps 0, 1, 2, ... without a gap. A
# log that was cut off while it was made has no tables yet, as the schema comes whole or not at all.
check_log() {
    [[ $(sql "$1" 'PRAGMA integrity_check') == ok ]] || fail "$1: integrity_check"
    if [[ $(sql "$1" 'SELECT count(*) FROM sqlite_master') == 0 ]]; then
        say "      $1 has no tables yet"
        return
    fi
    local gaps
    gaps=$(sql "$1" "SELECT count(*) FROM (SELECT run, count(*) AS n, max(step) AS last, min(step)
        AS first FROM step WHERE phase = 'train' GROUP BY run) WHERE first <> 0 OR n <> last + 1")
    [[ $gaps == 0 ]] || fail "$1: the steps are not a prefix"
    [[ $(sql "$1" "SELECT count(*) FROM step s WHERE NOT EXISTS (SELECT 1 FROM step_partition p
        WHERE p.run = s.run AND p.phase = s.phase AND p.step = s.step)") == 0 ]] ||
        fail "$1: a step without its partitions"
}

for signal in INT TERM; do
    pipeline=$([[ $signal == INT ]] && echo off || echo on) # a pipelined run has more threads to end
    say "-- SIG$signal, --pipeline $pipeline"
    status=$([[ $signal == INT ]] && echo 130 || echo 143)
    "${train[@]}" "${small[@]}" --pipeline "$pipeline" --epochs 1000000 --eval none --log "$signal.db" --checkpoint "$signal.prc" \
        --json > "$OUT" 2> "$ERR" &
    CHILD=$!
    wait_for 'epoch [2-9]' "$ERR"
    kill -"$signal" "$CHILD"
    end_child
    equal "exit status" "$STATUS" "$status"
    grep -q "interrupted by SIG$signal" "$ERR" || fail "standard error does not say SIG$signal"
    [[ ! -e $signal.db-wal ]] || fail "$signal.db-wal is left after a clean end"
    check_log "$signal.db"
    equal "exit status in the log" "$(sql "$signal.db" 'SELECT exit_status FROM run')" "$status"
    equal "the run has ended" "$(sql "$signal.db" 'SELECT ended_at IS NOT NULL FROM run')" 1
    equal "steps of --json and of the log" "$(json steps)" \
        "$(sql "$signal.db" "SELECT count(*) FROM step WHERE phase = 'train'")"
    must "$PACKRAT" eval --data demo --checkpoint "$signal.prc"
    say "ok    the checkpoint loads"
done

say "-- twice SIGTERM"
"${train[@]}" "${small[@]}" --pipeline on --epochs 1000000 --eval none --log twice.db > "$OUT" 2> "$ERR" &
CHILD=$!
wait_for 'epoch [2-9]' "$ERR"
kill -TERM "$CHILD"
kill -TERM "$CHILD" 2> /dev/null || true
end_child
equal "exit status" "$STATUS" 143
check_log twice.db

say "-- gen, interrupted, leaves nothing"
"$PACKRAT" gen --kind rmat --nodes 1000000 --edges 20000000 --features 64 --out big \
    > "$OUT" 2> "$ERR" &
CHILD=$!
sleep 0.5
kill -TERM "$CHILD"
end_child
equal "exit status" "$STATUS" 143
[[ -z $(find . -name 'big*') ]] || fail "gen left $(find . -name 'big*' | head -n 3)"

# interrupt_metis COMMAND TARGET OPTION...: ended while METIS works in its process, a command leaves
# nothing and nobody.
interrupt_metis() {
    local command=$1 target=$2 worker=
    shift 2
    say "-- $command, interrupted while METIS works in its process, leaves nothing and nobody"
    "$PACKRAT" "$command" --data web --out "$target" "$@" > "$OUT" 2> "$ERR" &
    CHILD=$!
    for ((i = 0; i < 3000; i++)); do
        worker=$(pgrep -P "$CHILD") && break
        kill -0 "$CHILD" 2> /dev/null || break
        sleep 0.02
    done
    kill -TERM "$CHILD"
    end_child
    equal "exit status" "$STATUS" 143
    [[ -n $worker ]] || fail "METIS had no process of its own"
    ! kill -0 "$worker" 2> /dev/null || fail "METIS outlives packrat"
    grep -q "interrupted by SIGTERM; nothing was written" "$ERR" || fail "$command does not say so"
    [[ -z $(find . -name "${target%.npy}*") ]] || fail "$command left $(find . -name "${target%.npy}*")"
}
must "$PACKRAT" gen --kind rmat --nodes 100000 --edges 2000000 --features 4 --out web
interrupt_metis reorder web-sorted --order.method metis
interrupt_metis partition web-parts.npy --method metis

say "-- train, interrupted while it looks for clusters, has no log and names none"
for json in "" --json; do
    # shellcheck disable=SC2086  # no word when there is none
    "$PACKRAT" train --data web --order community --order.method metis --log early.db $json \
        > "$OUT" 2> "$ERR" &
    CHILD=$!
    for ((i = 0; i < 3000; i++)); do
        pgrep -P "$CHILD" > /dev/null && break
        kill -0 "$CHILD" 2> /dev/null || break
        sleep 0.02
    done
    kill -TERM "$CHILD"
    end_child
    equal "exit status" "$STATUS" 143
    [[ ! -e early.db ]] || fail "there is a log of a run that did not begin"
    if [[ -n $json ]]; then
        grep -q '"run":null,"log":null' "$OUT" || fail "--json names a log: $(cat "$OUT")"
    else
        equal "what is said of no steps" "$(cat "$OUT")" ""
    fi
done

say "-- kill -9 while a checkpoint is written over an older one"
large=("${train[@]}" --layers 3 --fanout 2 --hidden 768 --steps 1 --log none --checkpoint large.prc)
large+=(--quiet)
must "${large[@]}"
for ((i = 0; i < 5; i++)); do
    "${large[@]}" > "$OUT" 2> "$ERR" &
    CHILD=$!
    while kill -0 "$CHILD" 2> /dev/null && [[ ! -s large.prc.tmp-$CHILD ]]; do :; done
    kill -9 "$CHILD" 2> /dev/null || true
    end_child 2> /dev/null
    say "      kill $i came with status $STATUS"
    must "$PACKRAT" eval --data demo --checkpoint large.prc
done
say "ok    large.prc is whole each time"

say "-- kill -9, twenty times"
RANDOM=20240
start=$(date +%s%N)
must "${train[@]}" "${small[@]}" --epochs 40 --log none --checkpoint whole.prc
whole_ms=$((($(date +%s%N) - start) / 1000000))
for ((i = 0; i < 20; i++)); do
    rm -f kill.prc
    "${train[@]}" "${small[@]}" --epochs 40 --log kill.db --checkpoint kill.prc > "$OUT" 2> "$ERR" &
    CHILD=$!
    after_ms=$((RANDOM % (whole_ms + 50)))
    sleep "$((after_ms / 1000)).$(printf '%03d' $((after_ms % 1000)))"
    kill -9 "$CHILD" 2> /dev/null || true
    end_child 2> /dev/null
    if [[ -e kill.db ]]; then check_log kill.db; fi
    if [[ -e kill.prc ]]; then
        run "$PACKRAT" eval --data demo --checkpoint kill.prc
        [[ $STATUS -eq 0 ]] || fail "the checkpoint of kill $i is not whole: $(cat "$ERR")"
    fi
done
say "ok    $(sql kill.db "SELECT count(*) || ' runs, ' || sum(ended_at IS NULL) || ' of them cut off, '
    || (SELECT count(*) FROM step) || ' steps' FROM run")"
must "${train[@]}" "${small[@]}" --epochs 1 --log kill.db
check_log kill.db
say "ok    the log goes on after that"
say "-- a mapped file that becomes shorter"
cp -r demo cut
"$PACKRAT" train --data cut --batch-size 64 "${small[@]}" --cache.store in-place --cache.factor 0 --epochs 1000000 --eval none \
    --log cut.db > "$OUT" 2> "$ERR" &
CHILD=$!
wait_for 'epoch [2-9]' "$ERR"
truncate -s 4096 cut/feat.npy
end_child
equal "exit status" "$STATUS" 1
grep -q 'mapped became shorter' "$ERR" || fail "standard error does not say that a file became shorter"
check_log cut.db

finish

# shellcheck shell=bash
# serve_faults.bash: a server with two models and what is done to it, in any number. Source it behind
# support.bash; each function checks and says what it found.

TOOLS=$PACKRAT_SOURCE/bench/serve
PYTHON=$(command -v python3) || { echo "skipped: python3 is not installed"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
"$PYTHON" -c 'import array, http, json, socket, threading' 2> /dev/null ||
    { echo "skipped: python3 has no standard library"; exit 77; }
MAX_NODES=64 MAX_BODY=65536
URL='' # of the server, and its process is $CHILD

# make_models: a graph, two models of one shape, and their answers offline: a.prc, a.npy, b.prc, b.npy.
make_models() {
    local name seed=1
    make_demo demo
    for name in a b; do
        must "$PACKRAT" train --data demo --layers 2 --hidden 16 --fanout 5,5 --steps 20 --log none \
            --seed "$seed" --checkpoint $name.prc
        must "$PACKRAT" infer --data demo --checkpoint $name.prc --mode sampled --sampler uniform \
            --seed 1 --fanout 5,5 --batch-size 256 --output logits --out $name.npy --log none
        seed=$((seed + 1))
    done
}

# start_server OPTION...: serve a copy of a.prc, until stop_server; sets URL and CHILD.
start_server() {
    cp a.prc served.prc
    : > "$WORK/said/serve"
    "$PACKRAT" serve --data demo --checkpoint served.prc --name sage --fanout 5,5 --seed 1 \
        --listen 127.0.0.1:0 --batch.max-nodes $MAX_NODES --http.max-body $MAX_BODY \
        --http.deadline-ms 5000 --http.idle-ms 5000 "$@" \
        > "$WORK/said/serve" 2> "$WORK/said/serve.err" &
    CHILD=$!
    URL=
    while [[ -z $URL ]]; do
        if ! kill -0 "$CHILD" 2> /dev/null; then
            fail "the server ended: $(cat "$WORK/said/serve.err")"
            CHILD=
            finish
        fi
        URL=$(sed -n 's/^serving .* at \(http[^ ]*\).*$/\1/p' "$WORK/said/serve")
        sleep 0.02
    done
}

# ended: take the exit status of the server, which was told to end.
ended() {
    local status=0
    wait "$CHILD" || status=$?
    CHILD=
    [[ $status -eq 0 ]] || fail "$1: the server ended with status $status: $(tail -n 20 "$WORK/said/serve.err")"
    if grep -Eq 'Sanitizer|runtime error' "$WORK/said/serve.err"; then
        fail "$1: $(grep -E -m 3 'Sanitizer|runtime error' "$WORK/said/serve.err")"
    fi
}

stop_server() {
    kill -TERM "$CHILD"
    ended "${1:-stopping}"
}

# tool WHAT NAME ARGUMENT...: run a tool against the server; it must succeed.
tool() {
    local what=$1 name=$2
    shift 2
    run "$PYTHON" "$TOOLS/$name.py" --url "$URL" --model sage "$@"
    if [[ $STATUS -eq 0 ]]; then
        say "ok    $what: $(tail -n 1 "$OUT" | cut -c 1-160)"
    else
        fail "$what: status $STATUS: $(tail -n 3 "$OUT" | cut -c 1-300)"
        head -n 20 "$ERR" | sed 's/^/    /'
        sed 's/^/    server: /' "$WORK/said/serve.err" | tail -n 5
    fi
    kill -0 "$CHILD" 2> /dev/null || { fail "$what: the server is gone"; ended "$what"; finish; }
}

right() { tool "${1:-answers are right}" check_answers --logits a.npy --requests "${2:-50}"; }

# fuzzed NUMBER SEED
fuzzed() {
    tool "fuzzed requests" fuzz_requests --logits a.npy --max-nodes $MAX_NODES --max-body $MAX_BODY \
        --requests "$1" --seed "$2"
}

# dripped CONNECTIONS: the server needs a short --http.deadline-ms.
dripped() {
    tool "slow clients" drip_clients --logits a.npy --max-nodes $MAX_NODES --connections "$1"
}

vanished() {
    tool "clients that vanish" vanish_clients --logits a.npy --max-nodes $MAX_NODES --pid "$CHILD" \
        --requests "$1"
}

# swapped NUMBER: models are swapped while answers are checked; then the server serves a.prc again
# or b.prc.
swapped() {
    local checker status=0
    rm -f done
    "$PYTHON" "$TOOLS/check_answers.py" --url "$URL" --model sage --logits a.npy --logits b.npy \
        --until done --requests 20 > "$WORK/said/checker" 2> "$WORK/said/checker.err" &
    checker=$!
    tool "swaps" swap_models --pid "$CHILD" --path served.prc --from a.prc --from b.prc --swaps "$1" \
        --stop done
    wait $checker || status=$?
    if [[ $status -eq 0 ]]; then
        say "ok    answers while models are swapped: $(tail -n 1 "$WORK/said/checker")"
    else
        fail "answers while models are swapped: $(tail -n 5 "$WORK/said/checker.err")"
    fi
}

# drained: SIGTERM under load ends the server.
drained() {
    run "$PYTHON" "$TOOLS/drain_clients.py" --url "$URL" --model sage --logits a.npy --pid "$CHILD" \
        --connections "${1:-16}" --seconds "${2:-1}"
    if [[ $STATUS -eq 0 ]]; then
        say "ok    SIGTERM under load: $(tail -n 1 "$OUT")"
    else
        fail "SIGTERM under load: $(tail -n 1 "$OUT")"
        head -n 5 "$ERR" | sed 's/^/    /'
    fi
    ended "SIGTERM under load"
}

# log_full REQUESTS: the log's disk is full while requests are answered, and has room again later.
# Where nothing can be mounted, the file may not grow beyond what it has, which stays so.
log_full() {
    local mounted=0
    mkdir -p small
    if mount -t tmpfs -o size=1m tmpfs small 2> /dev/null; then
        mounted=1
        mkdir -p "$WORK/small" # support.bash unmounts that one
        umount small && mount -t tmpfs -o size=1m tmpfs "$WORK/small"
        rm -rf small && ln -s "$WORK/small" small
        start_server --log small/serve.db
        head -c 2m /dev/zero > small/filler 2> /dev/null || true
    else
        trap '' XFSZ # a write fails instead of ending the process
        # shellcheck disable=SC3045
        ulimit -S -f 600
        start_server --log small/serve.db
        ulimit -S -f unlimited
        trap - XFSZ
    fi
    right "answers with a full disk" 50
    tool "requests with a full disk" soak --nodes 1200 --pid "$CHILD" --requests "$1" --allow 1000000000
    right "answers with a full disk, still" 50
    "$PYTHON" - "$TOOLS" "$URL" << 'CODE' > "$OUT" 2>&1 || fail "log trouble in metrics: $(cat "$OUT")"
import sys
sys.path.insert(0, sys.argv[1])
import serve_client as serve
address = serve.address_of(sys.argv[2])
lost = serve.metric(address, "packrat_log_rows_lost_total")
writable = serve.metric(address, "packrat_log_writable")
assert lost or writable == 0, f"rows lost: {lost}, writable: {writable}"
assert serve.is_healthy(address), "not healthy"
CODE
    if [[ $mounted = 1 ]]; then
        rm -f small/filler
        right "answers when there is room again" 50
        stop_server "a log that was full"
        equal "integrity of the log" "$(sql small/serve.db 'PRAGMA integrity_check')" ok
        [[ $(sql small/serve.db 'SELECT count(*) FROM request') -gt 0 ]] || fail "no request is in the log"
        umount "$WORK/small"
    else
        say "nothing can be mounted here: the log's file was held small instead"
        stop_server "a log that is full"
    fi
    rm -rf small
}

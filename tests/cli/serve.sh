#!/usr/bin/env bash
# packrat serve: every endpoint, answers that are those of packrat infer, other checkpoints while it
# runs, an end that leaves nobody without an answer, and what is refused before and while it serves.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
command -v curl > /dev/null || { echo "skipped: curl is not installed"; exit 77; }

make_demo demo
make_demo wide --features 24
must "$PACKRAT" train --data demo --fanout 5,5 --hidden 16 --steps 20 --log none --checkpoint m.prc
must "$PACKRAT" train --data demo --fanout 5,5 --hidden 16 --steps 40 --log none --checkpoint later.prc
cp m.prc now.prc
serve=(timeout -k 5 60 "$PACKRAT" serve --data demo --checkpoint now.prc)
ids='{"inputs":[{"name":"node_ids","datatype":"INT64","shape":[4],"data":[0,17,17,1199]}]}'

# classes FILE: column class of its rows 0, 17, 17 and 1199, as JSON.
classes() {
    awk -F, 'NR > 1 { c[$1] = $2 } END { print "[" c[0] "," c[17] "," c[17] "," c[1199] "]" }' "$1"
}

# class_in_body: data of output class of the last answer.
class_in_body() {
    sqlite3 -batch :memory: "SELECT json_extract(value, '\$.data') FROM
        json_each(CAST(readfile('$OUT') AS TEXT), '\$.outputs')
        WHERE json_extract(value, '\$.name') = 'class'"
}

sampled=("$PACKRAT" infer --data demo --mode sampled --sampler uniform)
must "${sampled[@]}" --checkpoint m.prc --out first.csv
must "${sampled[@]}" --checkpoint later.prc --out later.csv
must "${sampled[@]}" --checkpoint m.prc --out seeded.csv --seed 99
must "${sampled[@]}" --checkpoint m.prc --out exact.csv --fanout all

say "-- endpoints"
start_server --data demo --checkpoint now.prc --log serve.db --fanout.max all
grep -q 'model version 1, fanout 5,5, seed 1' "$WORK/said/serve.out" ||
    fail "the first line is: $(cat "$WORK/said/serve.out")"
answers 200 '"name":"packrat"' /v2
answers 200 '' /v2/health/live
answers 200 '' /v2/health/ready
answers 200 '"versions":\["1"\]' /v2/models/sage
answers 200 '"node_ids"' /v2/models/sage/versions/1
answers 200 '' /v2/models/sage/ready
answers 200 '' /v2/models/sage/versions/1/ready
answers 200 '"model_version":"1"' /v2/models/sage/infer -d "$ids"
equal "answers are those of packrat infer" "$(class_in_body)" "$(classes first.csv)"
answers 200 '"id":"mine"' /v2/models/sage/versions/1/infer -d "{\"id\":\"mine\",${ids:1}"
answers 200 '"seed":99' /v2/models/sage/infer -d "{\"parameters\":{\"seed\":99},${ids:1}"
equal "with a seed of their own" "$(class_in_body)" "$(classes seeded.csv)"
answers 200 '"fanout":"all' /v2/models/sage/infer -d "{\"parameters\":{\"fanout\":\"all\"},${ids:1}"
equal "exact ones" "$(class_in_body)" "$(classes exact.csv)"
answers 200 '"shape":\[4,16\]' /v2/models/sage/infer -d "{\"outputs\":[{\"name\":\"embeddings\"}],${ids:1}"
! grep -q logits "$OUT" || fail "what was not asked for is in the answer"
answers 200 '"shape":\[2,16\]' /v1/features -d '{"node_ids":[3,1]}'
answers 200 '^packrat_requests_total' /metrics
grep -q '^content-type: text/plain; version=0.0.4' <(tr '[:upper:]' '[:lower:]' < "$WORK/said/head") ||
    fail "the type of /metrics is not Prometheus': $(grep -i '^content-type' "$WORK/said/head")"

say "-- what is refused"
answers 404 '"error"' /v2/models/other/infer -d "$ids"
answers 404 '"error"' /v2/models/sage/versions/7
answers 404 '"error"' /nothing
answers 405 '"error"' /v2/models/sage/infer
grep -qi '^allow: .*POST' "$WORK/said/head" || fail "405 does not say what is allowed"
answers 405 '"error"' /v2/health/live -d x
answers 400 '"error"' /v2/models/sage/infer -d '{'
answers 400 '1200' /v2/models/sage/infer -d "${ids/1199/1200}"
answers 400 '"error"' /v2/models/sage/infer -d "${ids/1199/-1}"
answers 400 '"error"' /v1/features -d '{"node_ids":"all"}'
answers 200 '' /v2/health/ready

say "-- another checkpoint"
# version N: until it answers, some seconds at most.
version() {
    local i
    for ((i = 0; i < 200; i++)); do
        ask /v2/models/sage
        grep -q "\"versions\":\[\"$1\"\]" "$OUT" && return
        sleep 0.05
    done
    fail "no model version $1: $(cat "$OUT")"
}
cp later.prc now.prc
kill -HUP "$CHILD"
version 2
ask /v2/models/sage/infer -d "$ids"
equal "answers after SIGHUP" "$(class_in_body)" "$(classes later.csv)"
answers 404 '"error"' /v2/models/sage/versions/1/infer -d "$ids"
cp m.prc now.prc
answers 200 '3' /v2/repository/models/sage/load -X POST
version 3
ask /v2/models/sage/infer -d "$ids"
equal "answers after a load" "$(class_in_body)" "$(classes first.csv)"
echo garbage > now.prc
ask /v2/repository/models/sage/load -X POST
[[ $STATUS =~ ^[45]..$ ]] || fail "garbage is loaded: status $STATUS"
grep -q 'now.prc' "$OUT" || fail "the answer does not name the file: $(cat "$OUT")"
answers 200 '"model_version":"3"' /v2/models/sage/infer -d "$ids"
cp m.prc now.prc
answers 404 '"error"' /v2/repository/models/other/load -X POST

say "-- the end"
stop_server TERM
equal "exit status" "$STATUS" 0
grep -q '^requests ' "$OUT" || fail "the end says nothing of requests: $(cat "$OUT")"
equal "integrity" "$(sql serve.db 'PRAGMA integrity_check')" ok
equal "the run" "$(sql serve.db 'SELECT command, exit_status, rows_lost FROM run')" "serve|0|0"
[[ $(sql serve.db "SELECT count(*) FROM request WHERE status = 200") -ge 8 ]] || fail "too few requests in the log"
[[ $(sql serve.db "SELECT count(*) FROM step WHERE phase = 'serve'") -ge 6 ]] || fail "too few batches in the log"
equal "library in the log" "$(sql serve.db "SELECT json_type(versions, '\$.libmicrohttpd') FROM run")" text
must "$PACKRAT" report serve.db

say "-- rows that stay in their file: reading them is told apart from placing them"
start_server --data demo --checkpoint now.prc --cache.store direct --derived off --log disk.db
answers 200 '' /v1/features -d '{"node_ids":[700,900,1111]}'
answers 200 '' /v2/models/sage/infer -d "$ids"
stop_server TERM
equal "batches that read" "$(sql disk.db "SELECT count(*) FROM step WHERE phase = 'serve' AND rows_disk > 0
    AND fetch_ns > 0 AND fetch_ns = wait_rows_ns AND fetch_ns <= wait_ns")" 2

say "-- a log that cannot grow any more: answers go on, metrics say so, and the exit status is 0"
printf '#!/bin/sh\nulimit -f 600\nexec "%s" "$@"\n' "$PACKRAT" > limited
chmod +x limited
whole=$PACKRAT
PACKRAT=$PWD/limited
start_server --data demo --checkpoint now.prc --log full.db
PACKRAT=$whole
lost=0
refused= # it is tried again, and a small transaction may find room
for ((i = 0; i < 60; i++)); do
    curl -sS -o /dev/null -w '%{http_code}\n' "$URL/v2/models/sage/infer?[1-500]" -d "$ids" > codes
    [[ $(sort -u codes) == 200 ]] || fail "statuses $(sort -u codes)"
    sleep 0.2
    ask /metrics
    lost=$(awk '$1 == "packrat_log_rows_lost_total" { print $2 }' "$OUT")
    ! grep -q '^packrat_log_writable 0' "$OUT" || refused=yes
    [[ $lost -eq 0 || -z $refused ]] || break
done
[[ $lost -gt 0 ]] || fail "no rows of the log were lost"
[[ -n $refused ]] || fail "the metrics never say that the log cannot be written"
answers 200 'ready' /v2/health/ready
stop_server TERM
equal "exit status" "$STATUS" 0
grep -q 'full.db' "$ERR" || fail "nothing is said of the log: $(cat "$ERR")"

say "-- signals under load: whoever was let in gets an answer, and the exit status is 0"
for signal in TERM INT; do
    start_server --data demo --checkpoint now.prc --json --name loaded --http.threads 2
    for ((i = 0; i < 6; i++)); do
        (for ((;;)); do
            code=0
            curl -s -o /dev/null -w '%{http_code}\n' "$URL/v2/models/loaded/infer" -d "$ids" || code=$?
            [[ $code -eq 0 ]] || { echo "curl $code"; break; }
        done > "load.$i") &
    done
    sleep 0.7
    kill -"$signal" "$CHILD"
    STATUS=0
    wait "$CHILD" || STATUS=$?
    CHILD=
    equal "exit status after SIG$signal" "$STATUS" 0
    wait
    # curl 7 and 000: nobody listens any more
    equal "other than 200, 503 and no connection" "$(sort -u load.? | grep -Evx '200|503|000|curl 7' || true)" ""
    grep -qx 200 load.0 || fail "nothing was answered under load"
    cp "$WORK/said/serve.out" "$OUT"
    equal "lines of --json" "$(wc -l < "$OUT")" 1
    equal "command" "$(json command)" serve
    equal "not answered" "$(json failed)" 0
    [[ $(json answered) -ge $(sort load.? | grep -cx 200) ]] || fail "more answers than --json says: $(cat "$OUT")"
done

say "-- a signal while it starts"
# Not by way of timeout: a signal that comes while that starts ends it alone, and the server stays.
"${serve[@]:4}" --listen 127.0.0.1:0 > "$OUT" 2> "$ERR" &
CHILD=$!
sleep 0.01
stop_server TERM
[[ $STATUS -eq 0 || $STATUS -eq 143 ]] || fail "exit status $STATUS" # 143: before it was caught

say "-- a token"
printf 'secret\n' > token
start_server --data demo --checkpoint now.prc --token-file token
answers 401 '"error"' /v2/models/sage/infer -d "$ids"
answers 401 '"error"' /v2/models/sage/infer -d "$ids" -H 'Authorization: Bearer Secret'
answers 200 '' /v2/models/sage/infer -d "$ids" -H 'Authorization: Bearer secret'

say "-- a port that is taken, and what else does not start"
expect 1 "${URL#http://}.*in use" "${serve[@]}" --listen "${URL#http://}"
stop_server TERM
equal "exit status" "$STATUS" 0
expect 2 "serve: --data is missing" "$PACKRAT" serve
expect 2 "serve: --checkpoint is missing" "$PACKRAT" serve --data demo
expect 2 "no_such.prc" "$PACKRAT" serve --data demo --checkpoint no_such.prc
expect 2 "no_such" "$PACKRAT" serve --data no_such --checkpoint m.prc
expect 2 "wants 16 features, wide has 24" "$PACKRAT" serve --data wide --checkpoint m.prc
expect 2 "no_such_token" "${serve[@]}" --token-file no_such_token
: > empty
expect 2 "empty" "${serve[@]}" --token-file empty
expect 2 "--fanout" "${serve[@]}" --fanout 5,5,5
expect 2 "--fanout" "${serve[@]}" --fanout some
expect 2 "--fanout.max" "${serve[@]}" --fanout 5,5 --fanout.max 4,5
expect 2 "fanout" "${serve[@]}" --shed.fanout some
expect 2 "--shed.at is 5000, must be in 1 \.\. 4096" "${serve[@]}" --shed.fanout 2,2 --shed.at 5000
expect 2 "--listen" "${serve[@]}" --listen nonsense
expect 2 "--listen" "${serve[@]}" --listen 127.0.0.1:70000
expect 2 "--name is 'a/b'" "${serve[@]}" --name a/b
expect 2 "--memory is for" "${serve[@]}" --memory 1G
expect 2 "--cache.policy is lookahead" "${serve[@]}" --cache.policy lookahead
expect 2 "--derived.*auto\|on\|off" "${serve[@]}" --derived maybe
expect "[12]" "no/such/dir" "${serve[@]}" --listen 127.0.0.1:0 --log no/such/dir/x.db
finish

#!/usr/bin/env bash
# Help, version, unknown commands, absurd options: what is printed where, and the exit status.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

# prints PATTERN COMMAND...: exit 0, the pattern on standard output, nothing on standard error.
prints() {
    local pattern=$1
    shift
    run "$@"
    if [[ $STATUS -eq 0 && ! -s $ERR ]] && grep -Eq -- "$pattern" "$OUT"; then
        say "ok    $*"
    else
        fail "exit $STATUS, or no '$pattern' on standard output: $*"
    fi
}

say "-- help and version"
prints '^packrat [0-9]+\.[0-9]+\.[0-9]+$' "$PACKRAT" --version
prints '^commands:' "$PACKRAT"
prints '^commands:' "$PACKRAT" --help
prints '^commands:' "$PACKRAT" help
prints '^\.TH PACKRAT 1 "[0-9]{4}-[0-9]{2}-[0-9]{2}"' "$PACKRAT" man
for command in import gen reorder convert partition train explain eval infer serve weights report topo tune; do
    prints "^usage: packrat $command" "$PACKRAT" help "$command"
    prints "^  --config" "$PACKRAT" "$command" --help
    prints "^  --json" "$PACKRAT" "$command" --help
    prints "PACKRAT ${command^^}" "$PACKRAT" man
done
for option in data split fanout batch-size epochs steps lr lr-schedule weight-decay dropout feature-norm \
    patience eval eval-every cache.mode cache.rows cache.bytes cache.factor cache.policy numa \
    threads tuning log checkpoint seed hidden model layers order order.file order.buffer order.mix \
    order.clusters order.method echo echo.pool init; do
    prints "^  --$option " "$PACKRAT" train --help
done

say "-- commands that do not exist"
expect 2 "did you mean 'train'" "$PACKRAT" tarin
expect 2 "did you mean 'train'" "$PACKRAT" tr
expect 2 "did you mean 'report'" "$PACKRAT" help repotr
expect 2 "commands: import gen" "$PACKRAT" zzzzzzzz
expect 2 "there is no command ''" "$PACKRAT" ""
expect 2 "unknown option --data" "$PACKRAT" --data x
expect 2 "there is no command" "$PACKRAT" "$(printf 'x%.0s' {1..5000})"

say "-- what is missing or too much"
expect 2 "train: --data is missing" "$PACKRAT" train
expect 2 "gen: --out is missing" "$PACKRAT" gen
expect 2 "eval: --data is missing" "$PACKRAT" eval --checkpoint m.prc
expect 2 "eval: --checkpoint is missing" "$PACKRAT" eval --data d
expect 2 "infer: --out is missing" "$PACKRAT" infer --data d --checkpoint m.prc
expect 2 "weights: --checkpoint is missing" "$PACKRAT" weights --out m.npz
expect 2 "--out or --from" "$PACKRAT" weights --checkpoint m.prc
expect 2 "--out and --from exclude" "$PACKRAT" weights --checkpoint m.prc --out a.npz --from b.npz
expect 2 "--from needs --data.*or --like" "$PACKRAT" weights --checkpoint m.prc --from b.npz
expect 2 "--like and --data exclude" "$PACKRAT" weights --checkpoint m.prc --from b.npz --like o.prc \
    --data d
expect 2 "--like goes with --from" "$PACKRAT" weights --checkpoint m.prc --out a.npz --like o.prc
expect 2 "--data goes with --from" "$PACKRAT" weights --checkpoint m.prc --out a.npz --data d
expect 2 "no_such.prc" "$PACKRAT" weights --checkpoint no_such.prc --out a.npz
expect 2 "unexpected argument 'x'" "$PACKRAT" weights x --checkpoint m.prc --out a.npz
expect 2 "import: --source is missing" "$PACKRAT" import --out d
expect 2 "import: --out is missing" "$PACKRAT" import edges.txt
expect 2 "both name the source" "$PACKRAT" import a --source b --out d
expect 2 "convert: --data is missing" "$PACKRAT" convert --out d
expect 2 "convert: --out is missing" "$PACKRAT" convert --data d
expect 2 "--format.*f32\|bf16\|f16\|int8" "$PACKRAT" convert --data d --out e --format f64
expect 2 "--feature-norm.*auto\|none\|l1\|l2" "$PACKRAT" convert --data d --out e --feature-norm l3
expect 2 "unexpected argument 'x'" "$PACKRAT" convert x --data d --out e
expect 2 "reorder: --data is missing" "$PACKRAT" reorder --out d
expect 2 "reorder: --out is missing" "$PACKRAT" reorder --data d
expect 2 "--by.*community\|degree\|bfs\|access" "$PACKRAT" reorder --data d --out e --by size
expect 2 "--by access needs --trace" "$PACKRAT" reorder --data d --out e --by access
expect 2 "--trace goes with --by access" "$PACKRAT" reorder --data d --out e --trace f
expect 2 "--order.clusters.*0 \.\. 1000000" "$PACKRAT" reorder --data d --out e \
    --order.clusters 1000001
expect 2 "--order.method.*auto\|metis\|propagation" "$PACKRAT" reorder --data d --out e \
    --order.method metal
expect 2 "unexpected argument 'x'" "$PACKRAT" reorder x --data d --out e
expect 2 "partition: --data is missing" "$PACKRAT" partition --out p.npy
expect 2 "partition: --out is missing" "$PACKRAT" partition --data d
expect 2 "--parts is 129, must be in 1 \.\. 128" "$PACKRAT" partition --data d --out p.npy --parts 129
expect 2 "--parts is 0, must be in 1 \.\. 128" "$PACKRAT" partition --data d --out p.npy --parts 0
expect 2 "--method.*auto\|metis\|propagation" "$PACKRAT" partition --data d --out p.npy --method kway
expect 2 "--balance.*auto\|nodes\|train\|edges" "$PACKRAT" partition --data d --out p.npy \
    --balance arcs
expect 2 "--split.*main\|alt" "$PACKRAT" partition --data d --out p.npy --split both
expect 2 "unexpected argument 'x'" "$PACKRAT" partition x --data d --out p.npy
expect 2 "unexpected argument 'x'" "$PACKRAT" train x --data d
expect 2 "unexpected argument 'x'" "$PACKRAT" topo x
expect 2 "tune: --data and --row-bytes both" "$PACKRAT" tune --data d --row-bytes 64
expect 2 "tune: --row-bytes is 510, must be a multiple of 4" "$PACKRAT" tune --row-bytes 510
expect 2 "--row-bytes.*0 \.\. 1048576" "$PACKRAT" tune --row-bytes 1048580
expect 2 "--row-bytes.*whole number" "$PACKRAT" tune --row-bytes -4
expect 2 "--threads.*0 \.\. 4096" "$PACKRAT" tune --threads 5000
expect 2 "unexpected argument 'x'" "$PACKRAT" tune x
expect 2 "no_such_dir" "$PACKRAT" tune --quick --data no_such_dir
expect 2 "exclude each other" "$PACKRAT" topo --quiet --verbose

say "-- absurd options: flag | value | what the message names besides the flag"
while IFS='|' read -r flag value names; do
    [[ -n $flag ]] || continue
    expect 2 "--$flag.*$names" "$PACKRAT" train --data d "--$flag=$value"
done << 'TABLE'
epochs|-1|whole number
epochs|many|whole number
epochs|1e99|whole number
epochs|99999999999999999999|0 \.\. 1000000
epochs||whole number
steps|1.5|whole number
batch-size|0|1 \.\.
batch-size|4294967296|1 \.\.
layers|17|0 \.\. 16
lr|nan|number
lr|inf|number
lr|-0.1|\.\.
lr|fast|number
lr-schedule|sine|constant\|linear
lr-gamma|1.5|\.\.
optimizer|rmsprop|adam\|adamw\|sgd
momentum|1|\.\.
dropout|1.5|\.\.
dropout|-0.1|\.\.
hidden|0|\.\.
hidden|99999999999|\.\.
weight-decay|-1|\.\.
seed|-3|whole number
seed|0x10|whole number
threads|5000|0 \.\. 4096
numa|maybe|auto\|strict\|off
model|transformer|sage
cache.mode|turbo|resident
cache.policy|magic|lru\|sieve\|static\|lookahead
cache.rank|best|degree\|presampled
lookahead|32|0 \.\. 31 or auto
lookahead|-1|0 \.\. 31 or auto
lookahead|far|0 \.\. 31 or auto
cache.factor|-1|\.\.
cache.bytes|2X|whole number
cache.bytes|-2G|whole number
cache.rows|1e9|whole number
eval|often|exact
eval-every|0|1 \.\.
split|both|main\|alt
feature-norm|l3|l2
order|sorted|random\|community\|file
order.buffer|-1|whole number
order.mix|1.5|0 \.\. 1
order.mix|half|number
order.clusters|1000001|0 \.\. 1000000
order.method|louvain|auto\|metis\|propagation
echo|0|1 \.\. 1024
echo|1025|1 \.\. 1024
echo.pool|0|1 \.\. 65536
json|maybe|true or false
TABLE
expect 2 "--data has .* bytes, at most" "$PACKRAT" train "--data=$(printf 'x%.0s' {1..5000})"
expect 2 "--data needs a value" "$PACKRAT" train --data
expect 2 "unknown option -d" "$PACKRAT" train -d x
expect 2 "unknown option --nonsense" "$PACKRAT" train --data d --nonsense=1

say "-- fanouts, which are read with the dataset known"
make_demo demo
while IFS='|' read -r fanout layers; do
    [[ -n $fanout ]] || continue
    expect 2 "--fanout|--layers" "$PACKRAT" train --data demo --log none --fanout "$fanout" \
        --layers "$layers"
done << 'TABLE'
0|0
-1|0
15,,10|0
15,10,|0
some|0
15,10,5|2
99999999999|0
1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1|0
TABLE

say "-- absurd datasets to make"
while IFS='|' read -r flag value; do
    [[ -n $flag ]] || continue
    expect 2 "--$flag" "$PACKRAT" gen --out never "--$flag=$value"
done << 'TABLE'
nodes|0
nodes|5000000000
edges|-5
features|0
classes|0
homophily|1.5
noise|-1
kind|random
degree-exponent|nan
TABLE
[[ ! -e never ]] || fail "gen made a directory that it refused"

say "-- --config"
echo '{"epochs": 2, "batch-size": 64, "eval": "none", "log": "none", "data": "demo"}' > good.json
must "$PACKRAT" train --config good.json --epochs 1 --json
equal "the command line wins over --config" "$(json epochs)" 1
equal "--config sets the rest" "$(json 'options."batch-size"')" 64
echo '{"epochs": "many"}' > bad_value.json
echo '{"epoch": 1}' > bad_name.json
echo '{"epochs": 1' > bad_json.json
echo '[1]' > bad_type.json
echo '{"epochs": [1]}' > bad_member.json
expect 2 "bad_value.json.*--epochs" "$PACKRAT" train --data demo --config bad_value.json
expect 2 "bad_name.json.*epoch" "$PACKRAT" train --data demo --config bad_name.json
expect 2 "bad_json.json" "$PACKRAT" train --data demo --config bad_json.json
expect 2 "bad_type.json.*object" "$PACKRAT" train --data demo --config bad_type.json
expect 2 "bad_member.json.*epochs" "$PACKRAT" train --data demo --config bad_member.json
expect 2 "no_such.json" "$PACKRAT" train --data demo --config no_such.json

say "-- commands that end at once on the first signal"
mkfifo full
exec 7<> full
for command in topo "report log.db"; do
    read -ra words <<< "$command"
    if [[ $command != topo ]]; then
        must "$PACKRAT" train --data demo --epochs 1 --hidden 4 --fanout 2 --log log.db
    fi
    dd if=/dev/zero of=full bs=4096 oflag=nonblock status=none 2> /dev/null || true
    timeout -s KILL 20 "$PACKRAT" "${words[@]}" >&7 &
    CHILD=$!
    sleep 0.3
    kill -TERM "$CHILD" # timeout passes it on
    STATUS=0
    wait "$CHILD" || STATUS=$?
    CHILD=
    equal "exit status of $command" "$STATUS" 143
done
exec 7>&-

say "-- standard output that refuses"
run bash -c '"$1" topo > /dev/full' - "$PACKRAT"
equal "topo > /dev/full" "$STATUS" 1
run bash -c '"$1" topo --json >&-' - "$PACKRAT"
equal "topo with standard output closed" "$STATUS" 1
run bash -c '"$1" gen --out made --nodes 50 --edges 100 > /dev/full' - "$PACKRAT"
equal "gen > /dev/full" "$STATUS" 1
grep -q "standard output" "$ERR" || fail "the message does not name standard output"
finish

#!/usr/bin/env bash
# Bad input: each case ends with a message that names the file or flag, exit 2 (1 for the faults
# of the world), and nothing half-written left behind. Every command runs under a time limit, so
# that a hang is a failure too.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo demo
must "$PACKRAT" train --data demo --epochs 1 --batch-size 256 --fanout "4,4" --hidden 8 --log none \
    --checkpoint good.prc
program=(timeout 60 "$PACKRAT")
train=("${program[@]}" train --epochs 1 --hidden 8 --fanout "4,4" --log none)

# refused STATUS PATTERN COMMAND...: expect, and the directory is as it was.
refused() {
    local before
    before=$(listing)
    expect "$@"
    [[ $(listing) == "$before" ]] || {
        fail "left behind by: ${*:3}"
        diff <(echo "$before") <(listing) | sed 's/^/    /'
    }
}

# Where the data of an .npy file (version 1.0) begins, and the bytes of one element.
data_offset() { echo $((10 + $(od -An -tu2 -j8 -N2 "$1"))); }
item_bytes() { head -c 128 "$1" | LC_ALL=C sed -n "1s/.*'descr': '[<|>][a-z]\([0-9]\).*/\1/p"; }

# poke FILE BYTE HEX...: overwrite bytes.
poke() {
    local file=$1 at=$2
    shift 2
    printf '%b' "$(printf '\\x%s' "$@")" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
}

# poke_item FILE INDEX INTEGER: overwrite one element of an integer array.
poke_item() {
    local size hex=() i value=$3
    size=$(item_bytes "$1")
    for ((i = 0; i < size; i++)); do
        hex+=("$(printf '%02x' $((value & 255)))")
        value=$((value >> 8))
    done
    poke "$1" $(($(data_offset "$1") + $2 * size)) "${hex[@]}"
}

# retitle FILE FROM TO: change words of the header; TO has as many characters as FROM.
retitle() {
    [[ ${#2} -eq ${#3} ]] || fail "the test itself: '$2' and '$3' differ in length"
    LC_ALL=C grep -aq -- "$2" "$1" || fail "the test itself: $1 has no '$2' in its header"
    LC_ALL=C sed -i "1s/$2/$3/" "$1"
}

# broken NAME PATTERN CHANGE...: change a copy of the demo inside its directory, train on it.
broken() {
    local name=$1 pattern=$2
    shift 2
    rm -rf bad
    cp -r demo bad
    (cd bad && "$@")
    printf '%-34s' "$name"
    refused 2 "$pattern" "${train[@]}" --data bad
}

say "-- arrays that are not what they should be"
cut_short() { truncate -s -7 "$1"; }
only_header() { truncate -s 30 "$1"; }
empty() { : > "$1"; }
words() { echo "not an array" > "$1"; }
pipe() { rm "$1" && mkfifo "$1"; }
folder() { rm "$1" && mkdir "$1"; }
for file in indptr.npy indices.npy feat.npy label.npy train_idx.npy; do
    broken "$file cut short" "$file" cut_short "$file"
    broken "$file cut in its header" "$file" only_header "$file"
    broken "$file empty" "$file" empty "$file"
    broken "$file is text" "$file" words "$file"
    broken "$file is a pipe" "$file" pipe "$file"
    broken "$file is a directory" "$file" folder "$file"
done
broken "features complex" "feat.npy.*c8" retitle feat.npy '<f4' '<c8'
broken "features are integers" "feat.npy" retitle feat.npy '<f4' '<i4'
broken "features big endian" "feat.npy" retitle feat.npy '<f4' '>f4'
broken "features in Fortran order" "feat.npy.*order" \
    retitle feat.npy "'fortran_order': False" "'fortran_order': True "
broken "labels are reals" "label.npy.*f8" retitle label.npy '<i8' '<f8'
broken "indptr is real" "indptr.npy" retitle indptr.npy '<i8' '<f8'
broken "features reshaped" "feat.npy.*2400" retitle feat.npy '(1200, 16)' '(2400, 8) '
broken "features one-dimensional" "feat.npy" retitle feat.npy '(1200, 16)' '(19200,)  '
broken "features three-dimensional" "feat.npy" retitle feat.npy '(1200, 16)' '(120,10,1)'
broken "features huge" "feat.npy" retitle feat.npy '(1200, 16)' '(1e99, 16)'
broken "shape overflows" "label.npy" retitle label.npy '(1200,), }               ' '(9223372036854775808,), }'
broken "shape is a sum" "label.npy" retitle label.npy '(1200,)' '(1<<9,)'
broken "shape is negative" "label.npy" retitle label.npy '(1200,)' '(-200,)'
broken "header is no dictionary" "label.npy" retitle label.npy "'descr'" "[descr["
broken "header of another version" "label.npy" poke label.npy 6 09
broken "header longer than the file" "label.npy" poke label.npy 8 ff ff

say "-- values that do not fit"
broken "index out of range" "indices.npy.*1200" poke_item indices.npy 17 1200
broken "index far out of range" "indices.npy" poke_item indices.npy 0 4294967295
broken "indptr falls" "indptr.npy" poke_item indptr.npy 600 1
broken "indptr does not begin with 0" "indptr.npy" poke_item indptr.npy 0 1
broken "indptr negative" "indptr.npy" poke_item indptr.npy 5 -1
broken "indptr ends elsewhere" "indptr.npy" poke_item indptr.npy 1200 7
nan_feature() { poke feat.npy $(($(data_offset feat.npy) + 400)) 00 00 c0 7f; }
infinite_feature() { poke feat.npy $(($(data_offset feat.npy) + 400)) 00 00 80 ff; }
broken "feature is NaN" "feat.npy.*nan" nan_feature
broken "feature is infinite" "feat.npy.*inf" infinite_feature
broken "label too large" "label.npy.*4" poke_item label.npy 3 4
broken "label too small" "label.npy.*-2" poke_item label.npy 3 -2
broken "split names no node" "train_idx.npy.*1200" poke_item train_idx.npy 0 1200
broken "split not ascending" "train_idx.npy" poke_item train_idx.npy 1 0
overlap() { cp val_idx.npy test_idx.npy; }
broken "splits overlap" "(val|test)_idx.npy" overlap
unlabelled() {
    local node
    node=$(od -An -td8 -j"$(data_offset train_idx.npy)" -N8 train_idx.npy)
    poke_item label.npy "$node" -1
}
broken "node of a split without a label" "(train_idx|label).npy" unlabelled

say "-- meta.json"
meta() { LC_ALL=C sed -i "s/$1/$2/" meta.json; }
broken "meta.json is no JSON" "meta.json" words meta.json
broken "meta.json empty" "meta.json" empty meta.json
broken "more nodes than there are" "npy.*num_nodes" meta '"num_nodes": *1200' '"num_nodes": 1300'
broken "nodes negative" "meta.json.*num_nodes" meta '"num_nodes": *1200' '"num_nodes": -1'
broken "nodes are text" "meta.json.*num_nodes" meta '"num_nodes": *1200' '"num_nodes": "x"'
broken "nodes without bound" "meta.json" meta '"num_nodes": *1200' '"num_nodes": 99999999999'
broken "fewer classes than labels" "label.npy" meta '"num_classes": *4' '"num_classes": 2'
broken "no classes" "num_classes|label" meta '"num_classes": *4' '"num_classes": 0'

say "-- files that are not there, or may not be read"
for file in meta.json indices.npy feat.npy label.npy train_idx.npy; do
    broken "$file missing" "${file%.*}|split" rm "$file"
done
refused 2 "no_such_dir" "${train[@]}" --data no_such_dir
refused 2 "demo/feat.npy" "${train[@]}" --data demo/feat.npy
refused 2 "no_such.prc" "${program[@]}" eval --data demo --checkpoint no_such.prc
refused 2 "no_such.db" "${program[@]}" report no_such.db
refused 2 "packrat.db" "${program[@]}" report
refused 2 "no_such.txt" "${program[@]}" import no_such.txt --out new \
    --features demo/feat.npy
mkfifo edges.pipe
refused 2 "edges.pipe.*regular" "${program[@]}" import edges.pipe --out new --features demo/feat.npy
for option in train-percent=50 val-percent=10 seed=2; do
    refused 2 "--${option%=*}.*own split" "${program[@]}" import demo --out new "--$option"
done

say "-- edge lists and what comes with them: name | edges | features | labels | names"
while IFS='|' read -r name edges features labels names; do
    [[ -n $name ]] || continue
    printf '%b' "$edges" > edges.txt
    printf '%b' "$features" > x.csv
    options=(--features x.csv)
    if [[ -n $labels ]]; then
        printf '%b' "$labels" > y.csv
        options+=(--labels y.csv)
    fi
    printf '%-34s' "$name"
    refused 2 "$names" "${program[@]}" import edges.txt --format edges --out new "${options[@]}"
done << 'TABLE'
a word|0 1\n1 two\n|1,2\n3,4\n5,6\n||edges.txt.*2
one id|0 1\n1\n|1,2\n3,4\n5,6\n||edges.txt.*2
a negative id|0 1\n1 -2\n|1,2\n3,4\n5,6\n||edges.txt.*2
a fraction|0 1\n1 2.5\n|1,2\n3,4\n5,6\n||edges.txt.*2
an id too large|0 1\n1 4294967295\n|1,2\n3,4\n5,6\n||edges.txt.*2
an id beyond 64 bits|0 1\n1 99999999999999999999\n|1,2\n3,4\n5,6\n||edges.txt.*2
a zero byte|0 1\n1 \00002\n|1,2\n3,4\n5,6\n||edges.txt.*2
no edge at all||1,2\n3,4\n5,6\n||edges.txt
only comments|# nothing\n|1,2\n3,4\n5,6\n||edges.txt
fewer feature rows|0 1\n1 2\n|1,2\n3,4\n||x.csv|edges.txt
ragged features|0 1\n|1,2\n3\n||x.csv.*2
features that are words|0 1\n|1,2\n3,x\n||x.csv.*2
features that are NaN|0 1\n|1,2\n3,nan\n||x.csv.*2
empty features|0 1\n|\n||x.csv
fewer labels|0 1\n1 2\n|1\n2\n3\n|0\n1\n|y.csv
a label below -1|0 1\n|1\n2\n|0\n-2\n|y.csv.*2
a label that is a word|0 1\n|1\n2\n|0\nx\n|y.csv.*2
a label without bound|0 1\n|1\n2\n|0\n99999999999\n|y.csv.*2
TABLE
refused 2 "no features" "${program[@]}" import edges.txt --out new
refused 2 "percent" "${program[@]}" import edges.txt --out new --features x.csv --labels y.csv \
    --train-percent 80 --val-percent 30

say "-- checkpoints"
for change in "cut_short good2.prc" "empty good2.prc" "words good2.prc" \
    "poke good2.prc 0 00" "poke good2.prc $(($(stat -c %s good.prc) / 2)) a5 5a a5"; do
    cp good.prc good2.prc
    read -ra words <<< "$change"
    "${words[@]}"
    printf '%-34s' "$change"
    refused 2 "good2.prc" "${program[@]}" eval --data demo --checkpoint good2.prc
done
make_demo wide --features 20
make_demo many --classes 5 --communities 5
refused 2 "20" "${program[@]}" eval --data wide --checkpoint good.prc
refused 2 "5" "${program[@]}" eval --data many --checkpoint good.prc
refused 2 "20" "${program[@]}" infer --data wide --checkpoint good.prc --out new.npy
refused 2 "demo" "${program[@]}" eval --data demo --checkpoint demo

say "-- orders of seeds"
ordered=("${train[@]}" --data demo --order file)
cp demo/train_idx.npy list.npy
poke_item list.npy 3 1200
refused 2 "list.npy: entry 3 is 1200, must be a node in 0 .. 1199" "${ordered[@]}" \
    --order.file list.npy
poke_item list.npy 3 -1
refused 2 "list.npy: entry 3 is -1, must be" "${ordered[@]}" --order.file list.npy
cp demo/train_idx.npy list.npy
first=$(od -An -td8 -j"$(data_offset list.npy)" -N8 list.npy)
poke_item list.npy 2 "$first"
refused 2 "list.npy: entry 2 is .*entry 0 is; a node may be listed once" "${ordered[@]}" \
    --order.file list.npy
refused 2 "test_idx.npy: entry 0 is .*none of the split's .* training nodes" "${ordered[@]}" \
    --order.file demo/test_idx.npy
refused 2 "feat.npy: has 2 dimensions of reals" "${ordered[@]}" --order.file demo/feat.npy
must "${program[@]}" gen --nodes 100 --edges 400 --edge-weights uniform --out weighed
refused 2 "edge_weight.npy: has 1 dimension of reals" "${ordered[@]}" \
    --order.file weighed/edge_weight.npy
rm -r weighed
refused 2 "no_such.npy" "${ordered[@]}" --order.file no_such.npy
refused 2 "--order file needs --order.file FILE" "${ordered[@]}"
refused 2 "--order.file list.npy goes with --order file" "${train[@]}" --data demo \
    --order.file list.npy
rm list.npy

say "-- reorder"
reorder=("${program[@]}" reorder)
refused 2 "no_such_dir" "${reorder[@]}" --data no_such_dir --out new
refused 2 "demo: is not empty" "${reorder[@]}" --data demo --out demo
refused 2 "good.prc: exists and is not a directory" "${reorder[@]}" --data demo --out good.prc
refused 1 "no_such_dir/new: cannot be made" "${reorder[@]}" --data demo --out no_such_dir/new
rm -rf bad
cp -r demo bad
poke_item bad/indices.npy 17 1200
refused 2 "indices.npy.*1200" "${reorder[@]}" --data bad --out new
must "${reorder[@]}" --data demo --out sorted --by community --order.clusters 10 --json
equal "reorder keeps the nodes" "$(json nodes)" 1200
grep -Eq '"cut_share":0\.' "$OUT" || fail "no share of arcs between clusters: $(cat "$OUT")"
refused 2 "sorted: is not empty" "${reorder[@]}" --data demo --out sorted --by bfs
must "${reorder[@]}" --data demo --out by-degree --by degree --json
grep -q '"cut_share":null' "$OUT" || fail "a share of no clusters: $(cat "$OUT")"
must "${train[@]}" --data demo --trace rows.trace
must "${reorder[@]}" --data demo --out by-access --by access --trace rows.trace --json
grep -Eq '"trace_steps":[1-9]' "$OUT" || fail "no steps of the trace: $(cat "$OUT")"
refused 2 "rows.trace: is of a dataset with fingerprint .*sorted has" "${reorder[@]}" --data sorted \
    --out new --by access --trace rows.trace
refused 2 "good.prc: is no access trace" "${reorder[@]}" --data demo --out new --by access \
    --trace good.prc
refused 2 "missing.trace: cannot be opened" "${reorder[@]}" --data demo --out new --by access \
    --trace missing.trace
printf '\377' | dd of=rows.trace bs=1 seek=400 conv=notrunc 2> /dev/null
refused 2 "rows.trace: frame 0 at byte 312 is damaged" "${reorder[@]}" --data demo --out new \
    --by access --trace rows.trace
refused 1 "no_such_dir/rows.trace" "${train[@]}" --data demo --trace no_such_dir/rows.trace
must "${train[@]}" --data sorted --order community --order.clusters 10 --echo 2
for word in "--order community: METIS .* clusters in .* MiB" "--echo 2: an epoch has 2 times" \
    "docs/stickiness.md"; do
    grep -Eq -- "$word" "$ERR" || fail "training in order does not say '$word'"
done
rm -rf sorted

say "-- partition"
partition=("${program[@]}" partition)
refused 2 "no_such_dir" "${partition[@]}" --data no_such_dir --out new.npy
refused 2 "--out is 'new.txt', must end in .npy" "${partition[@]}" --data demo --out new.txt
refused 1 "no_such_dir/new.npy" "${partition[@]}" --data demo --out no_such_dir/new.npy
mkdir -p taken.npy
refused 2 "taken.npy" "${partition[@]}" --data demo --out taken.npy
rm -rf bad
cp -r demo bad
poke_item bad/indices.npy 17 1200
refused 2 "indices.npy.*1200" "${partition[@]}" --data bad --out new.npy
refused 2 "--balance train: demo has no training nodes in split alt" "${partition[@]}" --data demo \
    --out new.npy --split alt --balance train
must "${program[@]}" gen --nodes 6 --edges 20 --classes 2 --out tiny
refused 2 "--parts is 8, and tiny has 6 nodes: at most one a node" "${partition[@]}" --data tiny \
    --out new.npy
refused 2 "--method metis: 4 parts of 6 nodes" "${partition[@]}" --data tiny --out new.npy \
    --parts 4 --method metis
rm -r tiny
for method in metis propagation; do
    must "${partition[@]}" --data demo --out parts.npy --parts 4 --method $method --json
    equal "every node has a part" "$(json nodes)" 1200
    equal "header and a byte a node" "$(stat -c %s parts.npy)" 1328
    grep -Eq '"cut_share":0\.' "$OUT" || fail "no share of arcs between parts: $(cat "$OUT")"
    grep -Eq '"within_share_hash":0\.25' "$OUT" || fail "no share by hashing: $(cat "$OUT")"
done
must "${partition[@]}" --data demo --out parts.npy --parts 2
for word in "2 by METIS" "arcs stay in their part; 50\.0 % would by hashing"; do
    grep -q -- "$word" "$OUT" || fail "partition does not say '$word'"
done
rm parts.npy

say "-- infer"
infer=("${program[@]}" infer --data demo --checkpoint good.prc)
cp demo/test_idx.npy ids.npy
poke_item ids.npy 2 1200
refused 2 "ids.npy.*1200" "${infer[@]}" --out new.npy --nodes ids.npy
refused 2 "feat.npy" "${infer[@]}" --out new.npy --nodes demo/feat.npy
refused 2 "no_such.npy" "${infer[@]}" --out new.npy --nodes no_such.npy
refused 2 "--out.*new.txt" "${infer[@]}" --out new.txt
refused 1 "no_such_dir/new.npy" "${infer[@]}" --out no_such_dir/new.npy
mkdir -p taken.npy
refused 2 "taken.npy" "${infer[@]}" --out taken.npy

say "-- tunings: what is no file of them ends the command before it works"
echo '{"packrat tunings": 1, "entries": [{"host": 5}]}' > tunings.json
refused 2 "tunings.json.*host" "${train[@]}" --data demo --tuning tunings.json
refused 2 "good.prc" "${train[@]}" --data demo --tuning good.prc
refused 2 "demo" "${train[@]}" --data demo --tuning demo
refused 2 "/dev/zero" "${train[@]}" --data demo --tuning /dev/zero
refused 2 "edges.pipe" "${train[@]}" --data demo --tuning edges.pipe
refused 2 "no_such.json" "${train[@]}" --data demo --tuning no_such.json
refused 2 "tunings.json.*host" "${program[@]}" tune --quick --tuning tunings.json
refused 2 "good.prc" "${program[@]}" tune --quick --tuning good.prc
refused '[12]' "demo" "${program[@]}" tune --quick --tuning demo

say "-- outputs that are taken"
refused 2 "demo" "${program[@]}" gen --nodes 100 --edges 200 --out demo
refused 2 "demo" "${program[@]}" import wide --out demo
echo text > file
refused 2 "file" "${program[@]}" gen --nodes 100 --edges 200 --out file
refused 2 "demo" "${train[@]}" --data demo --checkpoint demo
refused 1 "no_such_dir" "${program[@]}" gen --nodes 100 --edges 200 --out no_such_dir/new
refused 1 "no_such_dir" "${program[@]}" import demo --out no_such_dir/new

say "-- logs that are not ours"
logged=("${program[@]}" train --epochs 1 --hidden 8 --data demo --fanout "4,4")
echo "not a database, and long enough to look like one: $(printf 'x%.0s' {1..200})" > text.db
sqlite3 other.db 'CREATE TABLE step (a); INSERT INTO step VALUES (1)'
before=$(cat text.db other.db | cksum)
refused 2 "text.db" "${logged[@]}" --log text.db
refused 2 "other.db" "${logged[@]}" --log other.db
refused 2 "text.db" "${program[@]}" report text.db
refused 2 "other.db" "${program[@]}" report other.db
equal "they are untouched" "$(cat text.db other.db | cksum)" "$before"
must "${logged[@]}" --log ours.db
cp ours.db newer.db
sqlite3 newer.db "UPDATE meta SET value = 1000 WHERE key LIKE '%schema%'"
refused 2 "newer.db" "${logged[@]}" --log newer.db
refused 2 "99" "${program[@]}" report ours.db --run 99
refused 2 "--run" "${program[@]}" report ours.db --run first
refused '[12]' "demo" "${logged[@]}" --log demo
refused '[12]' "no_such_dir" "${logged[@]}" --log no_such_dir/run.db

say "-- the world: a full disk for the log"
# A size limit on files stands in for the full disk where no small file system can be mounted.
full_disk() {
    run "$@"
    equal "exit status" "$STATUS" 1
    if grep -q "run.db" "$ERR"; then
        say "ok    $(grep -m 1 "run.db" "$ERR")"
    else
        fail "standard error does not name run.db: $(cat "$ERR")"
    fi
    equal "rows lost are counted" "$(sqlite3 :memory: "SELECT $(json rows_lost) > 0")" 1
    equal "the run went on to its end" "$(json steps)" 4000
}
long=("${program[@]}" train --data demo --steps 4000 --batch-size 64 --hidden 4 --fanout 2
    --cache.mode off --json)
(
    ulimit -f 600
    "${long[@]}" --log run.db > "$OUT.limited" 2> "$ERR.limited"
) && limited=0 || limited=$?
replay() {
    cat "$OUT.limited"
    cat "$ERR.limited" >&2
    return "$limited"
}
full_disk replay
mkdir -p "$WORK/small"
if [[ $(id -u) -eq 0 ]] && mount -t tmpfs -o size=600k tmpfs "$WORK/small" 2> /dev/null; then
    full_disk "${long[@]}" --log "$WORK/small/run.db"
    equal "what was written is whole" \
        "$(sqlite3 "$WORK/small/run.db" 'PRAGMA integrity_check' 2>&1)" ok
    umount "$WORK/small"
else
    say "skip  a small tmpfs: may not be mounted here"
fi

say "-- the world: a read-only directory, a file that may not be read"
chmod 755 "$WORK"
cp "$PACKRAT" "$WORK/packrat"
as_nobody=()
if [[ $(id -u) -eq 0 ]]; then
    as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
if run "${as_nobody[@]}" "$WORK/packrat" --version && [[ $STATUS -eq 0 ]]; then
    mkdir -p locked
    chmod 555 locked
    chmod 755 .
    nobody=("${as_nobody[@]}" timeout 60 "$WORK/packrat")
    refused 1 "locked" "${nobody[@]}" gen --nodes 100 --edges 200 --out locked/new
    refused 1 "locked/run.db" "${nobody[@]}" train --data demo --log locked/run.db
    refused 1 "locked/m.prc" "${nobody[@]}" train --data demo --log none --checkpoint locked/m.prc
    refused 1 "locked/new.csv" "${nobody[@]}" infer --data demo --checkpoint good.prc \
        --out locked/new.csv
    rm -rf bad
    cp -r demo bad
    chmod 000 bad/feat.npy
    refused 2 "bad/feat.npy" "${nobody[@]}" train --data bad --log none
    chmod 644 bad/feat.npy
    chmod 000 bad/meta.json
    refused 2 "bad/meta.json" "${nobody[@]}" train --data bad --log none
    chmod 000 good2.prc
    refused 2 "good2.prc" "${nobody[@]}" eval --data demo --checkpoint good2.prc
else
    say "skip  rows for a user without rights: cannot run as nobody here"
fi
finish

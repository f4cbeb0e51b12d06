#!/usr/bin/env bash
# packrat tune: it measures, keeps what it found, and train, eval and infer take it and log where it
# came from. A damaged file is a warning where nobody named it, and an error where somebody did.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

kept=$XDG_CACHE_HOME/packrat/tune.json
make_demo demo # 16 features: rows of 64 bytes
train=("$PACKRAT" train --data demo --epochs 1 --batch-size 256 --fanout "4,4" --hidden 8)

say "-- without a tuning"
must "${train[@]}" --log a.db --verbose
grep -q "default (no tuning of this host for 64-byte rows.*$kept" "$ERR" ||
    fail "--verbose does not say that there is no tuning: $(cat "$ERR")"
equal "constants in the log" "$(sql a.db "SELECT count(*) FROM tune WHERE run = 1 AND row_bytes = 64")" 7
equal "their source" "$(sql a.db "SELECT DISTINCT substr(source, 1, 9) FROM tune")" "default ("

say "-- tune"
must "$PACKRAT" tune --quick --data demo --json
equal "command" "$(json command)" tune
equal "row bytes are the dataset's" "$(json row_bytes)" 64
equal "file" "$(json file)" "$kept"
for name in prefetch_to row_ahead index_ahead stream_bytes threads; do
    equal "type of $name" "$(json_type "$name")" integer
done
equal "type of isa" "$(json_type isa)" text
equal "share" "$(sqlite3 :memory: "SELECT $(json repack_share) BETWEEN 0.5 AND 1")" 1
equal "a rate" "$(sqlite3 :memory: "SELECT $(json 'figures.copies[0].gb_per_s') > 0")" 1
equal "the file has it" "$(sqlite3 :memory: "SELECT json_extract(CAST(readfile('$kept') AS TEXT),
    '\$.entries[0].row_bytes')")" 64
ahead=$(json row_ahead)
threads=$(json threads)
[[ $(stat -c %a "$XDG_CACHE_HOME/packrat") == 700 ]] || fail "the directory is open to others"

say "-- with a tuning"
must "${train[@]}" --log a.db --checkpoint m.prc --verbose
grep -q "tuning of the copies: $kept (measured 20" "$ERR" ||
    fail "--verbose does not say where the tuning came from"
must "$PACKRAT" eval --data demo --checkpoint m.prc --log a.db
must "$PACKRAT" infer --data demo --checkpoint m.prc --out c.csv --log a.db
for run in 2 3 4; do
    equal "row_ahead of run $run" \
        "$(sql a.db "SELECT CAST(value AS INTEGER) FROM tune WHERE run = $run AND name = 'row_ahead'")" \
        "$ahead"
    equal "source of run $run" "$(sql a.db "SELECT DISTINCT substr(source, 1, ${#kept}) FROM tune
        WHERE run = $run")" "$kept"
done
equal "threads of the lane" "$(sql a.db "SELECT DISTINCT threads FROM tune")" "$threads"
must "$PACKRAT" report a.db
grep -q "^  tuning .*rows $ahead and ids" "$OUT" || fail "the report has no line on the tuning"
must "${train[@]}" --log b.db --tuning none
equal "--tuning none" "$(sql b.db "SELECT DISTINCT source FROM tune")" default

say "-- other rows and files"
must "$PACKRAT" tune --quick --row-bytes 4096 --threads 1
grep -q "^rows of 4096 bytes, 1 thread, " "$OUT" || fail "no heading: $(head -n 1 "$OUT")"
grep -q "kept in $kept" "$OUT" || fail "it does not say where it is kept"
equal "both are kept" "$(sqlite3 :memory: "SELECT json_array_length(CAST(readfile('$kept') AS TEXT),
    '\$.entries')")" 2
must "$PACKRAT" tune --quick --row-bytes 64 --tuning new/dir/mine.json --json
equal "file that was named" "$(json file)" new/dir/mine.json
must "${train[@]}" --log c.db --tuning new/dir/mine.json
equal "source" "$(sql c.db "SELECT DISTINCT substr(source, 1, 17) FROM tune")" new/dir/mine.json
sed 's/"repack_share":[0-9.]*/"repack_share":0/' new/dir/mine.json > repack.json
must "${train[@]}" --log c.db --tuning repack.json --cache.mode packed
equal "the cache works with it: steps of a packed slab that did not repack" \
    "$(sql c.db "SELECT count(*) FROM step WHERE run = 2 AND step > 0 AND path <> 'repack'")" 0
before=$(cksum < "$kept")
must "$PACKRAT" tune --quick --row-bytes 64 --tuning none --json
equal "kept nowhere" "$(json_type file)" null
equal "the file is as before" "$(cksum < "$kept")" "$before"

say "-- damaged files"
cp "$kept" damaged.json
truncate -s 50 "$kept" damaged.json
must "${train[@]}" --log d.db
grep -q "warning: $kept" "$ERR" || fail "no warning about a damaged file"
equal "source then" "$(sql d.db "SELECT DISTINCT substr(source, 1, 9) FROM tune")" "default ("
expect 2 "damaged.json" "${train[@]}" --log none --tuning damaged.json
expect 2 "no_such.json" "${train[@]}" --log none --tuning no_such.json
expect 2 "demo" "${train[@]}" --log none --tuning demo
expect 2 "damaged.json" "$PACKRAT" eval --data demo --checkpoint m.prc --tuning damaged.json
expect 2 "damaged.json" "$PACKRAT" infer --data demo --checkpoint m.prc --out n.csv \
    --tuning damaged.json
expect 2 "damaged.json" "$PACKRAT" tune --quick --tuning damaged.json # before it measures
equal "it stays as it is" "$(stat -c %s damaged.json)" 50
must "$PACKRAT" tune --quick --row-bytes 64
grep -q "written anew" "$ERR" || fail "no word about the damaged file"
must "${train[@]}" --log d.db
equal "it is whole again" "$(sql d.db "SELECT count(*) FROM tune WHERE run = 2
    AND source LIKE '$kept%'")" 7

say "-- no place to keep it"
expect 1 "taken/tune.json" "$PACKRAT" tune --quick --tuning m.prc/taken/tune.json
expect 2 "neither XDG_CACHE_HOME nor HOME" env -u XDG_CACHE_HOME -u HOME "$PACKRAT" tune --quick
must env -u XDG_CACHE_HOME -u HOME "${train[@]}" --log e.db
equal "nobody's home" "$(sql e.db "SELECT count(*) FROM tune WHERE source LIKE
    'default (neither XDG_CACHE_HOME nor HOME%'")" 7
finish

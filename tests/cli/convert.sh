#!/usr/bin/env bash
# Feature rows in other formats: packrat convert writes half or a quarter of the bytes, numpy reads
# them, reorder keeps them, and what cannot be written, or was stopped, leaves nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

make_demo plain
rows=$((1200 * 16)) # values

say "-- formats"
for format in f32 bf16 f16 int8; do
    must "$PACKRAT" convert --data plain --out $format --format $format --json
    case $format in f32) bytes=4 more=0 ;; int8) bytes=1 more=$((128 + 4 * 1200)) ;; *) bytes=2 more=0 ;; esac
    equal "$format: bytes in feature files" "$(json bytes_after)" $((4096 + rows * bytes + more))
    equal "$format: bytes of feat.npy" "$(stat -c %s $format/feat.npy)" $((4096 + rows * bytes))
    equal "$format: bytes before" "$(json bytes_before)" "$(stat -c %s plain/feat.npy)"
    equal "$format: says its format and norm" "$(json format) $(json feature_norm)" "$format none"
    equal "$format: arcs" "$(cksum < $format/indices.npy)" "$(cksum < plain/indices.npy)"
    equal "$format: labels" "$(cksum < $format/label.npy)" "$(cksum < plain/label.npy)"
    equal "$format: nothing else is beside it" "$(find . -name "$format.tmp*" | wc -l)" 0
done
must "$PACKRAT" convert --data plain --out words --format int8
for words in "1200 of 16 columns, int8, feature norm none" "in feature files" "at most"; do
    grep -q -- "$words" "$OUT" || fail "the summary has no '$words'"
done
equal "f32: the rows are as they were" "$(tail -c $((rows * 4)) f32/feat.npy | cksum)" \
    "$(tail -c $((rows * 4)) plain/feat.npy | cksum)"
must "$PACKRAT" convert --data bf16 --out back --format f32 --json
equal "back to f32: no error" "$(json max_error)" 0.0

say "-- numpy"
if python3 -c 'import numpy' 2> /dev/null; then
    must python3 - << 'END'
import numpy
x = numpy.load("plain/feat.npy")
for name, wide in (("f32", x), ("f16", x.astype("<f2"))):
    y = numpy.load(name + "/feat.npy")
    assert y.dtype == wide.dtype and (y == wide).all(), name
bits = numpy.load("bf16/feat.npy")
assert bits.dtype == numpy.dtype("<u2")
y = (bits.astype("<u4") << 16).view("<f4")
assert (numpy.abs(y - x) <= numpy.abs(x) / 256).all()
q, scale = numpy.load("int8/feat.npy"), numpy.load("int8/feat_scale.npy")
assert q.dtype == numpy.dtype("i1") and scale.dtype == numpy.dtype("<f4")
assert (scale == numpy.abs(x).max(axis=1) / numpy.float32(127)).all()
assert (q == numpy.rint(x / scale[:, None])).all()
END
    say "ok    numpy reads every format as it was meant"
else
    say "skipped: python3 has no numpy"
fi

say "-- scaling"
must "$PACKRAT" convert --data plain --out scaled --format f32 --feature-norm l2 --json
equal "says the norm" "$(json feature_norm)" l2
expect 1 "packrat convert --feature-norm l2 writes scaled rows" "$PACKRAT" train --data bf16 \
    --feature-norm l2 --epochs 1 --log none
expect 1 "packrat convert --feature-norm l1 writes scaled rows" "$PACKRAT" train --data plain \
    --feature-norm l1 --feature-check read --epochs 1 --log none

say "-- another order"
must "$PACKRAT" reorder --data int8 --out turned --by degree --json
equal "reorder keeps the format" "$(stat -c %s turned/feat.npy)" $((4096 + rows))
equal "reorder keeps a scale for each row" "$(stat -c %s turned/feat_scale.npy)" \
    $((128 + 4 * 1200))
must "$PACKRAT" convert --data turned --out turned.f32 --format f32 --json
[[ -e turned.f32/node_ids.npy ]] || fail "convert loses node_ids.npy"

say "-- what cannot be"
before=$(listing)
expect 2 "plain: is not empty|plain.*must not exist" "$PACKRAT" convert --data plain --out plain
expect 2 "cannot be read" "$PACKRAT" convert --data nowhere --out never
printf '\000\000\300\177' | dd of=f32/feat.npy bs=1 seek=$((4096 + 4 * 16)) conv=notrunc 2> /dev/null
expect 2 "feat.npy: row 1, column 0 is nan, must be finite" "$PACKRAT" convert --data f32 --out never
truncate -s $((4096 + rows)) bf16/feat.npy
expect 2 "feat.npy: has .* bytes, its header wants" "$PACKRAT" convert --data bf16 --out never
equal "nothing is left behind" "$(listing)" "$before"

finish

#!/usr/bin/env bash
# packrat infer: what it can write, that answers do not depend on how they are made, that a run that
# was killed at any moment goes on to the same bytes, and what it refuses.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

must "$PACKRAT" gen --out demo --nodes 6000 --edges 40000 --features 32 --classes 5
must "$PACKRAT" gen --out other --nodes 6000 --edges 40000 --features 32 --classes 5 --seed 2
must "$PACKRAT" train --data demo --layers 3 --hidden 32 --fanout 5 --steps 8 --log none --checkpoint m.prc
must "$PACKRAT" train --data demo --layers 1 --fanout 5 --steps 2 --log none --checkpoint one.prc
infer=("$PACKRAT" infer --data demo --checkpoint m.prc)

# alike A B WHAT: the same bytes.
alike() {
    if cmp -s "$1" "$2"; then say "ok    $3"; else fail "$3: $1 and $2 differ"; fi
}

say "-- embeddings"
must "${infer[@]}" --out e.npy --output embeddings --json
equal "columns" "$(json num_columns)" 32
[[ $(json memory_bytes) -gt 0 && $(json peak_rss_bytes) -gt 0 ]] || fail "memory is not stated"
must "${infer[@]}" --out e.csv --output embeddings
grep -q '^node,embedding_0,.*,embedding_31$' e.csv || fail "e.csv has another header"
expect 2 "only layer" "$PACKRAT" infer --data demo --checkpoint one.prc --out n.npy --output embeddings

say "-- what it would take"
must "${infer[@]}" --out dry.npy --dry-run --resume
grep -q '^passes' "$OUT" || fail "no passes in the plan"
grep -q '^work' "$OUT" || fail "no directory of layers in the plan"
[[ ! -e dry.npy && ! -e dry.npy.work ]] || fail "a dry run leaves files"

say "-- killed and resumed"
resume=("${infer[@]}" --output logits --resume)
must "${infer[@]}" --out plain.npy --output logits
must "${resume[@]}" --out whole.npy
[[ ! -e whole.npy.work ]] || fail "the directory of layers is left"
equal "bytes" "$(stat -c %s plain.npy)" "$(stat -c %s whole.npy)"
for ((i = 0; i < 20; i++)); do
    rm -f got.npy
    for ((j = 0; j < 3; j++)); do
        signal=$(((i + j) % 4 ? 9 : 15))
        "${resume[@]}" --out got.npy > "$OUT" 2> "$ERR" &
        CHILD=$!
        sleep "0.$(printf '%03d' $((RANDOM % 150)))"
        kill -"$signal" "$CHILD" 2> /dev/null || true
        wait "$CHILD" 2> /dev/null || true
        CHILD=
    done
    must "${resume[@]}" --out got.npy
    cmp -s whole.npy got.npy || fail "round $i: other bytes"
    [[ ! -e got.npy.work ]] || fail "round $i: the directory of layers is left"
done
[[ -z $(compgen -G 'got.npy.tmp-*') ]] || fail "temporary files are left"

say "-- what does not fit is refused, what is damaged is made anew"
# ended in the last layer by a file that may not be longer than the layers before it
(ulimit -f 800 && exec "${infer[@]}" --output embeddings --out part.csv --resume --work part.npy.work) \
    > "$OUT" 2> "$ERR" || true
[[ -e part.npy.work/manifest ]] || fail "the layers before were not kept"
rm -f part.csv*
if [[ -e part.npy.work/manifest ]]; then
    cp -r part.npy.work kept
    cp m.prc m2.prc
    must "$PACKRAT" train --data demo --layers 3 --hidden 32 --fanout 5 --steps 3 --log none --checkpoint m2.prc
    expect 2 "has layers of checkpoint" "$PACKRAT" infer --data demo --checkpoint m2.prc --resume --out part.npy
    expect 2 "has layers of graph" "$PACKRAT" infer --data other --checkpoint m.prc --resume --out part.npy
    layer=$(basename "$(compgen -G 'part.npy.work/layer-*.npy' | head -n 1)")
    printf 'x' | dd of="part.npy.work/$layer" bs=1 seek=5000 conv=notrunc status=none
    must "${resume[@]}" --out part.npy
    grep -q "checksum.*anew" "$ERR" || fail "nothing is said of a damaged layer"
    alike part.npy whole.npy "a damaged layer is made anew"
    rm -rf part.npy && cp -r kept part.npy.work && printf 'x' >> part.npy.work/manifest
    must "${resume[@]}" --out part.npy
    grep -q "manifest: is damaged" "$ERR" || fail "nothing is said of a damaged manifest"
    alike part.npy whole.npy "a damaged manifest is not believed"
    rm -f part.npy && cp -r kept part.npy.work
    must "${resume[@]}" --out part.npy --json
    [[ $(json layers_found) -gt 0 ]] || fail "no layer was found"
    alike part.npy whole.npy "a finished layer is gone on from"
fi

say "-- sampled"
sampled=("${infer[@]}" --mode sampled)
must "${sampled[@]}" --out a.csv --batch-size 1000 --threads 1 --log s.db
must "${sampled[@]}" --out b.csv --batch-size 77 --threads 2 --cache.mode packed
lines=$(diff a.csv b.csv | grep -c '^<' || true)
[[ $lines -le 3 ]] || fail "$lines answers depend on batches" # ties, by the rounding of products
equal "steps in the log" "$(sql s.db "SELECT count(*) FROM step WHERE phase = 'infer'")" 6
must "${sampled[@]}" --out all.csv --fanout all
must "${infer[@]}" --out exact.csv
lines=$(diff all.csv exact.csv | grep -c '^<' || true)
[[ $lines -le 3 ]] || fail "$lines answers with --fanout all are not the exact ones"
must "${sampled[@]}" --out se.npy --output embeddings
equal "bytes" "$(stat -c %s se.npy)" "$(stat -c %s e.npy)"
expect 2 "--resume is for" "${sampled[@]}" --out n.npy --resume
expect 2 "--memory is for" "${sampled[@]}" --out n.npy --memory 1G

say "-- every kind of model, whichever way"
for kind in gcn gin gat; do
    must "$PACKRAT" train --data demo --model $kind --layers 2 --hidden 16 --residual --fanout 5 \
        --steps 5 --log none --checkpoint $kind.prc
    kinds=("$PACKRAT" infer --data demo --checkpoint "$kind.prc")
    must "${kinds[@]}" --out $kind-exact.csv
    must "${kinds[@]}" --out $kind-resume.csv --resume
    must "${kinds[@]}" --out $kind-sampled.csv --mode sampled --fanout all
    for way in resume sampled; do
        lines=$(diff $kind-exact.csv $kind-$way.csv | grep -c '^<' || true)
        [[ $lines -le 3 ]] || fail "$lines answers of $kind, $way, are others"
    done
done

say "-- a disk that is full"
if [[ -w /dev/full ]] && mkdir -p small && mount -t tmpfs -o size=256k tmpfs small 2> /dev/null; then
    expect 1 "small/l.npy.*No space left" "${infer[@]}" --output embeddings --out small/l.npy
    [[ -z $(ls small) ]] || fail "a full disk has files: $(ls small)"
    umount small
else
    say "skipped: no small file system can be mounted here"
fi
finish

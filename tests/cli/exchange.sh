#!/usr/bin/env bash
# packrat weights: what numpy reads of it and what it reads of numpy's, in all the ways that numpy
# writes; archives that are wrong or hostile are refused by file and member, and leave nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

python=/usr/bin/python3
make_demo graph
must "$PACKRAT" train --data graph --epochs 1 --hidden 8 --fanout 5,5 --log none --checkpoint model.prc
must "$PACKRAT" infer --data graph --checkpoint model.prc --output logits --out logits.npy
must "$PACKRAT" weights --checkpoint model.prc --out model.npz --json
equal "parameters of a model that left" "$(json num_parameters)" $(((2 * 16 + 1) * 8 + (2 * 8 + 1) * 4))

say "-- back, with the options of a model and with --like"
must "$PACKRAT" weights --from model.npz --checkpoint described.prc --data graph --hidden 8 --layers 2
must "$PACKRAT" weights --from model.npz --checkpoint like.prc --like model.prc
for made in described like; do
    must "$PACKRAT" weights --checkpoint $made.prc --out $made.npz
    equal "weights of $made.prc" "$(cksum < $made.npz)" "$(cksum < model.npz)"
    must "$PACKRAT" infer --data graph --checkpoint $made.prc --output logits --out $made.npy
    equal "logits of $made.prc" "$(cksum < $made.npy)" "$(cksum < logits.npy)"
    must "$PACKRAT" eval --data graph --checkpoint $made.prc --split test --json
done

say "-- options that do not fit the file or the dataset"
weights=("$PACKRAT" weights --from model.npz --checkpoint never.prc)
expect 2 "lin_r.weight.npy: has shape .8, 16., must have .9, 16." "${weights[@]}" --data graph --hidden 9
expect 2 "convs.1.lin_r.weight.npy: has shape .4, 8., must have .8, 8." "${weights[@]}" --data graph \
    --hidden 8 --layers 3
expect 2 "lacks the member convs.0.lin.weight.npy.*also read as convs.0.lin_src" "${weights[@]}" \
    --data graph --hidden 8 --model gat
expect 2 "lacks the member norms.0.weight.npy of shape .8,." "${weights[@]}" --data graph --hidden 8 \
    --layer-norm
expect 2 "convs.1.lin_r.weight.npy: has shape .4, 8., must have .5, 8." "${weights[@]}" --data graph \
    --hidden 8 --outputs 5
expect 2 "no_such" "${weights[@]}" --data no_such
expect 2 "graph/meta.json: is not a packrat checkpoint|graph/meta.json" "${weights[@]}" \
    --like graph/meta.json
mkfifo pipe.npz
expect 2 "pipe.npz: is not a regular file" "$PACKRAT" weights --from pipe.npz --checkpoint never.prc \
    --like model.prc
expect 2 "graph: is not a regular file" "$PACKRAT" weights --from graph --checkpoint never.prc \
    --like model.prc
expect 2 "absent.npz: cannot be read" "$PACKRAT" weights --from absent.npz --checkpoint never.prc \
    --like model.prc
expect 1 "no_dir/m.npz" "$PACKRAT" weights --checkpoint model.prc --out no_dir/m.npz
[[ ! -e never.prc ]] || fail "a refused archive left a checkpoint"

say "-- nothing is written over what is read"
before=$(cksum < model.prc)
expect 2 "--checkpoint and --out are one file, model.prc" "$PACKRAT" weights --checkpoint model.prc \
    --out ./model.prc
expect 2 "--from and --checkpoint are one file, model.npz" "$PACKRAT" weights --from model.npz \
    --checkpoint "$PWD/model.npz" --like model.prc
equal "the checkpoint is still there" "$(cksum < model.prc)" "$before"

say "-- weights of a run that diverged"
must "$PACKRAT" train --data graph --model gin --steps 20 --hidden 8 --fanout 5,5 --log none \
    --optimizer sgd --lr 1000 --checkpoint diverged.prc
equal "warnings that the loss is no number" \
    "$(grep -c "the loss is not a finite number from step [0-9]* on" "$ERR")" 1
expect 2 "diverged.prc: parameter 0 of [0-9]+ is -?nan, must be finite" "$PACKRAT" train --data graph \
    --model gin --steps 1 --hidden 8 --log none --init diverged.prc
must "$PACKRAT" weights --checkpoint diverged.prc --out diverged.npz
equal "warnings that they are not finite" "$(grep -c "diverged.npz: has weights that are not" "$ERR")" 1

say "-- training from weights"
start=("$PACKRAT" train --data graph --steps 1 --fanout "5,5" --log none --checkpoint start.prc)
for init in model.prc model.npz; do
    must "${start[@]}" --hidden 8 --init $init --lr 0
    must "$PACKRAT" weights --checkpoint start.prc --out start.npz
    equal "weights of a run from $init that learns nothing" "$(cksum < start.npz)" \
        "$(cksum < model.npz)"
done
must "${start[@]}" --hidden 8 --lr 0
must "$PACKRAT" weights --checkpoint start.prc --out start.npz
[[ $(cksum < start.npz) != "$(cksum < model.npz)" ]] || fail "weights without --init are those with it"
rm start.prc
expect 2 "model.prc: has weights of another model: sage of 2 layers.*hidden 8.*this run's.*hidden 9" \
    "${start[@]}" --hidden 9 --init model.prc
expect 2 "model.prc: has weights of another.*relu; this run's is sage max.*elu, layer norm" \
    "${start[@]}" --hidden 8 --init model.prc --layer-norm --activation elu --aggregator max
expect 2 "model.npz: member convs.0.*has shape .8, 16., must have .9, 16." \
    "${start[@]}" --hidden 9 --init model.npz
expect 2 "no_such.npz" "${start[@]}" --hidden 8 --init no_such.npz
[[ ! -e start.prc ]] || fail "a refused start left a checkpoint"

if ! "$python" -c 'import numpy' 2> /dev/null; then
    say "skipped the rest: python3-numpy is not installed"
    finish
fi

say "-- archives of numpy and hostile ones"
mkdir cases
must "$python" "$PACKRAT_SOURCE/tests/tools/npz_cases.py" model.npz cases
cp "$OUT" table
while IFS='|' read -r name verdict pattern; do
    again=("$PACKRAT" weights --from "cases/$name.npz" --checkpoint "cases/$name.prc" --like model.prc)
    if [[ $verdict == reads ]]; then
        must "${again[@]}"
        must "$PACKRAT" weights --checkpoint "cases/$name.prc" --out again.npz
        [[ $name == f16 ]] || equal "weights of $name" "$(cksum < again.npz)" "$(cksum < model.npz)"
    else
        expect 2 "cases/$name.npz: .*($pattern)|cases/$name.npz: ($pattern)" "${again[@]}"
        [[ ! -e cases/$name.prc ]] || fail "$name left a checkpoint"
    fi
    rm -f "cases/$name.npz"
done < table
finish

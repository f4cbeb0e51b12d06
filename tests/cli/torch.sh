#!/usr/bin/env bash
# Models of every kind against PyTorch (Debian's python3-torch): weights that packrat trained give
# torch the logits that packrat infer writes, a state_dict that torch made gives packrat torch's, and
# one step of training has torch's loss and moves every weight by torch's gradient.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

python=/usr/bin/python3
"$python" -c 'import numpy, torch' 2> /dev/null ||
    { echo "skipped: python3-torch is not installed, or not python3-numpy"; exit 77; }
torch=$PACKRAT_SOURCE/tests/tools/torch_models.py

cat > cases << 'TABLE'
sage|--model sage --layers 2
sage_one|--model sage --layers 1
sage_max|--model sage --aggregator max --layers 2
sage_all|--model sage --layers 3 --layer-norm --residual --activation elu
gcn|--model gcn --layers 2
gcn_all|--model gcn --layers 3 --layer-norm --residual --activation elu
gin|--model gin --layers 2
gin_all|--model gin --layers 3 --layer-norm --residual
gat|--model gat --heads 4 --layers 2
gat_heads|--model gat --heads 2 --out-heads 3 --layers 3
gat_all|--model gat --heads 4 --out-heads 2 --layers 3 --layer-norm --residual --activation relu
TABLE

must "$PACKRAT" gen --kind planted --nodes 300 --edges 2400 --features 12 --classes 4 --noise 0.5 \
    --communities 4 --subcommunities 2 --seed 7 --out graph
step=(--data graph --fanout all --batch-size 4096 --hidden 8 --dropout 0 --weight-decay 0 --log none
    --eval none --steps 1 --optimizer sgd --lr 1 --momentum 0 --threads 1)

# infer_logits CHECKPOINT OUT
infer_logits() {
    must "$PACKRAT" infer --data graph --checkpoint "$1" --output logits --out "$2" --threads 1
}

must "$python" "$torch" make cases graph
while IFS='|' read -r name options; do
    read -ra options <<< "$options --hidden 8"
    must "$PACKRAT" train --data graph --epochs 3 --batch-size 64 --log none \
        --eval none --threads 1 --checkpoint "$name.prc" "${options[@]}" \
        --fanout 5
    must "$PACKRAT" weights --checkpoint "$name.prc" --out "$name.npz"
    infer_logits "$name.prc" "$name.out.npy"

    must "$PACKRAT" weights --from "$name.torch.npz" --checkpoint "$name.torch.prc" --data graph \
        "${options[@]}"
    infer_logits "$name.torch.prc" "$name.in.npy"

    must "$PACKRAT" train "${step[@]}" "${options[@]}" --init "$name.torch.npz" \
        --checkpoint "$name.step.prc" --json
    json train_loss > "$name.loss"
    must "$PACKRAT" weights --checkpoint "$name.step.prc" --out "$name.after.npz"
done < cases
run "$python" "$torch" check cases graph
cat "$OUT"
[[ $STATUS -eq 0 ]] || fail "$(tail -n 3 "$ERR")"
finish

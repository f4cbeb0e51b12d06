#!/usr/bin/env bash
# Exact inference of every kind over a million vertices with 128 columns, within the least --memory
# that it names: no more is ever resident, and logits of some nodes are PyTorch's in double.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../cli/support.bash disable=SC1091
source "$(dirname "$0")/../cli/support.bash"

python=/usr/bin/python3
"$python" -c 'import numpy, torch' 2> /dev/null ||
    { echo "skipped: python3-torch is not installed, or not python3-numpy"; exit 77; }
torch=$PACKRAT_SOURCE/tests/tools/torch_models.py

cat > cases << 'TABLE'
sage|--model sage --layers 2 --hidden 64
sage_max|--model sage --aggregator max --layers 2 --hidden 64
gcn|--model gcn --layers 2 --hidden 64
gin|--model gin --layers 2 --layer-norm --hidden 64
gat|--model gat --heads 4 --layers 2 --residual --hidden 64
TABLE
must "$PACKRAT" gen --kind planted --nodes 1000000 --edges 5000000 --features 128 --classes 8 \
    --seed 3 --out graph
must "$python" "$torch" make cases graph
while IFS='|' read -r name options; do
    read -ra options <<< "$options"
    must "$PACKRAT" weights --from "$name.torch.npz" --checkpoint "$name.prc" --data graph \
        "${options[@]}"
    infer=("$PACKRAT" infer --data graph --checkpoint "$name.prc" --output logits
        --out "$name.in.npy" --spill . --threads 2)
    run "${infer[@]}" --memory 1M
    least=$(sed -n 's/.*at least \([0-9]*\)M are needed.*/\1/p' "$ERR")
    [[ -n $least ]] || fail "$name: no least memory is named: $(cat "$ERR")"
    must "$PACKRAT_BUILD/tests/peak" peak "${infer[@]}" --memory "${least}M"
    most=$(($(cat peak) >> 20))
    echo "$name: $most MiB resident at most, $least MiB given"
    [[ $PACKRAT_SANITIZE || $most -le $least ]] || fail "$name: $most MiB resident, $least given"
done < cases
run "$python" "$torch" sampled cases graph
cat "$OUT"
[[ $STATUS -eq 0 ]] || fail "$(tail -n 3 "$ERR")"
finish

#!/usr/bin/env bash
# bench_derived --quick finds that features and derived rows give the same logits; a short run gives
# every case with its fields.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
bench=$(realpath "${PACKRAT_BUILD:-$root/build}/bench/bench_derived" 2> /dev/null || true)
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
[[ -x $bench ]] || { echo "skipped: bench_derived is not built"; exit 77; }
[[ -x /usr/bin/python3 ]] || { echo "skipped: python3 is not installed"; exit 77; }

say "-- all sides answer the same"
must "$bench" --quick

say "-- every case is there"
must "$PACKRAT" gen --nodes 2000 --edges 9000 --features 32 --classes 5 --out graph
"$bench" --data graph --hidden 16 --steps 10 --json --csv derived.csv > derived.json
/usr/bin/python3 - derived.json << 'END' || fail "cases or fields are missing"
import json
import sys
cases = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [(c["batch_nodes"], c["slab_share"]) for c in cases] == [
    (b, s) for b in (1, 16, 64, 256) for s in (0.1, 0.5, 1, 2)]
for c in cases:
    assert c["bench"] == "derived"
    assert c["features_rows"] <= 2000 and c["derived_rows"] <= 2000
    assert c["inputs"] >= c["dst"] >= c["batch_nodes"]
    for side in ("aggregate", "transform", "derived"):
        assert c[side + "_ns"] > 0 and c[side + "_spread"] >= 0
    better = min(c["aggregate_ns"], c["transform_ns"])
    assert abs(c["ratio"] * c["derived_ns"] / better - 1) < 0.01
    if c["slab_share"] == 2:
        assert c["derived_misses"] == 0 and c["features_misses"] == 0
END
[[ -s derived.csv ]] || fail "there is no CSV"

#!/usr/bin/env bash
# bench_scaling --quick finds that every number of threads and lanes trains the same; a short run
# gives every case with its fields, and scripts/bench-tables makes tables of them.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
bench=$(realpath "${PACKRAT_BUILD:-$root/build}/bench/bench_scaling" 2> /dev/null || true)
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
[[ -x $bench ]] || { echo "skipped: bench_scaling is not built"; exit 77; }
[[ -x /usr/bin/python3 ]] || { echo "skipped: python3 is not installed"; exit 77; }

say "-- all train the same"
must "$bench" --quick

say "-- every case is there"
small=(--rounds 1 --batch-size 32 --nodes-log2 14 --features 16 --hidden 16)
must "$bench" "${small[@]}" --threads 2 --lanes 2 --json --csv scaling.csv
mkdir out
"$bench" "${small[@]}" --threads 3 --lanes 3 --json > out/scaling.json 2> notes
grep -q 'more was not measured' notes || fail "it does not say what was measured"
grep -q 'batch 32: auto takes 1 lane.* best measured: .* of it, .*within 10 %' notes ||
    fail "it does not say what a run takes by itself"
/usr/bin/python3 - out/scaling.json << 'END' || fail "cases or fields are missing"
import json
import sys
cases = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
steps = [c for c in cases if c["door"] == "step"]
assert [(c["lanes"], c["threads"]) for c in steps] == [(1, 1), (1, 2), (2, 2), (1, 3), (2, 3), (3, 3)]
for c in steps:
    assert c["bench"] == "scaling" and c["batch_size"] == 32 and c["step_ns"] > 0
    assert abs(c["efficiency"] * c["threads"] - c["speedup"]) < 1e-6 and c["of_best"] >= 1
    for part in "sample wait prepare place aggregate gemm backward update other estimate".split():
        assert c[part + "_ns"] >= 0, part
assert sum(c["auto"] == "auto" for c in steps) == 1
assert len([c for c in cases if c["door"] == "aggregate"]) == 9
assert [c["lanes"] for c in cases if c["door"] == "wake"] == [1, 2, 3]
END

say "-- tables"
printf '<!-- table scaling -->\n<!-- end -->\n<!-- table aggregate -->\n<!-- end -->\n<!-- table wake -->\n<!-- end -->\n' > page.md
must "$root/scripts/bench-tables" --dir out --doc page.md
grep -q '^| 32 | 3 | 3 |' page.md || fail "the page has no row of 3 lanes"

#!/usr/bin/env bash
# scripts/bench-targets judges honestly: a target is met, missed or not measured; the worst of several
# cases counts; only a clean sheet ends with status 0.
set -euo pipefail
judge=$(realpath "$(dirname "$0")/../../scripts/bench-targets")
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
[[ -x /usr/bin/python3 ]] || { echo "skipped: python3 is not installed"; exit 77; }

cat > two.json <<'JSON'
{"group": "seed", "k": 16, "speedup": 61.5, "bound": 1.2, "ratio": 1.1}
{"group": "seed", "k": 64, "speedup": 19.0, "bound": 1.0, "ratio": 1.1}
JSON

# verdict STATUS WORDS TARGET: judge one target.
verdict() {
    echo "$3" > targets.txt
    run "$judge" --dir . --targets targets.txt
    [[ $STATUS -eq $1 ]] || fail "exit $STATUS instead of $1: $3"
    grep -qE -- "$2" "$OUT" || fail "not said '$2': $3"
}

verdict 0 "61.5 +met" "must | two | group=seed, k=16 | speedup >= 60"
verdict 1 "19 +MISSED" "must | two | group=seed, k=64 | speedup >= 60"
verdict 1 "19 +MISSED" "must | two | group=seed | speedup >= 60"
verdict 0 "1.1 +met" "must | two | k=16 | ratio <= bound"
verdict 1 "1.1 +MISSED" "must | two | k=64 | ratio <= bound"
verdict 0 "1.1 +not reached" "aim | two | k=64 | ratio <= bound"
verdict 1 "NOT MEASURED" "must | two | k=256 | speedup >= 1"
verdict 1 "NOT MEASURED" "must | absent | k=16 | speedup >= 1"
verdict 1 "NOT MEASURED" "must | two | k=16 | unknown >= 1"
echo "must | two | k=16" > targets.txt
expect 1 "targets.txt:1: not" "$judge" --dir . --targets targets.txt
finish

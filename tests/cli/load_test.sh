#!/usr/bin/env bash
# scripts/load-test --quick works: servers are loaded, answers compared, a table and JSON lines come out.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
command -v wrk > /dev/null || { echo "skipped: wrk is not installed"; exit 77; }
[[ -x /usr/bin/python3 ]] || { echo "skipped: python3 is not installed"; exit 77; }

run "$PACKRAT_SOURCE/scripts/load-test" --quick --no-python --only "packrat,derived on" --json \
    --build "$PACKRAT_BUILD" --work work --out figures
[[ $STATUS -eq 0 ]] || { fail "exit $STATUS"; cat "$ERR"; }
grep -E '^packrat +[0-9]+ ' "$OUT" || fail "no line of packrat in the table"
lines=$(grep -c '"bench": "serve"' figures/serve.json || true)
equal "JSON lines, printed and written" "$(grep -c '^{"bench": "serve"' "$OUT" || true)" "$lines"
expect 1 "no server is called both" "$PACKRAT_SOURCE/scripts/load-test" --quick --only both
finish

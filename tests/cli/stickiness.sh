#!/usr/bin/env bash
# scripts/stickiness --quick measures bytes and accuracy and leaves tables, plot data and log; the
# tables say what the log says, go into a page between its markers, and a failing run is told.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
bench=$(realpath "${PACKRAT_BENCH:-${PACKRAT_BUILD:-$root/build}/bench/bench_stickiness}" 2> /dev/null || true)
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
[[ -x /usr/bin/python3 ]] || { echo "skipped: python3 is not installed"; exit 77; }
/usr/bin/python3 -c 'import sqlite3' 2> /dev/null || { echo "skipped: python3 has no sqlite3"; exit 77; }
[[ -x $bench ]] || { echo "skipped: bench_stickiness is not built"; exit 77; }
here=$PWD
stickiness=(env "PACKRAT=$PACKRAT" "PACKRAT_BENCH=$bench" "$root/scripts/stickiness" --no-install)

say "-- usage"
expect 2 "unknown option '--fast'" "${stickiness[@]}" --fast
expect 2 "--seeds is 'many', must be a number" "${stickiness[@]}" --seeds many
expect 2 "--out needs a value" "${stickiness[@]}" --out
expect 2 "--only is 'moon', must be one of" "${stickiness[@]}" --only moon
expect 2 "cora has nothing in the half" "${stickiness[@]}" --bytes-only --only cora
expect 2 "rmat has nothing in the half" "${stickiness[@]}" --accuracy-only --only rmat
expect 1 "nowhere.md cannot be written" "${stickiness[@]}" --doc nowhere.md
expect 1 "holds neither cases" "$root/scripts/stickiness-tables" --dir "$here"

say "-- both parts"
printf '# page\n<!-- table bytes-small -->\nold\n<!-- end -->\n<!-- table accuracy-planted -->\n<!-- end -->\n<!-- table bytes-rmat -->\nkept\n<!-- end -->\n' > page.md
must "${stickiness[@]}" --quick --out out --doc page.md
for file in bytes.md accuracy.md bytes.csv accuracy.csv stickiness.csv runs.db; do
    [[ -s out/$file ]] || fail "$file was not made"
done
equal "runs: three settings, two seeds" "$(sql out/runs.db 'SELECT count(*) FROM v_tradeoff')" 6
equal "steps are equal" "$(sql out/runs.db 'SELECT group_concat(DISTINCT steps) FROM v_tradeoff')" 40
equal "the learning rate falls" \
    "$(sql out/runs.db 'SELECT group_concat(DISTINCT lr_schedule) FROM v_tradeoff')" linear
equal "settings of the table are those of the log" \
    "$(sed -n 's/^| \(uniform\|labor[^|]*[^| ]\) | .*/\1/p' out/accuracy.md)" \
    "$(sql out/runs.db 'SELECT DISTINCT setting FROM v_tradeoff ORDER BY run')"
equal "the table's accuracy is the log's" \
    "$(sed -n 's/^| uniform |.* | \([0-9.]*\) ±.*/\1/p' out/accuracy.md)" \
    "$(sql out/runs.db "SELECT printf('%.2f', 100 * avg(test_accuracy)) FROM v_tradeoff
                        WHERE setting = 'uniform'")"
grep -q '^| labor 8 bias 16 |' out/bytes.md || fail "no row of labor 8 bias 16 in bytes.md"
if command -v gnuplot > /dev/null; then
    grep -q '</svg>' out/stickiness.svg || fail "the plot is not whole"
fi
grep -q '^| uniform |' page.md || fail "the page has no table"
grep -q '^old' page.md && fail "the page has its old table"
grep -q '^kept' page.md || fail "a table that was not measured did not stay"

say "-- a training run that fails"
# shellcheck disable=SC2016  # the script's own words
printf '#!/bin/sh\n[ "$1" = gen ] && exec "%s" "$@"\necho "no such luck" >&2\nexit 1\n' "$PACKRAT" > luckless
chmod +x luckless
expect 1 "failed: .*uniform, seed 1" env "PACKRAT=$here/luckless" "PACKRAT_BENCH=$bench" \
    "$root/scripts/stickiness" --no-install --quick --accuracy-only --out "$here/bad"
grep -q "no such luck" "$ERR" || fail "what the run said is not told"
finish

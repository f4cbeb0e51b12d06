#!/usr/bin/env bash
# docs/serving.md says that its commands work as they stand, in their order, in an empty directory:
# here they do, but for the port.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
command -v curl > /dev/null || { echo "skipped: curl is not installed"; exit 77; }
page=${PACKRAT_SOURCE:?names the source tree}/docs/serving.md

mkdir "$WORK/bin"
ln -s "$PACKRAT" "$WORK/bin/packrat"
export PATH=$WORK/bin:$PATH

# A port that nobody listens on.
port=
while [[ -z $port ]]; do
    port=$((20000 + RANDOM % 12000))
    ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || port=
done

# blocks LANGUAGE: the page's blocks of it, each behind a line that says where it stands.
blocks() {
    awk -v fence="\`\`\`$1" '
        $0 == "```" && inside { inside = 0; next }
        inside { print }
        $0 == fence { inside = 1; print "# line " NR }' "$page" | sed "s/8080/$port/g"
}
blocks sh > page.sh
blocks python > page.py
equal "blocks of commands" "$(($(grep -c '^# line' page.sh) >= 9))" 1

# All in one shell, as a reader has it: the server is its job. The Python goes before the end.
awk '/^kill -TERM/ { print "python_block" } { print }' page.sh > all.sh
python_block() {
    python3 -c 'import numpy' 2> /dev/null || { echo "no numpy: the Python block is left out"; return 0; }
    python3 page.py
}
export -f python_block
STATUS=0
timeout 300 bash -e -m -c 'trap "kill -9 %1 2> /dev/null || true" EXIT; source ./all.sh' > "$OUT" 2> "$ERR" || STATUS=$?
equal "exit status of all commands" "$STATUS" 0
[[ $STATUS -eq 0 ]] || { sed 's/^/    /' "$ERR" | tail -n 20; tail -n 20 "$OUT"; }

grep -q '^serving sage at http://127.0.0.1' "$OUT" || fail "the server does not say where it is"
equal "errors in answers" "$(grep -c '"error"' "$OUT" || true)" 1
grep -q '"error".*5000' "$OUT" || fail "the one error is not of node 5000"
grep -q '^400$' "$OUT" || fail "its status is not 400"
grep -q '"id":"a-1"' "$OUT" || fail "no answer with the id of the request"
grep -q '"name":"features","datatype":"FP32","shape":\[2,32\]' "$OUT" || fail "no rows of features"
grep -q '^packrat_ready 1' "$OUT" || fail "no metrics"
grep -q '^infer|200|' "$OUT" || fail "no requests in the log"

# What can be asked again is the same: class of node 7 in the first answer, and the largest
# probability of packrat infer.
first=$(grep -m 1 '"probabilities"' "$OUT" | sed 's/.*"name":"class"[^[]*\[3\],"data":\[\([0-9,]*\)\].*/\1/')
again=$(grep -E '^(0|7|4711),' "$OUT" | awk -F, '{ b = 2; for (i = 3; i <= NF; i++) if ($i > $b) b = i
    printf "%s%d", (NR > 1 ? "," : ""), b - 2 }')
equal "classes made again" "$first" "$again"
! python3 -c 'import numpy' 2> /dev/null || grep -Eq '^2 \[[0-9 ]+\]$' "$OUT" || fail "the Python block prints no classes"
finish

#!/usr/bin/env bash
# The five examples that `packrat` alone prints work as they stand, in order, in an empty
# directory.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"

must "$PACKRAT"
mapfile -t lines < <(grep -E '^  packrat ' "$OUT")
equal "number of examples" "${#lines[@]}" 5

packrat() { "$PACKRAT" "$@"; }
for line in "${lines[@]}"; do
    run eval "$line"
    equal "$line" "$STATUS" 0
    [[ $STATUS -eq 0 ]] || sed 's/^/    /' "$ERR"
    [[ -s $OUT ]] || fail "prints nothing: $line"
done
[[ -s packrat.db ]] || fail "packrat.db is missing"
[[ -z $(find . -name '*tmp*') ]] || fail "temporary files are left"
finish

#!/usr/bin/env bash
# Memory of packrat serve stays flat over 200,000 requests of all kinds, right ones and wrong ones, with a log
# and without.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../cli/support.bash disable=SC1091
source "$(dirname "$0")/../cli/support.bash"
# shellcheck source-path=SCRIPTDIR source=../support/serve_faults.bash disable=SC1091
source "$(dirname "$0")/../support/serve_faults.bash"

[[ -z ${PACKRAT_SANITIZE:-} ]] || { echo "skipped: sanitizers keep freed memory"; exit 77; }
make_models
for log in none soak.db; do
    start_server --log $log
    tool "200,000 requests, --log $log" soak --nodes 1200 --pid "$CHILD" --requests 200000
    right "answers after them" 200
    stop_server "after 200,000 requests"
done
equal "integrity of the log" "$(sql soak.db 'PRAGMA integrity_check')" ok
finish

#!/usr/bin/env bash
# packrat serve among hostile clients, in short: fuzzed requests, slow and vanishing clients, swaps of the
# model, a full disk, SIGTERM under load. Never a crash, a hang, a leaked file or a wrong answer.
# tests/slow/serve_faults.sh does the same in earnest.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=support.bash disable=SC1091
source "$(dirname "$0")/support.bash"
# shellcheck source-path=SCRIPTDIR source=../support/serve_faults.bash disable=SC1091
source "$(dirname "$0")/../support/serve_faults.bash"

make_models
start_server
right
fuzzed 600 $((RANDOM))
vanished 150
stop_server
start_server --http.deadline-ms 1000
dripped 24
right "answers after all of that"
swapped 4
drained 8 0.5
log_full 2000
finish

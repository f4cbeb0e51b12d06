#!/usr/bin/env bash
# packrat serve among hostile clients: 10,000 fuzzed requests, 200 slow clients, 2,000 that vanish, 50 swaps of the
# model under load, a full disk, SIGTERM under load ten times.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../cli/support.bash disable=SC1091
source "$(dirname "$0")/../cli/support.bash"
# shellcheck source-path=SCRIPTDIR source=../support/serve_faults.bash disable=SC1091
source "$(dirname "$0")/../support/serve_faults.bash"

make_models
start_server
right "answers are right" 500
fuzzed 10000 1
fuzzed 10000 $((RANDOM))
vanished 2000
stop_server
start_server --http.deadline-ms 1000
dripped 200
right "answers after all of that" 500
swapped 50
drained 16 2
for ((i = 0; i < 10; i++)); do
    start_server --batch.max-delay-us $((i * 1000)) --log drain.db
    drained 16 0.5
done
log_full 20000
finish

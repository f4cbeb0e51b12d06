#!/usr/bin/env bash
# The accuracies that docs/accuracy.md says are reached: every model on every real graph, at least what
# scripts/accuracy wants of it. About half an hour on two quiet cores.
set -euo pipefail
root=${PACKRAT_TEST_DATA:-$PACKRAT_SOURCE/../shared/data}
if [[ ! -e $root/cora/meta.json ]]; then
    echo "skipped: $root/cora is not there (set PACKRAT_TEST_DATA)"
    exit 77
fi
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PACKRAT_TEST_DATA=$root "$PACKRAT_SOURCE/scripts/accuracy" --out "$WORK" --page "$WORK/accuracy.md" --check

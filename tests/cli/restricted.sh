#!/usr/bin/env bash
# A machine of which the process may use but a part: the same training starts, takes the threads that
# it can feed, says so in one line, and draws the same batches.
set -euo pipefail
# shellcheck source=tests/cli/support.bash
source "$PACKRAT_SOURCE/tests/cli/support.bash"

GROUPS_MADE=()
leave_groups() {
    local group
    for group in ${GROUPS_MADE[@]+"${GROUPS_MADE[@]}"}; do rmdir "$group" 2> /dev/null || true; done
    clean_up
}
trap leave_groups EXIT

make_demo "$WORK/graph"
train=("$PACKRAT" train --data "$WORK/graph" --steps 5 --hidden 8 --log none --json --tuning none)
restriction='(affinity|the cpuset) leaves [0-9]+ of [0-9]+ CPUs|CPU quota of'

# A run under restrictions that are not ours is nothing to compare with, but still starts.
must "${train[@]}"
hash=$(json batch_hash)
allowed=$(nproc)
said_before=$(grep -cE "$restriction" "$ERR" || true)
[[ $(getconf _NPROCESSORS_ONLN) != "$allowed" || $(json threads) != "$allowed" ]] ||
    equal "lines about restrictions without any" "$said_before" 0

ran=0
# one_thread WHAT PATTERN COMMAND...: it runs on one thread, and says why in one line.
one_thread() {
    local what=$1 pattern=$2
    shift 2
    ran=1
    must "$@" "${train[@]}"
    equal "$what: threads" "$(json threads)" 1
    equal "$what: batches" "$(json batch_hash)" "$hash"
    equal "$what: lines that say so" "$(grep -cE -- "$pattern" "$ERR" || true)" 1
    grep -E -m 1 -- "$pattern" "$ERR" || cat "$ERR"
}

# A group of cgroup version 1 or 2 with one setting: make_group CONTROLLER, then its folder in $GROUP.
make_group() {
    local root=/sys/fs/cgroup
    GROUP=
    if [[ -e $root/cgroup.controllers ]]; then
        grep -qw "$1" "$root/cgroup.subtree_control" 2> /dev/null ||
            echo "+$1" 2> /dev/null > "$root/cgroup.subtree_control" || return 1
    else
        root=$root/$1
    fi
    mkdir "$root/packrat-test-$$-$1" 2> /dev/null || return 1
    GROUP=$root/packrat-test-$$-$1
    GROUPS_MADE+=("$GROUP")
}

# shellcheck disable=SC2016  # expanded by the inner shell
inside=(bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"')

if [[ $allowed -gt 1 ]]; then
    first=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
    one_thread "taskset" "affinity leaves 1 of $allowed CPUs" taskset -c "$first"
else
    say "skip  taskset: this process may use one CPU as it is"
fi

if ! make_group cpu; then
    say "skip  a CPU quota: no control group can be made here"
elif ! { echo 100000 100000 > "$GROUP/cpu.max" ||
    { echo 100000 > "$GROUP/cpu.cfs_period_us" && echo 100000 > "$GROUP/cpu.cfs_quota_us"; }; } 2> /dev/null; then
    say "skip  a CPU quota: none can be set here"
elif [[ $allowed -eq 1 ]]; then
    say "skip  a CPU quota: this process may use one CPU as it is"
else
    one_thread "a quota of one CPU" 'CPU quota of 1\.00' "${inside[@]}" "$GROUP"
fi

if ! make_group cpuset; then
    say "skip  a cpuset: no control group can be made here"
elif ! { cat "$GROUP/../cpuset.mems" > "$GROUP/cpuset.mems" || true; echo 0 > "$GROUP/cpuset.cpus"; } \
    2> /dev/null; then
    say "skip  a cpuset: none can be set here"
elif [[ $allowed -eq 1 ]]; then
    say "skip  a cpuset: this process may use one CPU as it is"
else
    one_thread "a cpuset of one CPU" 'the cpuset leaves 1 of' "${inside[@]}" "$GROUP"
fi
[[ $ran == 1 ]] || { echo "skipped: nothing can be restricted here"; exit 77; }
finish

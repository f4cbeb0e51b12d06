# shellcheck shell=bash
# memory_group.bash: a control group with a memory limit, of cgroup version 1 or 2. Source it behind
# tests/cli/support.bash.

MEMORY_GROUP=

leave_memory_group() {
    [[ -z $MEMORY_GROUP ]] || rmdir "$MEMORY_GROUP" 2> /dev/null || true
    clean_up
}
trap leave_memory_group EXIT

# make_memory_group BYTES: its folder in $MEMORY_GROUP; or the reason why not in $NO_GROUP, and 1.
make_memory_group() {
    local root=/sys/fs/cgroup limit
    NO_GROUP=
    if [[ -e $root/cgroup.controllers ]]; then
        limit=memory.max
        grep -qw memory "$root/cgroup.subtree_control" 2> /dev/null ||
            echo +memory 2> /dev/null > "$root/cgroup.subtree_control" ||
            { NO_GROUP="the controller memory cannot be had in $root"; return 1; }
    else
        root=$root/memory limit=memory.limit_in_bytes
    fi
    MEMORY_GROUP=$root/packrat-test-$$
    if ! mkdir "$MEMORY_GROUP" 2> /dev/null; then
        NO_GROUP="no control group can be made in $root" MEMORY_GROUP=
        return 1
    fi
    if ! echo "$1" 2> /dev/null > "$MEMORY_GROUP/$limit"; then
        # shellcheck disable=SC2034  # for who sources this
        NO_GROUP="$MEMORY_GROUP takes no memory limit"
        return 1
    fi
    # Pages that are swapped out would take the test's point; version 1 counts them in another limit.
    { echo 0 > "$MEMORY_GROUP/memory.swap.max" || echo 0 > "$MEMORY_GROUP/memory.swappiness"; } \
        2> /dev/null || true
}

# in_memory_group COMMAND...: run it there.
in_memory_group() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$MEMORY_GROUP" "$@"
}

#!/bin/sh
# trainings.sh: what scripts/test-numa-vm has a guest of several NUMA nodes do, in one boot; not a
# test by itself.
#
#   trainings.sh PACKRAT REFUSE DATA NODES short|all UNIT-TEST...
#
# DATA is the dataset, with parts$NODES.npy and serve.prc, a checkpoint, beside it, and ask is beside
# REFUSE. Leaves
# under /out what the host then looks at: runs.tsv (name, exit status, the JSON of each run), runs.db
# (the log of all of them), NAME.err (what each said), threads.tsv and maps.tsv (what the kernel says
# of a run under way), answers.csv (of packrat serve), unit.tsv (unit tests). There is busybox here and nothing else.
packrat=$1 refuse=$2 data=$3 nodes=$4 extent=$5
shift 5
parts=${data%/*}/parts$nodes.npy
under=
cd /tmp || exit 1

# run NAME COMMAND...: keep its exit status, what it says, and the last line it prints.
run() {
    name=$1
    shift
    status=0
    "$@" > stdout 2> stderr || status=$?
    printf '%s\t%s\t%s\n' "$name" "$status" "$(tail -n 1 stdout)" >> /out/runs.tsv
    head -c 4000 stderr > "/out/$name.err"
}

# train NAME OPTION...: 20 steps, a lane for each node.
train() {
    name=$1
    shift
    # shellcheck disable=SC2086  # a program and its argument, or nothing
    run "$name" $under "$packrat" train --data "$data" --log /out/runs.db --json --tuning none \
        --batch-size 64 --steps 20 --hidden 16 --fanout 5,5 --lanes "$nodes" "$@"
}

# The same in a group of processes with limits: limited NAME FILE=VALUE... -- OPTION...
limited() {
    limited=$1
    shift
    mkdir "$cgroups/$limited"
    while [ "$1" != -- ]; do
        echo "${1#*=}" > "$cgroups/$limited/${1%%=*}" || echo "cannot set $1" >> /out/complaints
        shift
    done
    shift
    echo 0 > "$cgroups/$limited/cgroup.procs"
    train "$limited" "$@"
    echo 0 > "$cgroups/cgroup.procs"
}

# What the kernel says of a run under way: each thread's CPUs, the CPU it was on last and its time
# in the interval; each range of memory with a policy, or shared by nodes.
watch() {
    "$packrat" train --data "$data" --log watch.db --json --tuning none --batch-size 64 \
        --steps 1000000 --hidden 16 --fanout 5,5 --lanes "$nodes" --shards part \
        --shards.file "$parts" --pipeline on > stdout 2> stderr &
    pid=$!
    tries=0
    until grep -q 'epoch 2' stderr || [ $tries -ge 300 ]; do
        usleep 200000
        tries=$((tries + 1))
    done
    for task in "/proc/$pid/task/"*; do
        echo "${task##*/} $(awk '{ print $14 + $15 }' "$task/stat")"
    done > before
    sleep 2
    kill -STOP $pid
    for task in "/proc/$pid/task/"*; do
        id=${task##*/}
        printf '%s\t%s\t%s\n' "$(awk '/^Cpus_allowed_list/ { print $2 }' "$task/status")" \
            "$(awk '{ print $39 }' "$task/stat")" \
            "$(($(awk '{ print $14 + $15 }' "$task/stat") -
                $(awk -v id="$id" '$1 == id { t = $2 } END { print t + 0 }' before)))"
    done > /out/threads.tsv
    awk '{ sub(/prefer \(many\)/, "prefer"); policy = $2; n = ""
           sub(/^(bind|prefer)[^:]*:/, "node ", policy)
           for (i = 3; i <= NF; i++) if ($i ~ /^N[0-9]+=/) n = n " " $i
           if (n != "" && $0 !~ / file=/) print policy "\t" n }' "/proc/$pid/numa_maps" \
        > /out/maps.tsv
    kill -CONT $pid
    kill -INT $pid
    status=0
    wait $pid || status=$?
    printf 'watch\t%s\t%s\n' $status "$(tail -n 1 stdout)" >> /out/runs.tsv
    head -c 4000 stderr > /out/watch.err
}

# A server with a lane for each node, asked for nodes one by one by more clients than it has lanes. A
# batch takes one node, as else one lane would take all that come at a time.
serve() {
    "$packrat" serve --data "$data" --checkpoint "${data%/*}/serve.prc" --log /out/runs.db --json \
        --tuning none --listen 127.0.0.1:8080 --lanes 0 --fanout 5,5 --seed 7 --batch.max-nodes 1 \
        > stdout 2> stderr &
    pid=$!
    "${refuse%/*}/ask" 8080 sage 600 $((3 * nodes)) > /out/answers.csv 2> /out/ask.err
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    printf 'serve\t%s\t%s\n' $status "$(tail -n 1 stdout)" >> /out/runs.tsv
    head -c 4000 stderr > /out/serve.err
}

# unit PROGRAM: how many of its tests pass here, and how many skip.
unit() {
    name=${1##*/} status=0
    "$1" > stdout 2>&1 || status=$?
    printf '%s\t%s\t%s\t%s\n' "$name" "$status" "$(grep -c '\[       OK \]' stdout)" \
        "$(grep '\[  SKIPPED \] [a-z]' stdout | sort -u | wc -l)" >> /out/unit.tsv
    grep -E '^\[  FAILED *\] [a-z]|ERROR|  LINE' stdout | sort -u | sed "s/^/$name: /" >> /out/unit.err
}

cut -d' ' -f1 /proc/uptime > /out/start
run topo "$packrat" topo --json
train auto --lanes 0 --batch-size 1024
train part-labor-off --shards part --shards.file "$parts" --pipeline off
if [ "$extent" = all ]; then
    train part-labor-on --shards part --shards.file "$parts" --pipeline on
    for sampler in uniform weighted walk; do
        for pipeline in off on; do
            train "part-$sampler-$pipeline" --shards part --shards.file "$parts" \
                --sampler "$sampler" --pipeline "$pipeline"
        done
    done
    train bias --shards part --shards.file "$parts" --cache-bias 8
    train hash --shards hash --pipeline off
    train range --shards range --pipeline off
    train off --numa off --lanes 0
    export OMP_PROC_BIND=close OMP_PLACES=cores
    train omp --lanes 0
    train omp-lanes
    train omp-strict --numa strict
    unset OMP_PROC_BIND OMP_PLACES
    for call in memory affinity; do
        under="$refuse $call"
        train refused-$call
        train refused-$call-strict --numa strict
    done
    under=
    watch
    serve
fi
train strict --numa strict
for test in "$@"; do unit "$test"; done

cgroups=/sys/fs/cgroup
mount -t cgroup2 none $cgroups && echo '+cpuset +cpu' > $cgroups/cgroup.subtree_control
if [ "$extent" = all ]; then
    first=$(cat /sys/devices/system/node/node0/cpulist)
    one_each=$(cat /sys/devices/system/node/node*/cpulist | sed 's/[-,].*//' | tr '\n' ',')
    memory=$(seq -s, 0 $((nodes - 1)))
    limited one-node "cpuset.cpus=$first" "cpuset.mems=$memory" -- --lanes 0
    limited one-core-a-node "cpuset.cpus=$one_each" "cpuset.mems=$memory" -- --lanes 0 --batch-size 1024
    limited one-memory "cpuset.mems=0" -- --lanes 0 --batch-size 1024
    limited quota-1 "cpu.max=100000 100000" -- --lanes 0
fi
cut -d' ' -f1 /proc/uptime > /out/end
gzip /out/runs.db

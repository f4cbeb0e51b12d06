#!/usr/bin/env bash
# topo.sh: packrat topo: machines that are not ours, limits, plans of training runs; text and JSON
# agree, and what cannot be read is named.
set -u
# shellcheck source=tests/cli/support.bash
source "$(dirname "$0")/support.bash"

# one_line WHAT: the last standard output is one line.
one_line() { equal "$1: lines on standard output" "$(wc -l < "$OUT")" 1; }

has() {
    if grep -Eq -- "$2" "$OUT"; then
        say "ok    $1: $(grep -Em 1 -- "$2" "$OUT" | cut -c 1-70)"
    else
        fail "$1: standard output has no '$2'"
    fi
}

say "-- this machine"
must "$PACKRAT" topo
has "text" '^plan +[0-9]+ lanes?, [0-9]+ threads?, (can bind|cannot bind)'
if grep -qw bound "$OUT"; then fail "topo's text says 'bound', which only a run can say"; fi
must "$PACKRAT" topo --cpu-quota 1.25
has "quota" '^usable .*at most 1\.25 CPUs of time by quota'
has "why" '^why +1 thread'
first=$(taskset -cp $$ 2> /dev/null | sed 's/.*: //; s/[-,].*//')
if [[ -n $first ]]; then
    must taskset -c "$first" "$PACKRAT" topo
    has "affinity" '^usable +1 core, 1 CPU'
    must "$PACKRAT" topo --cpus "$first" --json
    one_line "topo --cpus"
    equal "cpus" "$(json cpus)" 1
fi

say "-- other machines"
must "$PACKRAT" topo --synthetic "pack:2 [numa(memory=64GB)] core:4 pu:2" --lanes 4
has "whose" '^machine .*not this machine'
has "binds nothing" '^plan +4 lanes, 8 threads, binds nothing'
has "lane 3" '^  lane 3 +NUMA node 1, 2 threads on 2 cores, CPUs 12-15'
must "$PACKRAT" topo --synthetic "pack:2 [numa(memory=64GB)] core:4 pu:2" --lanes 4 --json
one_line "topo --synthetic"
equal "nodes" "$(json nodes)" 2
equal "lanes" "$(json lanes)" 4
equal "partitions" "$(json partitions)" 4
equal "bound" "$(json bound)" 0
equal "can_bind" "$(json can_bind)" 0
equal "cpus of lane 3" "$(json 'lane_list[3].cpus')" 12-15
expect 2 "made-up machine 'numa:x' is not hwloc's notation" "$PACKRAT" topo --synthetic numa:x
expect 2 "has more than 4096 CPUs" "$PACKRAT" topo --synthetic "numa:100 core:100 pu:1"
expect 2 "must be like 0-3,8" "$PACKRAT" topo --cpus 0,,1
expect 2 "names none that may be used" "$PACKRAT" topo --synthetic "numa:1 pu:2" --cpus 2
expect 2 "--cpu-quota" "$PACKRAT" topo --cpu-quota -1
expect 2 "lanes is 65|--lanes" "$PACKRAT" topo --lanes 65
expect 2 "--numa off is one lane, but --lanes asks for 2" "$PACKRAT" topo --numa off --lanes 2
expect 2 "exclude each other" "$PACKRAT" topo --synthetic "pu:1" --xml machine.xml

say "-- XML"
expect 2 "none.xml: cannot be read" "$PACKRAT" topo --xml none.xml
printf '<topology version="2.0"><object type="Machine"' > bad.xml
expect 2 "bad.xml: hwloc" "$PACKRAT" topo --xml bad.xml
printf 'plain text' > text.xml
expect 2 "text.xml: is not a machine as hwloc writes it" "$PACKRAT" topo --xml text.xml
: > empty.xml
expect 2 "empty.xml: has 0 bytes" "$PACKRAT" topo --xml empty.xml
cat > tiny.xml <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x3" complete_cpuset="0x3" allowed_cpuset="0x3" nodeset="0x3" complete_nodeset="0x3" allowed_nodeset="0x3" gp_index="1">
    <object type="NUMANode" os_index="1" cpuset="0x0" complete_cpuset="0x0" nodeset="0x2" complete_nodeset="0x2" gp_index="6" local_memory="68719476736"/>
    <object type="Package" os_index="0" cpuset="0x3" complete_cpuset="0x3" nodeset="0x1" complete_nodeset="0x1" gp_index="2">
      <object type="NUMANode" os_index="0" cpuset="0x3" complete_cpuset="0x3" nodeset="0x1" complete_nodeset="0x1" gp_index="3" local_memory="4194304"/>
      <object type="PU" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x1" complete_nodeset="0x1" gp_index="4"/>
      <object type="PU" os_index="1" cpuset="0x2" complete_cpuset="0x2" nodeset="0x1" complete_nodeset="0x1" gp_index="5"/>
    </object>
  </object>
</topology>
XML
must "$PACKRAT" topo --xml tiny.xml
has "a node without cores" '^  node 1 +0 cores, memory 64\.0 GiB'
has "one lane" '^plan +1 lane, 2 threads'

say "-- plans of training runs"
expect 2 "topo: --plan needs --data DIR" "$PACKRAT" topo --plan
expect 2 "topo: --data goes with --plan" "$PACKRAT" topo --data small
expect 2 "none/.*cannot|none: |none/" "$PACKRAT" topo --plan --data none
must "$PACKRAT" gen --kind planted --nodes 3000 --edges 20000 --features 64 --out small
machine="numa:4 core:4 pu:1"
must "$PACKRAT" topo --plan --data small --synthetic "$machine" --lanes 4 --batch-size 512
cp "$OUT" text
must "$PACKRAT" topo --plan --data small --synthetic "$machine" --lanes 4 --batch-size 512 --json
one_line "topo --plan"
equal "shards" "$(json shards)" 4
equal "fits" "$(json placement.fits)" 1
rows=0
for s in 0 1 2 3; do
    equal "first row of shard $s" "$(json "placement.shard_list[$s].first_row")" "$rows"
    rows=$((rows + $(json "placement.shard_list[$s].rows")))
    node=$(json "placement.shard_list[$s].numa_node")
    grep -Eq "^    shard $s .* of lane $(json "placement.shard_list[$s].lane"): rows $((rows - $(json "placement.shard_list[$s].rows"))) \.\. $((rows - 1))\$" text ||
        fail "the text has no shard $s as in JSON"
    equal "store bytes of node $node" "$(json "placement.node_list[$node].bytes.store")" \
        "$(json "placement.shard_list[$s].bytes")"
done
equal "rows of all shards" "$rows" 3000
sum=0
for kind in graph store slab index sampler tape; do
    sum=$((sum + $(json "placement.node_list[0].bytes.$kind")))
done
equal "bytes of node 0" "$sum" "$(json 'placement.node_list[0].total_bytes')"
must "$PACKRAT" topo --plan --data small --synthetic "$machine" --batch-size 8
has "a small batch stays on one lane" 'not worth a second lane'
must "$PACKRAT" topo --plan --data small --synthetic "$machine" --lanes 2 --shards hash
has "parts" '^placement +rows in 2 shards, dealt row by row'
must "$PACKRAT" topo --plan --data small --xml tiny.xml --lanes 2 --cache.rows 100
has "rows without room" 'shard .*of lane'
must "$PACKRAT" topo --plan --data small
has "this machine" '^fits +yes'
finish

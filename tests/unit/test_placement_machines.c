/* test_placement_machines.c: plans for machines we do not own, checked in full. */
#include "support/placements.h"
#include "support/support.h"

/* A machine, what is known of it, and what a run asks for. */
typedef struct known {
    const char     *what;
    pr_topo_source  source;
    const char     *edits[2]; /* from, to: the machine is written as XML, edited and read again */
    pr_plan_options options;
    pr_demand       demand;
    const char     *drawn;
} known;

/* Write a placement as one line: lanes as node:first core+cores*threads, shards as
 * lane@node:first row+rows, nodes with their MiB of graph, store and slab. */
static const char *drawn(const pr_placement *p)
{
    static char text[8192];
    FILE       *out = fmemopen(text, sizeof text, "w");

    for (uint32_t l = 0; l < p->plan.num_lanes; l++) {
        const pr_lane_plan *lane = &p->plan.lane[l];
        fprintf(out, "%d:%u+%u*%u ", lane->numa_node, lane->first_core, lane->num_cores,
                lane->num_threads);
    }
    fprintf(out, "|");
    for (uint32_t s = 0; s < p->num_shards; s++)
        fprintf(out, " %u@%d:%llu+%llu", p->shard[s].lane, p->shard[s].numa_node,
                (unsigned long long)p->shard[s].first_row,
                (unsigned long long)p->shard[s].num_rows);
    fprintf(out, " |");
    for (uint32_t n = 0; n < p->num_nodes; n++) {
        const uint64_t *bytes = p->node[n].bytes;
        fprintf(out, " %d:%llu,%llu,%llu", p->node[n].numa_node,
                (unsigned long long)bytes[PR_ITEM_GRAPH] / MiB,
                (unsigned long long)bytes[PR_ITEM_STORE] / MiB,
                (unsigned long long)bytes[PR_ITEM_SLAB] / MiB);
    }
    fprintf(out, " |%s%s%s", p->fits ? "" : " too large", p->why[0] ? " " : "", p->why);
    fclose(out);
    return text;
}

#define MEMORY_NONE "local_memory=\"0\""
#define ROWS(n)     .demand = { .num_rows = (n), .row_bytes = MiB, .sharded = true, .shard_unit = 10 }

static const known machines[] = {
    { .what   = "one node",
      .source = { .synthetic = "numa:1 core:2 pu:1" },
      ROWS(100),
      .drawn = "0:0+2*2 | 0@0:0+100 | 0:0,100,0 |" },
    { .what   = "two nodes",
      .source = { .synthetic = "numa:2 core:4 pu:1" },
      ROWS(100),
      .drawn = "0:0+4*4 1:0+4*4 | 0@0:0+50 1@1:50+50 | 0:0,50,0 1:0,50,0 |" },
    { .what   = "four nodes, graph copied",
      .source = { .synthetic = "numa:4 core:8 pu:1" },
      .demand = { .num_rows     = 1000,
                  .row_bytes    = MiB,
                  .sharded      = true,
                  .shard_unit   = 16,
                  .graph_bytes  = 100 * MiB,
                  .graph_copies = -1,
                  .lane_bytes   = { [PR_ITEM_SLAB] = 50 * MiB } },
      .drawn  = "0:0+8*8 1:0+8*8 2:0+8*8 3:0+8*8 | 0@0:0+256 1@1:256+240 2@2:496+256 3@3:752+248 | "
                "0:100,256,50 1:100,240,50 2:100,256,50 3:100,248,50 |" },
    { .what   = "four nodes, a graph too large for copies",
      .source = { .synthetic = "numa:4 core:8 pu:1" },
      .demand = { .num_rows     = 1000,
                  .row_bytes    = MiB,
                  .sharded      = true,
                  .shard_unit   = 16,
                  .graph_bytes  = 200 * MiB,
                  .graph_copies = -1,
                  .lane_bytes   = { [PR_ITEM_SLAB] = 50 * MiB } },
      .drawn  = "0:0+8*8 1:0+8*8 2:0+8*8 3:0+8*8 | 0@0:0+256 1@1:256+240 2@2:496+256 3@3:752+248 | "
                "0:0,256,50 1:0,240,50 2:0,256,50 3:0,248,50 -1:200,0,0 |" },
    { .what   = "eight nodes, siblings",
      .source = { .synthetic = "numa:8 core:16 pu:2" },
      ROWS(800),
      .drawn = "0:0+16*16 1:0+16*16 2:0+16*16 3:0+16*16 4:0+16*16 5:0+16*16 6:0+16*16 7:0+16*16 | "
               "0@0:0+100 1@1:100+100 2@2:200+100 3@3:300+100 4@4:400+100 5@5:500+100 6@6:600+100 "
               "7@7:700+100 | 0:0,100,0 1:0,100,0 2:0,100,0 3:0,100,0 4:0,100,0 5:0,100,0 "
               "6:0,100,0 7:0,100,0 |" },
    { .what    = "siblings asked for",
      .source  = { .synthetic = "pack:2 [numa(memory=4GB)] core:4 pu:2" },
      .options = { .threads = 16 },
      ROWS(800),
      .drawn = "0:0+4*8 1:0+4*8 | 0@0:0+400 1@1:400+400 | 0:0,400,0 1:0,400,0 |" },
    { .what   = "uneven cores",
      .source = { .synthetic = "numa:2 core:4 pu:1", .cpus = "0-3,7" },
      ROWS(100),
      .drawn = "0:0+4*4 1:0+1*1 | 0@0:0+80 1@1:80+20 | 0:0,80,0 1:0,20,0 |" },
    { .what   = "a node without memory",
      .source = { .synthetic = "numa:3 core:2 pu:1" },
      .edits  = { "local_memory=\"1073741824\"", MEMORY_NONE },
      ROWS(100),
      .drawn = "1:0+4*4 2:0+2*2 | 0@1:0+70 1@2:70+30 | 0:0,0,0 1:0,70,0 2:0,30,0 |" },
    { .what   = "a node without cores has what does not fit",
      .source = { .synthetic = "[numa(memory=64GB)] pack:2 [numa(memory=1GB)] core:2 pu:1" },
      .edits  = { "os_index=\"2\" cpuset=\"0x0000000f\" complete_cpuset=\"0x0000000f\"",
                  "os_index=\"2\" cpuset=\"0x0\" complete_cpuset=\"0x0\"" },
      .demand = { .num_rows   = 3000,
                  .row_bytes  = MiB,
                  .sharded    = true,
                  .shard_unit = 100,
                  .lane_bytes = { [PR_ITEM_SLAB] = 200 * MiB, [PR_ITEM_TAPE] = 300 * MiB } },
      .drawn  = "0:0+2*2 1:0+2*2 | 0@0:0+700 0@2:700+800 1@1:1500+700 1@2:2200+800 | 0:0,700,200 "
                "1:0,700,200 2:0,1600,0 | 1600 rows (1.56 GiB) are on other nodes than their "
                "lanes, which have no room" },
    { .what   = "a cpuset of one core",
      .source = { .synthetic = "numa:2 core:4 pu:2", .cpus = "8" },
      ROWS(100),
      .drawn = "1:0+1*1 | 0@1:0+100 | 0:0,0,0 1:0,100,0 |" },
    { .what   = "a quota",
      .source = { .synthetic = "numa:4 core:4 pu:1", .cpu_quota = 2.5 },
      ROWS(100),
      .drawn = "0:0+4*1 1:0+4*1 | 0@0:0+50 1@1:50+50 | 0:0,50,0 1:0,50,0 2:0,0,0 3:0,0,0 |" },
    { .what   = "a quota below one CPU",
      .source = { .synthetic = "numa:2 core:4 pu:1", .cpu_quota = 0.5 },
      ROWS(100),
      .drawn = "0:0+4*1 | 0@0:0+100 | 0:0,100,0 1:0,0,0 |" },
    { .what    = "more lanes than nodes",
      .source  = { .synthetic = "numa:2 core:4 pu:1" },
      .options = { .lanes = 5 },
      ROWS(100),
      .drawn = "0:0+1*1 0:1+1*1 0:2+2*2 1:0+2*2 1:2+2*2 | 0@0:0+10 1@0:10+20 2@0:30+20 3@1:50+30 "
               "4@1:80+20 | 0:0,50,0 1:0,50,0 |" },
    { .what    = "more lanes than cores",
      .source  = { .synthetic = "numa:1 core:2 pu:1" },
      .options = { .lanes = 3 },
      ROWS(100),
      .drawn = "0:0+1*1 0:0+1*1 0:1+1*1 | 0@0:0+30 1@0:30+40 2@0:70+30 | 0:0,100,0 |" },
    { .what    = "fewer threads than nodes",
      .source  = { .synthetic = "numa:4 core:2 pu:1" },
      .options = { .threads = 3 },
      ROWS(100),
      .drawn = "0:0+2*1 1:0+2*1 2:0+2*1 | 0@0:0+30 1@1:30+40 2@2:70+30 | 0:0,30,0 1:0,40,0 "
               "2:0,30,0 3:0,0,0 |" },
    { .what    = "fewer lanes than nodes",
      .source  = { .synthetic = "numa:4 core:2 pu:1" },
      .options = { .lanes = 1 },
      ROWS(100),
      .drawn = "0:0+2*2 | 0@0:0+100 | 0:0,100,0 1:0,0,0 2:0,0,0 3:0,0,0 |" },
    { .what    = "NUMA off",
      .source  = { .synthetic = "numa:4 core:2 pu:1" },
      .options = { .numa = PR_NUMA_OFF },
      .demand  = { .num_rows = 100, .row_bytes = MiB, .graph_bytes = 7 * MiB, .graph_copies = -1 },
      .drawn   = "-1:0+8*8 | | 0:0,0,0 1:0,0,0 2:0,0,0 3:0,0,0 -1:7,100,0 |" },
    { .what   = "rows that stay where they are",
      .source = { .synthetic = "numa:2 core:2 pu:1" },
      .demand = { .num_rows = 100, .row_bytes = MiB, .graph_bytes = 7 * MiB, .graph_copies = 1 },
      .drawn  = "0:0+2*2 1:0+2*2 | | 0:7,0,0 1:7,0,0 -1:0,100,0 |" },
    { .what   = "memory that is not granted",
      .source = { .synthetic = "numa:3 core:2 pu:1" },
      .edits  = { "allowed_nodeset=\"0x00000007\"", "allowed_nodeset=\"0x00000005\"" },
      ROWS(100),
      .drawn = "0:0+3*3 2:0+3*3 | 0@0:0+50 1@2:50+50 | 0:0,50,0 2:0,50,0 |" },
    { .what   = "rows spill to the neighbour",
      .source = { .synthetic = "numa:4 core:2 pu:1", .cpus = "0-1" },
      ROWS(2600),
      .drawn = "0:0+2*2 | 0@0:0+1020 0@1:1020+1020 0@2:2040+560 | 0:0,1020,0 1:0,1020,0 2:0,560,0 "
               "3:0,0,0 | 1580 rows (1.54 GiB) are on other nodes than their lanes, which have no "
               "room" },
    { .what   = "no room anywhere",
      .source = { .synthetic = "numa:2 core:2 pu:1" },
      ROWS(3000),
      .drawn = "0:0+2*2 1:0+2*2 | 0@0:0+1500 1@1:1500+1500 | 0:0,1500,0 1:0,1500,0 | too large 960 "
               "rows (0.94 GiB) have no room on any node; node 0 is asked for 1.46 GiB, it "
               "has 1.00; node 1 is asked for 1.46 GiB, it has 1.00" },
    { .what   = "memory that nobody knows",
      .source = { .synthetic = "pack:2 [numa(memory=0)] core:2 pu:1" },
      ROWS(1000000),
      .drawn = "0:0+2*2 1:0+2*2 | 0@0:0+500000 1@1:500000+500000 | 0:0,500000,0 1:0,500000,0 |" },
    { .what   = "2^32 rows, TiB of memory",
      .source = { .synthetic = "pack:2 [numa(memory=2TB)] core:64 pu:2" },
      .demand = { .num_rows   = (uint64_t)1 << 32,
                  .row_bytes  = 512,
                  .sharded    = true,
                  .shard_unit = 4096 },
      .drawn  = "0:0+64*64 1:0+64*64 | 0@0:0+2147483648 1@1:2147483648+2147483648 | 0:0,1048576,0 "
                "1:0,1048576,0 |" },
    { .what   = "rows spill to the nearest node with lanes of its own",
      .source = { .synthetic = "numa:3 core:2 pu:1" },
      .edits  = { "local_memory=\"1073741824\"", "local_memory=\"104857600\"" },
      ROWS(600),
      .drawn = "0:0+2*2 1:0+2*2 2:0+2*2 | 0@0:0+100 0@1:100+100 1@1:200+200 2@2:400+200 | "
               "0:0,100,0 1:0,300,0 2:0,200,0 | 100 rows (0.10 GiB) are on other nodes than their "
               "lanes, which have no room" },
};

static void machines_are_planned_as_one_expects(void **state)
{
    (void)state;
    static pr_placement p;

    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const known *k    = &machines[i];
        pr_topo     *topo = test_machine(k->source, k->edits);
        test_place(topo, &k->options, &k->demand, &p);
        if (strcmp(drawn(&p), k->drawn) != 0)
            fail_msg("%s:\n    found  %s\n    wanted %s", k->what, drawn(&p), k->drawn);
        pr_topo_free(topo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_are_planned_as_one_expects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

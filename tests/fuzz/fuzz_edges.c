/* fuzz_edges.c: any bytes as edge text, plain or packed, and the same bytes as pairs: refused with
 * words, or arcs that agree with the ids read. */
#include <stdlib.h>

#include "loaders/csc.h"
#include "loaders/edges.h"
#include "loaders/remap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FEW_NODES = 4096, MOST_EDGES = 1 << 20 };

static void check(int holds)
{
    if (!holds) abort();
}

/* What the text holds, or as much of it as one block. */
typedef struct pairs {
    uint64_t n;
    pr_vid   pair[2 * PRI_BLOCK_EDGES];
} pairs;

static void build(const pairs *p, pr_vid num_nodes, bool undirected)
{
    const pri_csc_how how = { .undirected = undirected, .threads = 1 };
    pri_csc           csc;
    bool              symmetric;

    check(pri_csc_from_pairs(p->pair, p->n, num_nodes, &how, &csc) == PR_OK);
    const pr_graph *g = &csc.graph;
    for (uint64_t v = 0; v < num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            check(g->indices[e] < num_nodes && g->indices[e] != v);
            check(e == g->indptr[v] || g->indices[e - 1] < g->indices[e]);
        }
    check(g->num_edges <= p->n * (undirected ? 2 : 1));
    check(pri_csc_is_symmetric(g, &symmetric) == PR_OK && (symmetric || !undirected));
    pri_csc_clear(&csc);
}

/* Number the ids of the block that was read. */
static void number(const pri_edges *edges, pairs *p)
{
    pri_id_set set;
    pri_paged  ids, rank;

    check(pri_id_set_init(&set, 2 * edges->n) == PR_OK);
    for (uint64_t i = 0; i < 2 * edges->n; i++) p->pair[i] = pri_id_set_add(&set, edges->id[i]);
    p->n             = edges->n;
    const uint64_t n = set.n;
    check(n >= 1 && n <= 2 * p->n);
    check(pri_id_set_sort(&set, &ids, &rank) == PR_OK);
    for (uint64_t i = 0; i < 2 * p->n; i++) {
        p->pair[i] = ((pr_vid *)rank.at)[p->pair[i]];
        check((uint64_t)((int64_t *)ids.at)[p->pair[i]] == edges->id[i]);
    }
    for (uint64_t i = 1; i < n; i++) check(((int64_t *)ids.at)[i - 1] < ((int64_t *)ids.at)[i]);
    build(p, (pr_vid)n, edges->n % 2);
    pri_paged_free(&ids);
    pri_paged_free(&rank);
}

/* Read the text, which may be an archive; gives whether it was edges. */
static int read_text(const uint8_t *data, size_t size, const pri_edge_rules *rules, pairs *p)
{
    pri_edges edges;
    pr_status st;
    uint64_t  num = 0;

    if (pri_edges_memory(&edges, "fuzz", data, size, rules) != PR_OK) return 0;
    pri_unpack_set_window(&edges.lines.source, 1 << 20);
    while ((st = pri_edges_next(&edges)) == PR_OK && edges.n > 0 && num < MOST_EDGES) {
        check(edges.n <= PRI_BLOCK_EDGES);
        for (uint64_t i = 0; i < edges.n; i++) {
            check(!rules->weighted || edges.weight[i] >= 0);
            check(rules->any_id ||
                  (edges.id[2 * i] < FEW_NODES && edges.id[2 * i + 1] < FEW_NODES));
        }
        if (num == 0 && rules->any_id) number(&edges, p);
        if (num == 0 && !rules->any_id) {
            p->n = edges.n;
            for (uint64_t i = 0; i < 2 * edges.n; i++) p->pair[i] = (pr_vid)edges.id[i];
            build(p, FEW_NODES, size % 2);
        }
        num += edges.n;
    }
    pri_edges_close(&edges);
    check(st == PR_OK || (st == PR_E_INPUT && pr_error_message()[0]));
    return st == PR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pri_edge_rules few      = { .num_nodes = FEW_NODES, .nodes_from = "the fuzzer" };
    const pri_edge_rules any      = { .any_id = true };
    const pri_edge_rules weighted = { .weighted   = true,
                                      .num_nodes  = FEW_NODES,
                                      .nodes_from = "the fuzzer" };
    static pairs         p;

    pr_diag_set_level(PR_ERROR);
    const int small = read_text(data, size, &few, &p);
    (void)read_text(data, size, &weighted, &p);
    const int large = read_text(data, size, &any, &p);
    check(!small || large); /* what few nodes allow, any id allows */
    check(pri_mem_live() == 0);
    return 0;
}

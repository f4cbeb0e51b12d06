/* fuzz_edges.c: any bytes as edge text, and the same bytes as pairs: refused with words, or arcs
 * that agree with the ids read. */
#include <stdlib.h>
#include <string.h>

#include "loaders/csc.h"
#include "loaders/edges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FEW_NODES = 4096 };

static void check(int holds)
{
    if (!holds) abort();
}

/* Read the text; gives whether it was edges. */
static int read_text(const uint8_t *data, size_t size, const pri_edge_rules *rules, pri_edges *out)
{
    pri_lines lines;

    if (pri_lines_memory(&lines, "fuzz", data, size) != PR_OK) return 0;
    const pr_status st = pri_edges_read(&lines, rules, out);
    pri_lines_close(&lines);
    check(st == PR_OK || st == PR_E_INPUT);
    check(st == PR_OK || (!out->pair && !out->wide && pr_error_message()[0]));
    return st == PR_OK;
}

/* With weights the same arcs, and none is lost. */
static void build_weighted(const pri_edges *edges, pr_vid num_nodes, bool undirected)
{
    const pri_csc_how how = { .undirected = undirected, .threads = 1 };
    pri_csc           csc, plain;

    for (uint64_t i = 0; i < edges->num_pairs; i++) check(edges->weight[i] >= 0);
    const pr_status st = pri_csc_from_weighted_pairs(edges->pair, edges->weight, edges->num_pairs,
                                                     num_nodes, &how, &csc);
    check(st == PR_OK || st == PR_E_INPUT); /* sums may pass f32 */
    if (st != PR_OK) return;
    check(pri_csc_from_pairs(edges->pair, edges->num_pairs, num_nodes, &how, &plain) == PR_OK);
    check(csc.graph.num_edges == plain.graph.num_edges);
    for (pr_eid e = 0; e < csc.graph.num_edges; e++)
        check(csc.indices[e] == plain.indices[e] && csc.weights[e] >= 0);
    pri_csc_clear(&plain);
    pri_csc_clear(&csc);
}

static void build(const pri_edges *edges, pr_vid num_nodes, bool undirected)
{
    const pri_csc_how how = { .undirected = undirected, .threads = 1 };
    pri_csc           csc;
    bool              symmetric;

    check(pri_csc_from_pairs(edges->pair, edges->num_pairs, num_nodes, &how, &csc) == PR_OK);
    const pr_graph *g = &csc.graph;
    for (uint64_t v = 0; v < num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            check(g->indices[e] < num_nodes && g->indices[e] != v);
            check(e == g->indptr[v] || g->indices[e - 1] < g->indices[e]);
        }
    check(g->num_edges <= edges->num_pairs * (undirected ? 2 : 1));
    check(pri_csc_is_symmetric(g, &symmetric) == PR_OK && (symmetric || !undirected));
    pri_csc_clear(&csc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pri_edge_rules few      = { .num_nodes = FEW_NODES, .nodes_from = "the fuzzer" };
    const pri_edge_rules any      = { .any_id = true };
    const pri_edge_rules weighted = { .weighted   = true,
                                      .num_nodes  = FEW_NODES,
                                      .nodes_from = "the fuzzer" };
    pri_edges            edges;
    int64_t             *ids;
    uint64_t             num_ids;

    pr_diag_set_level(PR_ERROR);
    const int small = read_text(data, size, &few, &edges);
    if (small) {
        check(edges.num_pairs == 0 || edges.max_id < FEW_NODES);
        build(&edges, FEW_NODES, size % 2);
        pri_edges_clear(&edges);
    }
    if (read_text(data, size, &weighted, &edges)) {
        build_weighted(&edges, FEW_NODES, size % 2);
        pri_edges_clear(&edges);
    }
    if (read_text(data, size, &any, &edges)) {
        if (edges.num_pairs > 0) {
            check(pri_edges_remap(&edges, "fuzz", NULL, &ids, &num_ids) == PR_OK);
            check(num_ids >= 1 && num_ids <= 2 * edges.num_pairs);
            for (uint64_t i = 1; i < num_ids; i++) check(ids[i - 1] < ids[i]);
            for (uint64_t i = 0; i < 2 * edges.num_pairs; i++) check(edges.pair[i] < num_ids);
            build(&edges, (pr_vid)num_ids, size % 2);
            pri_free(ids);
        }
        pri_edges_clear(&edges);
    } else {
        check(!small); /* what few nodes allow, any id allows */
    }
    check(pri_mem_live() == 0);
    return 0;
}

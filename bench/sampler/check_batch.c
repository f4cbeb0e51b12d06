/* check_batch.c: batches compared with each other and with the graph. */
#include "bench/sampler/check_batch.h"

#include <stdlib.h>
#include <string.h>

#include "bench/support/bench.h"

static bool equal(const void *a, const void *b, size_t count)
{
    return count == 0 || !memcmp(a, b, count * sizeof(uint32_t));
}

void bench_check_same(const char *name, const pr_batch *batch, const pr_batch *other)
{
    BENCH_CHECK(batch->num_layers == other->num_layers && batch->nodes.n == other->nodes.n &&
                    equal(batch->nodes.at, other->nodes.at, batch->nodes.n),
                "%s: step %llu has %zu nodes, the plain sampler %zu, or others", name,
                (unsigned long long)batch->step, batch->nodes.n, other->nodes.n);
    for (uint32_t h = 0; h < batch->num_layers; h++) {
        const pr_block *a = &batch->block[h], *b = &other->block[h];
        BENCH_CHECK(a->num_dst == b->num_dst && a->num_src == b->num_src &&
                        a->num_edges == b->num_edges &&
                        equal(a->indptr, b->indptr, (size_t)a->num_dst + 1) &&
                        equal(a->indices, b->indices, a->num_edges),
                    "%s: hop %u of step %llu is not the plain sampler's", name, h,
                    (unsigned long long)batch->step);
    }
}

static bool is_arc(const pr_graph *graph, pr_vid v, pr_vid u)
{
    for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++)
        if (graph->indices[e] == u) return true;
    return false;
}

void bench_check_batch(const char *name, const pr_graph *graph, const pr_fanout *fanout,
                       pr_vids seeds, const pr_batch *batch, bool arcs)
{
    const pr_vid *nodes = batch->nodes.at;
    char         *seen  = bench_new(graph->num_nodes, 1);

    BENCH_CHECK(equal(nodes, seeds.at, seeds.n), "%s: the seeds do not come first", name);
    for (size_t i = 0; i < batch->nodes.n; i++) {
        BENCH_CHECK(nodes[i] < graph->num_nodes && !seen[nodes[i]], "%s: vertex %u is there twice",
                    name, nodes[i]);
        seen[nodes[i]] = 1;
    }
    free(seen);
    for (uint32_t h = 0; h < batch->num_layers; h++) {
        const pr_block *b = &batch->block[h];
        for (uint32_t d = 0; d < b->num_dst; d++) {
            BENCH_CHECK(b->indptr[d + 1] - b->indptr[d] <= fanout->hop[h],
                        "%s: destination %u of hop %u has %u neighbours", name, d, h,
                        b->indptr[d + 1] - b->indptr[d]);
            for (uint32_t e = b->indptr[d]; e < b->indptr[d + 1]; e++) {
                BENCH_CHECK(b->indices[e] < b->num_src, "%s: source %u of hop %u is none", name,
                            b->indices[e], h);
                BENCH_CHECK(!arcs || is_arc(graph, nodes[d], nodes[b->indices[e]]),
                            "%s: %u is no neighbour of %u", name, nodes[b->indices[e]], nodes[d]);
            }
        }
    }
}

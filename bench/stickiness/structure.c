/* structure.c: the arcs of the planted graph, counted by where they lie. The communities are not in
 * the dataset; they follow from the options it was made with. */
#include "bench/stickiness/structure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "bench/support/bench.h"
#include "bench/support/graph.h"
#include "loaders/gen.h"

enum { TAIL_FROM = 50 };

/* Exponent of the density of degrees from TAIL_FROM on: the Hill estimate, for whole numbers. */
static double tail_exponent(const pr_graph *g)
{
    double   sum = 0;
    uint64_t n   = 0;

    for (pr_vid v = 0; v < g->num_nodes; v++) {
        const double degree = (double)(g->indptr[v + 1] - g->indptr[v]);
        if (degree < TAIL_FROM) continue;
        sum += log(degree / (TAIL_FROM - 0.5));
        n++;
    }
    return n ? 1.0 + (double)n / sum : (double)NAN;
}

void bench_structure_report(bench_output *out, const pr_graph *g)
{
    pr_gen_options       *o     = bench_new(1, sizeof *o);
    pri_gen              *gen   = bench_new(1, sizeof *gen);
    uint64_t             *block = bench_new(g->num_nodes, sizeof *block);
    const pr_option_group group = { &pr_gen_option_table, o };
    uint64_t              inner = 0, outer = 0;

    pr_options_init(&group, 1);
    o->nodes       = g->num_nodes;
    o->edges       = BENCH_PLANTED_ARCS;
    gen->options   = o;
    gen->num_nodes = g->num_nodes;
    pri_planted_size(gen);
    pri_permutation_init(&gen->order, g->num_nodes, pri_stream_key(o->seed, PRI_STREAM_GEN));
    const uint64_t subs = gen->subcommunities, blocks = gen->communities * subs;
    for (pr_vid v = 0; v < g->num_nodes; v++)
        block[v] = pri_unpermute(&gen->order, v) * blocks / g->num_nodes;
    for (pr_vid v = 0; v < g->num_nodes; v++)
        for (pr_eid e = g->indptr[v]; e < g->indptr[v + 1]; e++) {
            const uint64_t a = block[v], b = block[g->indices[e]];
            inner += a == b;
            outer += a != b && a / subs == b / subs;
        }
    const double arcs = (double)g->num_edges;

    bench_output_table(out, "planted: structure",
                       "communities subcommunities mean_degree inner_share community_share "
                       "elsewhere_share tail_exponent");
    bench_case(out);
    bench_text(out, "structure", "planted");
    bench_int(out, "communities", gen->communities);
    bench_int(out, "subcommunities", subs);
    bench_real(out, "mean_degree", arcs / g->num_nodes);
    bench_real(out, "inner_share", (double)inner / arcs);
    bench_real(out, "community_share", (double)outer / arcs);
    bench_real(out, "elsewhere_share", 1.0 - (double)(inner + outer) / arcs);
    bench_real(out, "tail_exponent", tail_exponent(g));
    bench_case_end(out);
    free(block);
    free(gen);
    free(o);
}

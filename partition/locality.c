/* locality.c: how near to each other the ends of arcs lie. Sums of whole numbers, so that they do
 * not depend on threads: gaps are counted by their bits, and the mean is made from the counts. */
#include <packrat/partition.h>

#include <math.h>

#include "partition/adjacency.h"

enum { PAGE_BYTES = 4096, HUGE_BYTES = 2 << 20 };

/* log2 in units of 2^-20: a sum of them fits for 2^38 arcs. */
static const double parts = 0x1p20;

pr_locality pr_locality_measure(const pr_graph *graph, uint64_t row_bytes, uint32_t threads)
{
    uint64_t arcs = 0, bits = 0, pages = 0, huge = 0;

#pragma omp parallel for num_threads(pri_team_size(threads)) schedule(dynamic, 4096)               \
    reduction(+ : arcs, bits, pages, huge)
    for (uint64_t v = 0; v < graph->num_nodes; v++)
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) {
            const uint64_t u = graph->indices[e];
            if (u == v) continue;
            arcs++;
            bits += (uint64_t)(log2(1 + (double)(u > v ? u - v : v - u)) * parts);
            pages += u * row_bytes / PAGE_BYTES == v * row_bytes / PAGE_BYTES;
            huge += u * row_bytes / HUGE_BYTES == v * row_bytes / HUGE_BYTES;
        }
    const double n = arcs ? (double)arcs : 1;
    return (pr_locality){ .gap_bits       = (double)bits / parts / n,
                          .same_page      = (double)pages / n,
                          .same_huge_page = (double)huge / n };
}

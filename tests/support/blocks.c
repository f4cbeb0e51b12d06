/* blocks.c: see blocks.h. */
#include "support/blocks.h"

void test_graph_of(const pr_vid *pair, uint64_t num_pairs, pr_vid num_nodes, bool undirected,
                   pri_csc *out)
{
    const pri_csc_how how = { .undirected = undirected, .threads = 1 };
    assert_ok(pri_csc_from_pairs(pair, num_pairs, num_nodes, &how, out));
}

void test_blocks(uint32_t num_blocks, uint32_t block_size, uint32_t degree, uint32_t inside,
                 uint32_t *block_of, pri_csc *out)
{
    const uint32_t N      = num_blocks * block_size;
    test_rng       rng    = { test_seed(), 0 };
    pr_vid        *id     = calloc(N, sizeof *id); /* of member i of block b: [b * size + i] */
    pr_vid        *pair   = calloc((size_t)N * degree, 2 * sizeof *pair);
    uint64_t       filled = 0;

    assert_true(id && pair);
    for (uint32_t i = 0; i < N; i++) id[i] = i;
    for (uint32_t left = N; left > 1; left--) {
        const uint32_t at = test_below(&rng, left);
        const pr_vid   v  = id[at];
        id[at]            = id[left - 1];
        id[left - 1]      = v;
    }
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t b = i / block_size;
        block_of[id[i]]  = b;
        for (uint32_t d = 0; d < degree; d++) {
            const bool     stay = test_below(&rng, 100) < inside;
            const uint32_t to =
                stay ? b * block_size + test_below(&rng, block_size) : test_below(&rng, N);
            pair[filled++] = id[i];
            pair[filled++] = id[to];
        }
    }
    test_graph_of(pair, filled / 2, N, false, out);
    free(pair);
    free(id);
}

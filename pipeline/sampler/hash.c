/* hash.c: batch_hash, one number that tells whether two batches are the same.
 *
 * All sums are modulo 2^64, hop h runs from 0 (the seeds') to L-1, mix is pri_mix64:
 *
 *     h_L(v)      = mix(v)
 *     h_h(v)      = mix(mix(mix(h) xor v) + sum over the neighbours u drawn for v at hop h
 *                                           of h_(h+1)(u))
 *     batch_hash  = sum over the seeds of mix(mix(i) xor h_0(seed_i))
 *
 * i is the seed's position in the whole batch; a neighbour drawn twice, through parallel arcs,
 * counts twice. Only vertices and who was drawn for whom enter: no local id, no order of
 * neighbours. So the parts of lanes add up to the hash of the whole. Block h gives h_h of its
 * destinations from h_(h+1) of its sources, last hop first, two arrays in turn.
 */
#include "pipeline/sampler/hash.h"

#include "base/rng.h"

enum {
    PARALLEL_FROM = 16384, /* a smaller loop ends before a team has woken up */
    ROWS          = 32,    /* summed together */
    EDGES         = 1024,  /* most edges of theirs, else row by row */
};

static inline uint64_t mix_vertex(uint64_t mixed_hop, pr_vid v, uint64_t sum)
{
    return pri_mix64(pri_mix64(mixed_hop ^ v) + sum);
}

uint64_t pr_hash_input(pr_vid v)
{
    return pri_mix64(v);
}

uint64_t pr_hash_vertex(uint32_t hop, pr_vid v, uint64_t sum_of_neighbours)
{
    return mix_vertex(pri_mix64(hop), v, sum_of_neighbours);
}

uint64_t pr_hash_seed(uint64_t position, uint64_t hash_of_seed)
{
    return pri_mix64(pri_mix64(position) ^ hash_of_seed);
}

static void hash_inputs(pr_vids nodes, uint32_t threads, uint64_t *out)
{
    const bool parallel = threads > 1 && nodes.n >= PARALLEL_FROM;

#pragma omp parallel for num_threads(threads) schedule(static) if (parallel)
    for (size_t i = 0; i < nodes.n; i++) out[i] = pri_mix64(nodes.at[i]);
}

/* Rows begin .. end-1, at most ROWS of them. Running sums are written for all their edges, and a
 * row's sum is the difference of two: sums are modulo 2^64, so that is exact, and the ends of rows,
 * which no branch predicts, cost nothing. */
static void hash_rows(const pr_block *block, uint32_t begin, uint32_t end, uint64_t mixed_hop,
                      const pr_vid *nodes, const uint64_t *of_src, uint64_t *of_dst)
{
    const uint32_t *indices = block->indices, first = block->indptr[begin];
    const uint32_t  num = block->indptr[end] - first;
    uint64_t        run[EDGES + 1], sum = 0;

    if (num > EDGES) {
        for (uint32_t d = begin; d < end; d++) {
            sum = 0;
            for (uint32_t e = block->indptr[d]; e < block->indptr[d + 1]; e++)
                sum += of_src[indices[e]];
            of_dst[d] = mix_vertex(mixed_hop, nodes[d], sum);
        }
        return;
    }
    run[0] = 0;
    for (uint32_t i = 0; i < num; i++) run[i + 1] = sum += of_src[indices[first + i]];
    for (uint32_t d = begin; d < end; d++)
        of_dst[d] = mix_vertex(mixed_hop, nodes[d],
                               run[block->indptr[d + 1] - first] - run[block->indptr[d] - first]);
}

static void hash_hop(const pr_block *block, uint32_t hop, const pr_vid *nodes, uint32_t threads,
                     const uint64_t *of_src, uint64_t *of_dst)
{
    const uint64_t mixed_hop = pri_mix64(hop);
    const bool     parallel  = threads > 1 && block->num_edges >= PARALLEL_FROM;

#pragma omp parallel for num_threads(threads) schedule(static) if (parallel)
    for (uint32_t d = 0; d < block->num_dst; d += ROWS)
        hash_rows(block, d, block->num_dst - d < ROWS ? block->num_dst : d + ROWS, mixed_hop, nodes,
                  of_src, of_dst);
}

uint64_t pri_hash_batch(const pr_batch *batch, uint32_t threads, uint64_t *inputs, uint64_t *inner)
{
    uint64_t *of_src = inputs, *of_dst = inner, sum = 0;

    hash_inputs(batch->nodes, threads, of_src);
    for (uint32_t hop = batch->num_layers; hop-- > 0;) {
        hash_hop(&batch->block[hop], hop, batch->nodes.at, threads, of_src, of_dst);
        uint64_t *const done = of_dst;
        of_dst               = of_src;
        of_src               = done;
    }
    for (uint32_t i = 0; i < batch->num_seeds; i++) {
        const uint64_t position = batch->positions ? batch->positions[i] : i;
        sum += pr_hash_seed(position, of_src[i]);
    }
    return sum;
}

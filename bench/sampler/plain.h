/* plain.h: the sampler one writes first, to compare with: vertex by vertex, branch by branch. */
#ifndef BENCH_SAMPLER_PLAIN_H
#define BENCH_SAMPLER_PLAIN_H

#include <packrat/sampler.h>

typedef struct bench_plain bench_plain;

/* Make a plain sampler of uniform neighbours that draws what packrat's draws, word for word.
 *
 *   graph    borrowed
 *   fanout   numbers only, at most BENCH_PLAIN_MAX each
 *   seed     the user's
 *
 * Takes 8 bytes a vertex, on huge pages, and room for the worst batch. */
bench_plain *bench_plain_new(const pr_graph *graph, const pr_fanout *fanout, uint64_t seed,
                             uint32_t max_seeds);
void         bench_plain_free(bench_plain *plain);

enum { BENCH_PLAIN_MAX = 64 };

/* Draw one batch; no hash. `out` and its blocks are borrowed until the next one. */
void bench_plain_draw(bench_plain *plain, pr_vids seeds, pr_draw draw, pr_batch *out);

#endif

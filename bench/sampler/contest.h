/* contest.h: samplers that draw the same batches in turn, and what each took. */
#ifndef BENCH_SAMPLER_CONTEST_H
#define BENCH_SAMPLER_CONTEST_H

#include "bench/sampler/plain.h"
#include "bench/support/samples.h"

/* Who is to draw. */
typedef struct bench_contender {
    const char *name;
    bool        plain; /* the plain sampler; the rest does not count */
    int         kind, kappa_form, isa;
    uint32_t    kappa, cache_bias, threads;
} bench_contender;

/* What is drawn, by all alike. */
typedef struct bench_contest_rules {
    const pr_graph *graph;
    pr_fanout       fanout;
    uint32_t        batch_size, warm, batches; /* batches after `warm` uncounted ones */
    bool            flush;
} bench_contest_rules;

/* One contender at work. */
typedef struct bench_player {
    bench_contender who;
    pr_sampler     *sampler;
    pr_batch_room  *room;
    bench_plain    *plain;
    uint64_t       *hash_inputs, *hash_inner; /* to hash again in; NULL for plain */
    bench_samples   cpu, wall, hash;          /* picoseconds an edge; hash: apart from the others */
    bench_samples   batch;         /* ns of one batch, as `cpu` or, on several threads, `wall` */
    uint64_t        edges, inputs; /* of all counted batches */
    uint64_t        digest;        /* of all batches' hashes */
} bench_player;

void bench_player_open(bench_player *player, const bench_contest_rules *rules,
                       const bench_contender *who);
void bench_player_close(bench_player *player);

/* Draw all batches, each by every player in turn, its caches emptied first. The first player is
 * the plain one. Before: every player's first batches are verified. */
void bench_contest(const bench_contest_rules *rules, bench_player *players, size_t num_players);

#endif

/* contest.c: every batch drawn by every player in turn.
 *
 * Times are the calling thread's CPU time, which neither other programs nor a virtual machine's
 * other guests lengthen much; with several threads it is the wall clock. pr_sampler_draw ends with
 * the hash of the batch, which is work of the log, not of sampling: it is done once more behind the
 * draw, timed, and taken off. */
#include "bench/sampler/contest.h"

#include <stdlib.h>
#include <time.h>

#include "base/isa.h"
#include "base/rng.h"
#include "bench/sampler/check_batch.h"
#include "bench/support/bench.h"
#include "bench/support/memory.h"
#include "pipeline/sampler/hash.h"

enum { SEED = 1, CHECKED = 3, PICO = 1000 };

void bench_player_open(bench_player *player, const bench_contest_rules *rules,
                       const bench_contender *who)
{
    pr_sampler_options options;

    *player = (bench_player){ .who = *who };
    if (who->plain) {
        player->plain = bench_plain_new(rules->graph, &rules->fanout, SEED, rules->batch_size);
    } else {
        pr_sampler_default(&options);
        options.kind       = who->kind;
        options.kappa      = who->kappa;
        options.kappa_form = who->kappa_form;
        options.cache_bias = who->cache_bias;
        options.isa        = who->isa;
        BENCH_TRY(pr_sampler_create(rules->graph, &rules->fanout, &options, SEED, rules->batch_size,
                                    who->threads, &player->sampler));
        BENCH_TRY(pr_batch_room_create(player->sampler, &player->room));
        const size_t most   = pr_sampler_max_inputs(player->sampler);
        player->hash_inputs = bench_new(most, sizeof *player->hash_inputs);
        player->hash_inner  = bench_new(most, sizeof *player->hash_inner);
    }
    player->cpu   = bench_samples_new(rules->batches);
    player->wall  = bench_samples_new(rules->batches);
    player->hash  = bench_samples_new(rules->batches);
    player->batch = bench_samples_new(rules->batches);
}

void bench_player_close(bench_player *player)
{
    pr_batch_room_free(player->room);
    pr_sampler_free(player->sampler);
    bench_plain_free(player->plain);
    free(player->hash_inputs);
    free(player->hash_inner);
    bench_samples_free(&player->cpu);
    bench_samples_free(&player->wall);
    bench_samples_free(&player->hash);
    bench_samples_free(&player->batch);
    *player = (bench_player){ 0 };
}

static int64_t cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What one draw took, the hash left out and apart. */
typedef struct times {
    int64_t cpu, wall, hash;
} times;

static times draw(bench_player *player, pr_vids seeds, pr_draw what, pr_batch *batch)
{
    const int64_t wall = pr_now_ns(), cpu = cpu_ns();

    if (player->plain)
        bench_plain_draw(player->plain, seeds, what, batch);
    else
        BENCH_TRY(pr_sampler_draw(player->sampler, player->room, seeds, what, batch));
    times t = { .cpu = cpu_ns() - cpu, .wall = pr_now_ns() - wall };
    if (player->plain) return t;

    t.hash = INT64_MAX; /* the least of three, so that never too much is taken off */
    for (int repeat = 0; repeat < 3; repeat++) {
        const int64_t again = pr_now_ns(), cpu_again = cpu_ns();
        const bool    alone = player->who.threads == 1;
        const bool    same  = pri_hash_batch(batch, player->who.threads, player->hash_inputs,
                                             player->hash_inner) == batch->hash;
        const int64_t took  = alone ? cpu_ns() - cpu_again : pr_now_ns() - again;
        if (took < t.hash) t.hash = took;
        BENCH_CHECK(same, "%s: the hash of step %llu cannot be repeated", player->who.name,
                    (unsigned long long)batch->step);
    }
    t.cpu -= t.hash;
    t.wall -= t.hash;
    return t;
}

/* Distinct seeds with neighbours, new ones for every batch. */
static pr_vids choose_seeds(const bench_contest_rules *rules, pr_vid *out, uint64_t *state)
{
    const pr_graph *g     = rules->graph;
    char           *taken = bench_new(g->num_nodes, 1);
    uint32_t        n     = 0;

    while (n < rules->batch_size) {
        const pr_vid v = bench_draw_below(state, g->num_nodes);
        if (taken[v] || g->indptr[v + 1] == g->indptr[v]) continue;
        taken[v] = 1;
        out[n++] = v;
    }
    free(taken);
    return (pr_vids){ out, n };
}

static void count(bench_player *player, const pr_batch *batch, times t)
{
    const int64_t edges = (int64_t)(batch->num_edges ? batch->num_edges : 1);

    bench_samples_add(&player->cpu, t.cpu * PICO / edges);
    bench_samples_add(&player->wall, t.wall * PICO / edges);
    bench_samples_add(&player->hash, t.hash * PICO / edges);
    bench_samples_add(&player->batch, player->who.threads > 1 ? t.wall : t.cpu);
    player->edges += batch->num_edges;
    player->inputs += batch->nodes.n;
}

void bench_contest(const bench_contest_rules *rules, bench_player *players, size_t num_players)
{
    pr_vid  *ids   = bench_new(rules->batch_size, sizeof *ids);
    uint64_t state = 5;
    pr_batch batch, plain = { 0 };

    for (uint32_t b = 0; b < rules->warm + rules->batches; b++) {
        const pr_vids seeds = choose_seeds(rules, ids, &state);
        const pr_draw what  = { .phase = PR_PHASE_TRAIN, .step = b };
        for (size_t p = 0; p < num_players; p++) {
            bench_player *player = &players[p];
            if (rules->flush) bench_flush_llc();
            const times t = draw(player, seeds, what, &batch);
            if (player->plain) plain = batch;
            player->digest = pri_mix64(player->digest + batch.hash);
            if (player->who.kind == PR_SAMPLER_UNIFORM)
                bench_check_same(player->who.name, &batch, &plain);
            else if (b < CHECKED)
                bench_check_batch(player->who.name, rules->graph, &rules->fanout, seeds, &batch,
                                  player->who.kind != PR_SAMPLER_WALK);
            if (b >= rules->warm) count(player, &batch, t);
        }
    }
    free(ids);
}

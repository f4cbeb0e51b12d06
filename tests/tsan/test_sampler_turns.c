/* test_sampler_turns.c: a team draws a hop in turns, and whoever finds the next one drawn relabels
 * it. Nothing may race (the sanitizer looks), no turn may be left behind, and the batches must be
 * those of one thread. Many small hops, so that the hand-over happens often; two samplers work at
 * the same time in threads of their own. */
#include "support/support.h"

#include <pthread.h>

enum { N = 9000, DEGREE = 12, SEEDS = 600, STEPS = 12, SAMPLERS = 2, TEAM = 4 };

static pr_eid indptr[N + 1];
static pr_vid indices[N * DEGREE], seeds[SEEDS];

typedef struct drawing {
    pthread_t      thread;
    pr_sampler    *sampler;
    pr_batch_room *room;
    uint64_t       hash[STEPS];
    bool           failed; /* assertions belong to the main thread */
} drawing;

static void *draw_all(void *context)
{
    drawing *d = context;
    pr_batch batch;

    for (uint32_t step = 0; step < STEPS; step++) {
        if (pr_sampler_draw(d->sampler, d->room, (pr_vids){ seeds, SEEDS },
                            (pr_draw){ .step = step }, &batch) != PR_OK)
            d->failed = true;
        d->hash[step] = d->failed ? 0 : batch.hash;
    }
    return NULL;
}

static void open_drawing(drawing *d, int kind, uint32_t threads)
{
    const pr_graph     graph  = { N, N * DEGREE, indptr, indices, NULL };
    const pr_fanout    fanout = { .num_layers = 2, .hop = { 10, 3 } };
    pr_sampler_options options;

    *d = (drawing){ 0 };
    pr_sampler_default(&options);
    options.kind = kind;
    assert_ok(pr_sampler_create(&graph, &fanout, &options, 7, SEEDS, threads, &d->sampler));
    d->room = test_batch_room(d->sampler);
}

static void close_drawing(drawing *d)
{
    assert_false(d->failed);
    pr_batch_room_free(d->room);
    pr_sampler_free(d->sampler);
}

static void threads_that_take_turns_do_not_race(void **state)
{
    static const int kinds[] = { PR_SAMPLER_UNIFORM, PR_SAMPLER_REPLACE, PR_SAMPLER_LABOR };
    test_rng         rng     = { .key = test_seed() };
    drawing          alone, team[SAMPLERS];

    (void)state;
    for (pr_vid v = 0; v <= N; v++) indptr[v] = (pr_eid)v * DEGREE;
    for (uint32_t e = 0; e < N * DEGREE; e++) indices[e] = test_below(&rng, N);
    for (uint32_t i = 0; i < SEEDS; i++) seeds[i] = 15 * i;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        open_drawing(&alone, kinds[k], 1);
        (void)draw_all(&alone);
        for (int s = 0; s < SAMPLERS; s++) {
            open_drawing(&team[s], kinds[k], TEAM);
            assert_int_equal(pthread_create(&team[s].thread, NULL, draw_all, &team[s]), 0);
        }
        for (int s = 0; s < SAMPLERS; s++) {
            assert_int_equal(pthread_join(team[s].thread, NULL), 0);
            assert_memory_equal(team[s].hash, alone.hash, sizeof alone.hash);
            close_drawing(&team[s]);
        }
        close_drawing(&alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(threads_that_take_turns_do_not_race) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

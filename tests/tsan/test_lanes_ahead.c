/* test_lanes_ahead.c: two lanes with a thread each that draws and one that fetches, stepped as a
 * training run steps them, but for the model: what is computed is a sum over batch and rows.
 * Nothing may race (the sanitizer looks), and every sum must be that of lanes that work in line. */
#include "support/far_store.h"
#include "support/planes.h"

#include <omp.h>

#include "pipeline/bring.h"

enum { N = 1500, DEGREE = 6, BATCH = 80, STEPS = 60, LANES = 2, TEAM = 2, COLS = 9 };

/* One lane, by hand: no team, no tape. */
typedef struct lane {
    pri_lane    half; /* what the functions under test use of it */
    pri_lane   *self;
    pri_worker *thread;
    pri_turn    turn;
    double      sum;
} lane;

typedef struct rig {
    pr_eid     indptr[N + 1];
    pr_vid     indices[N * DEGREE], train[N / 2];
    pr_graph   graph;
    planes     rows;
    far_store  far;
    pri_seeds *seeds;
    lane       lane[LANES];
} rig;

static void make_graph(rig *r)
{
    test_rng rng = { .key = test_seed() };

    for (pr_vid v = 0; v <= N; v++) r->indptr[v] = (pr_eid)v * DEGREE;
    for (uint32_t e = 0; e < N * DEGREE; e++) r->indices[e] = test_below(&rng, N);
    for (pr_vid v = 0; v < N / 2; v++) r->train[v] = 2 * v;
    r->graph = (pr_graph){
        .num_nodes = N, .num_edges = N * DEGREE, .indptr = r->indptr, .indices = r->indices
    };
}

static void open_lane(rig *r, lane *l, const pr_cache_options *options, bool pipelined)
{
    const pr_fanout fanout = { .num_layers = 2, .hop = { 4, 3 } };
    pri_lane       *half   = &l->half;

    *l = (lane){ .self = half };
    assert_ok(pr_sampler_create(&r->graph, &fanout, NULL, 7, BATCH, TEAM, &half->sampler));
    const uint32_t most = pr_sampler_max_inputs(half->sampler);
    assert_ok(pr_cache_create(options, &r->far.head, most, &half->cache));
    const pri_ahead_setup ahead = { .sampler      = half->sampler,
                                    .cache        = half->cache,
                                    .max_window   = pri_ahead_limit(options),
                                    .draw_threads = pipelined ? TEAM : 0 };
    assert_ok(pri_ahead_create(&ahead, &half->ahead));
    assert_ok(pri_bring_create(half->cache, pipelined, NULL, &half->bring));
    assert_ok(pri_worker_start("a lane", &l->thread));
}

static void close_lane(lane *l)
{
    pri_worker_free(l->thread);
    pri_bring_free(l->half.bring);
    pri_ahead_free(l->half.ahead);
    pr_cache_free(l->half.cache);
    pr_sampler_free(l->half.sampler);
}

/* The step of pipeline/step.c with a sum for a model. */
static pr_status step(void *argument)
{
    pr_status       st   = PR_OK;
    lane           *l    = argument;
    pri_ahead_times time = { 0 };
    uint64_t        sum  = 0;
    pr_batch        batch;
    pr_cache_plan   plan;
    pr_slab         view;
    uint32_t        waiting;

    PR_TRY(pri_ahead_take(l->self, &l->turn, &batch, &waiting, &time));
    PR_TRY(pri_bring_rows(l->self, &l->turn, batch.nodes, &plan, &time));
    PR_TRY(pr_cache_place(l->half.cache, &view));
    PR_TRY(pri_bring_next(l->self, &l->turn, &time));
#pragma omp parallel for schedule(static) num_threads(TEAM) reduction(+ : sum)
    for (size_t i = 0; i < batch.nodes.n; i++) {
        const float *row = view.rows + view.slot_of_input[i] * view.ld;
        for (uint32_t f = 0; f < COLS; f++) sum += (uint64_t)row[f] * (i + 1);
        sum += row[0] != planes_value(0, batch.nodes.at[i], 0);
    }
    pr_cache_release(l->half.cache);
    l->sum = (double)(sum % 1000003) + (double)plan.rows_hit + (double)(batch.hash % 1000003);
done:
    return st;
}

static void run(rig *r, const pr_cache_options *options, bool pipelined, double *sums)
{
    pri_lane *lanes[LANES];

    const pr_shards shards    = { .num_shards = LANES, .lane = { 0, 1 }, .first = { 0, N / 3, N } };
    const pri_split_rule rule = {
        .num_lanes = LANES, .threads = { TEAM, TEAM }, .num_nodes = N, .shards = &shards
    };
    pri_split *split;

    r->far = far_store_of(&r->rows.store[0].head, pipelined ? 50000 : 0, -1);
    assert_ok(pri_split_create(&rule, BATCH, &split));
    const pri_seeds_plan plan = {
        .order      = { .kind = PR_ORDER_RANDOM, .nodes = { r->train, N / 2 }, .seed = 3 },
        .echo       = { 1, 1 },
        .batch_size = BATCH,
        .num_steps  = STEPS,
        .max_ahead  = pri_ahead_depth(options),
        .split      = split,
    };
    assert_ok(pri_seeds_open(&plan, &r->seeds));
    for (int i = 0; i < LANES; i++) {
        open_lane(r, &r->lane[i], options, pipelined);
        lanes[i] = r->lane[i].self;
    }
    for (uint64_t s = 0; s < STEPS; s++) {
        pri_turn turn = { .order = r->seeds, .step = s, .followed = s % 7 != 6 };
        pri_ahead_begin(lanes, LANES, r->seeds, s, &turn.window, &turn.next_window);
        for (uint32_t i = 0; i < LANES; i++) {
            r->lane[i].turn      = turn;
            r->lane[i].turn.lane = i;
            pri_worker_post(r->lane[i].thread, step, &r->lane[i]);
        }
        for (int i = 0; i < LANES; i++) {
            assert_ok(pri_worker_wait(r->lane[i].thread));
            sums[s * LANES + (uint64_t)i] = r->lane[i].sum;
        }
    }
    for (int i = 0; i < LANES; i++) close_lane(&r->lane[i]);
    pri_seeds_free(r->seeds);
    pri_split_free(split);
}

static void lanes_that_draw_and_fetch_beside_their_steps_do_not_race(void **state)
{
    (void)state;
    static const uint32_t cols[] = { COLS };
    static rig            r;
    static double         in_line[STEPS * LANES], pipelined[STEPS * LANES];

    make_graph(&r);
    planes_open(&r.rows, N, 1, cols);
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy += 3) {
        const pr_cache_options options = {
            .mode = PR_CACHE_RESIDENT, .policy = policy, .factor = 1.3, .lookahead = PR_WINDOW_AUTO
        };
        run(&r, &options, false, in_line);
        run(&r, &options, true, pipelined);
        assert_memory_equal(in_line, pipelined, sizeof in_line);
    }
    planes_close(&r.rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_that_draw_and_fetch_beside_their_steps_do_not_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

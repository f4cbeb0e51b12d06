/* test_rank.c: the scores of a static cache: arcs recounted, batches drawn again one by one. */
#include "support/graphs.h"

#include "pipeline/rank.h"

enum { BATCH = 200, SEED = 3, NUM_BATCHES = 32 };

/* One lane that is not equipped, over a planted graph. */
typedef struct fixture {
    pr_topo          *topo;
    pr_plan           plan;
    pri_lane         *lane;
    const pr_dataset *dataset;
    pr_fanout         fanout;
    pri_rank_input    input;
} fixture;

static void fixture_open(fixture *f, const char *path, pr_cache_rank rank, uint32_t threads)
{
    *f      = (fixture){ .dataset = test_open(path) };
    f->plan = (pr_plan){ .num_lanes   = 1,
                         .num_threads = threads,
                         .lane = { { .numa_node = -1, .num_threads = threads, .num_cores = 1 } } };
    assert_ok(pr_topo_discover(&f->topo));
    assert_ok(pri_lane_create(f->topo, &f->plan, 0, PR_NUMA_AUTO, &f->lane));
    assert_ok(pr_fanout_parse("4,3", 0, &f->fanout));
    f->input = (pri_rank_input){ .rank       = rank,
                                 .graph      = &f->dataset->graph,
                                 .fanout     = &f->fanout,
                                 .train      = f->dataset->split[PR_SPLIT_MAIN].train,
                                 .seed       = SEED,
                                 .batch_size = BATCH };
}

static void fixture_close(fixture *f)
{
    pri_lane_free(f->lane);
    pr_topo_free(f->topo);
    pr_dataset_close(f->dataset);
}

static void degree_counts_the_arcs_a_node_can_be_drawn_through(void **state)
{
    (void)state;
    fixture   f;
    uint32_t *scores, *count;

    fixture_open(&f, test_planted(900, 7000, 4, 3), PR_RANK_DEGREE, 1);
    const pr_graph *graph = f.input.graph;
    count                 = calloc(graph->num_nodes, sizeof *count);
    assert_non_null(count);
    for (pr_vid v = 0; v < graph->num_nodes; v++)
        for (pr_eid e = graph->indptr[v]; e < graph->indptr[v + 1]; e++) count[graph->indices[e]]++;
    for (size_t i = 0; i < f.input.train.n; i++) count[f.input.train.at[i]]++;
    assert_ok(pri_rank_scores(f.lane, &f.input, &scores));
    assert_memory_equal(scores, count, graph->num_nodes * sizeof *count);
    free(count);
    pri_free(scores);
    fixture_close(&f);
}

/* Count the inputs of batches drawn in `epoch` from a step on, seeds in that epoch's order. */
static void count_epoch(const fixture *f, uint32_t epoch, uint64_t first, uint32_t *count)
{
    const pr_vids  train = f->input.train;
    pr_vid        *order = calloc(train.n, sizeof *order);
    pr_sampler    *sampler;
    pr_batch_room *room;
    pr_batch       batch;
    const size_t   spe = (train.n + BATCH - 1) / BATCH;

    assert_non_null(order);
    pr_seed_order(train, SEED, epoch, order);
    assert_ok(
        pr_sampler_create(f->input.graph, &f->fanout, f->input.sampling, SEED, BATCH, 1, &sampler));
    room = test_batch_room(sampler);
    for (uint32_t step = 0; step < NUM_BATCHES; step++) {
        const size_t  at    = step % spe * BATCH;
        const pr_vids seeds = { order + at, train.n - at < BATCH ? train.n - at : BATCH };
        assert_ok(pr_sampler_draw(sampler, room, seeds,
                                  (pr_draw){ .epoch = epoch, .step = first + step }, &batch));
        for (size_t i = 0; i < batch.nodes.n; i++) count[batch.nodes.at[i]]++;
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free(order);
}

static void presampling_counts_batches_of_an_epoch_that_is_never_trained(void **state)
{
    (void)state;
    const char *path = test_planted(900, 7000, 4, 3);
    uint32_t    count[900], first[900];

    for (uint32_t threads = 1; threads <= 6; threads++) { /* 1 .. 3, twice */
        fixture            f;
        uint32_t          *scores;
        pr_sampler_options labor;
        memset(count, 0, sizeof count);
        memset(first, 0, sizeof first);
        fixture_open(&f, path, PR_RANK_PRESAMPLED, (threads - 1) % 3 + 1);
        pr_sampler_default(&labor);
        labor.kind       = PR_SAMPLER_LABOR;
        f.input.sampling = threads > 3 ? &labor : NULL;
        assert_int_equal(f.input.graph->num_nodes, 900);
        count_epoch(&f, UINT32_MAX, UINT64_C(1) << 62, count);
        count_epoch(&f, 0, 0, first);
        assert_ok(pri_rank_scores(f.lane, &f.input, &scores));
        assert_memory_equal(scores, count, sizeof count);
        assert_memory_not_equal(scores, first, sizeof first); /* no look at the run's own future */
        for (pr_vid v = 0; v < 900; v++) assert_true(scores[v] <= NUM_BATCHES);
        pri_free(scores);
        fixture_close(&f);
    }
}

static void batches_larger_than_the_training_set_are_counted_too(void **state)
{
    (void)state;
    fixture   f;
    uint32_t *scores;

    fixture_open(&f, test_planted(300, 2000, 4, 3), PR_RANK_PRESAMPLED, 1);
    f.input.batch_size = 1u << 24;
    assert_ok(pri_rank_scores(f.lane, &f.input, &scores));
    for (size_t i = 0; i < f.input.train.n; i++)
        assert_int_equal(scores[f.input.train.at[i]], NUM_BATCHES); /* a seed of every batch */
    pri_free(scores);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(degree_counts_the_arcs_a_node_can_be_drawn_through),
        cmocka_unit_test(presampling_counts_batches_of_an_epoch_that_is_never_trained),
        cmocka_unit_test(batches_larger_than_the_training_set_are_counted_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

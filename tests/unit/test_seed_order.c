/* test_seed_order.c: an epoch's order has every node once, is a pure function of (seed, epoch), and
 * keeps what its kind promises: shares, clusters, the buffer's reach. */
#include "support/support.h"

#include <math.h>

#include "pipeline/seed_order.h"

enum { V = 3000, N = 1000, CLUSTERS = 50 };

static uint32_t          cluster_of[V];
static pr_vid            nodes[N];
static const pr_clusters clusters = { .num_nodes    = V,
                                      .num_clusters = CLUSTERS,
                                      .of_node      = cluster_of };

/* Every third vertex trains; clusters are as good as random. Some have no training node. */
static void make_nodes(void)
{
    for (uint32_t v = 0; v < V; v++) cluster_of[v] = (uint32_t)(pri_mix64(v) % CLUSTERS);
    for (uint32_t i = 0; i < N; i++) {
        nodes[i] = 3 * i + 1;
        if (cluster_of[nodes[i]] % 10 == 7) cluster_of[nodes[i]]++;
    }
}

static pri_seed_order_plan planned(int kind, double mix, uint64_t buffer)
{
    make_nodes();
    return (pri_seed_order_plan){ .kind     = kind,
                                  .nodes    = { nodes, N },
                                  .seed     = 5,
                                  .clusters = &clusters,
                                  .mix      = mix,
                                  .buffer   = buffer };
}

static void write_once(const pri_seed_order_plan *plan, uint32_t epoch, pr_vid *out)
{
    pri_seed_order *order;
    assert_ok(pri_seed_order_create(plan, &order));
    pri_seed_order_write(order, epoch, out);
    pri_seed_order_free(order);
}

static void check_permutation(const pr_vid *out)
{
    static uint8_t seen[V];

    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i] % 3, 1);
        assert_int_equal(seen[out[i]]++, 0);
    }
}

static void every_node_comes_once_an_epoch(void **state)
{
    (void)state;
    static const double   mixes[]   = { 0, 0.001, 0.3, 0.5, 1 };
    static const uint64_t buffers[] = { 0, 1, 2, 64, N - 1, N, 100 * N };
    pr_vid                out[N];

    for (size_t m = 0; m < 5; m++)
        for (size_t b = 0; b < sizeof buffers / sizeof *buffers; b++)
            for (uint32_t epoch = 0; epoch < 3; epoch++) {
                const pri_seed_order_plan plan = planned(PR_ORDER_COMMUNITY, mixes[m], buffers[b]);
                write_once(&plan, epoch, out);
                check_permutation(out);
            }
}

/* An order is that of its epoch, whichever were written before, and no two are alike. */
static void an_order_is_a_function_of_seed_and_epoch(void **state)
{
    (void)state;
    pri_seed_order_plan plan = planned(PR_ORDER_COMMUNITY, 0.5, 100);
    pri_seed_order     *order;
    pr_vid              first[N], second[N], again[N];

    assert_ok(pri_seed_order_create(&plan, &order));
    pri_seed_order_write(order, 0, first);
    pri_seed_order_write(order, 7, second);
    pri_seed_order_write(order, 0, again);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
    write_once(&plan, 7, again);
    assert_memory_equal(second, again, sizeof first);
    pri_seed_order_free(order);
    plan.seed = 6;
    write_once(&plan, 0, again);
    assert_memory_not_equal(first, again, sizeof first);
    pri_seed_order_free(NULL);
}

static void random_order_is_that_of_pr_seed_order(void **state)
{
    (void)state;
    const pri_seed_order_plan plan = planned(PR_ORDER_RANDOM, 0, 0);
    pr_vid                    out[N], want[N];

    write_once(&plan, 4, out);
    pr_seed_order(plan.nodes, 5, 4, want);
    assert_memory_equal(out, want, sizeof out);
    const pri_seed_order_plan mixed = planned(PR_ORDER_COMMUNITY, 1, 100);
    write_once(&mixed, 4, out); /* all in random order: the same */
    assert_memory_equal(out, want, sizeof out);
}

static void the_file_order_is_the_list_in_every_epoch(void **state)
{
    (void)state;
    const pri_seed_order_plan plan = planned(PR_ORDER_FILE, 0, 0);
    pr_vid                    out[N];

    write_once(&plan, 0, out);
    assert_memory_equal(out, nodes, sizeof out);
    write_once(&plan, 9, out);
    assert_memory_equal(out, nodes, sizeof out);
}

/* Without mix and buffer clusters come whole, in another order each epoch, shuffled inside. */
static void clusters_come_one_after_the_other(void **state)
{
    (void)state;
    const pri_seed_order_plan plan        = planned(PR_ORDER_COMMUNITY, 0, 0);
    uint32_t                  first_of[2] = { 0 };
    pr_vid                    out[N];

    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        bool     begun[CLUSTERS] = { false };
        uint32_t ascending = 0, inside = 0;
        write_once(&plan, epoch, out);
        for (uint32_t i = 0; i < N; i++) {
            const uint32_t c = cluster_of[out[i]];
            if (i > 0 && c == cluster_of[out[i - 1]]) {
                inside++;
                ascending += out[i] > out[i - 1];
                continue;
            }
            assert_false(begun[c]);
            begun[c] = true;
        }
        assert_true(ascending > inside / 4 && ascending < inside * 3 / 4);
        first_of[epoch] = cluster_of[out[0]];
    }
    assert_int_not_equal(first_of[0], first_of[1]); /* of 45, with this seed */
}

/* The seeds in random order are those that pr_seed_order has first. */
static void every_batch_has_its_share_of_random_seeds(void **state)
{
    (void)state;
    static const double   mixes[]   = { 0.1, 0.25, 0.5, 0.9 };
    static const uint32_t batches[] = { 10, 64, 100 };
    pr_vid                out[N], drawn[N];

    for (size_t m = 0; m < 4; m++) {
        const pri_seed_order_plan plan         = planned(PR_ORDER_COMMUNITY, mixes[m], 200);
        const uint32_t            random       = (uint32_t)lround(mixes[m] * N);
        bool                      is_random[V] = { false };
        write_once(&plan, 2, out);
        pr_seed_order(plan.nodes, 5, 2, drawn);
        for (uint32_t i = 0; i < random; i++) is_random[drawn[i]] = true;
        for (size_t b = 0; b < 3; b++)
            for (uint32_t begin = 0; begin + batches[b] <= N; begin += batches[b]) {
                double got = 0;
                for (uint32_t i = begin; i < begin + batches[b]; i++) got += is_random[out[i]];
                assert_true(fabs(got - mixes[m] * batches[b]) <= 1);
            }
    }
}

/* A node leaves the buffer after it entered, which is `buffer` places before its own place without
 * one; and the buffer reaches: most nodes leave far from where they would have been. */
static void the_buffer_spreads_clusters_as_far_as_it_reaches(void **state)
{
    (void)state;
    enum { BUFFER = 100 };
    const pri_seed_order_plan with    = planned(PR_ORDER_COMMUNITY, 0, BUFFER);
    const pri_seed_order_plan without = planned(PR_ORDER_COMMUNITY, 0, 0);
    uint32_t                  place[V];
    pr_vid                    out[N];
    double                    moved = 0, most = 0;

    write_once(&without, 1, out);
    for (uint32_t i = 0; i < N; i++) place[out[i]] = i;
    write_once(&with, 1, out);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(place[out[i]] < i + BUFFER);
        const double by = fabs((double)i - place[out[i]]);
        moved += by / N;
        if (by > most) most = by;
    }
    printf("moved by %.1f in the mean, %.0f at the most\n", moved, most);
    assert_true(moved > BUFFER / 2.0 && moved < BUFFER * 1.5); /* waits are about exponential */
    assert_true(most > BUFFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_comes_once_an_epoch),
        cmocka_unit_test(an_order_is_a_function_of_seed_and_epoch),
        cmocka_unit_test(random_order_is_that_of_pr_seed_order),
        cmocka_unit_test(the_file_order_is_the_list_in_every_epoch),
        cmocka_unit_test(clusters_come_one_after_the_other),
        cmocka_unit_test(every_batch_has_its_share_of_random_seeds),
        cmocka_unit_test(the_buffer_spreads_clusters_as_far_as_it_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_sampler_limits.c: the worst legal batch, what is refused and with which words, the heap
 * door, and the wrap-around of stamps. */
#include <sys/mman.h>

#include "support/support.h"

#include "pipeline/sampler/relabel.h"

/* A graph in which vertex v has v % 20 arcs, the next ones in a ring. */
static pr_graph ring_graph(pr_vid n)
{
    pr_eid *indptr  = calloc((size_t)n + 1, sizeof *indptr);
    pr_vid *indices = calloc((size_t)n * 20, sizeof *indices);
    pr_eid  edges   = 0;

    assert_true(indptr && indices);
    for (pr_vid v = 0; v < n; v++) {
        for (pr_vid i = 1; i <= v % 20; i++) indices[edges++] = (v + i) % n;
        indptr[v + 1] = edges;
    }
    return (pr_graph){ n, edges, indptr, indices, NULL };
}

static void free_graph(pr_graph graph)
{
    free((void *)(uintptr_t)graph.indptr);
    free((void *)(uintptr_t)graph.indices);
}

static pr_sampler *sampler_of(const pr_graph *graph, const char *fanout, uint64_t seed,
                              uint32_t max_seeds, uint32_t threads)
{
    pr_sampler *sampler;
    pr_fanout   parsed;

    assert_ok(pr_fanout_parse(fanout, 0, &parsed));
    assert_ok(pr_sampler_create(graph, &parsed, NULL, seed, max_seeds, threads, &sampler));
    return sampler;
}

static void bounds_hold_for_the_worst_legal_batch(void **state)
{
    enum { N = 120 };
    static pr_eid indptr[N + 1];
    static pr_vid indices[N * N], all[N];
    pr_batch      batch;

    (void)state;
    for (pr_vid v = 0; v < N; v++) {
        all[v]        = v;
        indptr[v + 1] = (v + 1) * N;
        for (pr_vid u = 0; u < N; u++) indices[v * N + u] = u;
    }
    const pr_graph complete = { N, N * N, indptr, indices, NULL };
    pr_sampler    *sampler  = sampler_of(&complete, "all,all,70", 1, 100000, 2);
    pr_batch_room *room     = test_batch_room(sampler);
    assert_int_equal(pr_sampler_max_inputs(sampler), N);
    assert_int_equal(pr_sampler_max_edges(sampler), 2 * N * N + N * 70);
    assert_int_equal(pr_sampler_max_dst(sampler, 2), N);
    assert_int_equal(pr_sampler_max_hop_edges(sampler, 2), N * 70);
    assert_int_equal(pr_sampler_max_dst(sampler, 3), 0);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ all, N }, (pr_draw){ 0 }, &batch));
    assert_int_equal(batch.num_edges, pr_sampler_max_edges(sampler));
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ all, 1 }, (pr_draw){ 0 }, &batch));
    assert_int_equal(batch.nodes.n, N);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);

    /* A binary tree: every neighbour is new, so the product of (1 + fanout) would be too much. */
    for (pr_vid v = 0; v < N; v++) {
        const pr_vid left = 2 * v + 1;
        indptr[v + 1]     = indptr[v] + (left + 1 < N ? 2 : 0);
        if (left + 1 < N) indices[indptr[v]] = left, indices[indptr[v] + 1] = left + 1;
    }
    const pr_graph tree = { N, indptr[N], indptr, indices, NULL };
    sampler             = sampler_of(&tree, "5,all", 1, 1, 1);
    room                = test_batch_room(sampler);
    assert_int_equal(pr_sampler_max_hop_edges(sampler, 0), 2);
    assert_int_equal(pr_sampler_max_dst(sampler, 1), 3);
    assert_int_equal(pr_sampler_max_inputs(sampler), 9);
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ all, 1 }, (pr_draw){ 0 }, &batch));
    assert_int_equal(batch.nodes.n, 7);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

static void bad_seeds_are_named_and_the_sampler_stays_usable(void **state)
{
    const pr_graph graph   = ring_graph(40);
    pr_sampler    *sampler = sampler_of(&graph, "3,3", 1, 4, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    const pr_vids  good    = { (const pr_vid[]){ 5, 6, 7, 8 }, 4 };
    pr_batch       batch;

    (void)state;
    assert_ok(pr_sampler_draw(sampler, room, good, (pr_draw){ 0 }, &batch));
    const uint64_t hash = batch.hash;
    assert_fails(PR_E_ARG, "vertex 6 is a seed twice, at 1 and at 3",
                 pr_sampler_draw(sampler, room, (pr_vids){ (const pr_vid[]){ 5, 6, 7, 6 }, 4 },
                                 (pr_draw){ 0 }, &batch));
    assert_null(batch.block);
    assert_fails(PR_E_ARG, "seed 2 is vertex 40, the graph has vertices 0..39",
                 pr_sampler_draw(sampler, room, (pr_vids){ (const pr_vid[]){ 5, 6, 40 }, 3 },
                                 (pr_draw){ 0 }, &batch));
    assert_fails(PR_E_ARG, "5 seeds, at most 4",
                 pr_sampler_draw(sampler, room, (pr_vids){ good.at, 5 }, (pr_draw){ 0 }, &batch));
    assert_fails(PR_E_ARG, "at NULL",
                 pr_sampler_draw(sampler, room, (pr_vids){ NULL, 1 }, (pr_draw){ 0 }, &batch));
    assert_fails(PR_E_ARG, "phase is 4",
                 pr_sampler_draw(sampler, room, good, (pr_draw){ .phase = (pr_phase)4 }, &batch));
    assert_ok(pr_sampler_draw(sampler, room, good, (pr_draw){ 0 }, &batch));
    assert_true(batch.hash == hash);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);

    sampler = sampler_of(&graph, "3,3", 1, 1000, 1); /* more seeds than vertices */
    room    = test_batch_room(sampler);
    pr_vid many[1000];
    for (pr_vid i = 0; i < 1000; i++) many[i] = i % 40;
    assert_fails(PR_E_ARG, "vertex 0 is a seed twice, at 0 and at 40",
                 pr_sampler_draw(sampler, room, (pr_vids){ many, 1000 }, (pr_draw){ 0 }, &batch));
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

static void create_refuses_what_it_cannot_sample(void **state)
{
    const pr_graph  graph    = ring_graph(40);
    const pr_fanout fanout   = { 1, { 5 } };
    const pr_eid    bent[]   = { 0, 3, 2, 4 };
    const pr_eid    huge[]   = { 0, 0, UINT64_C(1) << 32, UINT64_C(1) << 32 };
    const pr_graph  empty    = { 0, 0, bent, NULL, NULL };
    const pr_graph  crooked  = { 3, 4, bent, graph.indices, NULL };
    const pr_graph  longer   = { 3, 5, bent, graph.indices, NULL };
    const pr_graph  too_long = { 3, UINT64_C(1) << 32, huge, graph.indices, NULL };
    pr_sampler     *out      = NULL;

    (void)state;
    assert_fails(PR_E_ARG, "NULL", pr_sampler_create(NULL, &fanout, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "NULL", pr_sampler_create(&graph, NULL, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "NULL", pr_sampler_create(&graph, &fanout, NULL, 1, 1, 1, NULL));
    assert_fails(PR_E_ARG, "max_seeds is 0",
                 pr_sampler_create(&graph, &fanout, NULL, 1, 0, 1, &out));
    assert_fails(PR_E_ARG, "threads are 0",
                 pr_sampler_create(&graph, &fanout, NULL, 1, 1, 0, &out));
    assert_fails(PR_E_ARG, "0 hops",
                 pr_sampler_create(&graph, &(pr_fanout){ 0 }, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "17 hops",
                 pr_sampler_create(&graph, &(pr_fanout){ 17, { 1 } }, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "hop 1 is 0",
                 pr_sampler_create(&graph, &(pr_fanout){ 2, { 1 } }, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "hop 0 is 65536",
                 pr_sampler_create(&graph, &(pr_fanout){ 1, { 65536 } }, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "0 vertices", pr_sampler_create(&empty, &fanout, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "vertex 1", pr_sampler_create(&crooked, &fanout, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "its 5 edges", pr_sampler_create(&longer, &fanout, NULL, 1, 1, 1, &out));
    assert_fails(PR_E_ARG, "vertex 1", pr_sampler_create(&too_long, &fanout, NULL, 1, 1, 1, &out));
    assert_null(out);
    free_graph(graph);
}

static void a_graph_without_arcs_gives_batches_without_edges(void **state)
{
    static const pr_eid indptr[6];
    const pr_graph      graph   = { 5, 0, indptr, NULL, NULL };
    pr_sampler         *sampler = sampler_of(&graph, "3,all", 1, 5, 2);
    pr_batch_room      *room    = test_batch_room(sampler);
    pr_batch            batch;

    (void)state;
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ (const pr_vid[]){ 4, 2 }, 2 },
                              (pr_draw){ 0 }, &batch));
    assert_int_equal(batch.nodes.n, 2);
    assert_int_equal(batch.num_edges, 0);
    assert_int_equal(batch.block[1].indptr[2], 0);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

/* Two vertices with 2^31 arcs each, behind memory that nobody may read. */
static void a_hop_of_more_than_32_bits_of_edges_is_refused(void **state)
{
    const pr_eid half     = UINT64_C(1) << 31;
    const pr_eid indptr[] = { 0, half, 2 * half, 2 * half };
    const size_t bytes    = 2 * half * sizeof(pr_vid);
    pr_sampler  *sampler  = NULL;
    pr_batch     batch;
    void *wall = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)state;
    if (wall == MAP_FAILED) {
        printf("skipped: 16 GiB of address space were refused\n");
        skip();
    }
    const pr_graph  graph = { 3, 2 * half, indptr, wall, NULL };
    const pr_status st =
        pr_sampler_create(&graph, &(pr_fanout){ 1, { PR_FANOUT_ALL } }, NULL, 1, 3, 1, &sampler);
    if (st == PR_E_NOMEM) {
        printf("skipped: %s\n", pr_error_message());
        munmap(wall, bytes);
        skip();
    }
    assert_ok(st);
    pr_batch_room *room = test_batch_room(sampler);
    assert_fails(PR_E_FULL, "hop 0 of step 12 has 4294967296 edges, at most 4294967295",
                 pr_sampler_draw(sampler, room, (pr_vids){ (const pr_vid[]){ 0, 1 }, 2 },
                                 (pr_draw){ .step = 12 }, &batch));
    assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ (const pr_vid[]){ 2 }, 1 }, (pr_draw){ 0 },
                              &batch));
    assert_int_equal(batch.num_edges, 0);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    munmap(wall, bytes);
}

static void a_room_of_smaller_batches_is_refused(void **state)
{
    const pr_graph graph = ring_graph(400);
    pr_sampler    *small = sampler_of(&graph, "2,2", 1, 4, 1);
    pr_sampler    *large = sampler_of(&graph, "2,2", 1, 5, 1);
    pr_batch_room *room  = test_batch_room(small);
    const pr_vids  seeds = { (const pr_vid[]){ 5, 6, 7, 8 }, 4 };
    pr_batch       batch;

    (void)state;
    assert_fails(PR_E_ARG, "made for another",
                 pr_sampler_draw(large, room, seeds, (pr_draw){ 0 }, &batch));
    assert_null(batch.block);
    assert_ok(pr_sampler_draw(small, room, seeds, (pr_draw){ 0 }, &batch));
    const uint64_t hash = batch.hash;
    pr_batch_room_free(room);
    room = test_batch_room(large); /* a larger one does */
    pr_sampler_free(large);        /* and may outlive its sampler */
    assert_ok(pr_sampler_draw(small, room, seeds, (pr_draw){ 0 }, &batch));
    assert_true(batch.hash == hash);
    assert_fails(PR_E_ARG, "NULL", pr_sampler_draw(small, NULL, seeds, (pr_draw){ 0 }, &batch));
    assert_fails(PR_E_ARG, "NULL", pr_batch_room_create(NULL, &room));
    assert_fails(PR_E_ARG, "NULL", pr_batch_room_create(small, NULL));
    pr_batch_room_free(room);
    pr_sampler_free(small);
    free_graph(graph);
}

static void drawing_never_goes_through_the_heap_door(void **state)
{
    const pr_graph graph   = ring_graph(3000);
    pr_sampler    *sampler = sampler_of(&graph, "15,100", 1, 200, 2);
    pr_batch_room *room    = test_batch_room(sampler);
    pr_vid         ids[200];
    pr_batch       batch;

    (void)state;
    for (pr_vid i = 0; i < 200; i++) ids[i] = 15 * i;
    const pr_vids  seeds = { ids, 200 };
    const uint64_t calls = pri_mem_calls();
    for (uint32_t step = 0; step < 20; step++)
        assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ .step = step }, &batch));
    assert_true(pri_mem_calls() == calls);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

static void stamps_that_wrap_round_forget_old_batches(void **state)
{
    pri_relabel relabel;
    pr_vid      nodes[5];

    (void)state;
    assert_ok(pri_relabel_init(&relabel, 4));
    pri_relabel_start(&relabel, nodes); /* stamp 1 */
    assert_int_equal(pri_relabel_one(&relabel, 3), 0);
    assert_int_equal(pri_relabel_one(&relabel, 1), 1);
    relabel.stamp = UINT32_MAX - 1;
    pri_relabel_start(&relabel, nodes); /* the last stamp */
    assert_int_equal(pri_relabel_one(&relabel, 2), 0);
    pri_relabel_start(&relabel, nodes); /* stamp 1 again: 3 and 1 must be new */
    assert_int_equal(relabel.stamp, 1);
    assert_int_equal(pri_relabel_one(&relabel, 1), 0);
    assert_int_equal(pri_relabel_one(&relabel, 2), 1);
    assert_int_equal(pri_relabel_one(&relabel, 3), 2);
    assert_int_equal(pri_relabel_one(&relabel, 2), 1);
    assert_int_equal(relabel.num, 3);
    pri_relabel_clear(&relabel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold_for_the_worst_legal_batch),
        cmocka_unit_test(bad_seeds_are_named_and_the_sampler_stays_usable),
        cmocka_unit_test(create_refuses_what_it_cannot_sample),
        cmocka_unit_test(a_graph_without_arcs_gives_batches_without_edges),
        cmocka_unit_test(a_hop_of_more_than_32_bits_of_edges_is_refused),
        cmocka_unit_test(a_room_of_smaller_batches_is_refused),
        cmocka_unit_test(drawing_never_goes_through_the_heap_door),
        cmocka_unit_test(stamps_that_wrap_round_forget_old_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

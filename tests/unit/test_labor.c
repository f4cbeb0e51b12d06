/* test_labor.c: batches of kind labor against the oracle that sorts, for every instruction set and
 * number of threads. */
#include "support/labor_oracle.h"

#include "base/isa.h"
#include "base/mem.h"

static const uint32_t no_rows[1];

/* Draw `rounds` batches of random seeds and check them. */
static void draw_some(const pr_graph *graph, const char *fanout, pr_sampler_options options,
                      uint32_t num_seeds, uint32_t threads, int isa, uint32_t rounds)
{
    labor_oracle o;
    pr_vid      *ids = calloc(graph->num_nodes, sizeof *ids);

    labor_oracle_open(&o, graph, fanout, options, test_seed() + rounds);
    pr_sampler    *sampler = labor_sampler(&o, num_seeds, threads, isa);
    pr_batch_room *room    = test_batch_room(sampler);
    for (uint32_t round = 0; round < rounds; round++) {
        const pr_draw draw  = { .phase = (pr_phase)(round % 4),
                                .epoch = round,
                                .step  = round * UINT64_C(0x80000003) };
        const pr_vids seeds = labor_seeds(ids, graph->num_nodes, num_seeds, round + 1);
        pr_batch      batch;
        assert_ok(pr_sampler_draw(sampler, room, seeds, draw, &batch));
        labor_oracle_check(&o, draw, seeds, &batch);
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    labor_oracle_close(&o);
    free(ids);
}

/* Vertex v has v % 50 arcs, so every fanout meets rows of as many, one more, and many more. */
static void rows_keep_their_smallest_r_for_every_fanout(void **state)
{
    const pr_graph graph = labor_graph(400, 49, (const uint32_t[]){ 300, 701, 1500 }, 3, 5);

    (void)state;
    for (int isa = 0; isa < PRI_NUM_ISAS; isa++)
        for (uint32_t fanout = 1; fanout <= 40; fanout++) {
            char text[32];
            snprintf(text, sizeof text, "%u,%u", fanout, 41 - fanout);
            draw_some(&graph, text, labor_options(fanout % 3 ? 1 : fanout, 0, 1, 8), 40, 1, isa, 2);
        }
    labor_graph_free(graph);
}

/* Longer than a block of labor_row.h, from a few vertices, so that most arcs have a twin. */
static void hubs_and_parallel_arcs_are_no_trouble(void **state)
{
    static const uint32_t rows[] = { 4095, 4096, 4097, 9000, 66000, 31, 1001, 1000, 999 };
    const pr_graph        graph  = labor_graph(40, 30, rows, sizeof rows / sizeof *rows, 6);
    static const uint32_t few[]  = { 20000, 500, 64, 65, 63, 129 };
    const pr_graph        twins  = labor_graph(3, 2, few, sizeof few / sizeof *few, 7);

    (void)state;
    for (int isa = 0; isa < PRI_NUM_ISAS; isa++) {
        draw_some(&graph, "1000,10", labor_options(1, 0, 1, 8), 49, 2, isa, 1);
        draw_some(&graph, "33,5", labor_options(8, 0, 1, 8), 49, 2, isa, 2);
        draw_some(&graph, "65535,1", labor_options(8, 0, 1, 8), 49, 1, isa, 1);
        draw_some(&twins, "3,15,50", labor_options(8, 0, 1, 8), 9, 1, isa, 20);
        draw_some(&twins, "1,2", labor_options(1, 0, 1, 8), 9, 1, isa, 20);
    }
    labor_graph_free(twins);
    labor_graph_free(graph);
}

/* Rows of a block of labor_row.h and a few neighbours more, so that the last block ends before a
 * cache line does: nothing behind the row may be taken for it. */
static void rows_end_where_they_end_behind_a_full_block(void **state)
{
    const pr_vid plain = 20000;
    uint32_t     rows[64];

    for (uint32_t i = 0; i < 64; i++) rows[i] = 4096 + 1 + i % 4;
    const pr_graph graph = labor_graph(plain, 0, rows, 64, 13);

    (void)state;
    for (int isa = 0; isa < PRI_NUM_ISAS; isa++) {
        labor_oracle o;
        pr_batch     batch;
        pr_vid       seeds[64];
        for (pr_vid i = 0; i < 64; i++) seeds[i] = plain + i;
        labor_oracle_open(&o, &graph, "33,1", labor_options(1, 0, 1, 8), 1);
        pr_sampler    *sampler = labor_sampler(&o, 64, 1, isa);
        pr_batch_room *room    = test_batch_room(sampler);
        for (uint32_t step = 0; step < 3; step++) {
            const pr_draw draw = { .phase = PR_PHASE_TRAIN, .step = step };
            assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds, 64 }, draw, &batch));
            labor_oracle_check(&o, draw, (pr_vids){ seeds, 64 }, &batch);
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        labor_oracle_close(&o);
    }
    labor_graph_free(graph);
}

/* A hub with 300000 arcs from eleven vertices: whole blocks are ties. */
static void ties_by_the_thousand_go_to_the_first(void **state)
{
    const uint32_t hub   = 300000;
    const pr_graph graph = labor_graph(10, 5, &hub, 1, 8);
    pr_vid        *at    = (pr_vid *)(uintptr_t)graph.indices + graph.indptr[10];

    (void)state;
    for (uint32_t i = 0; i < hub; i++) at[i] = i % 11;
    draw_some(&graph, "20", labor_options(1, 0, 1, 8), 11, 1, PR_ISA_AVX512, 1);
    draw_some(&graph, "20", labor_options(1, 0, 1, 8), 11, 1, PR_ISA_AVX2, 1);
    labor_graph_free(graph);
}

static void batches_do_not_depend_on_threads(void **state)
{
    static const uint32_t rows[] = { 5000, 3000, 800 };
    const pr_graph        graph  = labor_graph(3000, 60, rows, 3, 9);

    (void)state;
    for (int isa = 0; isa < PRI_NUM_ISAS; isa++) {
        static const uint32_t threads[] = { 8, 3, 2, 1 };
        for (uint32_t i = 0; i < 4; i++)
            draw_some(&graph, "15,10", labor_options(8, 0, 1, 8), 300, threads[i], isa, 1);
    }
    labor_graph_free(graph);
}

static void drift_keeps_the_smallest_z(void **state)
{
    const pr_graph graph = labor_graph(300, 60, (const uint32_t[]){ 6000, 700 }, 2, 10);

    (void)state;
    for (uint32_t kappa = 1; kappa <= 64; kappa *= 4)
        draw_some(&graph, "15,10", labor_options(kappa, PR_KAPPA_DRIFT, 1, 8), 60, 2, 2, 4);
    labor_graph_free(graph);
}

static void all_keeps_whole_rows(void **state)
{
    const pr_graph graph = labor_graph(300, 60, no_rows, 0, 11);

    (void)state;
    draw_some(&graph, "all,10,all", labor_options(8, 0, 1, 8), 20, 2, PR_ISA_AVX512, 3);
    labor_graph_free(graph);
}

/* Every phase, seed and step has choices of its own; epoch, hop and place in the list have none. */
static void r_is_a_function_of_seed_phase_step_and_vertex(void **state)
{
    enum { D = 4000, K = 12 };
    static pr_eid        indptr[D + 1];
    static pr_vid        indices[D], row[8][K];
    static const pr_draw draws[7] = { { 0 },
                                      { .phase = PR_PHASE_EVAL },
                                      { .phase = PR_PHASE_INFER },
                                      { .phase = PR_PHASE_SERVE },
                                      { .step = 1 },
                                      { .step = UINT64_C(1) << 32 },
                                      { .step = UINT64_C(1) << 63 } };
    labor_oracle         o;
    pr_batch             batch;

    (void)state;
    for (int i = 0; i < D; i++) indices[i] = (pr_vid)i, indptr[i + 1] = D;
    const pr_graph graph     = { D, D, indptr, indices, NULL };
    const pr_vids  seed      = { &(pr_vid){ 0 }, 1 };
    const uint32_t elsewhere = 5;
    for (int i = 0; i < 8; i++) { /* the last: another seed */
        labor_oracle_open(&o, &graph, "12,12", labor_options(1, 0, 1, 8), i < 7 ? 1 : 2);
        pr_sampler    *sampler = labor_sampler(&o, 1, 1, PR_ISA_AVX512);
        pr_batch_room *room    = test_batch_room(sampler);
        pr_draw        draw    = draws[i % 7];
        for (int again = 0; again < 2; again++, draw.epoch = 9, draw.positions = &elsewhere) {
            assert_ok(pr_sampler_draw(sampler, room, seed, draw, &batch));
            for (int e = 0; e < K; e++) {
                const pr_vid first  = batch.nodes.at[batch.block[0].indices[e]];
                const pr_vid second = batch.nodes.at[batch.block[1].indices[e]];
                if (again) assert_int_equal(first, row[i][e]);
                row[i][e] = first;
                assert_int_equal(first, second); /* hop 1 has vertex 0 first, too */
            }
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        labor_oracle_close(&o);
    }
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < a; b++) {
            int same = 0;
            for (int e = 0; e < K; e++)
                for (int f = 0; f < K; f++) same += row[a][e] == row[b][f];
            assert_true(same <= 2); /* one of twelve by chance: 0.04, three: 7e-6 */
        }
}

/* Said without the oracle: rows are distinct positions of the stored row, in its order, fanout of
 * them or all. */
static void every_edge_exists_and_none_is_drawn_twice(void **state)
{
    const pr_graph graph = labor_graph(60, 59, (const uint32_t[]){ 2000 }, 1, 14);
    pr_vid         ids[20];

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        static const uint32_t fanout[] = { 9, 20, 5 };
        labor_oracle          o;
        labor_oracle_open(&o, &graph, "9,20,5", labor_options(8, i % 2, i < 2 ? 1 : 8, 3), 1);
        pr_sampler    *sampler = labor_sampler(&o, 20, 2, PR_ISA_AVX512);
        pr_batch_room *room    = test_batch_room(sampler);
        for (uint64_t step = 0; step < 40; step++) {
            const pr_vids seeds = labor_seeds(ids, graph.num_nodes, 20, step);
            pr_batch      batch;
            assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ .step = step }, &batch));
            for (uint32_t h = 0; h < 3; h++)
                for (uint32_t d = 0; d < batch.block[h].num_dst; d++) {
                    const pr_block *b      = &batch.block[h];
                    const pr_vid    v      = batch.nodes.at[d];
                    const pr_eid    end    = graph.indptr[v + 1];
                    pr_eid          at     = graph.indptr[v];
                    const uint64_t  degree = end - at;
                    assert_int_equal(b->indptr[d + 1] - b->indptr[d],
                                     degree < fanout[h] ? degree : fanout[h]);
                    for (uint32_t e = b->indptr[d]; e < b->indptr[d + 1]; e++, at++) {
                        while (at < end && graph.indices[at] != batch.nodes.at[b->indices[e]]) at++;
                        assert_true(at < end);
                    }
                }
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        labor_oracle_close(&o);
    }
    labor_graph_free(graph);
}

static void drawing_leaves_the_heap_alone(void **state)
{
    static const uint32_t rows[] = { 5000, 100 };
    const pr_graph        graph  = labor_graph(500, 60, rows, 2, 12);
    pr_vid                ids[40];

    (void)state;
    for (int form = 0; form < 2; form++)
        for (uint32_t bias = 1; bias <= 8; bias += 7) {
            labor_oracle o;
            labor_oracle_open(&o, &graph, "15,100", labor_options(8, form, bias, 4), 1);
            pr_sampler    *sampler = labor_sampler(&o, 40, 2, PR_ISA_AVX512);
            pr_batch_room *room    = test_batch_room(sampler);
            const uint64_t calls   = pri_mem_calls();
            for (uint32_t step = 0; step < 8; step++) {
                const pr_vids seeds = labor_seeds(ids, graph.num_nodes, 40, step);
                pr_batch      batch;
                assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ .step = step }, &batch));
            }
            assert_int_equal(pri_mem_calls(), calls);
            pr_batch_room_free(room);
            pr_sampler_free(sampler);
            labor_oracle_close(&o);
        }
    labor_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_do_not_depend_on_threads),
        cmocka_unit_test(rows_keep_their_smallest_r_for_every_fanout),
        cmocka_unit_test(hubs_and_parallel_arcs_are_no_trouble),
        cmocka_unit_test(rows_end_where_they_end_behind_a_full_block),
        cmocka_unit_test(ties_by_the_thousand_go_to_the_first),
        cmocka_unit_test(drift_keeps_the_smallest_z),
        cmocka_unit_test(all_keeps_whole_rows),
        cmocka_unit_test(r_is_a_function_of_seed_phase_step_and_vertex),
        cmocka_unit_test(every_edge_exists_and_none_is_drawn_twice),
        cmocka_unit_test(drawing_leaves_the_heap_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

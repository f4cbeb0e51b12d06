/* test_exclude.c: neighbours that a draw leaves out, against the same draw without. */
#include "support/graphs.h"

#include "pipeline/sampler/exclude.h"

enum { NUM_SEEDS = 1200, MANY = 40 };

typedef struct fixture {
    const pr_dataset *dataset;
    pr_graph          graph;
    float            *weights;
    pr_vid            seeds[NUM_SEEDS];
    uint32_t          indptr[NUM_SEEDS + 1];
    pr_vid            vertices[NUM_SEEDS * MANY];
} fixture;

static fixture f;

static int compare_vids(const void *a, const void *b)
{
    const pr_vid x = *(const pr_vid *)a, y = *(const pr_vid *)b;
    return (x > y) - (x < y);
}

/* Seeds, each fifth one with nothing excluded, each seventh with most of its neighbours, the others
 * with one or two; and vertices that are no neighbours. */
static void start(void)
{
    f.dataset = test_open(test_planted(3000, 60000, 4, 3));
    f.graph   = f.dataset->graph;
    f.weights = malloc(f.graph.num_edges * sizeof *f.weights);
    assert_non_null(f.weights);
    for (pr_eid e = 0; e < f.graph.num_edges; e++) f.weights[e] = (float)(1 + e % 5);
    f.graph.weights = f.weights;
    uint32_t num    = 0;
    for (uint32_t i = 0; i < NUM_SEEDS; i++) {
        const pr_vid   v      = (pr_vid)((uint64_t)i * 7 % f.graph.num_nodes);
        const pr_eid   first  = f.graph.indptr[v];
        const uint32_t degree = (uint32_t)(f.graph.indptr[v + 1] - first);
        uint32_t       want   = i % 5 == 0 ? 0 : i % 7 == 0 ? degree : 1 + i % 2;
        if (want > degree) want = degree;
        if (want > MANY - 1) want = MANY - 1;
        f.seeds[i]  = v;
        f.indptr[i] = num;
        for (uint32_t k = 0; k < want; k++) f.vertices[num++] = f.graph.indices[first + k];
        if (want) f.vertices[num++] = v; /* not its own neighbour */
        qsort(f.vertices + f.indptr[i], num - f.indptr[i], sizeof *f.vertices, compare_vids);
    }
    f.indptr[NUM_SEEDS] = num;
}

static void end(void)
{
    free(f.weights);
    pr_dataset_close(f.dataset);
}

/* Read an excluded list from one end to the other. */
static bool is_excluded(uint32_t seed, pr_vid v)
{
    for (uint32_t i = f.indptr[seed]; i < f.indptr[seed + 1]; i++)
        if (f.vertices[i] == v) return true;
    return false;
}

/* Give the row of a vertex in a block as vertices; false: it is no destination there. */
static bool row_of(const pr_batch *batch, uint32_t hop, pr_vid v, const uint32_t **at,
                   uint32_t *num)
{
    const pr_block *block = &batch->block[hop];

    for (uint32_t d = 0; d < block->num_dst; d++)
        if (batch->nodes.at[d] == v) {
            *at  = block->indices + block->indptr[d];
            *num = block->indptr[d + 1] - block->indptr[d];
            return true;
        }
    return false;
}

/* Every row of the batch must be the other's without what is excluded, in its order; and no vertex
 * is there that nobody asks for. */
static void compare(const pr_batch *with, const pr_batch *without, uint64_t *left_out)
{
    for (uint32_t h = 0; h < with->num_layers; h++) {
        const pr_block *block = &with->block[h];
        uint32_t        known = block->num_dst;
        for (uint32_t d = 0; d < block->num_dst; d++) {
            const pr_vid    v     = with->nodes.at[d];
            const uint32_t *whole = NULL;
            uint32_t        num = 0, e = block->indptr[d];
            assert_true(row_of(without, h, v, &whole, &num));
            for (uint32_t k = 0; k < num; k++) {
                const pr_vid u = without->nodes.at[whole[k]];
                if (d < NUM_SEEDS && is_excluded(d, u)) {
                    ++*left_out;
                    continue;
                }
                assert_true(e < block->indptr[d + 1]);
                assert_int_equal(with->nodes.at[block->indices[e]], u);
                if (block->indices[e] == known) known++; /* in order of discovery */
                assert_true(block->indices[e] < known);
                if (block->weights) {
                    const size_t other = (size_t)(whole - without->block[h].indices) + k;
                    assert_true(block->weights[e] == without->block[h].weights[other]);
                }
                e++;
            }
            assert_int_equal(e, block->indptr[d + 1]);
        }
        assert_int_equal(known, block->num_src);
    }
}

static void draw_both(int kind, const char *fanout, uint32_t threads)
{
    pr_sampler_options options;
    pr_fanout          hops;
    pr_sampler        *sampler;
    pr_batch           with, without;
    uint64_t           left_out = 0;

    pr_sampler_default(&options);
    options.kind = kind;
    assert_ok(pr_fanout_parse(fanout, 0, &hops));
    assert_ok(pr_sampler_create(&f.graph, &hops, &options, 5, NUM_SEEDS, threads, &sampler));
    pr_batch_room   *a = test_batch_room(sampler), *b = test_batch_room(sampler);
    const pr_exclude exclude = { f.indptr, f.vertices };
    const pr_vids    seeds   = { f.seeds, NUM_SEEDS };
    pr_draw          draw    = { .phase = PR_PHASE_TRAIN, .step = 3 };
    assert_ok(pr_sampler_draw(sampler, a, seeds, draw, &without));
    draw.exclude = &exclude;
    assert_ok(pr_sampler_draw(sampler, b, seeds, draw, &with));
    compare(&with, &without, &left_out);
    assert_true(left_out > NUM_SEEDS / 4);
    assert_true(with.num_edges < without.num_edges);
    assert_true(with.nodes.n <= without.nodes.n);
    pr_batch_room_free(a);
    pr_batch_room_free(b);
    pr_sampler_free(sampler);
}

static void every_kind_draws_the_same_but_what_is_excluded(void **state)
{
    (void)state;
    start();
    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++)
        for (uint32_t threads = 1; threads <= 2; threads++) {
            draw_both(kind, "15,5", threads);
            draw_both(kind, "4,8", threads);
            draw_both(kind, "3,all", threads);
        }
    end();
}

static void nothing_excluded_changes_nothing(void **state)
{
    (void)state;
    start();
    for (int kind = PR_SAMPLER_UNIFORM; kind <= PR_SAMPLER_WALK; kind++) {
        pr_sampler_options options;
        pr_fanout          hops;
        pr_sampler        *sampler;
        pr_batch           with, without;

        pr_sampler_default(&options);
        options.kind = kind;
        assert_ok(pr_fanout_parse("6,4", 0, &hops));
        assert_ok(pr_sampler_create(&f.graph, &hops, &options, 5, NUM_SEEDS, 2, &sampler));
        pr_batch_room   *a = test_batch_room(sampler), *b = test_batch_room(sampler);
        static uint32_t  zeroes[NUM_SEEDS + 1];
        const pr_exclude exclude = { zeroes, NULL };
        const pr_vids    seeds   = { f.seeds, NUM_SEEDS };
        pr_draw          draw    = { .phase = PR_PHASE_TRAIN, .step = 3 };
        assert_ok(pr_sampler_draw(sampler, a, seeds, draw, &without));
        draw.exclude = &exclude;
        assert_ok(pr_sampler_draw(sampler, b, seeds, draw, &with));
        assert_true(with.hash == without.hash);
        pr_batch_room_free(a);
        pr_batch_room_free(b);
        pr_sampler_free(sampler);
    }
    end();
}

static void a_list_is_searched_from_end_to_end(void **state)
{
    (void)state;
    const uint32_t   indptr[]   = { 0, 0, 1, 6 };
    const pr_vid     vertices[] = { 9, 2, 4, 4, 8, 11 };
    const pr_exclude exclude    = { indptr, vertices };

    for (pr_vid v = 0; v < 13; v++) {
        assert_false(pri_exclude_has(&exclude, 0, v));
        assert_int_equal(pri_exclude_has(&exclude, 1, v), v == 9);
        assert_int_equal(pri_exclude_has(&exclude, 2, v), v == 2 || v == 4 || v == 8 || v == 11);
    }
    pr_vid row[]     = { 4, 5, 11, 4, 0 };
    float  weights[] = { 1, 2, 3, 4, 5 };
    assert_int_equal(pri_exclude_row(&exclude, 2, row, weights, 5), 2);
    assert_int_equal(row[0], 5);
    assert_int_equal(row[1], 0);
    assert_true(weights[0] == 2 && weights[1] == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_draws_the_same_but_what_is_excluded),
        cmocka_unit_test(nothing_excluded_changes_nothing),
        cmocka_unit_test(a_list_is_searched_from_end_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

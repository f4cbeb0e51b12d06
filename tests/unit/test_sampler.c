/* test_sampler.c: batches against an oracle that draws and hashes by recursion, without blocks,
 * local ids or a table; and what a sampler promises besides: the same batch for any threads and
 * any batch-mates, and a hash that sees every neighbour. */
#include "support/support.h"

enum { MAX_ROW = 4096 };

/* A random graph with isolated vertices, self loops, parallel arcs and a few long rows. */
static pr_graph random_graph(pr_vid n, uint32_t longest, uint64_t seed)
{
    test_rng rng    = { .key = seed };
    pr_eid  *indptr = calloc((size_t)n + 1, sizeof *indptr);
    pr_vid  *at     = calloc((size_t)n * longest, sizeof *at);
    pr_eid   edges  = 0;

    assert_true(indptr && at);
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t kind   = test_below(&rng, 10);
        const uint32_t bound  = kind < 2 ? 1 : kind < 9 ? 12 : longest + 1;
        const uint32_t degree = test_below(&rng, bound < longest + 1 ? bound : longest + 1);
        for (uint32_t i = 0; i < degree; i++) {
            const uint32_t coin = test_below(&rng, 8);
            at[edges] = coin == 0 ? v : coin == 1 && i ? at[edges - 1] : test_below(&rng, n);
            edges++;
        }
        indptr[v + 1] = edges;
    }
    return (pr_graph){ n, edges, indptr, at, NULL };
}

static void free_graph(pr_graph graph)
{
    free((void *)(uintptr_t)graph.indptr);
    free((void *)(uintptr_t)graph.indices);
}

static uint32_t degree_of(const pr_graph *graph, pr_vid v)
{
    return (uint32_t)(graph->indptr[v + 1] - graph->indptr[v]);
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

/* The oracle: what one vertex draws, written from the chapter of draw.h. */
typedef struct oracle {
    const pr_graph *graph;
    pr_fanout       fanout;
    uint64_t        seed;
    pr_draw         draw;
} oracle;

static uint32_t oracle_row(const oracle *o, uint32_t hop, pr_vid v, pr_vid *row)
{
    const uint64_t key =
        pri_mix64(pri_stream_key(o->seed, PRI_STREAM_SAMPLE) + (o->draw.step >> 32));
    const uint32_t degree = degree_of(o->graph, v), fanout = o->fanout.hop[hop];
    const pr_vid  *stored = o->graph->indices + o->graph->indptr[v];
    uint32_t       chosen[MAX_ROW], word = 0;

    assert_true((degree < fanout ? degree : fanout) <= MAX_ROW);
    for (uint32_t i = 0; i < degree && degree <= fanout; i++) row[i] = stored[i];
    if (degree <= fanout) return degree;
    for (uint32_t i = 0; i < fanout; i++) {
        const uint64_t bound = degree - fanout + i + 1;
        uint64_t       product;
        do { /* exact: the low half must not be among the first 2^32 mod bound */
            const uint32_t c1 = (uint32_t)o->draw.phase << 30 | hop << 24 | word / 4;
            product =
                bound * pri_philox(key, v, c1, (uint32_t)o->draw.step, o->draw.epoch).at[word % 4];
            word++;
        } while ((product & UINT32_MAX) < (UINT64_C(1) << 32) % bound);
        uint32_t take = (uint32_t)(product >> 32);
        for (uint32_t c = 0; c < i; c++)
            if (chosen[c] == product >> 32) take = (uint32_t)bound - 1;
        chosen[i] = take;
        row[i]    = stored[take];
    }
    return fanout;
}

/* The mix, from its paper rather than from our header. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 30, x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27, x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t oracle_hash(const oracle *o, uint32_t hop, pr_vid v)
{
    pr_vid   row[MAX_ROW];
    uint64_t sum = 0;

    if (hop == o->fanout.num_layers) return mix(v);
    const uint32_t n = oracle_row(o, hop, v, row);
    for (uint32_t i = 0; i < n; i++) sum += oracle_hash(o, hop + 1, row[i]);
    return mix(mix(mix(hop) ^ v) + sum);
}

/* Expect every row of the batch to be the oracle's, and the lists to be as nouns.h says. */
static void check_batch(const oracle *o, pr_vids seeds, const pr_batch *batch)
{
    const pr_vid *nodes = batch->nodes.at;
    bool         *seen  = calloc(o->graph->num_nodes, sizeof *seen);
    uint64_t      edges = 0;

    assert_int_equal(batch->num_seeds, seeds.n);
    assert_int_equal(batch->num_layers, o->fanout.num_layers);
    assert_int_equal(batch->block[0].num_dst, seeds.n);
    for (size_t i = 0; i < seeds.n; i++) assert_int_equal(nodes[i], seeds.at[i]);
    for (size_t i = 0; i < batch->nodes.n; i++) {
        assert_true(nodes[i] < o->graph->num_nodes && !seen[nodes[i]]);
        seen[nodes[i]] = true;
    }
    for (uint32_t h = 0; h < batch->num_layers; h++) {
        const pr_block *b     = &batch->block[h];
        uint32_t        known = b->num_dst;
        assert_int_equal(b->indptr[0], 0);
        assert_int_equal(b->indptr[b->num_dst], b->num_edges);
        for (uint32_t d = 0; d < b->num_dst; d++) {
            pr_vid         row[MAX_ROW];
            const uint32_t n = oracle_row(o, h, nodes[d], row);
            assert_int_equal(b->indptr[d + 1] - b->indptr[d], n);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t u = b->indices[b->indptr[d] + i];
                assert_true(u <= known && u < b->num_src); /* new ones appear one after another */
                known += u == known;
                assert_int_equal(nodes[u], row[i]);
            }
        }
        assert_int_equal(known, b->num_src);
        assert_int_equal(b->num_src,
                         h + 1 < batch->num_layers ? batch->block[h + 1].num_dst : batch->nodes.n);
        edges += b->num_edges;
    }
    assert_int_equal(batch->num_edges, edges);
    free(seen);
}

/* `n` distinct vertices in random order. */
static pr_vids some_seeds(pr_vid *ids, pr_vid num_nodes, uint32_t n, uint64_t seed)
{
    pr_vid *all = calloc(num_nodes, sizeof *all), *mixed = calloc(num_nodes, sizeof *mixed);

    for (pr_vid v = 0; v < num_nodes; v++) all[v] = v;
    pr_seed_order((pr_vids){ all, num_nodes }, seed, 0, mixed);
    memcpy(ids, mixed, n * sizeof *ids);
    free(all);
    free(mixed);
    return (pr_vids){ ids, n };
}

static void every_batch_is_the_oracles(void **state)
{
    static const struct {
        pr_vid      n;
        uint32_t    longest, num_seeds;
        const char *fanout;
    } cases[] = {
        { 1, 3, 1, "2,2" },       { 40, 30, 7, "3,2,4" },    { 40, 30, 40, "all" },
        { 300, 60, 20, "15,10" }, { 300, 9, 25, "1,1,1,1" }, { 200, 40, 10, "4,all,3" },
        { 600, 900, 9, "100,3" }, { 600, 900, 20, "64" },    { 90, 4000, 5, "65,400" },
        { 50, 20, 0, "5,5" },
    };

    (void)state;
    for (uint32_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const uint64_t seed  = test_seed() + c;
        const pr_graph graph = random_graph(cases[c].n, cases[c].longest, seed);
        oracle         o     = { .graph = &graph, .seed = seed };
        pr_vid         ids[64];
        uint32_t       positions[64];

        assert_ok(pr_fanout_parse(cases[c].fanout, 0, &o.fanout));
        pr_sampler    *sampler = sampler_of(&graph, cases[c].fanout, seed, 64, 2);
        pr_batch_room *room    = test_batch_room(sampler);
        for (uint32_t round = 0; round < 6; round++) {
            const pr_vids seeds =
                some_seeds(ids, graph.num_nodes, cases[c].num_seeds, seed + round);
            uint64_t hash = 0;
            pr_batch batch;
            o.draw = (pr_draw){ .phase     = (pr_phase)(round % 4),
                                .epoch     = round * 7,
                                .step      = round * UINT64_C(0x80000001),
                                .positions = round % 2 ? positions : NULL };
            for (size_t i = 0; i < seeds.n; i++)
                positions[i] = round * 600000000u + 3u * (uint32_t)i;
            assert_ok(pr_sampler_draw(sampler, room, seeds, o.draw, &batch));
            check_batch(&o, seeds, &batch);
            if (cases[c].longest > 1000) continue; /* recursion would take minutes */
            for (size_t i = 0; i < seeds.n; i++)
                hash += mix(mix(round % 2 ? positions[i] : i) ^ oracle_hash(&o, 0, seeds.at[i]));
            assert_true(hash == batch.hash);
            assert_true(batch.step == o.draw.step && batch.epoch == o.draw.epoch);
            assert_true(batch.phase == o.draw.phase && batch.sample_ns >= 0);
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
        free_graph(graph);
    }
}

/* Said once more without the oracle, for who distrusts it: rows are distinct positions of the
 * stored row, seen through how often each neighbour occurs. */
static void no_arc_is_drawn_twice(void **state)
{
    const pr_graph graph   = random_graph(50, 40, test_seed()); /* 50 ids: many parallel arcs */
    pr_sampler    *sampler = sampler_of(&graph, "9,5,2", test_seed(), 50, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    pr_vid         ids[50];

    (void)state;
    for (uint32_t step = 0; step < 200; step++) {
        const pr_vids seeds = some_seeds(ids, 50, 12, step);
        pr_batch      batch;
        assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ .step = step }, &batch));
        for (uint32_t h = 0; h < 3; h++) {
            const pr_block *b = &batch.block[h];
            for (uint32_t d = 0; d < b->num_dst; d++) {
                const pr_vid v         = batch.nodes.at[d];
                int          spare[50] = { 0 };
                for (pr_eid e = graph.indptr[v]; e < graph.indptr[v + 1]; e++)
                    spare[graph.indices[e]]++;
                for (uint32_t e = b->indptr[d]; e < b->indptr[d + 1]; e++)
                    assert_true(--spare[batch.nodes.at[b->indices[e]]] >= 0);
            }
        }
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

static void assert_same_batch(const pr_batch *a, const pr_batch *b)
{
    assert_true(a->hash == b->hash && a->num_edges == b->num_edges);
    assert_int_equal(a->nodes.n, b->nodes.n);
    assert_memory_equal(a->nodes.at, b->nodes.at, a->nodes.n * sizeof *a->nodes.at);
    for (uint32_t h = 0; h < a->num_layers; h++) {
        const pr_block *x = &a->block[h], *y = &b->block[h];
        assert_int_equal(x->num_dst, y->num_dst);
        assert_memory_equal(x->indptr, y->indptr, (x->num_dst + 1) * sizeof *x->indptr);
        assert_memory_equal(x->indices, y->indices, x->num_edges * sizeof *x->indices);
    }
}

/* Batches wait in rooms of their own while later ones are drawn. */
static void batches_in_different_rooms_stay_as_they_were_drawn(void **state)
{
    enum { ROOMS = 5 };
    const pr_graph graph   = random_graph(700, 60, test_seed());
    pr_sampler    *sampler = sampler_of(&graph, "6,4,all", 3, 30, 2);
    pr_sampler    *again   = sampler_of(&graph, "6,4,all", 3, 30, 1);
    pr_batch_room *alone   = test_batch_room(again), *room[ROOMS];
    pr_batch       batch[ROOMS], fresh;
    pr_vid         ids[30];

    (void)state;
    for (int r = 0; r < ROOMS; r++) room[r] = test_batch_room(sampler);
    for (uint32_t step = 0; step < 4 * ROOMS; step++) {
        const pr_vids seeds = some_seeds(ids, 700, 5 + step, step);
        assert_ok(pr_sampler_draw(sampler, room[step % ROOMS], seeds, (pr_draw){ .step = step },
                                  &batch[step % ROOMS]));
        if (step < ROOMS) continue;
        for (uint32_t old = step - ROOMS + 1; old <= step; old++) {
            const pr_vids same = some_seeds(ids, 700, 5 + old, old);
            assert_ok(pr_sampler_draw(again, alone, same, (pr_draw){ .step = old }, &fresh));
            assert_same_batch(&fresh, &batch[old % ROOMS]);
        }
    }
    for (int r = 0; r < ROOMS; r++) pr_batch_room_free(room[r]);
    pr_batch_room_free(alone);
    pr_sampler_free(again);
    pr_sampler_free(sampler);
    free_graph(graph);
}

/* Draw the same batches with one thread and with two and three. */
static void compare_threads(const pr_graph *graph, const char *fanout, uint32_t num_seeds)
{
    pr_sampler    *one         = sampler_of(graph, fanout, 5, num_seeds, 1);
    pr_batch_room *room_of_one = test_batch_room(one);
    pr_vid         ids[500];

    for (uint32_t threads = 2; threads <= 3; threads++) {
        pr_sampler    *more         = sampler_of(graph, fanout, 5, num_seeds, threads);
        pr_batch_room *room_of_more = test_batch_room(more);
        for (uint32_t step = 0; step < 4; step++) {
            const pr_vids seeds = some_seeds(ids, graph->num_nodes, num_seeds, step);
            pr_batch      a, b;
            assert_ok(pr_sampler_draw(one, room_of_one, seeds, (pr_draw){ .step = step }, &a));
            assert_ok(pr_sampler_draw(more, room_of_more, seeds, (pr_draw){ .step = step }, &b));
            assert_true(a.num_edges > 20000);
            assert_same_batch(&a, &b);
        }
        pr_batch_room_free(room_of_more);
        pr_sampler_free(more);
    }
    pr_batch_room_free(room_of_one);
    pr_sampler_free(one);
}

static void the_batch_does_not_depend_on_threads(void **state)
{
    enum { N = 500 };
    static pr_eid  indptr[N + 1];
    static pr_vid  indices[N * N];
    const pr_graph mixed    = random_graph(6000, 300, test_seed());
    const pr_graph complete = { N, N * N, indptr, indices, NULL };

    (void)state;
    compare_threads(&mixed, "15,100,all", 500);
    free_graph(mixed);
    for (pr_vid v = 0; v < N; v++) {
        indptr[v + 1] = (v + 1) * N;
        for (pr_vid u = 0; u < N; u++) indices[v * N + u] = u;
    }
    compare_threads(&complete, "400,300", 400); /* every row needs its thread's scratch */
}

static void the_parts_of_lanes_add_up_to_the_hash_of_the_whole(void **state)
{
    const pr_graph graph   = random_graph(400, 50, test_seed());
    pr_sampler    *sampler = sampler_of(&graph, "5,3,2", 8, 60, 1);
    pr_batch_room *room    = test_batch_room(sampler);
    pr_vid         ids[60];
    uint32_t       positions[60];
    const pr_vids  seeds = some_seeds(ids, 400, 60, 1);
    pr_batch       batch;

    (void)state;
    assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ .step = 9 }, &batch));
    const uint64_t whole = batch.hash;
    for (uint32_t i = 0; i < 60; i++) positions[i] = i;
    for (uint32_t lanes = 2; lanes <= 60; lanes = lanes * 3 / 2 + 1) {
        uint64_t sum = 0;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            const uint32_t from = lane * 60 / lanes, to = (lane + 1) * 60 / lanes;
            assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds.at + from, to - from },
                                      (pr_draw){ .step = 9, .positions = positions + from },
                                      &batch));
            sum += batch.hash;
        }
        assert_true(sum == whole);
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

static void every_part_of_the_key_changes_the_draw(void **state)
{
    static const pr_draw draws[] = {
        { 0 },
        { .epoch = 1 },
        { .epoch = 1u << 31 },
        { .step = 1 },
        { .step = UINT64_C(1) << 32 },
        { .step = (UINT64_C(1) << 32) + 1 },
        { .step = UINT64_C(1) << 63 },
        { .phase = PR_PHASE_EVAL },
        { .phase = PR_PHASE_INFER },
        { .phase = PR_PHASE_SERVE },
    };
    enum { NUM = sizeof draws / sizeof *draws, D = 2000, K = 8 };
    static pr_eid indptr[D + 1];
    static pr_vid indices[D], row[2 * NUM + 1][K];

    (void)state;
    for (int i = 0; i < D; i++) indices[i] = (pr_vid)i, indptr[i + 1] = D;
    const pr_graph graph = { D, D, indptr, indices, NULL }; /* vertex 0 has all the others */
    for (int i = 0; i <= NUM; i++) {                        /* the last one: another seed */
        pr_sampler    *sampler = sampler_of(&graph, "8,8", i < NUM ? 1 : 2, 1, 1);
        pr_batch_room *room    = test_batch_room(sampler);
        pr_batch       batch;
        assert_ok(
            pr_sampler_draw(sampler, room, (pr_vids){ &(pr_vid){ 0 }, 1 }, draws[i % NUM], &batch));
        for (int h = 0; h < 2 && i + h <= NUM; h++) /* vertex 0 again, at hop 1 */
            for (int e = 0; e < K; e++)
                row[2 * i + h][e] = batch.nodes.at[batch.block[h].indices[e]];
        if (i < NUM) { /* the place in the seed list does not enter */
            pr_draw moved   = draws[i];
            moved.positions = &(uint32_t){ 77 };
            assert_ok(
                pr_sampler_draw(sampler, room, (pr_vids){ &(pr_vid){ 0 }, 1 }, moved, &batch));
            for (int e = 0; e < K; e++)
                assert_int_equal(row[2 * i][e], batch.nodes.at[batch.block[0].indices[e]]);
        }
        pr_batch_room_free(room);
        pr_sampler_free(sampler);
    }
    for (int a = 0; a <= 2 * NUM; a++)
        for (int b = 0; b < a; b++) {
            int same = 0;
            for (int e = 0; e < K; e++)
                for (int f = 0; f < K; f++) same += row[a][e] == row[b][f];
            assert_true(same <= 2); /* two of eight by chance: 4e-4, three: 7e-6 */
        }
}

static void the_hash_sees_every_neighbour_and_no_order(void **state)
{
    const pr_graph graph   = random_graph(30, 20, test_seed());
    pr_vid        *indices = (pr_vid *)(uintptr_t)graph.indices;
    pr_sampler    *sampler = sampler_of(&graph, "all", 1, 30, 1); /* two hops */
    pr_batch_room *room    = test_batch_room(sampler);
    pr_vid         ids[30];
    const pr_vids  seeds = some_seeds(ids, 30, 30, 1);
    pr_batch       batch;

    (void)state;
    assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ 0 }, &batch));
    const uint64_t hash = batch.hash;
    for (pr_eid e = 0; e < graph.num_edges; e++) {
        indices[e] = (indices[e] + 1) % 30;
        assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ 0 }, &batch));
        assert_true(batch.hash != hash);
        indices[e] = (indices[e] + 29) % 30;
    }
    for (pr_vid v = 0; v < 30; v++) { /* turn every row round */
        for (pr_eid a = graph.indptr[v], b = graph.indptr[v + 1]; a + 1 < b; a++, b--) {
            const pr_vid first = indices[a];
            indices[a]         = indices[b - 1];
            indices[b - 1]     = first;
        }
    }
    assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ 0 }, &batch));
    assert_true(batch.hash == hash);
    ids[0] ^= ids[1], ids[1] ^= ids[0], ids[0] ^= ids[1]; /* positions do count */
    assert_ok(pr_sampler_draw(sampler, room, seeds, (pr_draw){ 0 }, &batch));
    assert_true(batch.hash != hash);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free_graph(graph);
}

/* Figures that other versions and machines must give too; docs/step-log.md has the formulas. */
static void the_mixes_are_as_documented(void **state)
{
    (void)state;
    assert_true(pr_hash_input(0) == UINT64_C(0xe220a8397b1dcdaf)); /* SplitMix64's first output */
    for (uint32_t v = 0; v < 100; v++) {
        assert_true(pr_hash_input(v) == mix(v));
        assert_true(pr_hash_vertex(v % 16, v, UINT64_MAX - v) ==
                    mix(mix(mix(v % 16) ^ v) + UINT64_MAX - v));
        assert_true(pr_hash_seed(v + UINT64_C(0xffffffff), 5 * v) ==
                    mix(mix(v + UINT64_C(0xffffffff)) ^ (5 * v)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_is_the_oracles),
        cmocka_unit_test(no_arc_is_drawn_twice),
        cmocka_unit_test(batches_in_different_rooms_stay_as_they_were_drawn),
        cmocka_unit_test(the_batch_does_not_depend_on_threads),
        cmocka_unit_test(the_parts_of_lanes_add_up_to_the_hash_of_the_whole),
        cmocka_unit_test(every_part_of_the_key_changes_the_draw),
        cmocka_unit_test(the_hash_sees_every_neighbour_and_no_order),
        cmocka_unit_test(the_mixes_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

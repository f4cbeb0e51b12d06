/* test_alias.c: the slots that weighted draws look into hold each arc's share of its row, for any
 * weights; Philox blocks in lanes are those of base/rng.h; and the path for graphs whose arcs 32
 * bits do not number draws the same. */
#include <math.h>

#include "pipeline/sampler/alias.h"
#include "pipeline/sampler/blocks.h"
#include "pipeline/sampler/state.h"
#include "support/support.h"

enum { ROWS = 400, MOST = 300, MAX_ARCS = ROWS * MOST };

static pr_eid indptr[ROWS + 1];
static pr_vid indices[MAX_ARCS];
static float  weights[MAX_ARCS];

static float some_weight(test_rng *rng, uint32_t kind)
{
    switch (kind) {
    case 0: return 1.0f;
    case 1: return (float)test_random(rng) * 0x1p-32f;
    case 2: return ldexpf(1.0f, -(int)test_below(rng, 149));
    case 3: return test_below(rng, 3) ? 0.0f : 2.0f;
    case 4: return test_below(rng, 50) ? 1e-7f : 1e30f;
    default: return 3.4e38f;
    }
}

static pr_graph random_graph(void)
{
    test_rng rng = { .key = test_seed() };
    pr_eid   e   = 0;

    for (pr_vid v = 0; v < ROWS; v++) {
        const uint32_t degree = v % 4 ? test_below(&rng, 20) : test_below(&rng, MOST + 1);
        const uint32_t kind   = test_below(&rng, 6);
        for (uint32_t i = 0; i < degree; i++, e++) {
            indices[e] = test_below(&rng, ROWS);
            weights[e] = some_weight(&rng, kind);
        }
        indptr[v + 1] = e;
    }
    return (pr_graph){ ROWS, e, indptr, indices, weights };
}

/* Units are whole, so they are counted exactly; a row may be off by half a unit an arc. */
static void every_arc_has_its_share_of_the_slots(void **state)
{
    const pr_graph graph = random_graph();
    pri_alias      alias;

    (void)state;
    assert_ok(pri_alias_init(&alias, &graph, 3));
    for (pr_vid v = 0; v < ROWS; v++) {
        const pr_eid           begin       = indptr[v];
        const uint32_t         n           = (uint32_t)(indptr[v + 1] - begin);
        const pri_alias_entry *entry       = alias.entry + begin;
        uint64_t               units[MOST] = { 0 };
        uint32_t               positive    = 0;
        double                 sum = 0, off = 0;
        for (uint32_t i = 0; i < n; i++) {
            sum += (double)weights[begin + i];
            positive += weights[begin + i] > 0;
        }
        assert_int_equal(pri_alias_positive(&alias, v, n), positive);
        if (positive == 0) continue;
        for (uint32_t i = 0; i < n; i++) {
            assert_true(entry[i].other < n);
            units[i] += entry[i].below;
            units[entry[i].other] += (UINT64_C(1) << 32) - entry[i].below;
        }
        for (uint32_t i = 0; i < n; i++) {
            const double wanted = (double)weights[begin + i] / sum * n * 0x1p32;
            assert_true(weights[begin + i] > 0 || units[i] == 0);
            off += fabs((double)units[i] - wanted);
        }
        assert_true(off / 2 <= 0.5 * n + 1); /* 2^-33 of n slots */
    }
    pri_alias_clear(&alias);
}

/* Of which no address can be taken: they are inlined. */
static void portable(const pri_block_key *key, const pri_word_lanes *c0, const pri_word_lanes *c1,
                     pri_word_lanes out[4])
{
    pri_blocks_portable(key, c0, c1, out);
}

#if PRI_X86
PRI_AVX2 static void avx2(const pri_block_key *key, const pri_word_lanes *c0,
                          const pri_word_lanes *c1, pri_word_lanes out[4])
{
    pri_blocks_avx2(key, c0, c1, out);
}

PRI_AVX512 static void avx512(const pri_block_key *key, const pri_word_lanes *c0,
                              const pri_word_lanes *c1, pri_word_lanes out[4])
{
    pri_blocks_avx512(key, c0, c1, out);
}
#endif

static void lanes_give_the_words_of_philox(void **state)
{
    static const pri_blocks blocks[] = {
#if PRI_X86
        portable,
        avx2,
        avx512,
#else
        portable,
#endif
    };
    test_rng rng = { .key = test_seed() };

    (void)state;
    for (int isa = 0; isa < (int)(sizeof blocks / sizeof *blocks); isa++) {
        if (pri_isa_at_most(isa) != isa) continue;
        for (int round = 0; round < 50; round++) {
            const pri_block_key key = { (uint64_t)test_random(&rng) << 32 | test_random(&rng),
                                        test_random(&rng), test_random(&rng) };
            pri_word_lanes      c0, c1, out[4];
            for (int l = 0; l < PRI_LANES; l++) {
                c0.at[l] = test_random(&rng);
                c1.at[l] = test_random(&rng);
            }
            blocks[isa](&key, &c0, &c1, out);
            for (int l = 0; l < PRI_LANES; l++) {
                const pri_rand4 want = pri_philox(key.key, c0.at[l], c1.at[l], key.c2, key.c3);
                for (int w = 0; w < 4; w++) assert_int_equal(out[w].at[l], want.at[w]);
            }
        }
    }
}

/* Draw hop 0 as hop.c does where arcs need more than 32 bits: places first, read later. */
static void draw_wide(pr_sampler *sampler, pr_draw draw, const pr_vid *seeds, uint32_t num,
                      const uint32_t *starts, uint32_t *out)
{
    static pri_row rows[ROWS];
    const pri_hop  hop = { .graph   = &sampler->graph,
                           .words   = pri_draw_hop_of(sampler->stream_key, draw, 0),
                           .draw    = draw,
                           .fanout  = sampler->fanout.hop[0],
                           .num_dst = num,
                           .rows    = rows,
                           .indptr  = starts,
                           .indices = out,
                           .entries = sampler->relabel.entry };

    for (uint32_t d = 0; d < num; d++) {
        const pr_vid v = seeds[d];
        rows[d]        = (pri_row){ indptr[v], (uint32_t)(indptr[v + 1] - indptr[v]), v };
    }
    sampler->kind->begin(sampler->own, draw, sampler->stream_key);
    for (uint32_t begin = 0; begin < num; begin += PRI_TILE) {
        const uint32_t end = num - begin < PRI_TILE ? num : begin + PRI_TILE;
        sampler->kind->choose(sampler->own, &hop, begin, end, 0);
        sampler->kind->read(sampler->own, &hop, begin, end, 0);
    }
}

static void arcs_beyond_32_bits_are_drawn_alike(void **state)
{
    static uint32_t    out[MAX_ARCS];
    static pr_vid      seeds[ROWS];
    const pr_graph     graph  = random_graph();
    const pr_fanout    fanout = { .num_layers = 1, .hop = { 7 } };
    pr_sampler_options options;
    pr_sampler        *sampler;
    pr_batch           batch;

    (void)state;
    for (pr_vid v = 0; v < ROWS; v++) seeds[v] = v;
    pr_sampler_default(&options);
    options.kind = PR_SAMPLER_WEIGHTED;
    assert_ok(pr_sampler_create(&graph, &fanout, &options, 5, ROWS, 1, &sampler));
    pr_batch_room *room = test_batch_room(sampler);
    for (uint64_t step = 0; step < 5; step++) {
        const pr_draw draw = { .step = step };
        assert_ok(pr_sampler_draw(sampler, room, (pr_vids){ seeds, ROWS }, draw, &batch));
        const pr_block *b = &batch.block[0];
        draw_wide(sampler, draw, seeds, ROWS, b->indptr, out);
        for (uint32_t e = 0; e < b->num_edges; e++)
            assert_int_equal(out[e], batch.nodes.at[b->indices[e]]);
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arc_has_its_share_of_the_slots),
        cmocka_unit_test(lanes_give_the_words_of_philox),
        cmocka_unit_test(arcs_beyond_32_bits_are_drawn_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

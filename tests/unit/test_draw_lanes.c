/* test_draw_lanes.c: rows drawn in lanes keep what they keep when drawn one by one, for every
 * instruction set of the host, every fanout, degrees from 0 to 2^32 - 1, and groups that are not
 * full; and nothing outside the rows is written. */
#include "support/support.h"

#include "base/isa.h"
#include "pipeline/sampler/draw_lanes.h"
#include "pipeline/sampler/state.h"

enum { ROWS = 75, MOST = 70, MARGIN = 96, GUARD = 0x5eed5eed };

typedef struct rig {
    pri_row  rows[ROWS];
    uint32_t indptr[ROWS + 1], count;
    uint32_t wanted[ROWS * MOST], drawn[MARGIN + ROWS * MOST + MARGIN];
    pri_hop  hop;
} rig;

/* Degrees that are around the fanout, ordinary, and so large that words are rejected often: 2^32
 * mod bound is nearly 2^31 behind 2^31. */
static uint32_t any_degree(test_rng *rng, uint32_t fanout)
{
    switch (test_below(rng, 8)) {
    case 0: return test_below(rng, 2);
    case 1: return fanout;
    case 2: return fanout + 1;
    case 3: return test_below(rng, fanout + 2);
    case 4: return fanout + 1 + test_below(rng, 3 * fanout);
    case 5: return UINT32_MAX - test_below(rng, 3);
    case 6: return (1u << 31) + 1 + test_below(rng, 1u << 30);
    default: return 1 + test_below(rng, 100000);
    }
}

static void make_rows(rig *r, test_rng *rng, uint32_t fanout, bool distinct, bool arcs)
{
    const pr_draw draw = { .phase = PR_PHASE_EVAL,
                           .epoch = test_random(rng),
                           .step  = (uint64_t)test_random(rng) << 20 };

    for (uint32_t d = 0; d < ROWS; d++) {
        const uint32_t degree = any_degree(rng, fanout);
        const uint32_t some   = degree > 0 ? fanout : 0;
        r->rows[d] = (pri_row){ arcs ? test_random(rng) : (pr_eid)test_random(rng) << 8, degree,
                                test_random(rng) };
        r->indptr[d + 1] = r->indptr[d] + (distinct && degree < fanout ? degree : some);
    }
    r->hop = (pri_hop){ .words   = pri_draw_hop_of(test_seed(), draw, 5),
                        .fanout  = fanout,
                        .num_dst = ROWS,
                        .rows    = r->rows,
                        .indptr  = r->indptr,
                        .indices = r->drawn + MARGIN,
                        .arcs    = arcs };
}

/* Row by row, with the functions that other tests hold against the chapter of draw.h. */
static void draw_wanted(rig *r, bool distinct)
{
    uint32_t scratch[2 * MOST];

    for (uint32_t d = 0; d < ROWS; d++) {
        const pri_row  row   = r->rows[d];
        const uint32_t count = r->indptr[d + 1] - r->indptr[d];
        uint32_t      *at    = r->wanted + r->indptr[d];
        if (count && !distinct)
            pri_draw_repeated(&r->hop.words, row.v, row.degree, count, at);
        else if (count < row.degree)
            pri_draw_positions(&r->hop.words, row.v, row.degree, count, scratch, at);
        else
            for (uint32_t i = 0; i < count; i++) at[i] = i;
        for (uint32_t i = 0; i < count && r->hop.arcs; i++) at[i] += (uint32_t)row.first;
    }
}

static void expect_rows(rig *r, int isa, uint32_t begin, uint32_t end, bool distinct)
{
    const pri_draw_lanes *lanes  = pri_draw_lanes_of(isa);
    const uint32_t        num    = r->indptr[end] - r->indptr[begin];
    uint32_t             *at     = r->hop.indices + r->indptr[begin];
    const uint32_t       *before = at - MARGIN, *behind = at + num;

    for (size_t i = 0; i < sizeof r->drawn / sizeof *r->drawn; i++) r->drawn[i] = GUARD;
    (distinct ? lanes->distinct : lanes->repeated)(&r->hop, begin, end);
    if (num && memcmp(at, r->wanted + r->indptr[begin], num * sizeof *at) != 0)
        fail_msg("%s, fanout %u, rows %u to %u, %s%s: not what single rows draw", pri_isa_name(isa),
                 r->hop.fanout, begin, end, distinct ? "distinct" : "repeated",
                 r->hop.arcs ? ", arcs" : "");
    for (uint32_t i = 0; i < MARGIN; i++) {
        assert_int_equal(before[i], GUARD);
        assert_int_equal(behind[i], GUARD);
    }
}

static void compare(bool distinct)
{
    static rig r;
    test_rng   rng  = { .key = test_seed() };
    const int  best = pri_isa_at_most(PR_ISA_AVX512);

    for (uint32_t fanout = 1; fanout <= PRI_DRAW_LANES_MOST; fanout++)
        for (int arcs = 0; arcs < 2; arcs++)
            for (uint32_t round = 0; round < 4; round++) {
                make_rows(&r, &rng, fanout, distinct, arcs);
                draw_wanted(&r, distinct);
                for (int isa = 0; isa <= best; isa++) {
                    expect_rows(&r, isa, 0, ROWS, distinct);
                    const uint32_t begin = test_below(&rng, ROWS);
                    expect_rows(&r, isa, begin, begin + test_below(&rng, ROWS - begin + 1),
                                distinct);
                }
            }
}

static void distinct_positions_are_those_of_single_rows(void **state)
{
    (void)state;
    compare(true);
}

static void repeated_positions_are_those_of_single_rows(void **state)
{
    (void)state;
    compare(false);
}

/* A row of one arc draws it every time; a row of none draws nothing. */
static void short_rows_repeat_what_they_have(void **state)
{
    static rig r;

    (void)state;
    for (uint32_t d = 0; d < ROWS; d++) {
        r.rows[d]       = (pri_row){ 7 * d, d % 2, d };
        r.indptr[d + 1] = r.indptr[d] + d % 2 * 5;
    }
    r.hop = (pri_hop){ .fanout  = 5,
                       .num_dst = ROWS,
                       .rows    = r.rows,
                       .indptr  = r.indptr,
                       .indices = r.drawn,
                       .arcs    = true };
    for (int isa = 0; isa <= pri_isa_at_most(PR_ISA_AVX512); isa++) {
        pri_draw_lanes_of(isa)->repeated(&r.hop, 0, ROWS);
        for (uint32_t d = 1; d < ROWS; d += 2)
            for (uint32_t e = r.indptr[d]; e < r.indptr[d + 1]; e++)
                assert_int_equal(r.drawn[e], 7 * d);
    }
}

/* In graphs of 2^32 arcs and more, positions are places in rows, and the kind reads them itself:
 * the same neighbours as of arcs. Long fanouts, which are not drawn in lanes, too. */
static void places_in_rows_give_the_neighbours_that_arcs_give(void **state)
{
    enum { DEGREE = 90 };
    static const uint32_t fanouts[] = { 5, 64, 70, PR_FANOUT_ALL };
    static rig            r;
    static pr_vid         indices[ROWS * DEGREE];
    static uint32_t       places[ROWS * DEGREE], arcs[ROWS * DEGREE];
    const pri_kind *const kinds[] = { &pri_kind_uniform, &pri_kind_replace };

    (void)state;
    for (uint32_t e = 0; e < ROWS * DEGREE; e++) indices[e] = 3 * e + 1;
    const pr_graph graph = { .indices = indices };
    for (size_t k = 0; k < 2; k++)
        for (size_t f = 0; f < sizeof fanouts / sizeof *fanouts - k; f++) {
            const uint32_t fanout  = fanouts[f];
            pr_sampler     sampler = { .fanout  = { 1, { fanout } },
                                       .threads = 1,
                                       .longest = DEGREE,
                                       .options = { .isa = PR_ISA_AVX512 } };
            void          *own;
            assert_ok(kinds[k]->create(&sampler, &own));
            for (uint32_t d = 0; d < ROWS; d++) {
                r.rows[d]            = (pri_row){ d * DEGREE, DEGREE * d / ROWS, d };
                const uint32_t kept  = fanout < r.rows[d].degree ? fanout : r.rows[d].degree;
                const uint32_t count = k == 0 ? kept : d * DEGREE / ROWS ? fanout : 0;
                r.indptr[d + 1]      = r.indptr[d] + count;
            }
            r.hop         = (pri_hop){ .graph   = &graph,
                                       .fanout  = fanout,
                                       .num_dst = ROWS,
                                       .rows    = r.rows,
                                       .indptr  = r.indptr };
            r.hop.indices = places;
            kinds[k]->choose(own, &r.hop, 0, ROWS, 0);
            kinds[k]->read(own, &r.hop, 0, ROWS, 0);
            r.hop.indices = arcs;
            r.hop.arcs    = true;
            kinds[k]->choose(own, &r.hop, 0, ROWS, 0);
            for (uint32_t e = 0; e < r.indptr[ROWS]; e++)
                assert_int_equal(places[e], indices[arcs[e]]);
            kinds[k]->free(own);
        }
}

/* The host's best at most: asking for more than it has is not an error. */
static void an_instruction_set_that_is_missing_becomes_the_best(void **state)
{
    (void)state;
    assert_ptr_equal(pri_draw_lanes_of(PR_ISA_AVX512),
                     pri_draw_lanes_of(pri_isa_at_most(PR_ISA_AVX512)));
    assert_ptr_equal(pri_draw_lanes_of(PR_ISA_PORTABLE), &pri_draw_lanes_portable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_positions_are_those_of_single_rows),
        cmocka_unit_test(repeated_positions_are_those_of_single_rows),
        cmocka_unit_test(short_rows_repeat_what_they_have),
        cmocka_unit_test(places_in_rows_give_the_neighbours_that_arcs_give),
        cmocka_unit_test(an_instruction_set_that_is_missing_becomes_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

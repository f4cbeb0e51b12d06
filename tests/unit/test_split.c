/* test_split.c: dealing seeds to lanes, against a slow reference that says it in other words. */
#include "support/support.h"

#include "pipeline/split.h"

enum { MOST = 300, NODES = 1000 };

/* A rule with everything it borrows. */
typedef struct dealt_case {
    pri_split_rule rule;
    pr_shards      shards;
    uint8_t        of_row[NODES];
    pr_vid         seed[MOST];
    uint32_t       num_seeds;
} dealt_case;

static uint32_t lane_of_row(const dealt_case *c, pr_vid v)
{
    const pr_shards *s = c->rule.shards;

    if (!s || v >= c->rule.num_nodes) return UINT32_MAX;
    if (s->of_row) return s->lane[s->of_row[v]];
    for (uint32_t i = 0; i < s->num_shards; i++)
        if (v >= s->first[i] && v < s->first[i + 1]) return s->lane[i];
    fail_msg("row %u is in no shard", v);
    return 0;
}

/* The share of a lane, from the definition: n threads / all threads rounded down, and one more for
 * as many lanes as it takes, those with the largest remainder first, of equal ones the first. */
static uint64_t reference_share(const pri_split_rule *rule, uint64_t n, uint32_t lane)
{
    uint64_t all = 0, floors = 0;
    uint32_t before = 0;

    for (uint32_t l = 0; l < rule->num_lanes; l++) all += rule->threads[l];
    for (uint32_t l = 0; l < rule->num_lanes; l++) {
        const uint64_t rest = n * rule->threads[l] % all, mine = n * rule->threads[lane] % all;
        floors += n * rule->threads[l] / all;
        before += rest > mine || (rest == mine && l < lane);
    }
    return n * rule->threads[lane] / all + (before < n - floors);
}

/* The lane of every position, lane by lane: first all take their own, in order, up to their shares;
 * then what is left, in order, fills the lanes up, in order. */
static void reference_deal(const dealt_case *c, uint32_t *lane)
{
    uint64_t has[PR_MAX_LANES] = { 0 };

    for (uint32_t i = 0; i < c->num_seeds; i++) lane[i] = UINT32_MAX;
    for (uint32_t l = 0; l < c->rule.num_lanes; l++)
        for (uint32_t i = 0; i < c->num_seeds; i++)
            if (lane_of_row(c, c->seed[i]) == l &&
                has[l] < reference_share(&c->rule, c->num_seeds, l)) {
                lane[i] = l;
                has[l]++;
            }
    for (uint32_t l = 0; l < c->rule.num_lanes; l++)
        for (uint32_t i = 0; i < c->num_seeds; i++)
            if (lane[i] == UINT32_MAX && has[l] < reference_share(&c->rule, c->num_seeds, l)) {
                lane[i] = l;
                has[l]++;
            }
}

static void check(const dealt_case *c)
{
    uint32_t   want[MOST], positions[MOST], begin[PR_MAX_LANES + 1], num_found = 0;
    pr_vid     ids[MOST];
    pri_split *split = NULL;

    reference_deal(c, want);
    assert_ok(pri_split_create(&c->rule, MOST, &split));
    for (int again = 0; again < 2; again++) { /* what was dealt before is of no matter */
        memset(positions, 0xee, sizeof positions);
        pri_split_deal(split, (pr_vids){ c->seed, c->num_seeds }, ids, positions, begin);
        num_found = 0;
        for (uint32_t l = 0; l < c->rule.num_lanes; l++) {
            const uint32_t share = begin[l + 1] - begin[l];
            assert_int_equal(share, reference_share(&c->rule, c->num_seeds, l));
            assert_true(share <= pri_split_most(&c->rule, l, c->num_seeds));
            assert_true(share <= pri_split_most(&c->rule, l, MOST));
            for (uint32_t i = 0, at = begin[l]; i < c->num_seeds; i++) { /* in order, all of them */
                if (want[i] != l) continue;
                assert_true(at < begin[l + 1]);
                assert_int_equal(positions[at], i);
                assert_int_equal(ids[at], c->seed[i]);
                at++;
                num_found++;
            }
        }
        assert_int_equal(num_found, c->num_seeds);
        assert_int_equal(begin[c->rule.num_lanes], c->num_seeds);
        pri_split_aside(split, (pr_vids){ c->seed, c->num_seeds });
        for (uint32_t l = 0; l < c->rule.num_lanes; l++) {
            const pri_lot lot = pri_split_lot(split, l);
            assert_int_equal(lot.seeds.n, begin[l + 1] - begin[l]);
            assert_memory_equal(lot.seeds.at, ids + begin[l], lot.seeds.n * sizeof *ids);
            assert_memory_equal(lot.positions, positions + begin[l], lot.seeds.n * 4);
        }
    }
    pri_split_free(split);
}

/* Cut the rows into ranges, some of them empty, or deal them by row; lanes may have several. */
static void random_shards(dealt_case *c, test_rng *rng, bool ranges)
{
    const uint32_t num = 1 + test_below(rng, 20);

    c->shards = (pr_shards){ .num_shards = num };
    for (uint32_t i = 0; i < num; i++) c->shards.lane[i] = test_below(rng, c->rule.num_lanes);
    for (uint32_t i = 1; i < num; i++) {
        const pr_vid left  = NODES - c->shards.first[i - 1];
        c->shards.first[i] = c->shards.first[i - 1] + test_below(rng, left / 4 + 1);
        if (test_below(rng, 5) == 0) c->shards.first[i] = c->shards.first[i - 1];
    }
    c->shards.first[num] = NODES;
    for (pr_vid v = 0; v < NODES; v++) c->of_row[v] = (uint8_t)test_below(rng, num);
    if (!ranges) c->shards.of_row = c->of_row;
    c->rule.shards = &c->shards;
}

static void any_step_is_dealt_as_the_reference_does(void **state)
{
    (void)state;
    static dealt_case c;
    test_rng          rng = { .key = test_seed() };

    for (int round = 0; round < 600; round++) {
        c                = (dealt_case){ 0 };
        c.rule.num_lanes = 1 + test_below(&rng, round % 10 == 0 ? PR_MAX_LANES : 8);
        c.rule.num_nodes = NODES - (round % 7 == 0 ? 100 : 0); /* some are nobody's */
        for (uint32_t l = 0; l < c.rule.num_lanes; l++)
            c.rule.threads[l] = 1 + (round % 3 ? test_below(&rng, 9) : 0);
        if (round % 4) random_shards(&c, &rng, round % 4 != 3);
        c.num_seeds           = test_below(&rng, round % 2 ? MOST + 1 : 12);
        const uint32_t spread = round % 5 == 0 ? 30 : NODES; /* all seeds in one shard or two */
        for (uint32_t i = 0; i < c.num_seeds; i++) c.seed[i] = test_below(&rng, spread);
        check(&c);
    }
}

static void seeds_of_one_shard_are_dealt_evenly(void **state)
{
    (void)state;
    static dealt_case c;
    uint32_t          begin[PR_MAX_LANES + 1], positions[MOST];
    pr_vid            ids[MOST];
    pri_split        *split;

    c = (dealt_case){ .rule   = { .num_lanes = 3, .threads = { 2, 2, 2 }, .num_nodes = NODES },
                      .shards = { .num_shards = 3, .lane = { 0, 1, 2 } } };
    memcpy(c.shards.first, (const pr_vid[]){ 0, 300, 600, NODES }, 4 * sizeof(pr_vid));
    c.rule.shards = &c.shards;
    for (uint32_t i = 0; i < 140; i++) c.seed[i] = 300 + i; /* all are lane 1's */
    assert_ok(pri_split_create(&c.rule, MOST, &split));
    pri_split_deal(split, (pr_vids){ c.seed, 140 }, ids, positions, begin);
    assert_int_equal(begin[1], 47);
    assert_int_equal(begin[2], 94);
    assert_int_equal(begin[3], 140);
    assert_int_equal(ids[begin[1]], 300); /* its own first ones stay; what is behind them goes */
    assert_int_equal(ids[begin[2] - 1], 346);
    assert_int_equal(ids[0], 347);
    assert_int_equal(ids[begin[2]], 394);
    pri_split_free(split);
}

static void lanes_that_get_no_seed_have_empty_lots(void **state)
{
    (void)state;
    static const pr_vid  three[] = { 5, 900, 17 };
    const pri_split_rule rule    = { .num_lanes = 5,
                                     .threads   = { 1, 1, 1, 1, 1 },
                                     .num_nodes = NODES };
    pri_split           *split;
    size_t               total = 0;

    assert_ok(pri_split_create(&rule, 3, &split));
    pri_split_aside(split, (pr_vids){ three, 3 });
    for (uint32_t l = 0; l < 5; l++) {
        assert_true(pri_split_lot(split, l).seeds.n <= 1);
        total += pri_split_lot(split, l).seeds.n;
    }
    assert_int_equal(total, 3);
    pri_split_aside(split, (pr_vids){ three, 0 });
    for (uint32_t l = 0; l < 5; l++) assert_int_equal(pri_split_lot(split, l).seeds.n, 0);
    pri_split_free(split);
}

static void dealing_never_calls_the_heap(void **state)
{
    (void)state;
    static const pr_vid  some[] = { 5, 900, 17, 4, 3 };
    const pri_split_rule rule   = { .num_lanes = 2, .threads = { 3, 1 }, .num_nodes = NODES };
    pri_split           *split;

    assert_ok(pri_split_create(&rule, 5, &split));
    const uint64_t calls = pri_mem_calls();
    pri_split_aside(split, (pr_vids){ some, 5 });
    assert_int_equal(pri_mem_calls(), calls);
    assert_int_equal(pri_split_most(&rule, 0, 5), 4);
    assert_int_equal(pri_split_most(&rule, 1, 5), 2);
    pri_split_free(split);
    pri_split_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_step_is_dealt_as_the_reference_does),
        cmocka_unit_test(seeds_of_one_shard_are_dealt_evenly),
        cmocka_unit_test(lanes_that_get_no_seed_have_empty_lots),
        cmocka_unit_test(dealing_never_calls_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

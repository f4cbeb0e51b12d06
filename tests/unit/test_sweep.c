/* test_sweep.c: the passes of cache/sweep.h on every instruction set against plain loops: lengths
 * around whole vectors, few and many marks, keys that are close and keys that are far apart. */
#include "support/support.h"

#include "base/isa.h"
#include "cache/sweep.h"

enum { MOST = 300 };

typedef struct slots {
    uint32_t n;
    uint8_t  mark[MOST + PRI_SWEEP_SLACK];
    uint16_t key[MOST + PRI_SWEEP_SLACK];
} slots;

/* Behind the end lie marks and keys that would be counted if they were looked at. */
static void draw_slots(slots *s, uint32_t n, test_rng *rng)
{
    const uint32_t marked = test_below(rng, 101), spread = 1u << test_below(rng, 17);
    const uint32_t lowest = test_below(rng, 65537 - spread);

    s->n = n;
    for (uint32_t i = 0; i < MOST + PRI_SWEEP_SLACK; i++) {
        s->mark[i] = test_below(rng, 100) < marked;
        s->key[i]  = (uint16_t)(lowest + test_below(rng, spread));
    }
}

static bool counts(const slots *s, bool marks, uint32_t i)
{
    return !(marks && s->mark[i]);
}

static void check_tally(const pri_sweeps *sweeps, const slots *s, bool marks, uint16_t threshold)
{
    pri_tally want = { .lowest_above = UINT16_MAX };
    for (uint32_t i = 0; i < s->n; i++) {
        const uint16_t key = s->key[i];
        if (!counts(s, marks, i)) continue;
        want.below += key < threshold;
        want.equal += key == threshold;
        if (key < threshold && key > want.highest_below) want.highest_below = key;
        if (key > threshold && key < want.lowest_above) want.lowest_above = key;
    }
    const pri_tally got = sweeps->tally(s->key, marks ? s->mark : NULL, s->n, threshold);
    assert_int_equal(got.below, want.below);
    assert_int_equal(got.equal, want.equal);
    assert_int_equal(got.highest_below, want.highest_below);
    assert_int_equal(got.lowest_above, want.lowest_above);
}

static void check_pick(const pri_sweeps *sweeps, const slots *s, bool marks, uint16_t threshold,
                       uint32_t num_equal)
{
    pr_slot  want[MOST], got[MOST + PRI_SWEEP_SLACK];
    uint32_t num = 0, left = num_equal;
    for (uint32_t i = 0; i < s->n; i++) {
        if (!counts(s, marks, i) || s->key[i] > threshold) continue;
        if (s->key[i] == threshold && left == 0) continue;
        left -= s->key[i] == threshold;
        want[num++] = i;
    }
    assert_int_equal(sweeps->pick(s->key, marks ? s->mark : NULL, s->n, threshold, num_equal, got),
                     num);
    assert_memory_equal(got, want, num * sizeof *want);
}

static void check_marks(const pri_sweeps *sweeps, const slots *s, test_rng *rng)
{
    pr_slot        want[MOST], got[MOST + PRI_SWEEP_SLACK];
    const uint32_t begin = test_below(rng, s->n + 1);
    uint32_t       num = 0, marked = 0;

    for (uint32_t i = 0; i < s->n; i++) marked += s->mark[i];
    assert_int_equal(sweeps->count(s->mark, s->n), marked);
    for (uint32_t i = begin; i < s->n; i++)
        if (!s->mark[i]) want[num++] = i;
    assert_int_equal(sweeps->unmarked(s->mark, begin, s->n, got), num);
    assert_memory_equal(got, want, num * sizeof *want);
}

static void check_stamp(const pri_sweeps *sweeps, const slots *s, uint16_t stamp)
{
    uint16_t want[MOST + PRI_SWEEP_SLACK], got[MOST + PRI_SWEEP_SLACK];

    memcpy(want, s->key, sizeof want);
    memcpy(got, s->key, sizeof got);
    for (uint32_t i = 0; i < s->n; i++)
        if (s->mark[i]) want[i] = stamp;
    sweeps->stamp(got, s->mark, s->n, stamp);
    assert_memory_equal(got, want, s->n * sizeof *want); /* those behind are the slack */
}

static void every_pass_gives_what_a_loop_gives_on_every_instruction_set(void **state)
{
    (void)state;
    for (int isa = PR_ISA_PORTABLE; isa < PRI_NUM_ISAS; isa++) {
        test_rng rng = { .key = test_seed() };
        if (pri_isa_at_most(isa) != isa) continue;
        const pri_sweeps *sweeps = pri_sweeps_of(isa);
        for (uint32_t n = 0; n <= MOST; n++)
            for (int round = 0; round < 8; round++) {
                slots s;
                draw_slots(&s, n, &rng);
                const uint16_t any       = (uint16_t)test_below(&rng, 65536);
                const uint16_t threshold = round < 5 && n > 0 ? s.key[test_below(&rng, n)]
                                           : round == 5       ? 0
                                           : round == 6       ? UINT16_MAX
                                                              : any;
                check_marks(sweeps, &s, &rng);
                check_stamp(sweeps, &s, any);
                for (int marks = 0; marks < 2; marks++) {
                    check_tally(sweeps, &s, marks, threshold);
                    check_pick(sweeps, &s, marks, threshold, test_below(&rng, n + 2));
                }
            }
        printf("%s\n", pri_isa_name(isa));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pass_gives_what_a_loop_gives_on_every_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

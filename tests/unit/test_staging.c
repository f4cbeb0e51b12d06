/* test_staging.c: slots of staged rows against a slow model: the lowest free slot is taken, ids and
 * slots agree, and memory that a few plans in a row did not need is given back. */
#include "support/policy_reference.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cache/staging.h"

enum { N = 500 };

/* Which slots are taken, by looking at all of them. */
static pr_slot lowest_free(const bool *taken, uint32_t num_slots)
{
    pr_slot slot = 0;
    while (slot < num_slots && taken[slot]) slot++;
    return slot;
}

static void check_all(const pri_staging *s, const pr_slot *want)
{
    uint32_t num = 0;

    for (pr_vid id = 0; id < N; id++) {
        assert_int_equal(pri_staging_find(s, id), want[id]);
        num += want[id] != PR_SLOT_NONE;
    }
    assert_int_equal(s->num_used, num);
}

static void a_row_takes_the_lowest_slot_that_is_free(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 1, 63, 64, 65, 200, 0 };
    test_rng              rng     = { .key = test_seed() };

    for (size_t c = 0; sizes[c]; c++) {
        pri_staging s;
        bool        taken[N] = { false };
        pr_slot     want[N];
        assert_ok(pri_staging_init(&s, N, sizes[c], 72));
        assert_int_equal(s.slot_bytes, 128);
        memset(want, 0xff, sizeof want);
        for (int turn = 0; turn < 4000; turn++) {
            const pr_vid id = test_below(&rng, N);
            if (want[id] != PR_SLOT_NONE) {
                taken[want[id]] = false;
                pri_staging_give(&s, want[id]);
                want[id] = PR_SLOT_NONE;
            } else if (s.num_used < sizes[c]) {
                want[id]        = lowest_free(taken, sizes[c]);
                taken[want[id]] = true;
                assert_int_equal(pri_staging_take(&s, id), want[id]);
                memset(s.rows + want[id] * s.slot_bytes, 1, s.slot_bytes);
            }
            if (turn % 7 == 0) pri_staging_rest(&s);
            if (turn % 50 == 0) check_all(&s, want);
        }
        pri_staging_clear(&s);
    }
}

/* Bytes of the rows that have pages. */
static size_t resident(const pri_staging *s, size_t bytes)
{
    const size_t   page = (size_t)sysconf(_SC_PAGESIZE), num = (bytes + page - 1) / page;
    unsigned char *in  = test_room(num, 1);
    size_t         sum = 0;

    assert_int_equal(mincore(s->rows, bytes, in), 0);
    for (size_t i = 0; i < num; i++) sum += in[i] & 1;
    free(in);
    return sum * page;
}

static void memory_follows_what_plans_need(void **state)
{
    (void)state;
    enum { ROWS = 4096, ROW_BYTES = 2048, FEW = 100 };
    pri_staging s;
    pr_ranges   ranges = { 0 };

    assert_ok(pri_staging_init(&s, ROWS, ROWS, ROW_BYTES));
    for (int plan = 0; plan < 40; plan++) {
        const pr_vid n = plan == 0 ? ROWS : FEW; /* at first every row is missing */
        for (pr_vid id = 0; id < n; id++)
            memset(s.rows + pri_staging_take(&s, id) * s.slot_bytes, plan + 1, s.slot_bytes);
        if (plan == 0) assert_int_equal(resident(&s, (size_t)ROWS * ROW_BYTES), ROWS * ROW_BYTES);
        for (pr_vid id = 0; id < n; id++) {
            assert_int_equal(pri_staging_row(&s, pri_staging_find(&s, id))[7], plan + 1);
            pri_staging_give(&s, pri_staging_find(&s, id));
        }
        pri_staging_rest(&s);
    }
    assert_true(resident(&s, (size_t)ROWS * ROW_BYTES) < ROWS * ROW_BYTES / 4);
    pri_staging_ranges(&s, &ranges);
    assert_string_equal(ranges.at[0].what, "staging");
    assert_true(ranges.at[0].bytes < ROWS * ROW_BYTES / 4);
    pri_staging_clear(&s);
}

static void rows_that_stay_staged_keep_their_bytes(void **state)
{
    (void)state;
    enum { ROWS = 3000, ROW_BYTES = 4096, STAYS = 1234 };
    pri_staging s;

    assert_ok(pri_staging_init(&s, ROWS, ROWS, ROW_BYTES));
    for (pr_vid id = 0; id < ROWS; id++)
        memset(s.rows + pri_staging_take(&s, id) * s.slot_bytes, 9, s.slot_bytes);
    for (pr_vid id = 0; id < ROWS; id++)
        if (id != STAYS) pri_staging_give(&s, pri_staging_find(&s, id));
    for (int plan = 0; plan < 40; plan++) pri_staging_rest(&s);
    for (size_t k = 0; k < ROW_BYTES; k++)
        assert_int_equal(pri_staging_row(&s, pri_staging_find(&s, STAYS))[k], 9);
    pri_staging_clear(&s);
}

static pr_status make(void *context, void **out)
{
    pri_staging    *s  = context;
    const pr_status st = pri_staging_init(s, N, 100, 64);

    if (st != PR_OK) pri_staging_clear(s);
    *out = st == PR_OK ? s : NULL;
    return st;
}

static void unmake(void *s)
{
    pri_staging_clear(s);
}

static void memory_that_is_short_is_an_error(void **state)
{
    (void)state;
    pri_staging s;
    test_oom("staging", make, unmake, &s);
    assert_fails(PR_E_NOMEM, "4294967295 rows", pri_staging_init(&s, N, UINT32_MAX, SIZE_MAX / 8));
    pri_staging_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_takes_the_lowest_slot_that_is_free),
        cmocka_unit_test(memory_follows_what_plans_need),
        cmocka_unit_test(rows_that_stay_staged_keep_their_bytes),
        cmocka_unit_test(memory_that_is_short_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

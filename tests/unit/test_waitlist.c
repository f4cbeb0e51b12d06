/* test_waitlist.c: queries in three orders at once, against a plain array that does it all by
 * looking. */
#include "support/support.h"

#include "pipeline/serve/waitlist.h"

enum { MOST = 40, KINDS = 5, STEPS = 60000 };

typedef struct rig {
    pri_waitlist *list;
    pri_query     query[MOST + 1];
    pri_query    *waiting[MOST]; /* oldest first */
    uint32_t      num;
    test_rng      rng;
} rig;

/* Give a query one of a few keys. */
static void make(rig *r, pri_query *q)
{
    const uint32_t kind = test_below(&r->rng, KINDS);

    *q = (pri_query){ .kind       = kind == 0 ? PRI_QUERY_FEATURES : PRI_QUERY_INFER,
                      .num_nodes  = 1 + test_below(&r->rng, 6),
                      .own_fanout = kind >= 3,
                      .fanout     = { .num_layers = 2, .hop = { 3, kind } },
                      .seed       = kind == 2,
                      .deadline_ns =
                          test_below(&r->rng, 2) ? INT64_MAX : (int64_t)test_below(&r->rng, 1000) };
}

static bool share(const pri_query *a, const pri_query *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == PRI_QUERY_FEATURES) return true;
    if (a->seed != b->seed || a->own_fanout != b->own_fanout) return false;
    return !a->own_fanout || a->fanout.hop[1] == b->fanout.hop[1];
}

static void leave(rig *r, const pri_query *q)
{
    uint32_t at = 0;

    while (r->waiting[at] != q) at++;
    for (r->num--; at < r->num; at++) r->waiting[at] = r->waiting[at + 1];
}

static bool waits(const rig *r, const pri_query *q)
{
    for (uint32_t i = 0; i < r->num; i++)
        if (r->waiting[i] == q) return true;
    return false;
}

/* Expect what share a batch with `with`, and no others, oldest first. */
static void expect_taken(rig *r, const pri_query *with, const pri_query *got, uint32_t num,
                         bool cut, bool whole, uint64_t max_nodes)
{
    const pri_query key   = *with;
    uint64_t        nodes = 0;
    uint32_t        count = 0;
    bool            rest  = false;

    for (uint32_t i = 0; i < r->num;) {
        pri_query *q = r->waiting[i];
        if (!share(q, &key)) {
            i++;
            continue;
        }
        if (nodes + q->num_nodes > max_nodes && !(whole && count == 0)) {
            rest = true;
            break;
        }
        assert_ptr_equal(got, q);
        got = got->next;
        nodes += q->num_nodes;
        count++;
        leave(r, q);
    }
    assert_null(got);
    assert_int_equal(count, num);
    assert_int_equal(rest, cut);
}

static void check(const rig *r)
{
    int64_t  deadline = INT64_MAX;
    uint64_t nodes    = 0;

    for (uint32_t i = 0; i < r->num; i++) {
        if (r->waiting[i]->deadline_ns < deadline) deadline = r->waiting[i]->deadline_ns;
        if (share(r->waiting[i], r->waiting[0])) nodes += r->waiting[i]->num_nodes;
    }
    assert_int_equal(pri_waitlist_num(r->list), r->num);
    assert_ptr_equal(pri_waitlist_oldest(r->list), r->num ? r->waiting[0] : NULL);
    assert_int_equal(pri_waitlist_nodes(r->list), nodes);
    assert_true(pri_waitlist_deadline(r->list) == deadline);
}

static void put(rig *r)
{
    pri_query *q = r->query;

    while (waits(r, q)) q++;
    make(r, q);
    assert_int_equal(pri_waitlist_put(r->list, q), r->num < MOST);
    if (r->num < MOST) r->waiting[r->num++] = q;
}

static void take(rig *r)
{
    const uint64_t most = 1 + test_below(&r->rng, 20);
    uint32_t       num;
    bool           cut;

    if (r->num == 0) {
        assert_null(pri_waitlist_take(r->list, most, &num, &cut));
        assert_int_equal(num, 0);
        return;
    }
    const pri_query *with = r->waiting[0];
    const pri_query *got  = pri_waitlist_take(r->list, most, &num, &cut);
    expect_taken(r, with, got, num, cut, true, most);
    check(r);
    const pri_query *more = pri_waitlist_join(r->list, with, most / 2, &num, &cut);
    expect_taken(r, with, more, num, cut, false, most / 2);
}

static void take_late(rig *r)
{
    const int64_t now = (int64_t)test_below(&r->rng, 1000);

    for (pri_query *q = pri_waitlist_take_late(r->list, now), *next; q; q = next) {
        next = q->next;
        assert_true(q->deadline_ns <= now && waits(r, q));
        leave(r, q);
    }
    for (uint32_t i = 0; i < r->num; i++) assert_true(r->waiting[i]->deadline_ns > now);
}

static void queries_come_and_go_as_in_a_plain_list(void **state)
{
    (void)state;
    static rig r;

    r = (rig){ .rng = { .key = test_seed() } };
    assert_ok(pri_waitlist_create(MOST, &r.list));
    const uint64_t calls = pri_mem_calls();
    for (int step = 0; step < STEPS; step++) {
        const uint32_t what = test_below(&r.rng, step / 1000 % 2 ? 30 : 12); /* fuller, emptier */
        if (what == 0)
            take_late(&r);
        else if (what < 3)
            take(&r);
        else
            put(&r);
        check(&r);
    }
    assert_int_equal(pri_mem_calls(), calls);
    pri_waitlist_free(r.list);
}

static pr_status create(void *context, void **out)
{
    pri_waitlist   *list = NULL;
    const pr_status st   = pri_waitlist_create(*(const uint32_t *)context, &list);
    *out                 = list;
    return st;
}

static void release(void *list)
{
    pri_waitlist_free(list);
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    uint32_t most = 5;
    test_oom("pri_waitlist_create", create, release, &most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_come_and_go_as_in_a_plain_list),
        cmocka_unit_test(what_cannot_be_made_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

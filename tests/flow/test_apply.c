/* test_apply.c: pr_cache_apply: every difference, good and bad, to every packed state of small
 * stores. Writes are recounted by comparing every slot of every plane before and after. Long runs
 * are in test_apply_runs.c. */
#include "support/planes.h"

enum { MOST = 6 };

/* The packed state as the test knows it: slot s holds row at[s]. */
typedef struct packed_state {
    pr_vid   at[MOST];
    uint32_t n;
} packed_state;

typedef struct bench {
    planes       x, twin; /* the twin never sees a call that fails */
    uint32_t     most;    /* rows that may be held */
    packed_state now;
    bool         seen[MOST + 1]; /* rows that were held at some time */
    pr_tuning    tuning;
    uint64_t     num_good, num_bad;
} bench;

static void open_bench(bench *b, uint32_t n, uint32_t capacity, uint32_t max_wanted, bool far)
{
    static const uint32_t  cols[]  = { 3, 17 };
    const pr_cache_options options = { .mode = PR_CACHE_PACKED, .rows = capacity };

    *b = (bench){ .most = capacity < max_wanted ? capacity : max_wanted };
    pr_tuning_default(80, &b->tuning);
    b->tuning.repack_share = 2; /* never */
    planes_open(&b->x, n, 2, cols);
    planes_open(&b->twin, n, 2, cols);
    if (far) planes_move_away(&b->x);
    planes_cache(&b->x, &options, max_wanted, &b->tuning);
    planes_cache(&b->twin, &options, max_wanted, &b->tuning);
}

static void close_bench(bench *b)
{
    planes_close(&b->x);
    planes_close(&b->twin);
}

static int slot_of(const packed_state *s, pr_vid v)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->at[i] == v) return (int)i;
    return NOWHERE;
}

static uint32_t count(pr_vids list, pr_vid v)
{
    uint32_t times = 0;
    for (size_t i = 0; i < list.n; i++) times += list.at[i] == v;
    return times;
}

/* The errors a difference may be refused with, as a mask of 1 << status; 0: it is good. */
static uint32_t allowed_errors(const bench *b, pr_vids added, pr_vids removed)
{
    uint32_t errors = 0;

    for (size_t i = 0; i < added.n + removed.n; i++) {
        const bool   comes = i < added.n;
        const pr_vid v     = comes ? added.at[i] : removed.at[i - added.n];
        if (v >= b->x.n)
            errors |= 1u << PR_E_RANGE;
        else if (comes == (slot_of(&b->now, v) != NOWHERE) ||
                 count(added, v) + count(removed, v) > 1)
            errors |= 1u << PR_E_ARG;
    }
    if (removed.n > b->now.n) errors |= 1u << PR_E_ARG; /* some cannot be resident */
    if (b->now.n + added.n > b->most + removed.n) errors |= 1u << PR_E_FULL;
    return errors;
}

/* Check a state after `before`: who may stay stays; gives how many rows moved. */
static uint32_t check_order(const bench *b, const packed_state *before, pr_vids added,
                            pr_vids removed)
{
    const uint32_t n_after = b->now.n;
    uint32_t       moved   = 0;

    assert_int_equal(n_after, before->n + added.n - removed.n);
    for (uint32_t s = 0; s < before->n; s++) {
        const pr_vid v = before->at[s];
        if (count(removed, v)) {
            assert_int_equal(slot_of(&b->now, v), NOWHERE);
        } else if (s < n_after) {
            assert_int_equal(slot_of(&b->now, v), s);
        } else {
            assert_true(slot_of(&b->now, v) != NOWHERE);
            moved++;
        }
    }
    for (size_t i = 0; i < added.n; i++) assert_true(slot_of(&b->now, added.at[i]) != NOWHERE);
    return moved;
}

static packed_state state_of(const planes *x)
{
    packed_state s = { 0 };
    pr_packed    all;

    assert_ok(pr_cache_packed(x->cache, 0, &all));
    assert_true(all.num_rows <= MOST);
    s.n = all.num_rows;
    if (s.n > 0) memcpy(s.at, all.ids, s.n * sizeof *all.ids);
    return s;
}

static void check_plan(const pr_cache_plan *plan, uint32_t n_after, size_t num_added,
                       size_t num_removed, uint32_t moved)
{
    enum { ROW_BYTES = (3 + 17) * sizeof(float) };

    assert_int_equal(plan->rows_added, num_added);
    assert_int_equal(plan->rows_victim, num_removed);
    assert_int_equal(plan->rows_compacted, moved);
    assert_int_equal(plan->rows_bypassed + plan->rows_direct, 0);
    assert_int_equal(plan->num_wanted, n_after);
    assert_int_equal(plan->rows_hit, n_after - num_added);
    assert_int_equal(plan->rows_moved, num_added + moved);
    assert_int_equal(plan->bytes_moved, plan->rows_moved * ROW_BYTES);
    assert_int_equal(plan->bytes_bound, plan->bytes_moved);
    assert_int_equal(plan->bytes_gather, n_after * ROW_BYTES);
    assert_string_equal(plan->path, "paired");
}

static void apply_good(bench *b, pr_vids added, pr_vids removed)
{
    const packed_state   before = b->now;
    const pr_cache_plan *plan   = NULL;

    planes_remember(&b->x);
    assert_ok(pr_cache_apply(b->x.cache, added, removed, &plan));
    b->now               = state_of(&b->x);
    const uint32_t moved = check_order(b, &before, added, removed);
    check_plan(plan, b->now.n, added.n, removed.n, moved);
    uint32_t num_first = 0;
    for (size_t i = 0; i < added.n; i++) {
        num_first += !b->seen[added.at[i]];
        b->seen[added.at[i]] = true;
    }
    assert_int_equal(plan->rows_first, num_first);
    for (uint32_t p = 0; p < 2; p++) assert_int_equal(planes_changed(&b->x, p), added.n + moved);
    planes_check_packed(&b->x, b->now.at, b->now.n);
    assert_int_equal(pr_cache_resident_rows(b->x.cache), b->now.n);
    assert_ok(pr_cache_check(b->x.cache));

    assert_ok(pr_cache_apply(b->twin.cache, added, removed, NULL));
    planes_check_packed(&b->twin, b->now.at, b->now.n);
    b->num_good++;
}

/* A call that must fail with one of the errors and leave everything bit by bit as it was. */
static void apply_bad(bench *b, pr_vids added, pr_vids removed, uint32_t errors)
{
    const packed_state   before = b->now;
    const pr_cache_plan *plan   = NULL;
    pr_cache_stats       stats, stats_after;

    planes_remember(&b->x);
    pr_cache_statistics(b->x.cache, &stats);
    const pr_status st = pr_cache_apply(b->x.cache, added, removed, &plan);
    if (st == PR_OK || !(errors >> st & 1))
        fail_msg("%s, wanted one of mask %x: %s", pr_status_name(st), errors, pr_error_message());
    pr_cache_statistics(b->x.cache, &stats_after);
    assert_memory_equal(&stats, &stats_after, sizeof stats);
    for (uint32_t p = 0; p < 2; p++) assert_int_equal(planes_changed(&b->x, p), 0);
    b->now = state_of(&b->x);
    assert_memory_equal(&b->now, &before, sizeof before);
    assert_int_equal(pr_cache_resident_rows(b->x.cache), before.n);
    assert_ok(pr_cache_check(b->x.cache));
    b->num_bad++;
}

static void apply(bench *b, pr_vids added, pr_vids removed)
{
    const uint32_t errors = allowed_errors(b, added, removed);
    if (errors)
        apply_bad(b, added, removed, errors);
    else
        apply_good(b, added, removed);
}

/* Bring the cache to a state, through the empty one. */
static void go_to(bench *b, const packed_state *state)
{
    const packed_state before = b->now;

    if (memcmp(&b->now, state, sizeof *state) == 0) return;
    apply_good(b, (pr_vids){ NULL, 0 }, (pr_vids){ before.at, before.n });
    for (uint32_t i = 0; i < state->n; i++)
        apply_good(b, (pr_vids){ &state->at[i], 1 }, (pr_vids){ NULL, 0 });
    assert_memory_equal(&b->now, state, sizeof *state);
}

enum { MAX_LISTS = 512 };

typedef struct lists {
    pr_vid   at[MAX_LISTS][MOST];
    uint32_t length[MAX_LISTS], num;
} lists;

/* Every list of at most `longest` ids below `bound` that begins with these; with repeats or in
 * ascending order. */
static void add_lists(lists *l, uint32_t bound, uint32_t longest, bool repeats, pr_vid *list,
                      uint32_t length)
{
    assert_true(l->num < MAX_LISTS);
    memcpy(l->at[l->num], list, length * sizeof *list);
    l->length[l->num++] = length;
    for (pr_vid v = 0; v < bound && length < longest; v++) {
        if (!repeats && length > 0 && list[length - 1] >= v) continue;
        list[length] = v;
        add_lists(l, bound, longest, repeats, list, length + 1);
    }
}

static void apply_all_pairs(bench *b, const packed_state *state, const lists *l, uint32_t shift)
{
    for (uint32_t i = 0; i < l->num; i++)
        for (uint32_t j = 0; j < l->num; j++) {
            pr_vid         added[MOST]; /* begins at another id each time */
            const uint32_t n = l->length[i];
            for (uint32_t k = 0; k < n; k++) added[k] = l->at[i][(k + shift) % n];
            go_to(b, state);
            apply(b, (pr_vids){ added, n }, (pr_vids){ l->at[j], l->length[j] });
        }
}

/* Every arrangement of rows in slots that begins with these. */
static void apply_to_all_states(bench *b, packed_state *state, const lists *l)
{
    apply_all_pairs(b, state, l, state->n + state->at[0]);
    for (pr_vid v = 0; v < b->x.n && state->n < b->most; v++) {
        if (slot_of(state, v) != NOWHERE) continue;
        state->at[state->n++] = v;
        apply_to_all_states(b, state, l);
        state->at[--state->n] = 0;
    }
}

static void try_everything(uint32_t n, uint32_t capacity, uint32_t max_wanted, uint32_t longest,
                           bool repeats)
{
    lists       *l          = test_room(1, sizeof *l);
    pr_vid       list[MOST] = { 0 };
    packed_state state      = { 0 };
    bench        b;

    open_bench(&b, n, capacity, max_wanted, false);
    add_lists(l, repeats ? n + 1 : n, longest, repeats, list, 0); /* n is no row */
    apply_to_all_states(&b, &state, l);
    printf("%u rows, at most %u held: %llu differences applied, %llu refused\n", n, b.most,
           (unsigned long long)b.num_good, (unsigned long long)b.num_bad);
    close_bench(&b);
    free(l);
}

static void every_pair_of_sets_against_every_state_of_up_to_five_rows(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 4; n++) try_everything(n, n, n, n, false);
    try_everything(5, 5, 5, 5, false);
    try_everything(4, 2, 4, 4, false);
    try_everything(4, 4, 3, 4, false);
}

static void every_pair_of_lists_good_or_bad_against_every_state_of_up_to_three_rows(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 2; n++) try_everything(n, n, n, 3, true);
    try_everything(3, 3, 3, 3, true);
    try_everything(3, 2, 3, 2, true);
    try_everything(3, 9, 1, 2, true);
}

static void a_difference_that_fails_at_any_row_of_any_plane_leaves_no_trace(void **state)
{
    (void)state;
    static const pr_vid first[] = { 4, 2, 0, 5 }, added[] = { 1, 3, 6 }, removed[] = { 2, 4 };
    static const pr_vid later[] = { 2, 4 };
    bench               b;

    for (int64_t n = 0;; n++) {
        open_bench(&b, 7, 6, 6, true);
        apply_good(&b, (pr_vids){ first, 4 }, (pr_vids){ NULL, 0 });
        b.x.rows_left       = n;
        const uint32_t full = n < 6 ? 1u << PR_E_IO : 0; /* 3 rows in 2 planes */
        if (full) {
            apply_bad(&b, (pr_vids){ added, 3 }, (pr_vids){ removed, 2 }, full);
            b.x.rows_left = -1;
        }
        apply_good(&b, (pr_vids){ added, 3 }, (pr_vids){ removed, 2 });
        b.x.rows_left = -1;
        apply_good(&b, (pr_vids){ later, 1 }, (pr_vids){ first + 2, 2 });
        close_bench(&b);
        if (!full) break;
    }
}

/* More rows leave than come, the last slot's first: slots are parted and sorted before the fetch.
 */
static void a_difference_that_fails_gives_slots_back_to_whose_they_are(void **state)
{
    (void)state;
    static const pr_vid first[] = { 4, 2, 0, 5 }, added[] = { 1 }, removed[] = { 5, 4, 2 };
    bench               b;

    open_bench(&b, 7, 6, 6, true);
    apply_good(&b, (pr_vids){ first, 4 }, (pr_vids){ NULL, 0 });
    b.x.rows_left = 0;
    apply_bad(&b, (pr_vids){ added, 1 }, (pr_vids){ removed, 3 }, 1u << PR_E_IO);
    b.x.rows_left = -1;
    apply_good(&b, (pr_vids){ added, 1 }, (pr_vids){ removed, 3 });
    close_bench(&b);
}

static void another_mode_an_open_plan_and_a_live_view_refuse_a_difference(void **state)
{
    (void)state;
    static const uint32_t cols[] = { 4 };
    static const pr_vid   ids[]  = { 1, 2 };
    const pr_vids         one = { ids, 1 }, two = { ids + 1, 1 }, none = { NULL, 0 };
    pr_cache_options      options = { .mode = PR_CACHE_RESIDENT, .rows = 4 };
    const pr_cache_plan  *plan;
    pr_slab               view;
    planes                x;

    planes_open(&x, 9, 1, cols);
    planes_cache(&x, &options, 4, NULL);
    assert_fails(PR_E_ARG, "packed", pr_cache_apply(x.cache, one, none, &plan));
    options.mode = PR_CACHE_PACKED;
    planes_cache(&x, &options, 4, NULL);
    assert_ok(pr_cache_prepare(x.cache, one, &plan));
    assert_fails(PR_E_ARG, "", pr_cache_apply(x.cache, two, none, NULL));
    assert_ok(pr_cache_place(x.cache, &view));
    planes_check_view(&x, one);
    assert_fails(PR_E_ARG, "", pr_cache_apply(x.cache, two, none, NULL));
    pr_cache_release(x.cache);
    assert_ok(pr_cache_apply(x.cache, two, one, &plan));
    planes_check_packed(&x, ids + 1, 1);
    assert_fails(PR_E_ARG, "NULL", pr_cache_apply(NULL, two, one, &plan));
    assert_fails(PR_E_ARG, "NULL", pr_cache_apply(x.cache, (pr_vids){ NULL, 1 }, none, &plan));
    planes_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_sets_against_every_state_of_up_to_five_rows),
        cmocka_unit_test(every_pair_of_lists_good_or_bad_against_every_state_of_up_to_three_rows),
        cmocka_unit_test(a_difference_that_fails_at_any_row_of_any_plane_leaves_no_trace),
        cmocka_unit_test(a_difference_that_fails_gives_slots_back_to_whose_they_are),
        cmocka_unit_test(another_mode_an_open_plan_and_a_live_view_refuse_a_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_cache.c: the cache by example: capacities, bypass, order of victims, views, figures, and
 * every call that must be refused. The proof over all states is flow/test_cache_model.c. */
#include "support/support.h"

#include <math.h>

#include "cache/store.h"

enum { N = 20, COLS = 5, LD = 7, MAX_WANTED = 12 };

/* Dense features; row v is v + 1, v + 1.25, ... */
typedef struct fixture {
    float       rows[N * LD];
    pr_features features;
    pr_store   *store;
    pr_cache   *cache;
} fixture;

static pr_cache_options options_of(pr_cache_mode mode, uint64_t rows)
{
    return (pr_cache_options){ .mode = (int)mode, .rows = rows, .factor = 2 };
}

static void open_store(fixture *x)
{
    for (uint32_t v = 0; v < N; v++)
        for (uint32_t f = 0; f < LD; f++)
            x->rows[v * LD + f] = f < COLS ? (float)v + 1 + 0.25f * (float)f : -99.0f;
    x->features = (pr_features){
        .kind = PR_FEATURES_DENSE, .num_rows = N, .num_cols = COLS, .rows = x->rows, .ld = LD
    };
    assert_ok(pr_store_memory(&x->features, &x->store));
}

static void open_cache(fixture *x, pr_cache_options options)
{
    open_store(x);
    assert_ok(pr_cache_create(&options, x->store, MAX_WANTED, &x->cache));
}

static void close_cache(fixture *x)
{
    assert_ok(pr_cache_check(x->cache));
    pr_cache_free(x->cache);
    pr_store_free(x->store);
}

static bool holds(const pr_slab *view, uint32_t input, uint32_t v)
{
    const float *row  = view->rows + view->slot_of_input[input] * view->ld;
    bool         same = true;
    for (uint32_t f = 0; f < COLS; f++) same = same && row[f] == (float)v + 1 + 0.25f * (float)f;
    return same;
}

/* Place a batch and look at its rows; the view is released. */
static pr_cache_plan place(fixture *x, const pr_vid *ids, size_t n)
{
    const pr_cache_plan *plan;
    pr_slab              view;

    assert_ok(pr_cache_prepare(x->cache, (pr_vids){ ids, n }, &plan));
    assert_ok(pr_cache_place(x->cache, &view));
    for (uint32_t i = 0; i < n; i++) assert_true(holds(&view, i, ids[i]));
    pr_cache_release(x->cache);
    assert_ok(pr_cache_check(x->cache));
    return *plan;
}

#define PLACE(x, ...)                                                                              \
    place((x), (const pr_vid[]){ __VA_ARGS__ },                                                    \
          sizeof((const pr_vid[]){ __VA_ARGS__ }) / sizeof(pr_vid))

static uint64_t capacity_with(pr_cache_options options)
{
    fixture x;
    open_cache(&x, options);
    (void)PLACE(&x, 0, 1, 2);
    const uint64_t capacity = pr_cache_capacity_rows(x.cache);
    close_cache(&x);
    return capacity;
}

static void capacity_comes_from_rows_then_bytes_then_the_first_batch(void **state)
{
    (void)state;
    pr_cache_options o = { .mode = PR_CACHE_RESIDENT, .rows = 4, .bytes = 640, .factor = 2 };

    assert_int_equal(capacity_with(o), 4);
    o.rows = 0;
    assert_int_equal(capacity_with(o), 10); /* slots of 64 bytes */
    o.bytes = 63;
    assert_int_equal(capacity_with(o), 0);
    o.bytes = 0;
    assert_int_equal(capacity_with(o), 6);
    o.factor = 1.1;
    assert_int_equal(capacity_with(o), 4);
    o.factor = 1000;
    assert_int_equal(capacity_with(o), N);
    o.factor = 0;
    assert_int_equal(capacity_with(o), 0);
    o.mode = PR_CACHE_PACKED;
    assert_int_equal(capacity_with(o), N);
    o.rows = PR_MAX_NODES;
    assert_int_equal(capacity_with(o), N);
    o.rows = 2;
    assert_int_equal(capacity_with(o), 2);
}

static void an_empty_first_batch_does_not_decide_the_capacity(void **state)
{
    (void)state;
    fixture x;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 0));
    assert_int_equal(pr_cache_capacity_rows(x.cache), 0);
    const pr_cache_plan empty = place(&x, NULL, 0);
    assert_int_equal(empty.num_wanted + empty.rows_moved + empty.bytes_gather, 0);
    assert_int_equal(pr_cache_capacity_rows(x.cache), 0);
    (void)PLACE(&x, 3, 4);
    assert_int_equal(pr_cache_capacity_rows(x.cache), 4);
    (void)PLACE(&x, 3, 4, 5);
    assert_int_equal(pr_cache_capacity_rows(x.cache), 4);
    close_cache(&x);
}

static void the_least_recently_wanted_row_goes_and_within_a_batch_the_first(void **state)
{
    (void)state;
    fixture x;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 4));
    (void)PLACE(&x, 1, 2);
    (void)PLACE(&x, 3, 4);
    (void)PLACE(&x, 1); /* order: 2 3 4 1 */
    const pr_cache_plan plan = PLACE(&x, 5, 6);
    assert_int_equal(plan.rows_victim, 2);
    assert_int_equal(PLACE(&x, 4, 1).rows_hit, 2); /* 2 and 3 are gone; order: 5 6 4 1 */
    assert_int_equal(PLACE(&x, 7, 5).rows_hit, 1); /* 6 went, 5 was wanted: order 4 1 7 5 */
    assert_int_equal(PLACE(&x, 4, 1, 7).rows_hit, 3);
    assert_int_equal(PLACE(&x, 6).rows_added, 1);
    close_cache(&x);
}

static void what_does_not_fit_bypasses_and_is_forgotten(void **state)
{
    (void)state;
    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_PACKED; mode++) {
        fixture x;
        open_cache(&x, options_of(mode, 2));
        const pr_cache_plan first = PLACE(&x, 9, 8, 7, 6, 5);
        assert_int_equal(first.rows_added, 2);
        assert_int_equal(first.rows_bypassed, 3);
        assert_int_equal(first.rows_moved, 5);
        assert_int_equal(pr_cache_resident_rows(x.cache), 2);
        const pr_cache_plan second = PLACE(&x, 5, 6, 7, 8, 9); /* 9 and 8 stayed */
        assert_int_equal(second.rows_hit, 2);
        assert_int_equal(second.rows_bypassed, 3);
        assert_int_equal(second.rows_victim, 0);
        assert_int_equal(second.rows_first, 0);
        close_cache(&x);
    }
}

static void a_cache_of_no_rows_serves_every_batch_from_the_bypass(void **state)
{
    (void)state;
    fixture          x;
    pr_cache_options o = options_of(PR_CACHE_RESIDENT, 0);

    o.factor = 0;
    open_cache(&x, o);
    for (int i = 0; i < 3; i++) {
        const pr_cache_plan plan = PLACE(&x, 3, 19, 0, 7);
        assert_int_equal(plan.rows_bypassed, 4);
        assert_int_equal(plan.rows_hit, 0);
        assert_int_equal(plan.rows_first, i == 0 ? 4 : 0);
    }
    close_cache(&x);
}

static void packed_holds_exactly_the_batch_and_moves_to_the_bound(void **state)
{
    (void)state;
    fixture x;

    open_cache(&x, options_of(PR_CACHE_PACKED, 0));
    (void)PLACE(&x, 0, 1, 2, 3, 4, 5);
    const pr_cache_plan plan = PLACE(&x, 4, 5, 9); /* 4 and 5 sit beyond slot 2 */
    assert_int_equal(plan.rows_hit, 2);
    assert_int_equal(plan.rows_added, 1);
    assert_int_equal(plan.rows_compacted, 2);
    assert_int_equal(plan.rows_victim, 4);
    assert_int_equal(plan.bytes_moved, 3 * COLS * sizeof(float));
    assert_int_equal(plan.bytes_bound, plan.bytes_moved);
    assert_int_equal(pr_cache_resident_rows(x.cache), 3);
    close_cache(&x);
}

static void figures_count_slab_bytes_without_padding(void **state)
{
    (void)state;
    fixture x;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 8));
    assert_int_equal(pr_store_row_bytes(x.store), 20);
    (void)PLACE(&x, 0, 1, 2);
    const pr_cache_plan plan = PLACE(&x, 2, 3, 4, 5);
    assert_int_equal(plan.num_wanted, 4);
    assert_int_equal(plan.rows_hit, 1);
    assert_int_equal(plan.rows_added, 3);
    assert_int_equal(plan.rows_first, 3);
    assert_int_equal(plan.bytes_moved, 60);
    assert_int_equal(plan.bytes_gather, 80);
    assert_true(plan.bytes_bound == PR_NULL_INT);
    assert_string_equal(plan.path, "paired");
    close_cache(&x);
}

static void off_reads_the_store_in_place(void **state)
{
    (void)state;
    fixture              x;
    const pr_cache_plan *plan;
    const pr_vid         ids[] = { 7, 0, 19 };
    pr_slab              view;

    open_cache(&x, options_of(PR_CACHE_OFF, 0));
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
    assert_int_equal(plan->rows_direct, 3);
    assert_int_equal(plan->rows_moved, 0);
    assert_int_equal(plan->rows_first, 3);
    assert_true(plan->bytes_bound == PR_NULL_INT);
    assert_string_equal(plan->path, "direct");
    assert_ok(pr_cache_place(x.cache, &view));
    assert_ptr_equal(view.rows, x.rows);
    assert_int_equal(view.ld, LD);
    assert_null(view.features);
    assert_memory_equal(view.slot_of_input, ids, sizeof ids);
    pr_cache_release(x.cache);
    assert_int_equal(PLACE(&x, 0, 1).rows_first, 1);
    close_cache(&x);
}

static void slots_are_aligned_and_padding_is_zero(void **state)
{
    (void)state;
    fixture              x;
    const pr_cache_plan *plan;
    const pr_vid         ids[] = { 4, 5, 6 };
    pr_slab              view;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 2)); /* two kept, one in the tail */
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
    assert_ok(pr_cache_place(x.cache, &view));
    assert_int_equal(view.ld, 16);
    for (uint32_t i = 0; i < 3; i++) {
        const float *row = view.rows + view.slot_of_input[i] * view.ld;
        assert_int_equal((uintptr_t)row % 64, 0);
        for (size_t f = COLS; f < view.ld; f++) assert_true(row[f] == 0.0f);
    }
    pr_cache_release(x.cache);
    close_cache(&x);
}

static void the_next_prepare_does_not_disturb_a_live_view(void **state)
{
    (void)state;
    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
        fixture              x;
        const pr_cache_plan *plan;
        const pr_vid         ids[] = { 1, 2, 3 }, others[] = { 3, 9, 8 };
        pr_slab              view, next;
        open_cache(&x, options_of(mode, 4));
        assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
        assert_ok(pr_cache_place(x.cache, &view));
        assert_ok(pr_cache_prepare(x.cache, (pr_vids){ others, 3 }, &plan));
        assert_ok(pr_cache_fetch(x.cache));
        for (uint32_t i = 0; i < 3; i++) assert_true(holds(&view, i, ids[i]));

        next = view; /* a place that comes too early leaves plan, view and rows alone */
        assert_fails(PR_E_ARG, "live", pr_cache_place(x.cache, &next));
        assert_memory_equal(&next, &view, sizeof view);
        for (uint32_t i = 0; i < 3; i++) assert_true(holds(&view, i, ids[i]));
        pr_cache_release(x.cache);
        assert_ok(pr_cache_place(x.cache, &next));
        for (uint32_t i = 0; i < 3; i++) assert_true(holds(&next, i, others[i]));
        pr_cache_release(x.cache);
        close_cache(&x);
    }
}

static void calls_out_of_order_are_refused_and_change_nothing(void **state)
{
    (void)state;
    fixture              x;
    const pr_cache_plan *plan, *again;
    const pr_vid         ids[] = { 1, 2 };
    pr_slab              view;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 4));
    assert_fails(PR_E_ARG, "without a prepare", pr_cache_place(x.cache, &view));
    assert_fails(PR_E_ARG, "without a prepare", pr_cache_fetch(x.cache));
    pr_cache_release(x.cache);
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 2 }, &plan));
    assert_fails(PR_E_ARG, "twice", pr_cache_prepare(x.cache, (pr_vids){ ids, 1 }, &again));
    assert_null(again);
    assert_int_equal(plan->num_wanted, 2);
    assert_ok(pr_cache_fetch(x.cache));
    assert_ok(pr_cache_fetch(x.cache));
    assert_ok(pr_cache_place(x.cache, &view));
    assert_int_equal(view.num_inputs, 2);
    assert_fails(PR_E_ARG, "without a prepare", pr_cache_place(x.cache, &view));
    assert_int_equal(view.num_inputs, 2);
    pr_cache_release(x.cache);
    assert_int_equal(PLACE(&x, 1, 2, 3).rows_hit, 2);
    close_cache(&x);
}

static void bad_batches_are_refused_and_change_nothing(void **state)
{
    (void)state;
    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
        fixture              x;
        const pr_cache_plan *plan;
        const pr_vid         outside[] = { 1, 5, N, 6 }, far[] = { UINT32_MAX };
        const pr_vid         hit_twice[] = { 6, 1, 5, 1 }, miss_twice[] = { 1, 7, 8, 7 };
        const pr_vid         many[MAX_WANTED + 1] = { 0 };
        open_cache(&x, options_of(mode, 0));
        (void)PLACE(&x, 1, 2, 3);

        assert_fails(PR_E_RANGE, "wanted[2] is row 20, the store has 20",
                     pr_cache_prepare(x.cache, (pr_vids){ outside, 4 }, &plan));
        assert_fails(PR_E_RANGE, "row 4294967295",
                     pr_cache_prepare(x.cache, (pr_vids){ far, 1 }, &plan));
        assert_fails(PR_E_ARG, "wanted[3] is row 1,",
                     pr_cache_prepare(x.cache, (pr_vids){ hit_twice, 4 }, &plan));
        assert_fails(PR_E_ARG, "wanted[3] is row 7,",
                     pr_cache_prepare(x.cache, (pr_vids){ miss_twice, 4 }, &plan));
        assert_fails(PR_E_ARG, "13 ids, at most 12",
                     pr_cache_prepare(x.cache, (pr_vids){ many, MAX_WANTED + 1 }, &plan));
        assert_fails(PR_E_ARG, "wanted is NULL",
                     pr_cache_prepare(x.cache, (pr_vids){ NULL, 1 }, &plan));
        assert_null(plan);
        assert_ok(pr_cache_check(x.cache));

        const pr_cache_plan after = PLACE(&x, 1, 2, 3, 5, 6, 7);
        assert_int_equal(after.rows_hit, mode == PR_CACHE_OFF ? 0 : 3);
        assert_int_equal(after.rows_first, 3); /* refused batches count as never wanted */
        close_cache(&x);
    }
}

/* A store whose rows are far and sometimes cannot be had. */
typedef struct far_store {
    pr_store        head;
    const pr_store *near;
    bool            broken;
    uint32_t        num_fetched;
} far_store;

static pr_status far_fetch(const pr_store *store, pri_fetcher *fetcher, const pri_write *write,
                           size_t n, pr_fetch_cost *cost)
{
    (void)fetcher;
    (void)cost;
    pr_status  st  = PR_OK;
    far_store *far = (far_store *)(uintptr_t)store;

    PR_CHECK(!far->broken, PR_E_IO, "cannot read %zu rows, the first is %u", n, write[0].id);
    far->num_fetched += (uint32_t)n;
done:
    return st;
}

static void far_place(const pr_store *store, const pri_place *place, size_t begin, size_t end)
{
    const pr_store *near = ((const far_store *)store)->near;
    near->calls->place(near, place, begin, end);
}

static const pri_store_calls far_calls = { .fetch = far_fetch, .place = far_place };

static void a_batch_whose_rows_cannot_be_fetched_is_dropped_without_a_trace(void **state)
{
    (void)state;
    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_PACKED; mode++) {
        fixture              x;
        const pr_cache_plan *plan;
        const pr_vid         ids[] = { 3, 9, 8 };
        pr_slab              view;
        open_store(&x);
        far_store far = { .head = { .calls = &far_calls, .num_rows = N, .num_cols = COLS },
                          .near = x.store };
        const pr_cache_options o = options_of(mode, 3);
        assert_ok(pr_cache_create(&o, &far.head, MAX_WANTED, &x.cache));
        (void)PLACE(&x, 1, 2, 3);
        assert_int_equal(far.num_fetched, 3);

        far.broken = true;
        assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
        assert_fails(PR_E_IO, "cannot read 2 rows", pr_cache_fetch(x.cache));
        assert_fails(PR_E_ARG, "without a prepare", pr_cache_place(x.cache, &view));
        assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 3 }, &plan));
        assert_fails(PR_E_IO, "cannot read 2 rows", pr_cache_place(x.cache, &view));
        assert_null(view.rows);
        assert_ok(pr_cache_check(x.cache));

        far.broken = false;
        assert_int_equal(PLACE(&x, 3, 2, 1).rows_hit, 3);
        assert_int_equal(PLACE(&x, 3, 9, 8).rows_first, 2);
        close_cache(&x);
    }
}

static void off_needs_a_store_in_memory(void **state)
{
    (void)state;
    const pr_cache_options o = options_of(PR_CACHE_OFF, 0);
    far_store far            = { .head = { .calls = &far_calls, .num_rows = N, .num_cols = COLS } };
    pr_cache *cache;

    assert_fails(PR_E_UNSUPPORTED, "not in memory", pr_cache_create(&o, &far.head, 1, &cache));
    assert_null(cache);
}

static void options_out_of_bounds_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        pr_cache_options options;
        const char      *words;
    } cases[] = {
        { { .mode = 4 }, "--cache.mode" },
        { { .mode = -1 }, "--cache.mode" },
        { { .policy = 9 }, "--cache.policy" },
        { { .rows = UINT32_MAX }, "--cache.rows" },
        { { .rows = UINT64_MAX }, "--cache.rows" },
        { { .bytes = (UINT64_C(1) << 62) + (UINT64_C(1) << 20) }, "--cache.bytes" },
        { { .factor = -0.5 }, "--cache.factor" },
        { { .factor = 1000.5 }, "--cache.factor" },
        { { .factor = (double)NAN }, "--cache.factor" },
    };
    fixture x;

    open_store(&x);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pr_cache *cache = (pr_cache *)&x;
        assert_fails(PR_E_ARG, cases[i].words,
                     pr_cache_create(&cases[i].options, x.store, 1, &cache));
        assert_null(cache);
    }
    const pr_cache_options o = options_of(PR_CACHE_RESIDENT, 0);
    pr_cache              *cache;
    assert_fails(PR_E_ARG, "NULL", pr_cache_create(NULL, x.store, 1, &cache));
    assert_fails(PR_E_ARG, "NULL", pr_cache_create(&o, NULL, 1, &cache));
    assert_fails(PR_E_ARG, "NULL", pr_cache_create(&o, x.store, 1, NULL));
    pr_store_free(x.store);
}

static void the_table_gives_the_documented_defaults(void **state)
{
    (void)state;
    pr_cache_options      o;
    const pr_option_group group = { &pr_cache_option_table, &o };

    memset(&o, 0xee, sizeof o);
    pr_options_init(&group, 1);
    assert_int_equal(o.mode, PR_CACHE_AUTO);
    assert_int_equal(o.rows, 0);
    assert_int_equal(o.bytes, 0);
    assert_true(o.factor == 2.0);
    assert_int_equal(o.policy, PR_POLICY_LOOKAHEAD);
    assert_true(o.lookahead == PR_WINDOW_AUTO);
    assert_int_equal(o.rank, PR_RANK_DEGREE);
    assert_int_equal(o.reader, PR_READER_AUTO);
    assert_ok(pr_options_check(&pr_cache_option_table, &o));
    assert_ok(pr_options_set(&group, 1, "cache.mode", "off"));
    assert_ok(pr_options_set(&group, 1, "cache.bytes", "2G"));
    assert_int_equal(o.mode, PR_CACHE_OFF);
    assert_int_equal(o.bytes, UINT64_C(2) << 30);
}

static void mode_and_policy_have_names(void **state)
{
    (void)state;
    static const char *const mode_names[]   = { "resident", "packed", "off" };
    static const char *const policy_names[] = { "lru", "none", "none" };

    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
        fixture x;
        open_cache(&x, options_of(mode, 0));
        assert_string_equal(pr_cache_mode_name(x.cache), mode_names[mode]);
        assert_string_equal(pr_cache_policy_name(x.cache), policy_names[mode]);
        close_cache(&x);
    }
}

static void a_slab_beyond_any_memory_is_an_error_not_a_crash(void **state)
{
    (void)state;
    const pr_cache_options all = options_of(PR_CACHE_RESIDENT, PR_MAX_NODES);
    const far_store        far = {
               .head = { .calls = &far_calls, .num_rows = 1 << 20, .num_cols = UINT32_MAX }
    };
    pr_cache *cache;

    assert_fails(PR_E_NOMEM, "slab of 1048576 slots", pr_cache_create(&all, &far.head, 1, &cache));
    assert_null(cache);
}

static void a_step_does_not_allocate(void **state)
{
    (void)state;
    for (pr_cache_mode mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
        fixture  x;
        test_rng rng = { .key = test_seed() };
        open_cache(&x, options_of(mode, 0));
        const uint64_t calls = pri_mem_calls();
        for (int i = 0; i < 50; i++) {
            pr_vid         ids[MAX_WANTED];
            const uint32_t n = test_below(&rng, MAX_WANTED + 1), first = test_below(&rng, N);
            for (uint32_t j = 0; j < n; j++) ids[j] = (first + j) % N;
            (void)place(&x, ids, n);
        }
        assert_int_equal(pri_mem_calls(), calls);
        close_cache(&x);
    }
}

static void check_finds_a_row_that_was_overwritten(void **state)
{
    (void)state;
    fixture              x;
    const pr_cache_plan *plan;
    const pr_vid         ids[] = { 4, 5 };
    pr_slab              view;

    open_cache(&x, options_of(PR_CACHE_RESIDENT, 4));
    assert_ok(pr_cache_prepare(x.cache, (pr_vids){ ids, 2 }, &plan));
    assert_ok(pr_cache_place(x.cache, &view));
    float *row = (float *)(uintptr_t)view.rows + view.slot_of_input[1] * view.ld;
    row[0] += 1;
    assert_fails(PR_E_BUG, "does not hold row 5", pr_cache_check(x.cache));
    row[0] -= 1;
    row[COLS] = 1;
    assert_fails(PR_E_BUG, "padding", pr_cache_check(x.cache));
    row[COLS] = 0;
    close_cache(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_comes_from_rows_then_bytes_then_the_first_batch),
        cmocka_unit_test(an_empty_first_batch_does_not_decide_the_capacity),
        cmocka_unit_test(the_least_recently_wanted_row_goes_and_within_a_batch_the_first),
        cmocka_unit_test(what_does_not_fit_bypasses_and_is_forgotten),
        cmocka_unit_test(a_cache_of_no_rows_serves_every_batch_from_the_bypass),
        cmocka_unit_test(packed_holds_exactly_the_batch_and_moves_to_the_bound),
        cmocka_unit_test(figures_count_slab_bytes_without_padding),
        cmocka_unit_test(off_reads_the_store_in_place),
        cmocka_unit_test(slots_are_aligned_and_padding_is_zero),
        cmocka_unit_test(the_next_prepare_does_not_disturb_a_live_view),
        cmocka_unit_test(calls_out_of_order_are_refused_and_change_nothing),
        cmocka_unit_test(bad_batches_are_refused_and_change_nothing),
        cmocka_unit_test(a_batch_whose_rows_cannot_be_fetched_is_dropped_without_a_trace),
        cmocka_unit_test(off_needs_a_store_in_memory),
        cmocka_unit_test(options_out_of_bounds_are_refused_by_name),
        cmocka_unit_test(the_table_gives_the_documented_defaults),
        cmocka_unit_test(mode_and_policy_have_names),
        cmocka_unit_test(a_slab_beyond_any_memory_is_an_error_not_a_crash),
        cmocka_unit_test(a_step_does_not_allocate),
        cmocka_unit_test(check_finds_a_row_that_was_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

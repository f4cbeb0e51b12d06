/* test_derived_store.c: a cache of rows that are computed when they come in, beside a twin over the
 * same rows computed beforehand: the same plans, slots and bits, over every kind of base; and
 * whatever fails leaves it as it was. */
#include "support/disk_rows.h"
#include "support/far_store.h"

enum { N = 700, COLS = 21, OUT = 35, MOST = 600, ROUNDS = 25 };

/* What derives, and what it saw. */
typedef struct deriving {
    bool     by_id;
    int64_t  calls_left; /* before one fails; negative: none does */
    uint64_t num_calls, num_rows;
    bool     wanted_only; /* no row was asked for that need_not names */
    bool     need_not[N];
} deriving;

/* Any function of a row will do, as long as each element tells row and place. */
static void derive_row(pr_vid id, const float *x, bool by_id, float *out)
{
    for (uint32_t c = 0; c < OUT; c++)
        out[c] = by_id ? (float)(id * OUT + c) : x[c % COLS] * 2.0f + x[0] * (float)(c + 1);
}

static pr_status derive(void *context, const pr_vid *ids, uint32_t n, const float *x, size_t ldx,
                        float *out, size_t ldo)
{
    pr_status st = PR_OK;
    deriving *d  = context;

    assert_true(d->by_id == (x == NULL));
    PR_CHECK(d->calls_left != 0, PR_E_LIBRARY, "call %llu is to fail",
             (unsigned long long)d->num_calls);
    d->calls_left -= d->calls_left > 0;
    d->num_calls++;
    d->num_rows += n;
    for (uint32_t i = 0; i < n; i++) {
        if (d->need_not[ids[i]]) d->wanted_only = false;
        derive_row(ids[i], x ? x + i * ldx : NULL, d->by_id, out + i * ldo);
    }
done:
    return st;
}

/* A cache and its twin. */
typedef struct bed {
    deriving        d;
    far_store      *far; /* NULL, or a base that is to fail */
    const pr_store *base;
    pr_store       *store, *memory;
    float          *truth; /* [N, OUT] */
    pr_features     derived;
    pr_cache       *cache, *twin;
    uint32_t        steps;
} bed;

static void open_bed(bed *t, const pr_store *base, const float *rows, bool by_id,
                     const pr_cache_options *o)
{
    const pr_derivation how = {
        .derive = derive, .context = &t->d, .num_cols = OUT, .by_id = by_id
    };

    *t = (bed){ .d = { .by_id = by_id, .calls_left = -1, .wanted_only = true }, .base = base };
    t->truth   = calloc((size_t)N * OUT, sizeof *t->truth);
    t->derived = (pr_features){ .num_rows = N, .num_cols = OUT, .rows = t->truth, .ld = OUT };
    assert_non_null(t->truth);
    for (pr_vid v = 0; v < N; v++) derive_row(v, rows + v * COLS, by_id, t->truth + v * OUT);
    assert_ok(pr_store_derived(base, &how, &t->store));
    assert_ok(pr_store_memory(&t->derived, &t->memory));
    assert_ok(pr_cache_create(o, t->store, MOST, &t->cache));
    assert_ok(pr_cache_create(o, t->memory, MOST, &t->twin));
}

static void close_bed(bed *t)
{
    pr_cache_free(t->cache);
    pr_cache_free(t->twin);
    pr_store_free(t->store);
    pr_store_free(t->memory);
    free(t->truth);
}

/* Distinct ids, low ones more often. */
static pr_vids draw(pr_vid *ids, uint32_t n, test_rng *rng)
{
    bool drawn[N] = { false };

    for (uint32_t i = 0; i < n; i++) {
        pr_vid v = test_below(rng, 1 + test_below(rng, N));
        while (drawn[v]) v = (v + 1) % N;
        drawn[v] = true;
        ids[i]   = v;
    }
    return (pr_vids){ ids, n };
}

static void compare_plans(const pr_cache_plan *a, const pr_cache_plan *b)
{
    assert_int_equal(a->num_wanted, b->num_wanted);
    assert_int_equal(a->rows_hit, b->rows_hit);
    assert_int_equal(a->rows_added, b->rows_added);
    assert_int_equal(a->rows_bypassed, b->rows_bypassed);
    assert_int_equal(a->rows_victim, b->rows_victim);
    assert_int_equal(a->rows_first, b->rows_first);
}

/* Place what both have planned, and compare the views: the twin may repack. */
static void place(bed *t, pr_vids wanted, uint64_t missing)
{
    const uint64_t before = t->d.num_rows;
    pr_slab        view, want;

    assert_ok(pr_cache_place(t->cache, &view));
    assert_ok(pr_cache_place(t->twin, &want));
    assert_int_equal(t->d.num_rows - before, missing);
    assert_true(view.is_derived && !want.is_derived);
    assert_int_equal(view.num_cols, OUT);
    assert_int_equal(view.num_inputs, wanted.n);
    for (size_t i = 0; i < wanted.n; i++) {
        const float *row = view.rows + view.slot_of_input[i] * view.ld;
        assert_memory_equal(row, t->truth + (size_t)wanted.at[i] * OUT, OUT * sizeof *row);
        for (size_t c = OUT; c < view.ld; c++) assert_true(row[c] == 0.0f);
    }
    pr_cache_release(t->cache);
    pr_cache_release(t->twin);
    if (t->steps++ % 8 == 0) assert_ok(pr_cache_check(t->cache)); /* reads all rows once more */
}

static void step(bed *t, pr_vids wanted)
{
    const pr_cache_plan *a, *b;

    assert_ok(pr_cache_prepare(t->cache, wanted, &a));
    assert_ok(pr_cache_prepare(t->twin, wanted, &b));
    compare_plans(a, b);
    place(t, wanted, a->rows_added + a->rows_bypassed);
}

static const pr_cache_options options[] = {
    { .mode = PR_CACHE_RESIDENT, .rows = 300, .policy = PR_POLICY_SIEVE },
    { .mode = PR_CACHE_RESIDENT, .rows = N },
    { .mode = PR_CACHE_RESIDENT, .factor = 0 },
    { .mode = PR_CACHE_RESIDENT, .rows = 90, .reader = PR_READER_LATER },
    { .mode = PR_CACHE_PACKED },
    { .mode = PR_CACHE_PACKED, .rows = 200 },
};

enum { NUM_OPTIONS = sizeof options / sizeof *options };

static void run(const pr_store *base, const float *rows, bool by_id, test_rng *rng)
{
    pr_vid ids[MOST];
    bed    t;

    for (size_t o = 0; o < NUM_OPTIONS; o++) {
        open_bed(&t, base, rows, by_id, &options[o]);
        for (int round = 0; round < ROUNDS; round++)
            step(&t, draw(ids, test_below(rng, round % 5 ? 80 : MOST + 1), rng));
        close_bed(&t);
    }
}

/* Every format, in place, copied, direct; sharded. More rows than a piece has come at a time. */
static void rows_of_any_base_are_derived_as_they_come_in(void **state)
{
    (void)state;
    const pr_shards one = { .num_shards = 1, .node = { -1 }, .first = { 0, N } };
    test_rng        rng = { .key = test_seed() };
    disk_rows       rows;
    pr_store       *base;

    for (int format = PR_ROWS_BF16; format <= PR_ROWS_INT8; format++) {
        disk_rows_open(&rows, format, N, COLS, 128, &rng);
        for (int how = 0; how < 3; how++) {
            assert_ok(how == 0   ? pr_store_memory(&rows.features, &base)
                      : how == 1 ? pr_store_copied(&rows.features, &base)
                                 : pr_store_direct(&rows.features, &base));
            run(base, rows.truth, false, &rng);
            pr_store_free(base);
        }
        if (format == PR_ROWS_BF16) {
            assert_ok(pr_store_sharded(&rows.memory, &one, NULL, PR_NUMA_AUTO, &base));
            pr_store_fill(base, 0);
            run(base, rows.truth, false, &rng);
            run(base, rows.truth, true, &rng);
            pr_store_free(base);
        }
        disk_rows_close(&rows);
    }
}

static void rows_of_csr_are_expanded_for_it(void **state)
{
    (void)state;
    static pr_eid   indptr[N + 1];
    static uint32_t indices[N * COLS];
    static float    data[N * COLS], dense[N * COLS];
    test_rng        rng = { .key = test_seed() };
    pr_store       *base;

    for (uint32_t v = 0; v < N; v++) {
        indptr[v + 1] = indptr[v];
        for (uint32_t c = 0; c < COLS; c++) {
            dense[v * COLS + c] = 0;
            if (test_below(&rng, 4)) continue;
            indices[indptr[v + 1]] = c;
            data[indptr[v + 1]++] = dense[v * COLS + c] = (float)(v * COLS + c + 1);
        }
    }
    const pr_features x = { .kind     = PR_FEATURES_CSR,
                            .num_rows = N,
                            .num_cols = COLS,
                            .indptr   = indptr,
                            .indices  = indices,
                            .data     = data };
    assert_ok(pr_store_memory(&x, &base));
    run(base, dense, false, &rng);
    run(base, dense, true, &rng);
    pr_store_free(base);
}

/* Dense rows for the tests below. */
static float       plain[N * COLS];
static pr_features features = { .num_rows = N, .num_cols = COLS, .rows = plain, .ld = COLS };

static void fill_plain(void)
{
    for (size_t i = 0; i < N * COLS; i++) plain[i] = (float)(i % 9973);
}

static void rows_that_stay_are_not_derived_again(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    pr_vid    ids[MOST];
    pr_store *base;
    bed       t;

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    open_bed(&t, base, plain, false, &options[1]); /* room for all rows */
    for (int round = 0; round < ROUNDS; round++) {
        const pr_vids        wanted = draw(ids, 50, &rng);
        const pr_cache_plan *plan, *twin;
        pr_slab              view;
        assert_ok(pr_cache_prepare(t.cache, wanted, &plan));
        assert_ok(pr_cache_prepare(t.twin, wanted, &twin));
        assert_ok(pr_cache_place(t.cache, &view));
        pr_cache_release(t.cache);
        assert_ok(pr_cache_place(t.twin, &view));
        pr_cache_release(t.twin);
        for (size_t i = 0; i < wanted.n; i++) t.d.need_not[wanted.at[i]] = true;
    }
    assert_true(t.d.wanted_only);
    assert_int_equal(t.d.num_rows, pr_cache_resident_rows(t.cache));
    close_bed(&t);
    pr_store_free(base);
}

/* Take a list that must fail, and then the same: nothing of the failure is left. */
static void fail_and_go_on(bed *t, pr_vids wanted, pr_status code, const char *words)
{
    const uint64_t       resident = pr_cache_resident_rows(t->cache);
    const pr_cache_plan *plan;
    pr_slab              view;

    assert_ok(pr_cache_prepare(t->cache, wanted, &plan));
    assert_fails(code, words, pr_cache_place(t->cache, &view));
    assert_int_equal(pr_cache_resident_rows(t->cache), resident);
    t->d.calls_left = -1;
    if (t->far) t->far->fetches_left = -1;
    assert_ok(pr_cache_check(t->cache));
    assert_fails(PR_E_ARG, "without a prepare", pr_cache_fetch(t->cache));
}

static void a_derivation_that_fails_leaves_the_cache_as_it_was(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    pr_vid    ids[MOST];
    pr_store *base;
    bed       t;

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    for (size_t o = 0; o < NUM_OPTIONS; o++) {
        open_bed(&t, base, plain, false, &options[o]);
        for (int round = 0; round < ROUNDS; round++) {
            const uint32_t n      = 1 + test_below(&rng, round % 2 ? 50 : MOST);
            const pr_vids  wanted = draw(ids, n, &rng);
            if (options[o].rows != N && n > 300) { /* some of it comes in pieces */
                t.d.calls_left =
                    (int64_t)test_below(&rng, n > 560 && options[o].rows < 100 ? 2 : 1);
                fail_and_go_on(&t, wanted, PR_E_LIBRARY, "is to fail");
            }
            step(&t, wanted);
        }
        close_bed(&t);
    }
    pr_store_free(base);
}

static void a_base_that_fails_leaves_the_cache_as_it_was(void **state)
{
    (void)state;
    enum { BAD = 123 };
    test_rng     rng    = { .key = test_seed() };
    const pr_vid good[] = { 1, 122, 124 }, bad[] = { 9, BAD };
    disk_rows    rows;
    pr_store    *base, *memory;
    far_store    far;
    bed          t;

    disk_rows_open(&rows, PR_ROWS_BF16, N, COLS, 128, &rng);
    disk_rows_spoil(&rows, BAD, 5);
    rows.file.checked = false;
    for (int direct = 0; direct < 2; direct++) {
        assert_ok(direct ? pr_store_direct(&rows.features, &base)
                         : pr_store_memory(&rows.features, &base));
        open_bed(&t, base, rows.truth, false, &options[0]);
        for (int turn = 0; turn < 3; turn++) {
            fail_and_go_on(&t, (pr_vids){ bad, 2 }, PR_E_INPUT, "row 123");
            step(&t, (pr_vids){ good + turn % 2, 2 });
        }
        close_bed(&t);
        pr_store_free(base);
    }
    disk_rows_close(&rows);
    fill_plain();
    assert_ok(pr_store_memory(&features, &memory));
    far = far_store_of(memory, 0, -1);
    open_bed(&t, &far.head, plain, false, &options[0]);
    t.far = &far;
    step(&t, (pr_vids){ good, 1 });
    far.fetches_left = 0;
    fail_and_go_on(&t, (pr_vids){ bad, 2 }, PR_E_IO, "cannot be read");
    step(&t, (pr_vids){ bad, 2 });
    close_bed(&t);
    pr_store_free(memory);
}

/* Lists that wait, with and without failures. */
static void lists_that_were_foreseen_are_derived_too(void **state)
{
    (void)state;
    enum { WINDOW = 4 };
    const pr_cache_options o = {
        .mode = PR_CACHE_RESIDENT, .rows = 120, .policy = PR_POLICY_LOOKAHEAD, .lookahead = WINDOW
    };
    static pr_vid        ids[ROUNDS + WINDOW][100];
    pr_vids              list[ROUNDS + WINDOW];
    test_rng             rng = { .key = test_seed() };
    const pr_cache_plan *a, *b;
    pr_store            *base;
    bed                  t;

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    open_bed(&t, base, plain, false, &o);
    for (int i = 0; i < ROUNDS + WINDOW; i++) {
        list[i] = draw(ids[i], 1 + test_below(&rng, 100), &rng);
        assert_ok(pr_cache_foresee(t.cache, list[i]));
        assert_ok(pr_cache_foresee(t.twin, list[i]));
        if (i < WINDOW) continue;
        assert_ok(pr_cache_prepare_next(t.cache, &a));
        if (i % 3 == 0 && a->rows_added + a->rows_bypassed > 0) {
            t.d.calls_left = 0;
            assert_fails(PR_E_LIBRARY, "is to fail", pr_cache_fetch(t.cache));
            t.d.calls_left = -1;
            assert_int_equal(pr_cache_num_foreseen(t.cache), WINDOW + 1);
            assert_ok(pr_cache_prepare_next(t.cache, &a));
        }
        assert_ok(pr_cache_prepare_next(t.twin, &b));
        compare_plans(a, b);
        place(&t, list[i - WINDOW], a->rows_added + a->rows_bypassed);
    }
    close_bed(&t);
    pr_store_free(base);
}

/* The other door, and a plane beside it whose rows fail after the derived ones came. */
static void planes_and_differences_hold_derived_rows(void **state)
{
    (void)state;
    const pr_cache_options o       = { .mode = PR_CACHE_PACKED, .rows = 50 };
    const pr_vid           first[] = { 5, 600, 7 }, next[] = { 8, 9 }, gone[] = { 600 };
    deriving               d   = { .calls_left = -1, .wanted_only = true };
    const pr_derivation    how = { .derive = derive, .context = &d, .num_cols = OUT };
    pr_store              *base, *derived;
    pr_cache              *cache;
    pr_packed              rows;
    float                  want[OUT];

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    assert_ok(pr_store_derived(base, &how, &derived));
    far_store            far      = far_store_of(base, 0, 1);
    const pr_store      *stores[] = { derived, &far.head };
    const pr_cache_setup setup    = {
           .options = &o, .stores = stores, .num_planes = 2, .max_wanted = 40, .numa_node = -1
    };
    assert_ok(pr_cache_open(&setup, &cache));
    assert_ok(pr_cache_apply(cache, (pr_vids){ first, 3 }, (pr_vids){ 0 }, NULL));
    assert_fails(PR_E_IO, "cannot be read",
                 pr_cache_apply(cache, (pr_vids){ next, 2 }, (pr_vids){ gone, 1 }, NULL));
    assert_ok(pr_cache_check(cache));
    assert_int_equal(pr_cache_resident_rows(cache), 3);
    far.fetches_left = -1;
    assert_ok(pr_cache_apply(cache, (pr_vids){ next, 2 }, (pr_vids){ gone, 1 }, NULL));
    assert_ok(pr_cache_check(cache));
    assert_ok(pr_cache_packed(cache, 0, &rows));
    assert_int_equal(rows.num_rows, 4);
    for (uint32_t i = 0; i < rows.num_rows; i++) {
        derive_row(rows.ids[i], plain + (size_t)rows.ids[i] * COLS, false, want);
        assert_memory_equal(rows.rows + i * rows.ld, want, sizeof want);
    }
    pr_cache_free(cache);
    pr_store_free(derived);
    pr_store_free(base);
}

static void what_it_holds_is_told(void **state)
{
    (void)state;
    const pr_cache_options o = { .mode = PR_CACHE_RESIDENT, .rows = 90 };
    static pr_ranges       ranges;
    pr_store              *base;
    bed                    t;

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    open_bed(&t, base, plain, false, &o);
    pr_cache_ranges(t.cache, &ranges);
    uint64_t staging = 0;
    for (size_t i = 0; i < ranges.num; i++)
        if (!strcmp(ranges.at[i].what, "staging")) staging += ranges.at[i].bytes;
    assert_true(staging >= MOST * OUT * sizeof(float) + 256 * COLS * sizeof(float));
    assert_string_equal(pr_cache_io(t.cache), "");
    pr_json *json = pr_cache_describe(t.cache);
    assert_non_null(json);
    pr_json_free(json);
    close_bed(&t);
    pr_store_free(base);
}

static void what_cannot_be_derived_is_refused(void **state)
{
    (void)state;
    const pr_cache_options off = { .mode = PR_CACHE_OFF };
    deriving               d   = { .calls_left = -1 };
    pr_derivation          how = { .derive = derive, .context = &d, .num_cols = OUT };
    const pr_vid           id  = 3;
    pr_store              *base, *store, *none = (pr_store *)state;
    pr_cache              *cache;
    float                  row[OUT];

    fill_plain();
    assert_ok(pr_store_memory(&features, &base));
    assert_ok(pr_store_derived(base, &how, &store));
    assert_fails(PR_E_UNSUPPORTED, "resident or packed",
                 pr_cache_create(&off, store, MOST, &cache));
    assert_fails(PR_E_UNSUPPORTED, "read those of its base",
                 pr_store_read(store, (pr_vids){ &id, 1 }, row, OUT));
    assert_fails(PR_E_UNSUPPORTED, "from derived ones", pr_store_derived(store, &how, &none));
    assert_null(none);
    how.num_cols = 0;
    assert_fails(PR_E_ARG, "0 columns", pr_store_derived(base, &how, &none));
    assert_fails(PR_E_ARG, "base is NULL", pr_store_derived(NULL, &how, &none));
    how.derive = NULL;
    assert_fails(PR_E_ARG, "derive is NULL", pr_store_derived(base, &how, &none));
    assert_fails(PR_E_ARG, "out is NULL", pr_store_derived(base, &how, NULL));
    assert_true(pr_store_fetches(store));
    assert_int_equal(pr_store_row_bytes(store), OUT * sizeof(float));
    pr_store_free(store);
    pr_store_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_any_base_are_derived_as_they_come_in),
        cmocka_unit_test(rows_of_csr_are_expanded_for_it),
        cmocka_unit_test(rows_that_stay_are_not_derived_again),
        cmocka_unit_test(a_derivation_that_fails_leaves_the_cache_as_it_was),
        cmocka_unit_test(a_base_that_fails_leaves_the_cache_as_it_was),
        cmocka_unit_test(lists_that_were_foreseen_are_derived_too),
        cmocka_unit_test(planes_and_differences_hold_derived_rows),
        cmocka_unit_test(what_it_holds_is_told),
        cmocka_unit_test(what_cannot_be_derived_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

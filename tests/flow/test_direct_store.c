/* test_direct_store.c: rows that stay in their file, against the same rows in memory: every policy
 * and mode, capacities from none to all, formats, engines, lists read ahead or not, out of order,
 * dropped. Costs are recounted, and equal in every run; a read that fails fails the batch that
 * needs it, and no other. */
#include "support/direct_rig.h"
#include "support/policy_reference.h"
#include "support/traces.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cache/partition.h"
#include "cache/row_reader.h"

/* ---- what the kernel says ---- */

static _Atomic uint64_t num_reads, num_bytes;
static _Atomic int64_t  fail_at         = -1; /* reads from now until one fails; negative: none */
static _Atomic int64_t  fail_row_offset = -1; /* reads that have this byte fail */
static _Atomic uint64_t num_failed;
static int64_t          fail_with = -EIO; /* or bytes: a short read */

int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result)
{
    const int64_t at = atomic_load(&fail_row_offset);

    (void)nth;
    atomic_fetch_add(&num_reads, 1);
    atomic_fetch_add(&num_bytes, bytes);
    const bool hit = at >= 0 && (uint64_t)at >= offset && (uint64_t)at < offset + bytes;
    if (hit || (atomic_load(&fail_at) >= 0 && atomic_fetch_sub(&fail_at, 1) == 0)) {
        atomic_fetch_add(&num_failed, 1);
        return fail_with < result ? fail_with : result;
    }
    return result;
}

static void heal(void)
{
    fail_at         = -1;
    fail_row_offset = -1;
    fail_with       = -EIO;
    num_failed      = 0;
}

/* ---- runs ---- */

enum { N = 160, M = 24, LISTS = 26 };

typedef struct run {
    pr_cache_options options;
    pr_io_options    io;
    uint32_t         window; /* lists foreseen behind the one that is taken */
    trace_shape      shape;
    bool             twice; /* with one engine */
    uint64_t         key;   /* of what comes in between */
} run;

/* Take a trace through, with lists out of order in between; gives the hash. */
static bool take(disk_rows *rows, const run *how, uint64_t *hash)
{
    test_rng   rng = { .key = how->key };
    direct_rig x;
    trace      t;

    if (!direct_open(&x, rows, &how->options, &how->io, N)) return false;
    trace_open(&t, how->shape, LISTS, N, M, &rng);
    const uint64_t reads = num_reads, bytes = num_bytes;
    uint32_t       entered = 0;
    for (uint32_t l = 0; l < LISTS; l++) {
        for (; entered < LISTS && entered <= l + how->window; entered++)
            direct_foresee(&x, t.list[entered]);
        if (test_below(&rng, 4) == 0) direct_step(&x, t.list[test_below(&rng, LISTS)]);
        direct_step_next(&x);
    }
    /* every list was taken: whatever was read was charged to some plan, once */
    assert_int_equal(x.sum.reads + x.sum.reads_again, num_reads - reads);
    assert_int_equal(x.sum.reads_again, 0);
    assert_int_equal(x.sum.bytes, num_bytes - bytes);
    assert_int_equal(x.used, 0);
    *hash = x.hash;
    trace_close(&t);
    direct_close(&x);
    return true;
}

static const int engines[] = { PR_IO_THREADS, PR_IO_URING };

/* Take it with every engine, and perhaps twice: all that was counted must be the same. */
static void take_all(disk_rows *rows, run *how)
{
    uint64_t first = 0, hash = 0;

    for (int i = 0; i < 2 + how->twice; i++) {
        how->io.engine = engines[i % 2];
        if (!take(rows, how, &hash)) continue;
        if (i == 0) first = hash;
        assert_int_equal(hash, first);
    }
}

static void every_capacity_under_every_policy_gives_the_rows_of_a_store_in_memory(void **state)
{
    (void)state;
    static const uint64_t capacities[] = { 0, 1, M / 2, M, 2 * M, N, 10 * N };
    static const uint32_t aheads[]     = { 0, 1, 2, 5, 31 };
    static const uint64_t gaps[]       = { 0, 4096, 1 << 20 };
    static const uint64_t stagings[]   = { 0, 1, 5 * 256, 30 * 256, 1 << 20 };
    test_rng              rng          = { .key = test_seed() };
    disk_rows             rows;

    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        disk_rows_open(&rows, format, N, 50 + (uint32_t)format, format % 2 ? 4096 : 128, &rng);
        for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD + 1; policy++)
            for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
                const bool packed = policy > PR_POLICY_LOOKAHEAD;
                run        how    = { .options = { .mode   = packed ? PR_CACHE_PACKED : 0,
                                                   .policy = packed ? 0 : policy,
                                                   .rows   = capacities[c],
                                                   .bytes  = capacities[c] == 0,
                                                   .reader = (int)test_below(&rng, 3) },
                                      .io      = direct_io(0, aheads[test_below(&rng, 5)],
                                                           gaps[test_below(&rng, 3)]),
                                      .window  = test_below(&rng, 9),
                                      .shape   = (trace_shape)test_below(&rng, TRACE_NUM_SHAPES),
                                      .key     = test_random(&rng) };
                how.io.staging    = stagings[test_below(&rng, 5)];
                take_all(&rows, &how);
            }
        disk_rows_close(&rows);
    }
}

static void any_number_of_lists_can_be_read_ahead(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;

    disk_rows_open(&rows, PR_ROWS_F32, N, 128, 4096, &rng);
    for (uint32_t ahead = 0; ahead <= PR_MAX_WINDOW; ahead++) {
        run how = { .options = { .policy = PR_POLICY_LOOKAHEAD, .rows = M + ahead },
                    .io      = direct_io(0, ahead, 4096),
                    .window  = ahead % 3 ? PR_MAX_WINDOW : ahead,
                    .shape   = (trace_shape)(ahead % TRACE_NUM_SHAPES),
                    .twice   = ahead % 8 == 2,
                    .key     = test_random(&rng) };
        take_all(&rows, &how);
    }
    disk_rows_close(&rows);
}

/* ---- failures ---- */

/* Take a list until it comes through; gives how often it did not. */
static uint32_t insist(direct_rig *x, pr_vids list, bool next)
{
    uint32_t  num = 0;
    pr_status st;

    while ((st = direct_try(x, list, next)) != PR_OK) {
        assert_int_equal(st, PR_E_IO);
        assert_non_null(strstr(pr_error_message(), x->rows->file.path));
        assert_ok(pr_cache_check(x->cache));
        assert_true(++num < 8);
    }
    return num;
}

/* Let the nth read fail; false when there are no more than n. */
static bool fail_nth(disk_rows *rows, const run *how, int64_t n, int64_t with)
{
    enum { FEW = 7, SHORT = 10 };
    test_rng   rng = { .key = how->key };
    direct_rig x;
    trace      t;
    uint32_t   num = 0, entered = 0;

    if (!direct_open(&x, rows, &how->options, &how->io, N)) return false;
    direct_stop_counting(&x);
    trace_open(&t, how->shape, FEW, N, SHORT, &rng);
    fail_with = with;
    fail_at   = n;
    for (uint32_t l = 0; l < FEW; l++) {
        for (; entered < FEW && entered <= l + how->window; entered++)
            direct_foresee(&x, t.list[entered]);
        if (l % 3 == 1) num += insist(&x, t.list[(l + 4) % FEW], false);
        num += insist(&x, (pr_vids){ 0 }, true);
    }
    const bool failed = num_failed > 0;
    if (with < 0) assert_int_equal(num > 0, failed);
    heal();
    trace_close(&t);
    direct_close(&x);
    return failed;
}

static void a_batch_whose_read_fails_can_be_taken_again(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;

    disk_rows_open(&rows, PR_ROWS_F32, N, 300, 128, &rng);
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD + 1;
         policy += 1 + (policy == PR_POLICY_LRU))
        for (size_t e = 0; e < 2; e++) {
            const bool packed = policy > PR_POLICY_LOOKAHEAD;
            run        how    = { .options = { .mode   = packed ? PR_CACHE_PACKED : 0,
                                               .policy = packed ? 0 : policy,
                                               .rows   = M / 2 },
                                  .io      = direct_io(engines[e], (uint32_t)policy % 4, 0),
                                  .window  = 4,
                                  .shape   = policy % 2 ? TRACE_STICKY : TRACE_SKEWED,
                                  .key     = test_random(&rng) };
            for (int64_t n = 0; fail_nth(&rows, &how, n, -EIO); n++) continue;
        }
    disk_rows_close(&rows);
}

/* Short reads are gone on with: nobody notices. */
static void a_read_that_falls_short_is_gone_on_with(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;

    disk_rows_open(&rows, PR_ROWS_F32, N, 300, 4096, &rng);
    for (size_t e = 0; e < 2; e++) {
        run how = { .options = { .policy = PR_POLICY_LOOKAHEAD, .rows = 2 * M },
                    .io      = direct_io(engines[e], 2, 4096),
                    .window  = 3,
                    .shape   = TRACE_STICKY,
                    .key     = test_seed() };
        for (int64_t n = 0; fail_nth(&rows, &how, n, 512); n++) continue;
        how.io.retries = 3;
        for (int64_t n = 0; fail_nth(&rows, &how, n, 0); n++) continue;
    }
    disk_rows_close(&rows);
}

/* A row that can never be had: lists whose reads do not bring it come through, in order and out of
 * it, and once it can be had again all do. */
static void a_row_that_cannot_be_had_stops_no_list_without_it(void **state)
{
    (void)state;
    enum { BAD = 77 };
    test_rng            rng = { .key = test_seed() };
    const pr_io_options io  = direct_io(PR_IO_AUTO, 2, 0);
    const pr_vid        a[] = { 1, 2, 3 }, b[] = { 5, BAD, 9 }, c[] = { 20, 30, 40 };
    const pr_vids       good = { a, 3 }, bad = { b, 3 }, next = { c, 3 };
    disk_rows           rows;
    direct_rig          x;

    disk_rows_open(&rows, PR_ROWS_F32, N, 1024, 4096, &rng); /* rows are blocks */
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        const pr_cache_options o = { .policy = policy, .rows = 16 };
        assert_true(direct_open(&x, &rows, &o, &io, N));
        direct_stop_counting(&x);
        fail_row_offset = (int64_t)(4096 + BAD * rows.file.row_bytes);
        direct_foresee(&x, good);
        direct_foresee(&x, bad);
        direct_foresee(&x, next);
        direct_step_next(&x);
        for (int turn = 0; turn < 3; turn++) {
            assert_fails(PR_E_IO, rows.file.path, direct_try(&x, (pr_vids){ 0 }, true));
            assert_ok(pr_cache_check(x.cache));
            assert_ok(direct_try(&x, turn == 1 ? next : good, false));
        }
        heal();
        assert_true(insist(&x, bad, true) <= 1); /* it may have been read early, in vain */
        direct_step_next(&x);
        direct_close(&x);
    }
    disk_rows_close(&rows);
}

static void differences_of_a_packed_set_come_from_the_file_and_may_fail(void **state)
{
    (void)state;
    test_rng               rng = { .key = test_seed() };
    const pr_io_options    io  = direct_io(PR_IO_AUTO, 0, 0);
    const pr_cache_options o   = { .mode = PR_CACHE_PACKED };
    disk_rows              rows;
    direct_rig             x;
    bool                   held[N] = { false };

    disk_rows_open(&rows, PR_ROWS_BF16, N, 60, 128, &rng);
    assert_true(direct_open(&x, &rows, &o, &io, N));
    for (int turn = 0; turn < 200; turn++) {
        pr_vid   added[N], removed[N];
        uint32_t num_added = 0, num_removed = 0;
        for (pr_vid v = 0; v < N; v++) {
            if (test_below(&rng, 8) != 0) continue;
            if (held[v])
                removed[num_removed++] = v;
            else
                added[num_added++] = v;
        }
        const pr_vids in = { added, num_added }, out = { removed, num_removed };
        if (turn % 2 && num_added > 0) {
            fail_at = 0;
            assert_fails(PR_E_IO, rows.file.path, direct_apply(&x, in, out));
            assert_ok(pr_cache_check(x.cache));
            heal();
        }
        assert_ok(direct_apply(&x, in, out));
        for (uint32_t i = 0; i < num_added; i++) held[added[i]] = true;
        for (uint32_t i = 0; i < num_removed; i++) held[removed[i]] = false;
    }
    direct_close(&x);
    disk_rows_close(&rows);
}

/* Lists wait while so many others are taken that the reader would forget groups entered for them.
 * One of those fails meanwhile: the list finds its rows missing, and has them read again. */
static void lists_may_wait_while_a_thousand_others_are_taken(void **state)
{
    (void)state;
    enum { TURNS = 1200, HEALED = 100, FEW = 3 };
    test_rng               rng = { .key = test_seed() };
    const pr_io_options    io  = direct_io(PR_IO_THREADS, 4, 0);
    const pr_cache_options o   = { .policy = PR_POLICY_LRU, .rows = 2 * FEW };
    const pr_vid           a[] = { 11, 12, 13 }, b[] = { 21, 22, 23, 24, 25 };
    const pr_vids          list = { a, 3 }, later = { b, 5 };
    disk_rows              rows;
    direct_rig             x;

    disk_rows_open(&rows, PR_ROWS_F32, N, 16, 4096, &rng);
    for (int failing = 0; failing < 2; failing++) {
        assert_true(direct_open(&x, &rows, &o, &io, N));
        if (failing) direct_stop_counting(&x);
        fail_row_offset = failing ? 4096 + 11 * 64 : -1;
        direct_foresee(&x, list);
        direct_foresee(&x, later);
        for (int turn = 0; turn < TURNS; turn++) {
            const pr_vid other[] = { 40 + test_below(&rng, 40), 80 + test_below(&rng, 40),
                                     120 + test_below(&rng, 40) };
            direct_step(&x, (pr_vids){ other, FEW });
            if (turn < HEALED) continue;
            if (turn == HEALED) assert_int_equal(num_failed, failing);
            heal();
        }
        direct_step_next(&x);
        direct_step_next(&x);
        direct_close(&x);
    }
    disk_rows_close(&rows);
}

/* ---- several planes ---- */

/* Rows of the second plane fail after those of the first have come. */
static void planes_of_several_files_move_together(void **state)
{
    (void)state;
    test_rng               rng = { .key = test_seed() };
    const pr_io_options    io  = direct_io(PR_IO_THREADS, 3, 0);
    const pr_cache_options o   = { .policy = PR_POLICY_LOOKAHEAD, .rows = M };
    disk_rows              rows[3];
    pr_store              *stores[3];
    pr_cache              *cache;
    trace                  t;
    uint32_t               num_tries = 0;

    disk_rows_open(&rows[0], PR_ROWS_F32, N, 20, 128, &rng);
    disk_rows_open(&rows[1], PR_ROWS_F32, N, 30, 128, &rng);
    disk_rows_open(&rows[2], PR_ROWS_INT8, N, 70, 4096, &rng);
    assert_ok(pr_store_direct(&rows[0].features, &stores[0]));
    assert_ok(pr_store_memory(&rows[1].memory, &stores[1]));
    assert_ok(pr_store_direct(&rows[2].features, &stores[2]));
    const pr_cache_setup setup = { .options    = &o,
                                   .stores     = (const pr_store *const *)stores,
                                   .num_planes = 3,
                                   .max_wanted = N,
                                   .numa_node  = -1,
                                   .io         = &io };
    trace_open(&t, TRACE_STICKY, LISTS, N, M, &rng);
    assert_ok(pr_cache_open(&setup, &cache));
    for (uint32_t l = 0; l < 4; l++) assert_ok(pr_cache_foresee(cache, t.list[l]));
    for (uint32_t l = 0; l < LISTS; l++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        if (l + 4 < LISTS) assert_ok(pr_cache_foresee(cache, t.list[l + 4]));
        fail_at = l % 5;
        assert_ok(pr_cache_prepare_next(cache, &plan));
        while (pr_cache_place(cache, &view) != PR_OK) { /* one out of order in between */
            heal();
            assert_ok(pr_cache_prepare(cache, t.list[(l + 9) % LISTS], &plan));
            if (pr_cache_place(cache, &view) == PR_OK) pr_cache_release(cache);
            assert_ok(pr_cache_prepare_next(cache, &plan));
            assert_true(++num_tries < 4 * LISTS);
        }
        for (uint32_t p = 0; p < 3; p++) {
            assert_ok(pr_cache_plane(cache, p, &view));
            for (size_t i = 0; i < t.list[l].n; i++)
                assert_memory_equal(view.rows + view.slot_of_input[i] * view.ld,
                                    rows[p].truth + t.list[l].at[i] * rows[p].cols,
                                    rows[p].cols * sizeof(float));
        }
        pr_cache_release(cache);
        assert_ok(pr_cache_check(cache));
    }
    heal();
    trace_close(&t);
    pr_cache_free(cache);
    for (int p = 0; p < 3; p++) {
        pr_store_free(stores[p]);
        disk_rows_close(&rows[p]);
    }
}

/* ---- the rest ---- */

static void a_step_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    test_rng            rng = { .key = test_seed() };
    const pr_io_options io  = direct_io(PR_IO_AUTO, 2, 4096);
    pr_cache_options    o   = { .policy = PR_POLICY_LOOKAHEAD, .rows = 2 * M };
    disk_rows           rows;
    direct_rig          x;
    trace               t;
    uint64_t            calls = 0;

    disk_rows_open(&rows, PR_ROWS_F16, N, 64, 4096, &rng);
    trace_open(&t, TRACE_SKEWED, LISTS, N, M, &rng);
    assert_true(direct_open(&x, &rows, &o, &io, N));
    for (uint32_t l = 0; l < LISTS; l++) {
        if (l == 5) calls = pri_mem_calls();
        direct_foresee(&x, t.list[l]);
        direct_step(&x, t.list[(l + 7) % LISTS]);
        direct_step_next(&x);
    }
    assert_int_equal(pri_mem_calls(), calls);
    direct_close(&x);
    trace_close(&t);
    disk_rows_close(&rows);
}

static void a_cache_says_how_it_reads_and_what_it_holds(void **state)
{
    (void)state;
    test_rng            rng     = { .key = test_seed() };
    const pr_io_options io      = direct_io(PR_IO_THREADS, 2, 4096);
    pr_cache_options    o       = { .policy = PR_POLICY_LOOKAHEAD, .rows = 2 * M };
    pr_ranges           ranges  = { .numa_node = -1 };
    uint64_t            staging = 0, most = 0;
    pr_fetch_cost       cost;
    disk_rows           rows;
    direct_rig          x;
    pri_cache_bytes     bytes;

    disk_rows_open(&rows, PR_ROWS_F32, N, 64, 4096, &rng);
    assert_true(direct_open(&x, &rows, &o, &io, N));
    assert_true(pr_store_fetches(x.direct));
    assert_string_equal(pr_cache_io(x.twin), "");
    assert_non_null(strstr(pr_cache_io(x.cache), "threads"));
    pr_json *json = pr_cache_describe(x.cache);
    char    *text = pr_json_text(json);
    assert_non_null(strstr(text, pr_cache_io(x.cache)));
    free(text);
    pr_json_free(json);
    const pr_vid ids[] = { 3, 4, 100 };
    direct_step(&x, (pr_vids){ ids, 3 });
    pr_cache_fetch_cost(x.twin, &cost);
    assert_int_equal(cost.rows + cost.reads + cost.bytes, 0);
    pr_cache_ranges(x.cache, &ranges);
    for (uint32_t i = 0; i < ranges.num; i++)
        if (strcmp(ranges.at[i].what, "staging") == 0) staging += ranges.at[i].bytes;
    assert_true(staging >= 3 * rows.file.row_bytes);
    const pri_cache_reads reads = { .io = &io, .row_bytes = rows.file.row_bytes };
    pri_cache_measure(&o, N, 64, N, &reads, &bytes);
    most = bytes.staging;
    pri_cache_measure(&o, N, 64, N, NULL, &bytes);
    assert_true(most >= staging && bytes.staging == 0);
    direct_close(&x);
    disk_rows_close(&rows);
}

static void mode_off_over_a_file_is_refused_with_what_to_do(void **state)
{
    (void)state;
    test_rng               rng = { .key = test_seed() };
    const pr_cache_options o   = { .mode = PR_CACHE_OFF };
    disk_rows              rows;
    pr_store              *store;
    pr_cache              *cache;

    disk_rows_open(&rows, PR_ROWS_F32, 10, 8, 128, &rng);
    assert_ok(pr_store_direct(&rows.features, &store));
    assert_fails(PR_E_UNSUPPORTED, "--cache.mode resident or packed",
                 pr_cache_create(&o, store, 10, &cache));
    pr_store_free(store);
    assert_fails(PR_E_UNSUPPORTED, "no file", pr_store_direct(&rows.memory, &store));
    assert_null(store);
    disk_rows_close(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_capacity_under_every_policy_gives_the_rows_of_a_store_in_memory),
        cmocka_unit_test(any_number_of_lists_can_be_read_ahead),
        cmocka_unit_test(a_batch_whose_read_fails_can_be_taken_again),
        cmocka_unit_test(a_read_that_falls_short_is_gone_on_with),
        cmocka_unit_test(a_row_that_cannot_be_had_stops_no_list_without_it),
        cmocka_unit_test(differences_of_a_packed_set_come_from_the_file_and_may_fail),
        cmocka_unit_test(lists_may_wait_while_a_thousand_others_are_taken),
        cmocka_unit_test(planes_of_several_files_move_together),
        cmocka_unit_test(a_step_takes_nothing_from_the_heap),
        cmocka_unit_test(a_cache_says_how_it_reads_and_what_it_holds),
        cmocka_unit_test(mode_off_over_a_file_is_refused_with_what_to_do),
    };
    (void)alarm(300); /* never stuck */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_direct_staging.c: what waits between a file and slots: which lists are read early and when,
 * how many rows are staged at a time, and what that takes of memory from the first step on. */
#include "support/direct_rig.h"
#include "support/policy_reference.h"
#include "support/traces.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/extent.h"
#include "cache/row_reader.h"

static _Atomic uint64_t num_reads, num_bytes;

int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result)
{
    (void)nth;
    (void)offset;
    atomic_fetch_add(&num_reads, 1);
    atomic_fetch_add(&num_bytes, bytes);
    return result;
}

enum { N = 160, M = 24, LISTS = 26 };

/* A sticky trace, an ample window: once the slab is full all rows come early. */
static void lists_that_were_foreseen_find_their_rows_staged(void **state)
{
    (void)state;
    test_rng            rng = { .key = test_seed() };
    const pr_io_options io  = direct_io(PR_IO_THREADS, 2, 0);
    pr_cache_options    o   = { .policy = PR_POLICY_LOOKAHEAD, .rows = 3 * M / 2 };
    disk_rows           rows;
    direct_rig          x;
    trace               t;

    disk_rows_open(&rows, PR_ROWS_F32, N, 32, 4096, &rng);
    trace_open(&t, TRACE_STICKY, LISTS, N, M, &rng);
    assert_true(direct_open(&x, &rows, &o, &io, N));
    for (uint32_t l = 0; l < 8; l++) direct_foresee(&x, t.list[l]);
    assert_int_equal(x.used, 0); /* the slab is to be filled first */
    uint64_t num_full = 0;
    for (uint32_t l = 0; l < LISTS; l++) {
        const uint64_t came = x.sum.rows - x.sum.rows_early;
        const bool     full = pr_cache_resident_rows(x.cache) == o.rows;
        if (l + 8 < LISTS) direct_foresee(&x, t.list[l + 8]);
        const uint64_t rows_before = x.sum.rows;
        direct_step_next(&x);
        if (!full) continue;
        num_full += x.sum.rows - rows_before;
        assert_int_equal(x.sum.rows - x.sum.rows_early, came);
    }
    assert_true(num_full > 0);
    direct_close(&x);
    trace_close(&t);
    disk_rows_close(&rows);
}

/* Slots in plenty: lists are read early from the first on, as there is memory that the slab will
 * not have for long. */
static void lists_are_read_early_from_the_first_on_if_slots_are_ample(void **state)
{
    (void)state;
    test_rng            rng = { .key = test_seed() };
    const pr_io_options io  = direct_io(PR_IO_THREADS, 1, 0);
    disk_rows           rows;
    trace               t;

    disk_rows_open(&rows, PR_ROWS_F32, N, 32, 4096, &rng);
    trace_open(&t, TRACE_UNIFORM, LISTS, N, M, &rng);
    for (uint64_t capacity = 3 * M - 1; capacity <= 3 * M; capacity++) {
        const pr_cache_options o = { .policy = PR_POLICY_LOOKAHEAD, .rows = capacity };
        direct_rig             x;
        assert_true(direct_open(&x, &rows, &o, &io, M));
        direct_foresee(&x, t.list[0]);
        assert_int_equal(x.used, capacity < 3 * M ? 0 : t.list[0].n);
        assert_int_equal(direct_num_staged(&x), x.used);
        direct_step_next(&x);
        direct_close(&x);
    }
    trace_close(&t);
    disk_rows_close(&rows);
}

/* Once the slab is full, staging has the rows of the plan, or io.staging, whichever is more; lists
 * that do not fit come in part, and every read is charged to one plan, once (take counts them). */
static void staged_rows_stay_within_what_was_given(void **state)
{
    (void)state;
    enum { ROW = 256 };
    test_rng  rng        = { .key = test_seed() };
    uint32_t  num_partly = 0;
    disk_rows rows;

    disk_rows_open(&rows, PR_ROWS_F32, N, ROW / sizeof(float), 4096, &rng);
    for (uint32_t ahead = 1; ahead <= 4; ahead++)
        for (uint64_t given = 0; given <= 2 * M; given += 4) {
            const pr_cache_options o  = { .policy = PR_POLICY_LOOKAHEAD, .rows = M + given / 2 };
            pr_io_options          io = direct_io(PR_IO_THREADS, ahead, 4096);
            direct_rig             x;
            trace                  t;
            io.staging = given * ROW + 1; /* not a row more */
            assert_true(direct_open(&x, &rows, &o, &io, N));
            trace_open(&t, TRACE_UNIFORM, LISTS, N, M, &rng);
            const uint64_t reads = num_reads, bytes = num_bytes;
            for (uint32_t l = 0; l < LISTS; l++) {
                for (uint32_t i = l ? l + 4 : 0; i <= l + 4 && i < LISTS; i++)
                    direct_foresee(&x, t.list[i]);
                direct_step_next(&x);
            }
            assert_true(x.most_used <= given);
            if (ahead == 1) assert_true(x.most_staged <= (given > M ? given : M));
            assert_true(x.most_staged <= given + M);
            assert_int_equal(x.sum.reads, num_reads - reads);
            assert_int_equal(x.sum.bytes, num_bytes - bytes);
            num_partly += x.num_partly;
            trace_close(&t);
            direct_close(&x);
        }
    assert_true(num_partly > 0);
    disk_rows_close(&rows);
}

/* Give the bytes of a cache's rows that are in memory: in its slab, and in staging. */
static uint64_t rows_in_memory(const pr_cache *cache)
{
    pr_ranges ranges = { .numa_node = -1 };
    uint64_t  bytes  = 0;

    pr_cache_ranges(cache, &ranges);
    for (uint32_t i = 0; i < ranges.num; i++) {
        const char *what = ranges.at[i].what;
        if (strcmp(what, "slab") != 0 && strcmp(what, "staging") != 0) continue;
        const size_t   page = (size_t)sysconf(_SC_PAGESIZE);
        const uint64_t num  = (ranges.at[i].bytes + page - 1) / page;
        unsigned char *in   = test_room(num + 1, 1);
        assert_int_equal(mincore((void *)(uintptr_t)ranges.at[i].at, num * page, in), 0);
        for (uint64_t p = 0; p < num; p++) bytes += (in[p] & 1) * page;
        free(in);
    }
    return bytes;
}

/* From the first list on, which misses all its rows, slab and staging have no more in memory than
 * the capacity and what lists have that the one before had not; or two batches, if that is more. */
static void a_cold_start_takes_the_memory_of_full_slab_and_staging(void **state)
{
    (void)state;
    enum { ROWS = 4000, COLS = 2048, BATCH = 800, FRESH = 300, TURNS = 11, SPARE = 1 << 20 };
    static const uint64_t capacities[] = { BATCH, 2 * BATCH, 3 * BATCH, ROWS };
    const uint64_t        row          = COLS * sizeof(float);
    test_rng              rng          = { .key = test_seed() };
    disk_rows             rows;

    disk_rows_open(&rows, PR_ROWS_F32, ROWS, COLS, 4096, &rng);
    for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++)
        for (uint32_t limited = 0; limited < 2; limited++) {
            const pr_cache_options o    = { .policy = PR_POLICY_LOOKAHEAD, .rows = capacities[c] };
            pr_io_options          io   = direct_io(PR_IO_THREADS, 1, 0);
            const uint64_t         once = 2 * BATCH > o.rows ? 2 * BATCH - o.rows : 0;
            const uint64_t         more = once > FRESH ? once : FRESH;
            const uint64_t         most = (o.rows + more) * row + pri_page_most() + SPARE;
            direct_rig             x;
            pr_vid                *list = test_room((size_t)TURNS * BATCH, sizeof *list);
            io.staging                  = limited ? FRESH * row : 0;
            assert_true(direct_open(&x, &rows, &o, &io, BATCH));
            for (uint32_t l = 0; l < TURNS; l++) /* a list is the last one, FRESH rows further on */
                for (uint32_t i = 0; i < BATCH; i++) list[l * BATCH + i] = (l * FRESH + i) % ROWS;
            for (uint32_t l = 0; l < 3; l++)
                direct_foresee(&x, (pr_vids){ list + l * BATCH, BATCH });
            for (uint32_t l = 0; l < TURNS; l++) {
                if (l + 3 < TURNS) direct_foresee(&x, (pr_vids){ list + (l + 3) * BATCH, BATCH });
                direct_step_next(&x);
                /* While rows are placed they are in both; staging has given back since. */
                const uint64_t now    = rows_in_memory(x.cache);
                const uint64_t staged = direct_num_staged(&x) * row;
                if (now > most || x.most_placing * row > most)
                    fail_msg("capacity %llu, step %u: %llu KiB in memory, %llu staged, %llu rows "
                             "while placed; at most %llu KiB",
                             (unsigned long long)o.rows, l, (unsigned long long)(now >> 10),
                             (unsigned long long)(staged >> 10), (unsigned long long)x.most_placing,
                             (unsigned long long)(most >> 10));
            }
            free(list);
            direct_close(&x);
        }
    disk_rows_close(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_were_foreseen_find_their_rows_staged),
        cmocka_unit_test(lists_are_read_early_from_the_first_on_if_slots_are_ample),
        cmocka_unit_test(staged_rows_stay_within_what_was_given),
        cmocka_unit_test(a_cold_start_takes_the_memory_of_full_slab_and_staging),
    };
    (void)alarm(300); /* never stuck */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

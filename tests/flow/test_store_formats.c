/* test_store_formats.c: rows of a file in every format, through every store that can have them: the
 * same floats, bit for bit. Values that are not finite never enter, whoever looks first. And which
 * store is opened for what. */
#include "support/policy_reference.h"
#include "support/disk_rows.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cache/store.h"

enum { N = 300, M = 40 };

/* The stores a file can have. */
typedef enum way { IN_PLACE, COPIED, DIRECT, SHARDED, NUM_WAYS } way;

static pr_status open_store(const pr_features *x, way how, pr_store **out)
{
    const pr_shards one = { .num_shards = 1, .node = { -1 }, .first = { 0, x->num_rows } };
    pr_status       st;

    switch (how) {
    case IN_PLACE: return pr_store_memory(x, out);
    case COPIED: return pr_store_copied(x, out);
    case DIRECT: return pr_store_direct(x, out);
    default: st = pr_store_sharded(x, &one, NULL, PR_NUMA_AUTO, out); break;
    }
    if (st == PR_OK) pr_store_fill(*out, 0);
    return st;
}

/* Take a batch through a cache, and compare it. */
static pr_status take(pr_cache *cache, const disk_rows *rows, pr_vids wanted)
{
    pr_status            st = PR_OK;
    const pr_cache_plan *plan;
    pr_slab              view;

    assert_ok(pr_cache_prepare(cache, wanted, &plan));
    PR_TRY(pr_cache_place(cache, &view));
    for (size_t i = 0; i < wanted.n; i++) {
        const float *row = view.rows + view.slot_of_input[i] * view.ld;
        assert_memory_equal(row, rows->truth + (size_t)wanted.at[i] * rows->cols,
                            rows->cols * sizeof *row);
        for (size_t c = rows->cols; c < view.ld; c++) assert_true(row[c] == 0.0f);
    }
    pr_cache_release(cache);
    assert_ok(pr_cache_check(cache));
done:
    return st;
}

static void draw(pr_vid *ids, uint32_t m, test_rng *rng)
{
    bool drawn[N] = { false };

    for (uint32_t i = 0; i < m; i++) {
        do ids[i] = test_below(rng, N);
        while (drawn[ids[i]]);
        drawn[ids[i]] = true;
    }
}

/* Widths around whole lines and around the blocks that are converted past the caches. */
static void every_store_gives_the_same_floats(void **state)
{
    (void)state;
    static const uint32_t widths[] = { 1, 15, 16, 33, 128, 1024, 1025, 2500 };
    test_rng              rng      = { .key = test_seed() };
    pr_vid                ids[M];
    disk_rows             rows;

    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            disk_rows_open(&rows, format, N, widths[w], 128, &rng);
            for (way how = IN_PLACE; how < NUM_WAYS; how++)
                for (int reader = PR_READER_NEXT; reader <= PR_READER_LATER; reader++) {
                    const pr_cache_options o = { .rows = M, .reader = reader };
                    pr_store              *store;
                    pr_cache              *cache;
                    if (how == SHARDED && format != PR_ROWS_F32) {
                        assert_fails(PR_E_UNSUPPORTED, pr_row_format_name(format),
                                     open_store(&rows.features, how, &store));
                        continue;
                    }
                    assert_ok(open_store(&rows.features, how, &store));
                    assert_ok(pr_cache_create(&o, store, M, &cache));
                    for (int turn = 0; turn < 3; turn++) {
                        draw(ids, M, &rng);
                        assert_ok(take(cache, &rows, (pr_vids){ ids, M }));
                    }
                    pr_cache_free(cache);
                    pr_store_free(store);
                }
            disk_rows_close(&rows);
        }
}

static void a_value_that_is_not_finite_is_named_by_whoever_comes_to_it(void **state)
{
    (void)state;
    enum { BAD = 123, COL = 5 };
    test_rng               rng    = { .key = test_seed() };
    const pr_cache_options o      = { .rows = M };
    const pr_vid           good[] = { 1, 122, 124 }, bad[] = { 9, BAD };
    disk_rows              rows;
    pr_store              *store;
    pr_cache              *cache;

    for (int format = PR_ROWS_F32; format < PR_ROWS_INT8; format++) {
        disk_rows_open(&rows, format, N, 40, 128, &rng);
        disk_rows_spoil(&rows, BAD, COL);
        rows.file.checked = false;
        for (way how = IN_PLACE; how < NUM_WAYS; how++) {
            if (how == COPIED || (how == SHARDED && format == PR_ROWS_F32)) {
                assert_fails(PR_E_INPUT, "row 123", open_store(&rows.features, how, &store));
                assert_non_null(strstr(pr_error_message(), rows.file.path));
                assert_null(store);
            }
            if (how == COPIED || how == SHARDED) continue;
            assert_ok(open_store(&rows.features, how, &store));
            assert_true(pr_store_fetches(store));
            assert_ok(pr_cache_create(&o, store, M, &cache));
            for (int turn = 0; turn < 2; turn++) {
                assert_ok(take(cache, &rows, (pr_vids){ good, 3 }));
                assert_fails(PR_E_INPUT, "row 123", take(cache, &rows, (pr_vids){ bad, 2 }));
                assert_non_null(strstr(pr_error_message(), rows.file.path));
                assert_ok(pr_cache_check(cache));
            }
            pr_cache_free(cache);
            pr_store_free(store);
        }
        disk_rows_close(&rows);
    }
}

/* Kernels read f32 rows in place only where somebody looked at them all. */
static void rows_that_kernels_cannot_read_in_place_are_refused_with_what_to_do(void **state)
{
    (void)state;
    test_rng               rng = { .key = test_seed() };
    const pr_cache_options o   = { .mode = PR_CACHE_OFF };
    disk_rows              rows;
    pr_store              *store;
    pr_cache              *cache;

    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++)
        for (way how = IN_PLACE; how <= COPIED; how++)
            for (int checked = 0; checked < 2; checked++) {
                disk_rows_open(&rows, format, N, 20, 128, &rng);
                rows.file.checked = checked;
                assert_ok(open_store(&rows.features, how, &store));
                if (format != PR_ROWS_F32) {
                    assert_fails(PR_E_UNSUPPORTED, "--cache.mode resident",
                                 pr_cache_create(&o, store, M, &cache));
                } else if (how == IN_PLACE && !checked) {
                    assert_fails(PR_E_UNSUPPORTED, "--feature-check open",
                                 pr_cache_create(&o, store, M, &cache));
                } else {
                    assert_ok(pr_cache_create(&o, store, M, &cache));
                    pr_cache_free(cache);
                }
                pr_store_free(store);
                disk_rows_close(&rows);
            }
}

static void a_file_that_became_shorter_cannot_be_copied(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;
    pr_store *store;

    disk_rows_open(&rows, PR_ROWS_F32, N, 20, 128, &rng);
    assert_int_equal(truncate(rows.file.path, 128 + 100 * 80 + 7), 0);
    assert_fails(PR_E_IO, rows.file.path, pr_store_copied(&rows.features, &store));
    assert_null(store);
    disk_rows_close(&rows);
}

/* ---- which store ---- */

static void check_choice(const pr_store_setup *setup, int kind, const char *words)
{
    const char *why = NULL, *opened = NULL;
    pr_store   *store;

    assert_int_equal(pri_store_choose(setup, &why), kind);
    if (!strstr(why, words)) fail_msg("\"%s\" does not say \"%s\"", why, words);
    assert_ok(pr_store_open(setup, &store, &opened));
    assert_string_equal(why, opened);
    assert_int_equal(pr_store_fetches(store), kind == PR_STORE_DIRECT);
    pr_store_free(store);
}

static void rows_without_room_are_read_from_their_file_if_they_have_one(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;

    disk_rows_open(&rows, PR_ROWS_F32, N, 1024, 4096, &rng);
    const uint64_t bytes = rows.n * (uint64_t)4096;
    pr_store_setup setup = { .features = &rows.features, .memory = bytes };
    check_choice(&setup, PR_STORE_IN_PLACE, "little more");
    setup.memory = bytes - 1;
    check_choice(&setup, PR_STORE_DIRECT, "direct: a copy would take more than its share");
    setup.in_place = true;
    check_choice(&setup, PR_STORE_IN_PLACE, "mode off");
    setup.in_place = false;
    setup.features = &rows.memory;
    check_choice(&setup, PR_STORE_IN_PLACE, "in place: a copy would take more than its share");
    setup = (pr_store_setup){ .features = &rows.features, .kind = PR_STORE_DIRECT };
    check_choice(&setup, PR_STORE_DIRECT, "asked for");
    setup.kind = PR_STORE_IN_PLACE;
    check_choice(&setup, PR_STORE_IN_PLACE, "asked for");
    setup.kind = PR_STORE_COPIED;
    check_choice(&setup, PR_STORE_COPIED, "copied to huge pages");
    disk_rows_close(&rows);

    disk_rows_open(&rows, PR_ROWS_INT8, N, 16, 4096, &rng);
    setup = (pr_store_setup){ .features = &rows.features };
    check_choice(&setup, PR_STORE_IN_PLACE, "little more");
    setup.memory = 100;
    check_choice(&setup, PR_STORE_DIRECT, "direct");
    const pr_shards two = {
        .num_shards = 2, .node = { 0, 1 }, .lane = { 0, 1 }, .first = { 0, 100, N }
    };
    setup = (pr_store_setup){ .features = &rows.features, .kind = PR_STORE_COPIED, .shards = &two };
    check_choice(&setup, PR_STORE_COPIED, "copied to huge pages"); /* not dealt to shards */
    disk_rows_close(&rows);
}

/* Whether the kernel was told not to read around what is asked for. */
static bool is_random(const void *at)
{
    char  line[512];
    bool  ours = false, found = false;
    FILE *maps = fopen("/proc/self/smaps", "re");

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            ours = (uintptr_t)at >= begin && (uintptr_t)at < end;
        else if (ours && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, " rr") != NULL;
    }
    (void)fclose(maps);
    return found;
}

/* A file of holes, as large as the free memory: no byte of it is ever there. */
static void a_file_that_memory_cannot_keep_is_read_row_by_row(void **state)
{
    (void)state;
    test_rng       rng   = { .key = test_seed() };
    const uint64_t bytes = pr_memory_available() / 4096 * 4096;
    disk_rows      rows;
    pr_store      *store;

    disk_rows_open(&rows, PR_ROWS_F32, 1, 1024, 0, &rng);
    void *const mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, rows.file.fd, 0);
    if (mapping == MAP_FAILED || truncate(rows.file.path, (off_t)bytes) != 0) {
        print_message("skipped: no file of %llu bytes can be had\n", (unsigned long long)bytes);
        if (mapping != MAP_FAILED) (void)munmap(mapping, bytes);
        disk_rows_close(&rows);
        skip();
    }
    pr_row_file file         = rows.file;
    file.file_bytes          = bytes;
    file.mapped              = mapping;
    const pr_features    x   = { .num_rows = (pr_vid)(bytes / 4096),
                                 .num_cols = 1024,
                                 .rows     = mapping,
                                 .ld       = 1024,
                                 .file     = &file };
    const pr_store_setup own = { .features = &x };
    check_choice(&own, PR_STORE_DIRECT, "more than half of the free memory");
    assert_false(is_random(mapping));
    const pr_store_setup in_place = { .features = &x, .kind = PR_STORE_IN_PLACE };
    assert_ok(pr_store_open(&in_place, &store, NULL));
    assert_true(is_random(mapping));
    pr_store_free(store);
    (void)munmap(mapping, bytes);
    disk_rows_close(&rows);
}

/* Bytes of a mapping that count as this process's memory. */
static size_t counted(const void *at)
{
    char          line[512];
    bool          ours = false;
    unsigned long kib = 0, sum = 0;
    FILE         *maps = fopen("/proc/self/smaps", "re");

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            ours = (uintptr_t)at >= begin && (uintptr_t)at < end;
        else if (ours && sscanf(line, "Rss: %lu kB", &kib) == 1)
            sum += kib << 10;
    }
    (void)fclose(maps);
    return sum;
}

static void a_copy_leaves_no_page_of_the_file_in_our_memory(void **state)
{
    (void)state;
    enum { ROWS = 2000 };
    test_rng  rng = { .key = test_seed() };
    disk_rows rows;
    pr_store *store;

    disk_rows_open(&rows, PR_ROWS_F32, ROWS, 1024, 4096, &rng);
    for (way how = COPIED; how < NUM_WAYS; how++)
        for (int checked = 0; checked < 2; checked++) {
            rows.file.checked = checked;
            assert_ok(open_store(&rows.features, how, &store));
            assert_true(counted(rows.mapping) <= 128 << 10); /* a page or two, and those around */
            pr_store_free(store);
        }
    disk_rows_close(&rows);
}

static void direct_is_refused_over_rows_that_no_file_has(void **state)
{
    (void)state;
    static const pr_eid indptr[] = { 0, 0 };
    const pr_features   csr      = {
               .kind = PR_FEATURES_CSR, .num_rows = 1, .num_cols = 4, .indptr = indptr
    };
    const float          row[4]   = { 0 };
    const pr_features    memory   = { .num_rows = 1, .num_cols = 4, .rows = row, .ld = 4 };
    const pr_store_setup setups[] = { { .features = &csr, .kind = PR_STORE_DIRECT },
                                      { .features = &memory, .kind = PR_STORE_DIRECT } };
    pr_store            *store;

    assert_fails(PR_E_UNSUPPORTED, "csr", pr_store_open(&setups[0], &store, NULL));
    assert_fails(PR_E_UNSUPPORTED, "no file", pr_store_open(&setups[1], &store, NULL));
    assert_null(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_store_gives_the_same_floats),
        cmocka_unit_test(a_value_that_is_not_finite_is_named_by_whoever_comes_to_it),
        cmocka_unit_test(rows_that_kernels_cannot_read_in_place_are_refused_with_what_to_do),
        cmocka_unit_test(a_file_that_became_shorter_cannot_be_copied),
        cmocka_unit_test(rows_without_room_are_read_from_their_file_if_they_have_one),
        cmocka_unit_test(a_file_that_memory_cannot_keep_is_read_row_by_row),
        cmocka_unit_test(a_copy_leaves_no_page_of_the_file_in_our_memory),
        cmocka_unit_test(direct_is_refused_over_rows_that_no_file_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

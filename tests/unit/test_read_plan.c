/* test_read_plan.c: cache/read_plan.c: sorting, and rows merged into reads as a slow oracle merges
 * them, which marks blocks one at a time. */
#include "support/support.h"

#include "cache/read_plan.h"

static int by_id(const void *a, const void *b)
{
    const pr_vid left = ((const pri_write *)a)->id, right = ((const pri_write *)b)->id;
    return left < right ? -1 : left > right;
}

static void check_sorted(test_rng *rng, size_t n, pr_vid end)
{
    pri_write *rows = malloc((n + 1) * sizeof *rows), *want = malloc((n + 1) * sizeof *want);
    pri_write *a = malloc((n + 1) * sizeof *a), *b = malloc((n + 1) * sizeof *b);

    for (size_t i = 0; i < n; i++)
        rows[i] = (pri_write){ .id = test_below(rng, end), .to = (pr_slot)i };
    memcpy(want, rows, n * sizeof *rows);
    qsort(want, n, sizeof *want, by_id);
    const pri_write *got = pri_read_sort(rows, n, end, a, b);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i].id, want[i].id);
        assert_int_equal(rows[got[i].to].id, got[i].id);
        if (i) assert_true(got[i - 1].id < got[i].id || got[i - 1].to < got[i].to);
    }
    got = pri_read_sort(want, n, end, a, b); /* in order already */
    for (size_t i = 0; i < n; i++) assert_int_equal(got[i].id, want[i].id);
    free(rows);
    free(want);
    free(a);
    free(b);
}

static void rows_are_sorted_by_id_whatever_their_number_and_range(void **state)
{
    static const pr_vid ends[] = { 1, 2, 2048, 2049, 1 << 22, (1 << 22) + 1, UINT32_MAX };
    test_rng            rng    = { .key = test_seed() };

    (void)state;
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        for (size_t n = 0; n < 70; n++) check_sorted(&rng, n, ends[e]);
        check_sorted(&rng, 5000, ends[e]);
    }
}

/* The first and the last block of a row, found without arithmetic on masks. */
typedef struct span {
    uint64_t first, last;
} span;

static span span_of(const pri_read_layout *l, pr_vid id)
{
    const uint64_t begin = l->first_byte + (uint64_t)id * l->row_bytes;
    return (span){ begin / l->block, (begin + l->row_bytes - 1) / l->block };
}

/* Whether rows i and i+1 may be of one read that begins with row `from`. */
static bool may_merge(const pri_read_layout *l, const pri_write *rows, size_t from, size_t i)
{
    const uint64_t begin = span_of(l, rows[from].id).first;
    const span     here = span_of(l, rows[i].id), next = span_of(l, rows[i + 1].id);
    uint64_t       between = 0;

    for (uint64_t b = here.last + 1; b < next.first; b++) {
        between += l->block;
        if (between > l->gap) return false;
    }
    return (next.last + 1 - begin) * l->block <= l->most_bytes && i + 1 - from < l->most_rows;
}

static void check_merging(const pri_read_layout *l, const pri_write *rows, size_t n, size_t mask,
                          size_t first)
{
    pr_fetch_cost cost  = { 0 };
    uint64_t      bytes = 0, reads = 0;
    pri_write    *ring = malloc((mask + 1) * sizeof *ring);

    for (size_t i = 0; i < n; i++) ring[(first + i) & mask] = rows[i];
    for (size_t at = 0; at < n;) {
        const pri_read_extent e = pri_read_next(l, ring, mask, first + at, n - at);
        size_t                k = 1;
        while (at + k < n && may_merge(l, rows, at, at + k - 1)) k++;
        assert_int_equal(e.num_rows, k);
        assert_int_equal(e.offset, span_of(l, rows[at].id).first * l->block);
        assert_int_equal(e.offset + e.bytes, (span_of(l, rows[at + k - 1].id).last + 1) * l->block);
        assert_int_equal(e.offset + e.needed, l->first_byte +
                                                  (uint64_t)rows[at + k - 1].id * l->row_bytes +
                                                  l->row_bytes);
        assert_true(e.bytes <= l->most_bytes && e.needed <= e.bytes);
        at += k;
        bytes += e.bytes;
        reads++;
    }
    pri_read_count(l, rows, n, &cost);
    assert_int_equal(cost.reads, reads);
    assert_int_equal(cost.bytes, bytes);
    free(ring);
}

static void rows_are_merged_as_the_oracle_merges_them(void **state)
{
    static const size_t row_bytes[] = { 4, 12, 100, 512, 516, 2048, 4096, 5000, 100000 };
    static const size_t block[]     = { 512, 4096, 65536 };
    enum { MOST = 300 };
    pri_write rows[MOST];
    test_rng  rng = { .key = test_seed() };

    (void)state;
    for (int round = 0; round < 2000; round++) {
        const size_t        n    = 1 + test_below(&rng, MOST);
        const pr_io_options io   = { .gap      = test_below(&rng, 4) * test_below(&rng, 9000),
                                     .max_read = 4096 + test_below(&rng, 200000) };
        const pr_row_file   file = { .row_bytes = row_bytes[test_below(&rng, 9)],
                                     .first_byte =
                                       test_below(&rng, 3) ? test_below(&rng, 5000) : 4096 };
        pri_read_layout     l    = pri_read_layout_of(&file, &io, block[test_below(&rng, 3)], MOST);
        const uint32_t      step = 1 + test_below(&rng, test_below(&rng, 2) ? 3 : 40);
        pr_vid              id   = test_below(&rng, 3) ? 0 : 4000000000u;

        if (test_below(&rng, 4) == 0) l.most_rows = 1 + test_below(&rng, 5);
        for (size_t i = 0; i < n; i++) {
            id += 1 + test_below(&rng, step);
            rows[i] = (pri_write){ .id = id, .to = (pr_slot)i };
        }
        check_merging(&l, rows, n, 511, test_below(&rng, 100000));
    }
}

static void a_read_has_room_for_any_row(void **state)
{
    (void)state;
    assert_int_equal(pri_read_room(1, 512), 512);
    assert_int_equal(pri_read_room(2, 512), 1024);
    assert_int_equal(pri_read_room(512, 512), 1024);
    assert_int_equal(pri_read_room(513, 512), 1024);
    assert_int_equal(pri_read_room(514, 512), 1536);
    for (size_t bytes = 1; bytes < 3000; bytes++) {
        uint64_t worst = 0;
        for (uint64_t at = 0; at < 512; at++) {
            const uint64_t blocks = (at + bytes - 1) / 512 + 1;
            if (blocks > worst) worst = blocks;
        }
        assert_int_equal(pri_read_room(bytes, 512), worst * 512);
    }
}

static void with_no_gap_neighbouring_blocks_still_come_with_one_read(void **state)
{
    const pri_read_layout l = {
        .row_bytes = 512, .block = 512, .gap = 0, .most_bytes = 4096, .most_rows = 99
    };
    const pri_write rows[] = { { .id = 3 }, { .id = 4 }, { .id = 6 } };

    (void)state;
    assert_int_equal(pri_read_next(&l, rows, SIZE_MAX, 0, 3).num_rows, 2);
    assert_int_equal(pri_read_next(&l, rows, SIZE_MAX, 2, 1).offset, 6 * 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_by_id_whatever_their_number_and_range),
        cmocka_unit_test(rows_are_merged_as_the_oracle_merges_them),
        cmocka_unit_test(a_read_has_room_for_any_row),
        cmocka_unit_test(with_no_gap_neighbouring_blocks_still_come_with_one_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

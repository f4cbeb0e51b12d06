/* test_mem.c: the heap door counts and can be made to fail; page ranges are aligned as promised. */
#include "support/support.h"

#include <pthread.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

static void what_is_allocated_is_counted_until_freed(void **state)
{
    (void)state;
    const uint64_t calls = pri_mem_calls();
    const int64_t  live  = pri_mem_live();

    char *a = pri_calloc(10, 1), *b = pri_pages_map(5000, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(pri_mem_live(), live + 2);
    a = pri_realloc(a, 20, 1); /* a call, but no new block */
    assert_int_equal(pri_mem_calls(), calls + 3);
    assert_int_equal(pri_mem_live(), live + 2);
    pri_free(a);
    pri_pages_unmap(b, 5000);
    pri_free(NULL);
    pri_pages_unmap(NULL, 5000);
    assert_int_equal(pri_mem_live(), live);
}

static void new_arrays_are_zero(void **state)
{
    (void)state;
    unsigned char *a = pri_calloc(1000, 7);

    for (size_t i = 0; i < 7000; i++) assert_int_equal(a[i], 0);
    pri_free(a);
}

static void a_count_of_zero_gives_something_to_free(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();

    void *a = pri_calloc(0, 8), *b = pri_calloc(8, 0), *c = pri_realloc(NULL, 0, 8);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    void *d = pri_realloc(c, 0, 0);
    assert_non_null(d);
    assert_int_equal(pri_mem_live(), live + 3);
    pri_free(a);
    pri_free(b);
    pri_free(d);
    assert_int_equal(pri_mem_live(), live);
}

/* count * size wraps round to a small number in both. */
static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    const int64_t live = pri_mem_live();
    void         *kept = pri_calloc(4, 4);

    assert_null(pri_calloc(SIZE_MAX / 2 + 2, 2));
    assert_null(pri_realloc(NULL, SIZE_MAX / 4 + 2, 4));
    assert_null(pri_realloc(kept, SIZE_MAX, SIZE_MAX));
    assert_null(pri_pages_map(SIZE_MAX, 0));
    assert_null(pri_pages_map(SIZE_MAX / 2, 1));
    assert_null(pri_pages_map(0, 0));
    ((char *)kept)[15] = 1; /* still there */
    pri_free(kept);
    assert_int_equal(pri_mem_live(), live);
}

static void growing_keeps_what_was_there(void **state)
{
    (void)state;
    uint32_t *a = NULL;

    for (uint32_t n = 1; n <= 1000; n++) {
        a = pri_realloc(a, n, sizeof *a);
        assert_non_null(a);
        a[n - 1] = n;
        assert_int_equal(a[0], 1);
        assert_int_equal(a[n / 2], n / 2 + 1);
    }
    pri_free(a);
}

static void only_the_chosen_allocation_fails(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 5; n++) {
        void *got[6];
        pri_mem_fail_at(n);
        for (int i = 0; i < 6; i++)
            got[i] = i % 3 == 0   ? pri_calloc(1, 1)
                     : i % 3 == 1 ? pri_realloc(NULL, 1, 1)
                                  : pri_pages_map(4096, 0);
        for (int i = 0; i < 6; i++) {
            assert_true((got[i] == NULL) == (i == n));
            if (i % 3 == 2)
                pri_pages_unmap(got[i], 4096);
            else
                pri_free(got[i]);
        }
    }
    pri_mem_fail_at(-1);
}

static void a_failed_growth_leaves_the_old_block(void **state)
{
    (void)state;
    char *a = pri_calloc(4, 1);

    a[3] = 'x';
    pri_mem_fail_at(0);
    assert_null(pri_realloc(a, 4000, 1));
    pri_mem_fail_at(-1);
    assert_int_equal(a[3], 'x');
    pri_free(a);
}

static pr_status allocate(size_t count, uint64_t **out)
{
    pr_status st = PR_OK;
    PR_NEW(*out, count);
done:
    return st;
}

static void PR_NEW_names_the_array_and_its_size(void **state)
{
    (void)state;
    uint64_t *array = NULL;

    assert_fails(PR_E_NOMEM, "2305843009213693952 elements of 8 bytes for *out",
                 allocate((size_t)1 << 61, &array));
    assert_ok(allocate(3, &array));
    pri_free(array);
}

static void large_page_ranges_start_on_two_megabytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        1, 4096, 4097, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 3 * HUGE_PAGE + 4095, 10 * HUGE_PAGE
    };
    const int64_t live = pri_mem_live();

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int huge = 0; huge < 2; huge++) {
            char *p[3];
            for (int k = 0; k < 3; k++) { /* several, so that luck does not align them */
                p[k] = pri_pages_map(sizes[i], huge);
                assert_non_null(p[k]);
                const uintptr_t step = sizes[i] >= HUGE_PAGE ? HUGE_PAGE : 4096;
                assert_true((uintptr_t)p[k] % step == 0);
                assert_int_equal(p[k][0], 0);
                assert_int_equal(p[k][sizes[i] - 1], 0);
                p[k][0] = p[k][sizes[i] - 1] = (char)(k + 1);
            }
            for (int k = 0; k < 3; k++) {
                assert_int_equal(p[k][0], k + 1);
                assert_int_equal(p[k][sizes[i] - 1], k + 1);
                pri_pages_unmap(p[k], sizes[i]);
            }
        }
    assert_int_equal(pri_mem_live(), live);
}

/* Whether the kernel was told to put no huge page where `at` is. */
static bool without_huge_pages(const void *at)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char  line[512];
    bool  ours = false, without = false;

    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            ours = begin <= (uintptr_t)at && (uintptr_t)at < end;
        else if (ours && !strncmp(line, "VmFlags:", 8))
            without = strstr(line, " nh") != NULL;
    }
    if (maps) (void)fclose(maps);
    return without;
}

/* Two lanes' ranges lie side by side: a huge page over both would be on the node of whoever touches
 * it first. */
static void no_huge_page_can_span_two_ranges(void **state)
{
    (void)state;
    enum { RANGES = 24 };
    test_rng rng = { .key = test_seed() };
    char    *at[RANGES];
    size_t   bytes[RANGES];

    at[0]           = pri_pages_map(1, 0);
    const bool says = madvise(at[0], 1, MADV_NOHUGEPAGE) == 0 && without_huge_pages(at[0]);
    pri_pages_unmap(at[0], 1);
    if (!says) skip(); /* a kernel without huge pages, or that does not tell */
    for (int i = 0; i < RANGES; i++) {
        bytes[i] = 1 + test_below(&rng, i % 2 ? 4 * HUGE_PAGE : HUGE_PAGE / 2);
        at[i]    = pri_pages_map(bytes[i], 1);
        assert_non_null(at[i]);
    }
    for (int i = 0; i < RANGES; i++) {
        if (bytes[i] < HUGE_PAGE) {
            assert_true(without_huge_pages(at[i]));
            continue;
        }
        const uintptr_t end = (uintptr_t)at[i] + (bytes[i] + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        for (int k = 0; k < RANGES; k++)
            assert_true(k == i || (uintptr_t)at[k] >= end ||
                        (uintptr_t)at[k] + bytes[k] <= (uintptr_t)at[i]);
    }
    for (int i = 0; i < RANGES; i++) pri_pages_unmap(at[i], bytes[i]);
}

/* Far more than the machine has: only address space is taken, and all of it comes back. */
static void reserving_is_not_committing(void **state)
{
    (void)state;
    const size_t bytes = (size_t)1 << 38;

    for (int i = 0; i < 300; i++) {
        char *p = pri_pages_map(bytes, 1);
        if (!p) skip(); /* no such address space: an ulimit or a sanitizer */
        p[bytes - 1] = 1;
        pri_pages_unmap(p, bytes);
    }
}

static void *allocate_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5000; i++) pri_free(pri_calloc(1, 8));
    return NULL;
}

static void counts_are_right_with_several_threads(void **state)
{
    (void)state;
    const uint64_t calls = pri_mem_calls();
    const int64_t  live  = pri_mem_live();
    pthread_t      thread[4];

    for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, allocate_often, NULL);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    assert_int_equal(pri_mem_calls(), calls + 20000);
    assert_int_equal(pri_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_allocated_is_counted_until_freed),
        cmocka_unit_test(new_arrays_are_zero),
        cmocka_unit_test(a_count_of_zero_gives_something_to_free),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(only_the_chosen_allocation_fails),
        cmocka_unit_test(a_failed_growth_leaves_the_old_block),
        cmocka_unit_test(PR_NEW_names_the_array_and_its_size),
        cmocka_unit_test(large_page_ranges_start_on_two_megabytes),
        cmocka_unit_test(no_huge_page_can_span_two_ranges),
        cmocka_unit_test(reserving_is_not_committing),
        cmocka_unit_test(counts_are_right_with_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_extent.c: what the kernel has in memory of a reservation that was written here and there,
 * and what the process has in all. */
#include "support/support.h"

#include "base/extent.h"
#include "base/rss.h"

enum { MIB = 1 << 20 };

static void pages_are_counted_once(void **state)
{
    (void)state;
    const pri_extent near[] = { { 10, 20 }, { 100, 0 }, { 4000, 200 }, { 5000, 10 }, { 12288, 1 } };

    assert_int_equal(pri_extents_resident(near, 5, 1 << 16, 4096), 3 * 4096);
    assert_int_equal(pri_extents_resident(near, 0, 1 << 16, 4096), 0);
    assert_int_equal(pri_extents_resident(near, 5, 1 << 16, 2 * MIB), 3 * 4096); /* too small */
    assert_int_equal(pri_extents_resident(near, 5, 64 * MIB, 2 * MIB), 2 * MIB);
    assert_int_equal(pri_prefix_resident(2 * MIB + 1, 64 * MIB, 2 * MIB), 4 * MIB);
    assert_int_equal(pri_prefix_resident(5 * MIB, 3 * MIB, 4096),
                     3 * MIB); /* never more than all */
    assert_int_equal(pri_prefix_resident(0, 3 * MIB, 4096), 0);
}

/* Write into a large reservation and compare what the process grew by with what was said. */
static void the_kernel_has_no_more_than_is_said(void **state)
{
    (void)state;
    const size_t     page   = pri_page_most();
    const pri_extent part[] = { { 0, 3 * MIB }, { 9 * MIB, 100 }, { 20 * MIB, 8 * MIB } };
    const size_t     whole  = 64 * MIB;
    const uint64_t   before = pri_rss_bytes();

    if (before == 0) skip();
    char *at = pri_pages_map(whole, 1);
    assert_non_null(at);
    for (size_t i = 0; i < 3; i++) memset(at + part[i].at, 1, part[i].bytes);
    const uint64_t grown = pri_rss_bytes() - before;
    const uint64_t said  = pri_extents_resident(part, 3, whole, page);
    if (grown > said + MIB || grown < 11 * MIB)
        fail_msg("%llu bytes came, %llu were said", (unsigned long long)grown,
                 (unsigned long long)said);
    assert_true(pri_rss_peak_bytes() + MIB >= pri_rss_bytes()); /* asked one after the other */
    pri_pages_unmap(at, whole);
}

static void a_peak_that_is_reset_is_what_the_process_has_now(void **state)
{
    (void)state;
    const size_t whole = 64 * MIB;
    char        *at    = pri_pages_map(whole, 0);

    assert_non_null(at);
    memset(at, 1, whole);
    pri_pages_unmap(at, whole);
    if (!pri_rss_peak_reset()) skip();
    assert_true(pri_rss_peak_bytes() < pri_rss_bytes() + whole / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_counted_once),
        cmocka_unit_test(the_kernel_has_no_more_than_is_said),
        cmocka_unit_test(a_peak_that_is_reset_is_what_the_process_has_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tune_measure.c: packrat tune measures rows of any length with any number of threads, through
 * the real copies, look-up and planner, and what it finds can be kept. Figures are taken with the
 * least effort: whether they are good is no matter here. */
#include "support/support.h"

#include <omp.h>

#include "base/json.h"
#include "base/isa.h"
#include "cache/tune_entry.h"
#include "cache/tune_rig.h"

static int64_t count_of(const pr_json *report, const char *name)
{
    const pr_json *list = pri_json_find(report, name);
    if (!pri_json_is_array(list)) fail_msg("%s is not an array", name);
    return (int64_t)pri_json_length(list);
}

static void rows_of_any_length_are_measured(void **state)
{
    (void)state;
    static const size_t row_bytes[] = { 4, 60, 64, 400, 512, 1028, 65536, 1 << 20 };
    const int           team        = omp_get_max_threads();

    for (size_t i = 0; i < sizeof row_bytes / sizeof *row_bytes; i++) {
        pr_tuning t;
        pr_json  *report  = NULL;
        double    rate    = 0;
        uint32_t  threads = 1 + (uint32_t)i % 3;

        assert_ok(pri_tuning_measure(row_bytes[i], threads, PRI_EFFORT_LEAST, &t, &report));
        assert_ok(pri_tune_check(&t));
        assert_true(t.isa <= pri_isa_at_most(PR_ISA_AVX512));
        assert_true(t.repack_share >= 0.5 && t.repack_share <= 1);
        if (threads == 1) assert_true(t.thread_bytes == UINT64_MAX);
        assert_true(t.stream_bytes >= 1 << 15);
        assert_int_equal(count_of(report, "copies"),
                         25 * (1 + pri_isa_at_most(PR_ISA_AVX512))); /* plain, 2 x 12 prefetched */
        assert_int_equal(count_of(report, "lookups"), 10);
        assert_int_equal(count_of(report, "threads_against_one") > 0, threads > 1);
        assert_true(pri_json_is_object(pri_json_find(report, "repack")));
        const pr_json *copy = pri_json_at(pri_json_find(report, "copies"), 3);
        assert_true(pri_json_as_real(pri_json_find(copy, "gb_per_s"), &rate) && rate > 0);
        const char *isa = pri_json_as_string(pri_json_find(pri_json_find(report, "tuning"), "isa"));
        assert_string_equal(isa, pri_isa_name(t.isa));
        assert_int_equal(omp_get_max_threads(), team); /* the caller's threads are as before */
        pr_json_free(report);
    }
}

static void what_was_measured_can_be_kept_and_printed(void **state)
{
    (void)state;
    char      path[512];
    pr_tuning t, back;
    pr_json  *report = NULL;
    char     *text   = NULL;
    size_t    bytes  = 0;

    snprintf(path, sizeof path, "%s/tune.json", test_directory());
    assert_ok(pri_tuning_measure(512, 2, PRI_EFFORT_LEAST, &t, &report));
    assert_ok(pr_tuning_save(path, 512, 2, &t));
    assert_ok(pr_tuning_load(path, 512, 2, &back));
    assert_int_equal(back.isa, t.isa);
    assert_int_equal(back.prefetch_to, t.prefetch_to);
    assert_int_equal(back.row_ahead, t.row_ahead);
    assert_int_equal(back.index_ahead, t.index_ahead);
    assert_true(back.thread_bytes == t.thread_bytes && back.stream_bytes == t.stream_bytes);
    assert_true(back.repack_share == t.repack_share);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    pr_tuning_print(&t, report, out);
    pr_tuning_print(&t, NULL, out);
    assert_int_equal(fclose(out), 0);
    printf("%s", text);
    static const char *const words[] = { "streamed", "look-ups",  "threads against one",
                                         "repacked", "row_ahead", "repack_share" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(text, words[i]));
    free(text);
    pr_json_free(report);
}

static void the_order_of_rows_reaches_each_once(void **state)
{
    (void)state;
    for (uint32_t bits = 6; bits <= 17; bits++) {
        uint8_t *seen = calloc((size_t)1 << bits, 1);
        assert_non_null(seen);
        for (uint32_t i = 0; i < UINT32_C(1) << bits; i++) {
            const uint32_t id = pri_rig_scatter(i + 12345, bits);
            assert_true(id < UINT32_C(1) << bits && !seen[id]);
            seen[id] = 1;
        }
        free(seen);
    }
}

static void arguments_out_of_bounds_are_refused(void **state)
{
    (void)state;
    pr_tuning t;
    pr_json  *report = (pr_json *)&t; /* must become NULL */

    assert_fails(PR_E_ARG, "row_bytes is 0", pr_tuning_measure(0, 1, true, &t, &report));
    assert_null(report);
    assert_fails(PR_E_ARG, "row_bytes is 510", pr_tuning_measure(510, 1, true, &t, NULL));
    assert_fails(PR_E_ARG, "4 .. 1048576", pr_tuning_measure(1048580, 1, true, &t, NULL));
    assert_fails(PR_E_ARG, "threads is 0", pr_tuning_measure(512, 0, true, &t, NULL));
    assert_fails(PR_E_ARG, "threads is 4097", pr_tuning_measure(512, 4097, true, &t, NULL));
    assert_fails(PR_E_ARG, "NULL", pr_tuning_measure(512, 1, true, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_any_length_are_measured),
        cmocka_unit_test(what_was_measured_can_be_kept_and_printed),
        cmocka_unit_test(the_order_of_rows_reaches_each_once),
        cmocka_unit_test(arguments_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

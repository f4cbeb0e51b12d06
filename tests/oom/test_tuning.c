/* test_tuning.c: tunings are loaded and saved, or memory is short and nothing has changed. */
#include "support/support.h"

#include "cache/tune_rig.h"

static pr_tuning   tuning;
static char        path[512];
static const char *load_path = path;

/* What a call gives instead of an object. */
static void forget(void *out)
{
    (void)out;
}

static pr_status load(void *context, void **out)
{
    const pr_status st = pr_tuning_load(load_path, 512, 2, context);
    *out               = st == PR_OK ? context : NULL;
    return st;
}

static pr_status save(void *context, void **out)
{
    const pr_status st = pr_tuning_save(path, 512, 2, context);
    *out               = st == PR_OK ? context : NULL;
    return st;
}

static pr_status measure(void *context, void **out)
{
    return pri_tuning_measure(64, 1, PRI_EFFORT_LEAST, context, (pr_json **)out);
}

static void free_report(void *report)
{
    pr_json_free(report);
}

static void a_host_is_measured_or_memory_is_short(void **state)
{
    (void)state;
    test_oom("pr_tuning_measure", measure, free_report, &tuning);
}

static void a_tuning_is_loaded_or_memory_is_short(void **state)
{
    (void)state;
    const char *directory = test_directory();

    pr_tuning_default(512, &tuning);
    snprintf(path, sizeof path, "%s/packrat/tune.json", directory);
    assert_ok(pr_tuning_save(path, 512, 2, &tuning));
    test_oom("pr_tuning_load", load, forget, &tuning);
    assert_int_equal(setenv("XDG_CACHE_HOME", directory, 1), 0);
    load_path = "auto";
    test_oom("pr_tuning_load of auto", load, forget, &tuning);
}

static void a_tuning_is_saved_or_memory_is_short(void **state)
{
    (void)state;
    pr_tuning_default(512, &tuning);
    snprintf(path, sizeof path, "%s/tune.json", test_directory());
    test_oom("pr_tuning_save of a new file", save, forget, &tuning);
    test_oom("pr_tuning_save", save, forget, &tuning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_measured_or_memory_is_short),
        cmocka_unit_test(a_tuning_is_loaded_or_memory_is_short),
        cmocka_unit_test(a_tuning_is_saved_or_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

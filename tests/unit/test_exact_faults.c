/* test_exact_faults.c: what goes wrong in exact inference that writes temporary files: too little
 * memory, a directory that is not there, a full disk, files that shrink, a stop. */
#include <fcntl.h>
#include <omp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/nn/exact.h"
#include "support/whole.h"

/* A case that spills for certain: the least memory. */
typedef struct spilling {
    whole           *w;
    pr_model        *model;
    float           *logits;
    pri_exact_limits limits;
    pr_model_shape   shape;
} spilling;

static spilling spill_create(const char *directory)
{
    spilling s = { .w      = whole_create(3000, 20, PR_ROWS_F32, test_seed()),
                   .logits = calloc(3000 * 5, sizeof(float)),
                   .limits = { 0, directory } };

    assert_non_null(s.logits);
    s.model = whole_model(s.w, 3, 64, 5);
    pr_model_describe(s.model, &s.shape);
    pri_exact_measure(&s.shape, &s.w->filed, 2, NULL, 0, NULL, &s.limits.memory_bytes, NULL);
    return s;
}

static void spill_free(spilling *s)
{
    pr_model_free(s->model);
    whole_free(s->w);
    free(s->logits);
}

static pr_status spill_open(const spilling *s, pri_exact **out)
{
    return pri_exact_create_within(s->model, &s->w->graph, &s->w->filed,
                                   (pri_exact_output){ .logits = s->logits }, 2, &s->limits, NULL,
                                   out);
}

static void less_than_the_least_is_refused_with_the_least(void **state)
{
    (void)state;
    spilling       s     = spill_create(test_directory());
    const uint64_t least = s.limits.memory_bytes;
    pri_exact     *exact;
    char           number[32];

    snprintf(number, sizeof number, "is %llu", (unsigned long long)least);
    s.limits.memory_bytes = least - 1;
    assert_fails(PR_E_NOMEM, number, spill_open(&s, &exact));
    assert_null(exact);
    s.limits.memory_bytes = least;
    assert_ok(spill_open(&s, &exact));
    uint64_t spill, measured;
    assert_int_equal(pri_exact_memory(exact, &spill) <= least, 1);
    pri_exact_measure(&s.shape, &s.w->filed, 2, NULL, least, NULL, NULL, &measured);
    assert_int_equal(measured, spill);
    assert_true(spill > 0);
    pri_exact_free(exact);
    spill_free(&s);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    spilling   s = spill_create("/nonexistent/spill");
    pri_exact *exact;

    assert_fails(PR_E_IO, "/nonexistent/spill", spill_open(&s, &exact));
    assert_null(exact);
    spill_free(&s);
}

/* A file that may not grow further: what a full disk is, as far as a test can have one. */
static void a_refused_write_ends_the_work_and_names_the_directory(void **state)
{
    (void)state;
    const char   *directory = test_directory();
    spilling      s         = spill_create(directory);
    const int64_t live      = pri_mem_live();
    struct rlimit was, tight;
    pri_exact    *exact;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 100; bytes < 400000; bytes *= 20) {
        tight          = was;
        tight.rlim_cur = bytes;
        assert_ok(spill_open(&s, &exact));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        const pr_status st = whole_run(exact, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
        assert_int_equal(st, PR_E_IO);
        assert_non_null(strstr(pr_error_message(), directory));
        assert_non_null(strstr(pr_error_message(), "cannot write"));
        pri_exact_free(exact);
        assert_int_equal(whole_files_in(directory), 0);
        assert_int_equal(pri_mem_live(), live);
    }
    (void)signal(SIGXFSZ, SIG_DFL);
    spill_free(&s);
}

/* Rows that vanish while they are read, and a file of outputs that does. */
static void files_that_shrink_end_the_work(void **state)
{
    (void)state;
    spilling     s = spill_create(test_directory());
    pri_exact   *exact;
    pri_nn_times times = { 0 };

    assert_ok(spill_open(&s, &exact));
    uint32_t pass = 0;
    while (exact->part[0].io.bytes_written == 0)
        assert_ok(pri_exact_pass(exact, pass++, 0, NULL, &times));
    pr_status st = PR_OK;
    while (st == PR_OK && pass < pri_exact_num_passes(exact)) {
        for (int i = 0; i < PRI_NUM_SPILLS; i++)
            if (exact->spill[i].fd >= 0) assert_int_equal(ftruncate(exact->spill[i].fd, 10), 0);
        st = pri_exact_pass(exact, pass++, 0, NULL, &times);
    }
    assert_int_equal(st, PR_E_IO);
    assert_non_null(strstr(pr_error_message(), "it ends there"));
    pri_exact_free(exact);

    assert_ok(spill_open(&s, &exact));
    assert_int_equal(truncate(s.w->file.path, 100000), 0);
    assert_int_equal(whole_run(exact, NULL), PR_E_IO);
    assert_non_null(strstr(pr_error_message(), s.w->file.path));
    pri_exact_free(exact);
    spill_free(&s);
}

static void stop_ends_the_work_in_any_pass(void **state)
{
    (void)state;
    const char   *directory = test_directory();
    spilling      s         = spill_create(directory);
    volatile int  stop;
    pri_exact    *exact;
    pri_nn_times  times = { 0 };
    const int64_t live  = pri_mem_live();

    assert_ok(spill_open(&s, &exact));
    for (uint32_t pass = 0; pass < pri_exact_num_passes(exact); pass++) {
        stop = 1;
        assert_fails(PR_E_INTERRUPTED, "interrupted",
                     pri_exact_pass(exact, pass, 0, &stop, &times));
        stop = 0;
        assert_ok(pri_exact_pass(exact, pass, 0, &stop, &times));
        assert_ok(pri_exact_pass(exact, pass, 1, &stop, &times));
    }
    pri_exact_free(exact);
    assert_int_equal(whole_files_in(directory), 0);
    assert_int_equal(pri_mem_live(), live);
    spill_free(&s);
}

int main(void)
{
    (void)omp_get_max_threads(); /* LLVM's runtime makes a file when it begins, which must not be
                                    the one that may not grow */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_than_the_least_is_refused_with_the_least),
        cmocka_unit_test(a_directory_that_is_not_there_is_named),
        cmocka_unit_test(a_refused_write_ends_the_work_and_names_the_directory),
        cmocka_unit_test(files_that_shrink_end_the_work),
        cmocka_unit_test(stop_ends_the_work_in_any_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

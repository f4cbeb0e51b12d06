/* test_budget.c: memory planned before a run is what the run then takes: part by part, and in all.
 * Under a limit a run keeps it, or is refused with one that works. */
#include "support/graphs.h"

#include <math.h>
#include <sqlite3.h>

#include "base/rss.h"

enum { NODES = 40000, EDGES = 300000, FEATURES = 320, CLASSES = 6, STEPS = 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PRI_SANITIZED)
static const bool counts = false; /* the sanitizer's memory is not the program's */
#else
static const bool counts = true;
#endif

static const char *path;

static int make_graph(void **state)
{
    (void)state;
    pr_diag_set_level(PR_WARN);
    path = test_planted(NODES, EDGES, FEATURES, CLASSES);
    return 0;
}

static pr_train_setup *usual(void)
{
    static pr_train_setup setup;

    test_setup(&setup, path);
    setup.train.steps      = STEPS;
    setup.train.batch_size = 256;
    setup.model.hidden     = 32;
    setup.machine.threads  = 2;
    return &setup;
}

/* ---- part by part ---- */

/* Compare what the log has of the parts. Parts are upper bounds, but near ones: a table that ends
 * within a huge page, and the margin of batches, are all they may be too large by. */
static void expect_parts(const char *log, const char *what)
{
    sqlite3      *db;
    sqlite3_stmt *stmt;
    int           num = 0;

    assert_int_equal(sqlite3_open_v2(log, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT item, predicted, outcome FROM forecast WHERE unit "
                                        "= 'bytes' AND outcome > 0 AND item != 'bytes_disk'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char  *item = (const char *)sqlite3_column_text(stmt, 0);
        const double said = sqlite3_column_double(stmt, 1), is = sqlite3_column_double(stmt, 2);
        const double pages = 26 << 20; /* base's allowance, and a dozen arrays on huge pages */
        num++;
        if (is > said || said > 1.6 * is + pages)
            fail_msg("%s: %s was to have %.1f MiB and has %.1f", what, item, said / (1 << 20),
                     is / (1 << 20));
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    assert_true(num >= 5); /* peak, slab, index, sampler, batches, tape */
}

static void expect_kept(pr_train_setup *setup, const char *what)
{
    pr_train_result result;

    setup->machine.memory = counts ? UINT64_C(700) << 20 : UINT64_C(8) << 30;
    snprintf(setup->train.log, sizeof setup->train.log, "%s/log.db", test_directory());
    assert_ok(pr_train(setup, NULL, &result));
    assert_true(result.memory_bytes > 0 && result.memory_bytes <= setup->machine.memory);
    if (!counts || result.peak_rss_bytes == 0) return;
    if (result.peak_rss_bytes > result.memory_bytes)
        fail_msg("%s: the process had %llu bytes, %llu were planned", what,
                 (unsigned long long)result.peak_rss_bytes,
                 (unsigned long long)result.memory_bytes);
    expect_parts(setup->train.log, what);
}

static void parts_have_in_memory_what_was_planned(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int         mode, policy, sampler, pipeline, eval, store;
        uint32_t    lanes, window;
    } runs[] = {
        { "usual", PR_CACHE_RESIDENT, PR_POLICY_LOOKAHEAD, PR_SAMPLER_LABOR, PR_PIPELINE_OFF,
          PR_EVAL_NONE, PR_STORE_AUTO, 1, PR_WINDOW_AUTO },
        { "pipelined", PR_CACHE_RESIDENT, PR_POLICY_LOOKAHEAD, PR_SAMPLER_UNIFORM, PR_PIPELINE_ON,
          PR_EVAL_SAMPLED, PR_STORE_IN_PLACE, 1, 4 },
        { "two lanes", PR_CACHE_RESIDENT, PR_POLICY_LRU, PR_SAMPLER_UNIFORM, PR_PIPELINE_OFF,
          PR_EVAL_EXACT, PR_STORE_AUTO, 2, 0 },
        { "packed", PR_CACHE_PACKED, PR_POLICY_LRU, PR_SAMPLER_WALK, PR_PIPELINE_OFF, PR_EVAL_NONE,
          PR_STORE_COPIED, 1, 0 },
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        pr_train_setup *setup  = usual();
        setup->cache.mode      = runs[i].mode;
        setup->cache.policy    = runs[i].policy;
        setup->cache.lookahead = runs[i].window;
        setup->cache.store     = runs[i].store;
        setup->sampler.kind    = runs[i].sampler;
        setup->train.pipeline  = runs[i].pipeline;
        setup->train.eval      = runs[i].eval;
        setup->placement.lanes = runs[i].lanes;
        expect_kept(setup, runs[i].what);
    }
}

/* ---- a limit ---- */

static void what_is_refused_names_a_limit_that_works(void **state)
{
    (void)state;
    pr_train_setup *setup = usual();
    pr_train_result result;
    pr_forecast     forecast;
    unsigned        mib = 0;

    setup->train.eval     = PR_EVAL_EXACT;
    setup->machine.memory = 8 << 20;
    assert_int_equal(pr_train(setup, NULL, &result), PR_E_RANGE);
    const char *said = strstr(pr_error_message(), "planted: ");
    if (!said || sscanf(said, "planted: %uM works", &mib) != 1)
        fail_msg("no limit that works in: %s", pr_error_message());
    assert_non_null(strstr(pr_error_message(), "--memory 8M is too little"));
    if (!counts) skip();
    setup->machine.memory = (uint64_t)mib << 20;
    assert_ok(pr_train(setup, NULL, &result));
    assert_int_equal(result.steps, STEPS);
    assert_true(result.peak_rss_bytes <= setup->machine.memory);

    assert_ok(pr_explain(setup, NULL, &forecast));
    assert_true(forecast.fits && forecast.limit_bytes == setup->machine.memory);
    setup->machine.memory = forecast.least_bytes - (UINT64_C(16) << 20);
    assert_ok(pr_explain(setup, NULL, &forecast));
    assert_false(forecast.fits);
    assert_non_null(strstr(forecast.why, "is too little"));
}

static uint64_t capacity_with(pr_train_setup *setup, uint64_t memory)
{
    pr_forecast forecast;

    setup->machine.memory = memory;
    assert_ok(pr_explain(setup, NULL, &forecast));
    assert_true(forecast.fits);
    return forecast.capacity_rows;
}

static void the_cache_takes_what_is_left_unless_it_was_told(void **state)
{
    (void)state;
    pr_train_setup *setup = usual();
    pr_forecast     forecast;

    if (!counts) skip();
    setup->cache.store = PR_STORE_IN_PLACE; /* else a copy of the rows may take the room */
    assert_ok(pr_explain(setup, NULL, &forecast));
    const uint64_t least = forecast.least_bytes;
    const uint64_t first = capacity_with(setup, least + (8 << 20));
    const uint64_t more  = capacity_with(setup, least + (64 << 20));
    assert_true(first < NODES && first < more);
    assert_int_equal(capacity_with(setup, least + (256 << 20)), NODES);

    setup->cache.rows = 777;
    assert_int_equal(capacity_with(setup, least + (256 << 20)), 777);
    setup->cache.rows    = 0;
    setup->cache.factor  = 1; /* of the first batch */
    const uint64_t asked = capacity_with(setup, least + (256 << 20));
    assert_true(asked > 777 && asked < NODES);
}

static void a_forecast_says_what_the_run_moves(void **state)
{
    (void)state;
    pr_train_setup *setup = usual();
    pr_train_result half, all;
    pr_forecast     forecast;

    setup->cache.policy = PR_POLICY_LRU; /* looks at nothing behind the last step */
    setup->train.steps  = 40;
    assert_ok(pr_explain(setup, NULL, &forecast));
    assert_ok(pr_train(setup, NULL, &all));
    setup->train.steps = 20;
    assert_ok(pr_train(setup, NULL, &half));
    const double second = 2 * all.rows_moved_per_step - half.rows_moved_per_step;
    assert_int_equal(forecast.batches_drawn, 40);
    assert_true(fabs(forecast.rows_moved - second) < 1e-6 * second);
    assert_int_equal(forecast.capacity_rows, all.capacity_rows);
    assert_int_equal(all.memory_bytes, 0); /* no limit: no plan */
    assert_true(forecast.step_ns > 0 && forecast.compute_ns > 0 && forecast.sample_ns > 0);
}

/* Rows that stay in their file: from a cold cache on, with the smallest cache and with larger ones,
 * slab and staging together keep the plan. */
static void rows_of_a_file_keep_a_limit_from_the_first_step_on(void **state)
{
    (void)state;
    static const uint64_t more[] = { 0, 12 }; /* MiB */
    pr_train_result       result;
    pr_forecast           forecast;

    if (!counts) skip();
    for (int eval = PR_EVAL_SAMPLED; eval <= PR_EVAL_NONE; eval++)
        for (size_t m = 0; m < sizeof more / sizeof *more; m++) {
            pr_train_setup *setup   = usual();
            setup->train.batch_size = 512;
            setup->train.steps      = 4;
            setup->train.eval       = eval;
            setup->cache.store      = PR_STORE_DIRECT;
            setup->io.ahead         = (uint32_t)m;
            assert_ok(pr_explain(setup, NULL, &forecast));
            setup->machine.memory = forecast.least_bytes + (more[m] << 20);
            assert_ok(pr_train(setup, NULL, &result));
            assert_int_equal(result.steps, 4);
            if (result.peak_rss_bytes > setup->machine.memory)
                fail_msg("eval %d: peak of %llu MiB, the limit is %llu", eval,
                         (unsigned long long)result.peak_rss_bytes >> 20,
                         (unsigned long long)setup->machine.memory >> 20);
            printf("eval %d, %llu MiB more: peak %llu of %llu MiB, %llu rows kept\n", eval,
                   (unsigned long long)more[m], (unsigned long long)result.peak_rss_bytes >> 20,
                   (unsigned long long)setup->machine.memory >> 20,
                   (unsigned long long)result.capacity_rows);
        }
}

/* The cache's decisions under a limit change what moves, never what a batch is. */
static void a_limit_changes_no_batch(void **state)
{
    (void)state;
    pr_train_setup *setup = usual();
    pr_train_result free, kept;

    assert_ok(pr_train(setup, NULL, &free));
    setup->machine.memory = counts ? UINT64_C(350) << 20 : UINT64_C(4) << 30;
    assert_ok(pr_train(setup, NULL, &kept));
    assert_int_equal(free.batch_hash, kept.batch_hash);
    assert_true(fabs(free.train_loss - kept.train_loss) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_in_memory_what_was_planned),
        cmocka_unit_test(what_is_refused_names_a_limit_that_works),
        cmocka_unit_test(the_cache_takes_what_is_left_unless_it_was_told),
        cmocka_unit_test(a_forecast_says_what_the_run_moves),
        cmocka_unit_test(rows_of_a_file_keep_a_limit_from_the_first_step_on),
        cmocka_unit_test(a_limit_changes_no_batch),
    };
    return cmocka_run_group_tests(tests, make_graph, NULL);
}

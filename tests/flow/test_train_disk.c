/* test_train_disk.c: training whose feature rows stay in their file: the same batches and losses as
 * from memory, at any capacity, for both engines and any number of lanes; and whatever a read comes
 * to, the run goes on with the right bytes or stops cleanly.
 *
 * Reads are spoiled where the library asks what the kernel said (pri_read_outcome). A run that is
 * stuck is ended by the alarm, which fails the test. */
#include "flow/log_fixture.h"
#include "support/graphs.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>

#include "base/outfile.h"
#include "cache/row_reader.h"

enum { NODES = 1500, COLS = 100, BATCH = 48, STEPS = 12, STUCK_SECONDS = 120 };

/* ---- what reads come to ---- */

typedef enum fault_kind {
    FAULT_NONE,
    FAULT_EIO,
    FAULT_EINTR,
    FAULT_SHORT, /* in whole blocks */
    FAULT_ODD,   /* short, within a block */
    FAULT_LONG,
    FAULT_LATE
} fault_kind;

/* Reads of a run count from 0; those from `first` on that are `every` apart are spoiled, `times` of
 * them. */
static struct {
    fault_kind       kind;
    uint64_t         first, every, times;
    _Atomic uint64_t seen, spoiled;
} fault;

int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result)
{
    const uint64_t        at  = atomic_fetch_add(&fault.seen, 1);
    const struct timespec nap = { .tv_nsec = 3000000 };

    (void)nth;
    (void)offset;
    if (fault.kind == FAULT_NONE || at < fault.first || (at - fault.first) % fault.every != 0)
        return result;
    if (atomic_fetch_add(&fault.spoiled, 1) >= fault.times) return result;
    switch (fault.kind) {
    case FAULT_EIO: return -EIO;
    case FAULT_EINTR: return -EINTR;
    case FAULT_SHORT: return result > 512 ? (result / 2 + 511) / 512 * 512 : result;
    case FAULT_ODD: return result > 1 ? result / 2 + 1 : result;
    case FAULT_LONG: return (int64_t)bytes + 512;
    case FAULT_LATE: (void)nanosleep(&nap, NULL); break;
    case FAULT_NONE: break;
    }
    return result;
}

static void spoil(fault_kind kind, uint64_t first, uint64_t every, uint64_t times)
{
    fault.kind  = kind;
    fault.first = first;
    fault.every = every;
    fault.times = times;
    atomic_store(&fault.seen, 0);
    atomic_store(&fault.spoiled, 0);
}

/* ---- runs ---- */

static pr_train_setup setup; /* large: text options are arrays */

static const char *graph(void)
{
    static const char *path;
    if (!path) path = test_planted(NODES, 12000, COLS, 4);
    return path;
}

static const char *fresh_log(void)
{
    return path_in(test_directory(), "run.db");
}

/* A run over rows in memory, in line, on one lane. */
static void plain_setup(const char *log)
{
    test_setup(&setup, graph());
    setup.model.hidden     = 16;
    setup.train.batch_size = BATCH;
    setup.train.steps      = STEPS;
    setup.train.eval       = PR_EVAL_NONE;
    setup.train.pipeline   = PR_PIPELINE_OFF;
    setup.machine.threads  = 1;
    setup.placement.lanes  = 1;
    setup.cache.factor     = 1.3;
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "5,3");
    snprintf(setup.train.log, sizeof setup.train.log, "%s", log);
    snprintf(setup.machine.tuning, sizeof setup.machine.tuning, "none");
    spoil(FAULT_NONE, 0, 1, 0);
}

static pr_status try_train(pr_train_result *result)
{
    (void)alarm(STUCK_SECONDS);
    const pr_status st = pr_train(&setup, NULL, result);
    (void)alarm(0);
    return st;
}

static pr_train_result train(void)
{
    pr_train_result result;

    assert_ok(try_train(&result));
    return result;
}

/* Whether this kernel lets us have an io_uring; asked once. */
static bool has_engine(int engine)
{
    static int      uring = -1;
    pr_train_result result;

    if (engine != PR_IO_URING) return true;
    if (uring < 0) {
        plain_setup("none");
        setup.cache.store  = PR_STORE_DIRECT;
        setup.io.engine    = PR_IO_URING;
        const pr_status st = try_train(&result);
        uring              = st == PR_OK;
        if (st != PR_OK) {
            assert_int_equal(st, PR_E_UNSUPPORTED);
            printf("not run  engine uring: %s\n", pr_error_message());
        }
    }
    return uring == 1;
}

/* Expect two runs of a log to have the same batches and, bit for bit, the same losses; and, with
 * the same capacity, to have decided the same. */
static void expect_same_steps(const char *log, int64_t first, int64_t run, bool decisions)
{
    sqlite3 *db = sql_open(log);
    char     sql[512];

    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM step AS a JOIN step AS b USING (phase, step) WHERE a.run = %lld"
             " AND b.run = %lld AND a.batch_hash = b.batch_hash AND a.num_inputs = b.num_inputs"
             " AND a.loss = b.loss AND a.num_correct = b.num_correct%s",
             (long long)first, (long long)run,
             decisions ? " AND a.rows_hit = b.rows_hit AND a.rows_bypassed = b.rows_bypassed" : "");
    assert_int_equal(sql_int(db, sql), STEPS);
    (void)sqlite3_close(db);
}

/* What holds in every step of a run whose rows are in a file. */
static void expect_reads(const char *log, const pr_train_result *result)
{
    sqlite3 *db = sql_open(log);
    char     sql[512];

#define OF_RUN(words)                                                                              \
    (snprintf(sql, sizeof sql, "SELECT " words " WHERE run = %lld", (long long)result->run),       \
     sql_int(db, sql))
    assert_int_equal(OF_RUN("sum(rows_disk <> rows_added + rows_bypassed) FROM step"), 0);
    assert_int_equal(OF_RUN("sum(rows_early > rows_disk OR reads_disk > rows_disk"
                            " OR wait_rows_ns > wait_ns OR disk_ns < 0) FROM step"),
                     0);
    /* rows may come with gaps, and in whole blocks, but not in more bytes than those */
    assert_int_equal(OF_RUN("sum(bytes_disk < rows_disk * 400 / 16) FROM step"), 0);
    assert_int_equal(OF_RUN("sum(bytes_disk) FROM step"), result->bytes_disk);
    assert_int_equal(OF_RUN("sum(reads_disk) FROM step"), result->reads_disk);
    assert_int_equal(OF_RUN("sum(reads_again) FROM step"), result->reads_again);
    assert_int_equal(OF_RUN("sum(bytes_disk) FROM step_partition"), result->bytes_disk);
    assert_int_equal(OF_RUN("sum(reads_disk) FROM step_partition"), result->reads_disk);
#undef OF_RUN
    (void)sqlite3_close(db);
}

static int64_t sum_of(const char *log, int64_t run, const char *column)
{
    sqlite3 *db = sql_open(log);
    char     sql[200];

    snprintf(sql, sizeof sql, "SELECT sum(%s) FROM step WHERE run = %lld", column, (long long)run);
    const int64_t sum = sql_int(db, sql);
    (void)sqlite3_close(db);
    return sum;
}

static void rows_of_a_file_train_as_rows_in_memory_do(void **state)
{
    (void)state;
    static const uint32_t ahead[] = { 0, 1, 3, PR_MAX_WINDOW };
    const char           *log     = fresh_log();

    for (uint32_t lanes = 1; lanes <= 2; lanes++) {
        plain_setup(log);
        setup.placement.lanes       = lanes;
        setup.machine.threads       = lanes;
        setup.cache.store           = PR_STORE_IN_PLACE; /* shards would deal seeds by rows */
        const pr_train_result plain = train();
        assert_int_equal(plain.lanes, lanes);
        assert_int_equal(plain.reads_disk, 0);
        for (int engine = PR_IO_URING; engine <= PR_IO_THREADS; engine++)
            for (int pipeline = PR_PIPELINE_ON; pipeline <= PR_PIPELINE_OFF; pipeline++)
                for (size_t a = 0; a < sizeof ahead / sizeof *ahead; a++) {
                    if (!has_engine(engine)) continue;
                    plain_setup(log);
                    setup.placement.lanes        = lanes;
                    setup.machine.threads        = lanes;
                    setup.cache.store            = PR_STORE_DIRECT;
                    setup.train.pipeline         = pipeline;
                    setup.io.engine              = engine;
                    setup.io.ahead               = ahead[a];
                    setup.io.gap                 = a % 2 ? 0 : 4096; /* each row a read, or not */
                    setup.io.depth               = engine == PR_IO_THREADS ? 3 : 16;
                    const pr_train_result result = train();
                    assert_true(result.reads_disk > 0);
                    assert_true(result.train_loss == plain.train_loss);
                    assert_int_equal(result.batch_hash, plain.batch_hash);
                    expect_same_steps(log, plain.run, result.run, true);
                    expect_reads(log, &result);
                    if (ahead[a] == 0) assert_int_equal(sum_of(log, result.run, "rows_early"), 0);
                    if (ahead[a] == 3) assert_true(sum_of(log, result.run, "rows_early") > 0);
                }
    }
}

/* Reads are decided before anything is known of time. */
static void what_is_read_does_not_depend_on_engine_or_overlap(void **state)
{
    (void)state;
    const char *log      = fresh_log();
    int64_t     first[4] = { 0 };

    for (int engine = PR_IO_URING; engine <= PR_IO_THREADS; engine++)
        for (int late = 0; late < 2; late++) {
            if (!has_engine(engine)) continue;
            plain_setup(log);
            setup.cache.store    = PR_STORE_DIRECT;
            setup.io.engine      = engine;
            setup.train.pipeline = PR_PIPELINE_ON;
            if (late) spoil(FAULT_LATE, 0, 7, UINT64_MAX);
            const int64_t run    = train().run;
            const int64_t now[4] = { sum_of(log, run, "reads_disk * (step + 1)"),
                                     sum_of(log, run, "bytes_disk * (step + 1)"),
                                     sum_of(log, run, "rows_disk * (step + 1)"),
                                     sum_of(log, run, "rows_early * (step + 1)") };
            if (!first[0]) memcpy(first, now, sizeof first);
            assert_memory_equal(now, first, sizeof first);
            expect_same_steps(log, 1, run, true);
        }
}

/* From no row to more than there are; every policy, and packed, at a third of them. */
static void every_capacity_is_right_and_never_stuck(void **state)
{
    (void)state;
    static const uint64_t rows[] = { 1, 2, 7, 100, 300, NODES - 1, NODES, 10 * NODES };
    const char           *log    = fresh_log();

    plain_setup(log);
    const pr_train_result plain = train();
    for (size_t i = 0; i < sizeof rows / sizeof *rows + 3; i++)
        for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD + 1; policy++) {
            if (policy != PR_POLICY_LOOKAHEAD && i % 3 != (size_t)policy % 3) continue;
            plain_setup(log);
            setup.cache.store    = PR_STORE_DIRECT;
            setup.train.pipeline = PR_PIPELINE_ON;
            setup.cache.policy   = policy <= PR_POLICY_LOOKAHEAD ? policy : PR_POLICY_LOOKAHEAD;
            setup.cache.mode = policy <= PR_POLICY_LOOKAHEAD ? PR_CACHE_RESIDENT : PR_CACHE_PACKED;
            if (i < sizeof rows / sizeof *rows)
                setup.cache.rows = rows[i];
            else if (i == sizeof rows / sizeof *rows)
                setup.cache.bytes = 1; /* no row */
            else
                setup.cache.factor = i == sizeof rows / sizeof *rows + 1 ? 0.0 : 0.4;
            const pr_train_result result = train();
            assert_int_equal(result.batch_hash, plain.batch_hash);
            assert_true(result.train_loss == plain.train_loss);
            expect_same_steps(log, plain.run, result.run, false);
            expect_reads(log, &result);
        }
}

static void a_step_from_disk_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    for (int engine = PR_IO_URING; engine <= PR_IO_THREADS; engine++)
        for (int pipeline = PR_PIPELINE_ON; pipeline <= PR_PIPELINE_OFF; pipeline++) {
            if (!has_engine(engine)) continue;
            plain_setup(fresh_log());
            setup.cache.store            = PR_STORE_DIRECT;
            setup.train.pipeline         = pipeline;
            setup.io.engine              = engine;
            setup.train.steps            = 60;
            const pr_train_result result = train();
            assert_int_equal(result.steps, 60);
            assert_int_equal(result.heap_calls, 0);
        }
}

/* ---- faults ---- */

/* A run from disk that keeps a checkpoint; engines take turns with `i`. */
static void faulty_setup(const char *log, const char *checkpoint, uint64_t i)
{
    const bool uring = has_engine(PR_IO_URING); /* which makes a setup of its own */

    plain_setup(log);
    setup.cache.store    = PR_STORE_DIRECT;
    setup.train.pipeline = i % 3 ? PR_PIPELINE_ON : PR_PIPELINE_OFF;
    setup.io.engine      = i % 2 && uring ? PR_IO_URING : PR_IO_THREADS;
    setup.io.depth       = 8;
    setup.io.retries     = 0;
    snprintf(setup.train.checkpoint, sizeof setup.train.checkpoint, "%s", checkpoint);
}

/* Expect a log whose last run failed after so many steps, all of them there, none half. */
static void expect_stopped(const char *log, uint64_t steps)
{
    sqlite3 *db = sql_open(log);

    assert_string_equal(sql_text(db, "PRAGMA integrity_check"), "ok");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step AS s WHERE 1 <> (SELECT count(*) FROM"
                                 " step_partition AS p WHERE p.run = s.run AND p.step = s.step)"),
                     0);
    assert_int_equal(sql_int(db, "SELECT exit_status FROM run ORDER BY id DESC LIMIT 1"), 1);
    assert_int_equal(sql_int(db, "SELECT rows_lost FROM run ORDER BY id DESC LIMIT 1"), 0);
    assert_int_equal(sql_int(db, "SELECT count(*) FROM step WHERE run = (SELECT max(id) FROM run)"),
                     steps);
    (void)sqlite3_close(db);
}

static void expect_whole_checkpoint(const char *path, const char *bytes, size_t n)
{
    pr_model          *model = NULL;
    pr_checkpoint_info info;
    char              *now;
    size_t             m;

    assert_ok(pri_file_read(path, 1 << 24, &now, &m));
    assert_int_equal(m, n);
    assert_memory_equal(now, bytes, n);
    pri_free(now);
    assert_ok(pr_checkpoint_load(path, &model, &info));
    pr_model_free(model);
    assert_false(is_there(path, ".tmp"));
}

/* Reads of a whole run, and what it comes to. */
static uint64_t reads_of_a_run(const char *log, const char *checkpoint, pr_train_result *result)
{
    faulty_setup(log, checkpoint, 0);
    *result = train();
    return atomic_load(&fault.seen);
}

static void a_read_that_fails_stops_training_cleanly(void **state)
{
    (void)state;
    static const struct {
        fault_kind  kind;
        const char *words;
    } cases[]           = { { FAULT_EIO, "Input/output error" }, { FAULT_LONG, "" } };
    const char     *log = fresh_log(), *checkpoint = path_in(test_directory(), "m.prc");
    pr_train_result whole, result;
    char           *bytes;
    size_t          n;
    const int64_t   live = pri_mem_live();

    const uint64_t reads = reads_of_a_run(log, checkpoint, &whole);
    assert_true(reads > 20);
    assert_ok(pri_file_read(checkpoint, 1 << 24, &bytes, &n));
    for (size_t c = 0; c < 2; c++)
        for (uint64_t at = 0; at < reads; at += at < 3 ? 1 : reads / 7) {
            faulty_setup(log, checkpoint, at);
            spoil(cases[c].kind, at, 1, 1);
            const pr_status st = try_train(&result);
            if (st != PR_E_IO) fail_msg("read %d: %s", (int)at, pr_status_name(st));
            const char *words = pr_error_message();
            if (!strstr(words, "feat.npy") || !strstr(words, "byte") ||
                !strstr(words, cases[c].words))
                fail_msg("read %d: \"%s\"", (int)at, words);
            if (at == 0) printf("%s\n", words);
            assert_true(result.steps < STEPS);
            expect_stopped(log, result.steps);
            expect_whole_checkpoint(checkpoint, bytes, n);
        }
    pri_free(bytes);
    assert_true(pri_mem_live() == live);
}

static void reads_that_come_in_pieces_or_late_change_nothing(void **state)
{
    (void)state;
    static const fault_kind kinds[] = { FAULT_SHORT, FAULT_EINTR, FAULT_LATE };
    const char             *log = fresh_log(), *checkpoint = path_in(test_directory(), "m.prc");
    pr_train_result         whole;

    (void)reads_of_a_run(log, checkpoint, &whole);
    for (size_t k = 0; k < 3; k++)
        for (uint64_t every = 1; every <= 4; every += 3)
            for (uint64_t i = 0; i < 2; i++) {
                faulty_setup(log, checkpoint, every + i);
                spoil(kinds[k], i, every, kinds[k] == FAULT_EINTR && every == 1 ? 40 : 400);
                const pr_train_result result = train();
                assert_int_equal(result.batch_hash, whole.batch_hash);
                assert_true(result.train_loss == whole.train_loss);
                assert_int_equal(result.bytes_disk, whole.bytes_disk);
                assert_int_equal(result.reads_disk, whole.reads_disk);
                if (kinds[k] != FAULT_LATE) assert_true(result.reads_again > 0);
                if (kinds[k] == FAULT_LATE) assert_int_equal(result.reads_again, 0);
                expect_reads(log, &result);
            }
}

static void transient_failures_are_survived_with_retries_and_counted(void **state)
{
    (void)state;
    const char     *log = fresh_log(), *checkpoint = path_in(test_directory(), "m.prc");
    pr_train_result whole, result;

    (void)reads_of_a_run(log, checkpoint, &whole);
    for (uint64_t i = 0; i < 4; i++) {
        faulty_setup(log, checkpoint, i);
        setup.io.retries = 50; /* another read may take the place that was to succeed */
        spoil(i < 3 ? FAULT_EIO : FAULT_ODD, i, 3, 9);
        result = train();
        assert_int_equal(result.batch_hash, whole.batch_hash);
        assert_true(result.train_loss == whole.train_loss);
        assert_int_equal(result.reads_again, 9);
        expect_reads(log, &result);
    }
    faulty_setup(log, checkpoint, 1); /* and where it does not end, they do */
    setup.io.retries = 4;
    spoil(FAULT_EIO, 9, 1, UINT64_MAX);
    assert_fails(PR_E_IO, "feat.npy", try_train(&result));
    expect_stopped(log, result.steps);
}

/* ---- a file that becomes shorter ---- */

typedef struct cutter {
    const char *path;
    uint64_t    after;
    bool        done;
} cutter;

static void cut(void *context, const pr_progress *progress)
{
    cutter *c = context;

    if (c->done || progress->step < c->after) return;
    assert_int_equal(truncate(c->path, 4096 + 400 * (NODES / 8)), 0);
    c->done = true;
}

static void a_file_cut_while_training_stops_it_cleanly(void **state)
{
    (void)state;
    for (int engine = PR_IO_URING; engine <= PR_IO_THREADS; engine++) {
        if (!has_engine(engine)) continue;
        const char     *own = test_planted(NODES, 12000, COLS, 4), *log = fresh_log();
        cutter          c     = { path_in(own, "feat.npy"), 3, false };
        const pr_hooks  hooks = { .progress = cut, .context = &c };
        pr_train_result result;

        plain_setup(log);
        snprintf(setup.dataset.data, sizeof setup.dataset.data, "%s", own);
        setup.cache.store    = PR_STORE_DIRECT;
        setup.io.engine      = engine;
        setup.train.pipeline = PR_PIPELINE_ON;
        setup.train.steps    = 500;
        (void)alarm(STUCK_SECONDS);
        assert_fails(PR_E_IO, "feat.npy", pr_train(&setup, &hooks, &result));
        (void)alarm(0);
        printf("%s\n", pr_error_message());
        assert_true(result.steps >= 3 && result.steps < 500);
        expect_stopped(log, result.steps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_file_train_as_rows_in_memory_do),
        cmocka_unit_test(what_is_read_does_not_depend_on_engine_or_overlap),
        cmocka_unit_test(every_capacity_is_right_and_never_stuck),
        cmocka_unit_test(a_step_from_disk_takes_nothing_from_the_heap),
        cmocka_unit_test(a_read_that_fails_stops_training_cleanly),
        cmocka_unit_test(reads_that_come_in_pieces_or_late_change_nothing),
        cmocka_unit_test(transient_failures_are_survived_with_retries_and_counted),
        cmocka_unit_test(a_file_cut_while_training_stops_it_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_train_formats.c: training on rows in each format of files: from disk as from memory, and
 * fewer bytes are read for shorter rows. */
#include "flow/log_fixture.h"
#include "support/graphs.h"

enum {
    COLS  = 1024,
    STEPS = 6
}; /* rows of 4096, 2048 and 1024 bytes: whole blocks of most devices */

static pr_train_setup setup; /* large: text options are arrays */

static void setup_of(const char *data, int store, const char *log)
{
    test_setup(&setup, data);
    setup.model.hidden          = 16;
    setup.train.batch_size      = 30;
    setup.train.steps           = STEPS;
    setup.train.eval            = PR_EVAL_EXACT;
    setup.machine.threads       = 1;
    setup.placement.lanes       = 1;
    setup.cache.factor          = 1.2;
    setup.cache.store           = store;
    setup.dataset.feature_check = PR_CHECK_READ; /* whoever reads a row looks */
    setup.io.gap                = 0;             /* no byte that nobody wants */
    snprintf(setup.train.fanout, sizeof setup.train.fanout, "4,3");
    snprintf(setup.train.log, sizeof setup.train.log, "%s", log);
    snprintf(setup.machine.tuning, sizeof setup.machine.tuning, "none");
}

static const char *converted(const char *data, int format)
{
    static pr_convert_options options;
    const pr_option_group     group = { &pr_convert_option_table, &options };
    pr_converted              done;

    const char *out = path_in(test_directory(), "converted");
    pr_options_init(&group, 1);
    snprintf(options.data, sizeof options.data, "%s", data);
    snprintf(options.out, sizeof options.out, "%s", out);
    options.format = format;
    assert_ok(pr_convert(&options, NULL, &done));
    assert_int_equal(done.format, format);
    return out;
}

static pr_train_result train(void)
{
    pr_train_result result;

    assert_ok(pr_train(&setup, NULL, &result));
    assert_true(result.steps == STEPS);
    return result;
}

static void every_format_trains_from_disk_as_from_memory_and_reads_its_own_bytes(void **state)
{
    (void)state;
    const char *data = test_planted(700, 6000, COLS, 4), *log = path_in(test_directory(), "a.db");
    uint64_t    bytes[4], rows = 0, batches = 0;

    for (int format = PR_ROWS_F32; format <= PR_ROWS_INT8; format++) {
        const char *own = format == PR_ROWS_F32 ? data : converted(data, format);
        setup_of(own, PR_STORE_COPIED, "none");
        const pr_train_result memory = train();
        assert_int_equal(memory.reads_disk, 0);
        setup_of(own, PR_STORE_DIRECT, log);
        const pr_train_result disk = train();
        assert_int_equal(disk.batch_hash, memory.batch_hash);
        assert_true(disk.train_loss == memory.train_loss);
        assert_true(disk.best_val_accuracy == memory.best_val_accuracy);
        if (!batches) batches = disk.batch_hash;
        assert_int_equal(disk.batch_hash, batches); /* they do not depend on rows */

        sqlite3 *db = sql_open(log);
        char     sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT sum(rows_disk) FROM step WHERE phase = 'train' AND run = %d",
                 (int)disk.run);
        const uint64_t now = (uint64_t)sql_int(db, sql);
        if (!rows) rows = now;
        assert_int_equal(now, rows);
        bytes[format] = disk.bytes_disk;
        /* with blocks of a quarter row at most, and rows at their multiples, nothing else is read
         */
        if (sql_int(db, "SELECT count(*) FROM note WHERE text LIKE '%512-byte%'") > 0)
            assert_int_equal(bytes[format], rows * (format == PR_ROWS_F32    ? 4096
                                                    : format == PR_ROWS_INT8 ? 1024
                                                                             : 2048));
        (void)sqlite3_close(db);
    }
    assert_true(bytes[PR_ROWS_BF16] < bytes[PR_ROWS_F32] &&
                bytes[PR_ROWS_F16] < bytes[PR_ROWS_F32]);
    assert_true(bytes[PR_ROWS_INT8] < bytes[PR_ROWS_BF16]);
    printf("bytes read: f32 %d, bf16 %d, f16 %d, int8 %d\n", (int)bytes[PR_ROWS_F32],
           (int)bytes[PR_ROWS_BF16], (int)bytes[PR_ROWS_F16], (int)bytes[PR_ROWS_INT8]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_trains_from_disk_as_from_memory_and_reads_its_own_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_read_faults.c: whatever the kernel says to a read of cache/row_reader.c, every row arrives
 * or the error names the first that cannot. */
#include "support/reader_rig.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static void a_failed_read_is_tried_again_and_counted(void **state)
{
    static const int errors[] = { EIO, EINTR, EAGAIN, ENOMEM };
    reader_rig       r        = reader_make(2000, 100, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (uint64_t every = 2; every < 20 && way_can(ways[w]); every += 4) {
            faults_none();
            faults.kind   = FAULT_FAIL;
            faults.every  = every;
            faults.first  = every / 2;
            faults.amount = errors[every / 4 % 4];
            r.io.retries  = 50; /* with many reads in flight one may be hit often */
            reader_open(&r, ways[w]);
            const uint64_t group = reader_enter(&r, 0, r.num_rows, 11, true);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
            reader_check(&r, 0, r.num_rows, 11);
            assert_true(r.cost.reads_again > 0);
            assert_int_equal(r.cost.reads_again, atomic_load(&faults.hits));
            reader_close(&r);
        }
    reader_end(&r);
}

static void short_reads_are_gone_on_with(void **state)
{
    static const int64_t left[] = { 0, 1, 511, 512, 600, 1024, 4095, 4096, 5000 };
    reader_rig           r      = reader_make(900, 515, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (size_t i = 0; i < sizeof left / sizeof *left && way_can(ways[w]); i++) {
            faults_none();
            faults.kind   = FAULT_SHORT;
            faults.every  = 3;
            faults.amount = left[i];
            r.io.retries  = 50;
            reader_open(&r, ways[w]);
            const uint64_t group = reader_enter(&r, 0, r.num_rows, 3, true);
            assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
            reader_check(&r, 0, r.num_rows, 3);
            assert_true(r.cost.reads_again > 0);
            reader_close(&r);
        }
    reader_end(&r);
}

/* Where only so many bytes come with every read, each read makes its way in steps. */
static void reads_that_are_always_short_arrive_in_pieces(void **state)
{
    reader_rig r = reader_make(100, 5000, 128);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        faults_none();
        faults.kind   = FAULT_SHORT;
        faults.every  = 1;
        faults.amount = 5000;
        r.io.retries  = 0;
        reader_open(&r, ways[w]);
        const uint64_t group = reader_enter(&r, 0, r.num_rows, 1, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        reader_check(&r, 0, r.num_rows, 1);
        assert_true(r.cost.reads_again > r.cost.reads);
        reader_close(&r);
    }
    reader_end(&r);
}

/* What cannot be had is named: by its first row, though the rows behind it fail as well, and other
 * groups do not mind. */
static void check_named(reader_rig *r, way how, const char *const *words)
{
    reader_open(r, how);
    const uint64_t  before = reader_enter(r, 0, 400, 10, true);
    const uint64_t  bad    = reader_enter(r, 402, r->num_rows, 20, true);
    const uint64_t  early  = reader_enter(r, 5, 400, 10, false);
    const pr_status st     = pri_row_reader_wait(r->reader, bad, &r->cost);
    assert_int_equal(st, PR_E_IO);
    for (int twice = 0; twice < 2; twice++) {
        for (const char *const *word = words; *word; word++)
            if (!strstr(pr_error_message(), *word))
                fail_msg("\"%s\" is not in \"%s\"", *word, pr_error_message());
        assert_int_equal(pri_row_reader_wait(r->reader, bad, &r->cost), PR_E_IO);
    }
    assert_ok(pri_row_reader_wait(r->reader, early, &r->cost));
    assert_ok(pri_row_reader_wait(r->reader, before, &r->cost));
    reader_check(r, 0, 400, 10);
    reader_check(r, 5, 400, 10);
    reader_close(r);
}

static void what_fails_for_good_is_named(void **state)
{
    /* Row 422 begins at byte 4096 + 422 * 2048. */
    static const struct {
        reader_fault kind;
        int64_t      amount;
        const char  *words[6];
    } cases[] = {
        { FAULT_FAIL,
          EIO,
          { "feat.npy", "at byte 868352 (row 422)", "Input/output error", "tried 4 times" } },
        { FAULT_FAIL, EINTR, { "feat.npy", "(row 422)", "Interrupted system call" } },
        { FAULT_SHORT,
          0,
          { "feat.npy", "ends at byte 868352", "row 422 needs bytes 868352..870399" } },
        { FAULT_SHORT, 100, { "feat.npy", "read 100 bytes", "(row 422)" } },
        { FAULT_TOO_LONG, 1, { "feat.npy", "at byte 868352 (row 422)", "were asked for" } },
    };
    reader_rig r = reader_make(1000, 512, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases && way_can(ways[w]); c++) {
            /* Through the page cache 100 bytes are progress. */
            if (cases[c].amount == 100 && !ways[w].direct) continue;
            faults_none();
            faults.kind   = cases[c].kind;
            faults.amount = cases[c].amount;
            faults.every  = 1;
            faults.from   = 4096 + 422 * 2048;
            r.io.retries  = 3;
            r.io.max_read = 4096;
            check_named(&r, ways[w], cases[c].words);
        }
    reader_end(&r);
}

static void a_read_that_always_fails_is_tried_as_often_as_asked(void **state)
{
    reader_rig r = reader_make(10, 128, 4096);

    (void)state;
    for (uint32_t retries = 0; retries < 5; retries++) {
        faults_none();
        faults.kind   = FAULT_FAIL;
        faults.amount = EIO;
        faults.every  = 1;
        r.io.retries  = retries;
        reader_open(&r, ways[2]);
        const uint64_t group = reader_enter(&r, 3, 4, 1, true);
        assert_fails(PR_E_IO, "(row 3)", pri_row_reader_wait(r.reader, group, &r.cost));
        assert_int_equal(atomic_load(&faults.reads), retries + 1);
        assert_int_equal(r.cost.reads_again, retries);
        reader_close(&r);
    }
    reader_end(&r);
}

/* The row, of every 20th, whose blocks begin at this byte of a file with rows of 2048. */
static pr_vid row_behind(uint64_t offset)
{
    const uint64_t begin = offset < 4096 ? 0 : (offset - 4096) / 2048;
    return (pr_vid)((begin + 19) / 20 * 20);
}

static void check_one_fault(reader_rig *r, way how, uint64_t nth)
{
    static const struct {
        reader_fault kind;
        int64_t      amount;
        bool         fatal; /* without a retry */
        const char  *words;
    } cases[] = {
        { FAULT_FAIL, EIO, true, "Input/output error" },
        { FAULT_FAIL, EINTR, false, "" },
        { FAULT_SHORT, 0, true, "ends at byte" },
        { FAULT_SHORT, 2048, false, "" },
        { FAULT_SHORT, 13, true, "read 13 bytes" },
        { FAULT_TOO_LONG, 512, true, "were asked for" },
    };
    char row[32];

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (uint32_t retries = 0; retries < 2; retries++) {
            /* Through the page cache whatever came is progress; a row is there after 2048 bytes. */
            const bool progress =
                cases[c].kind == FAULT_SHORT && cases[c].amount > 0 && !how.direct;
            faults_none();
            faults.kind   = cases[c].kind;
            faults.amount = cases[c].amount;
            faults.first  = nth;
            faults.every  = UINT64_MAX;
            r->io.retries = retries;
            reader_open(r, how);
            const uint64_t group = reader_enter(r, 0, r->num_rows, 20, true);
            if (cases[c].fatal && !retries && !progress) {
                assert_fails(PR_E_IO, cases[c].words,
                             pri_row_reader_wait(r->reader, group, &r->cost));
                (void)snprintf(row, sizeof row, "row %u", row_behind(atomic_load(&faults.hit)));
                assert_non_null(strstr(pr_error_message(), row));
            } else {
                assert_ok(pri_row_reader_wait(r->reader, group, &r->cost));
                reader_check(r, 0, r->num_rows, 20);
                assert_true(r->cost.reads_again <= 1);
            }
            assert_int_equal(atomic_load(&faults.hits), 1);
            reader_close(r);
        }
}

static void each_single_read_may_fail_once(void **state)
{
    enum { READS = 8 };
    reader_rig r = reader_make(READS * 20, 512, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++)
        for (uint64_t nth = 0; nth < READS && way_can(ways[w]); nth++)
            check_one_fault(&r, ways[w], nth);
    reader_end(&r);
}

static void slow_reads_are_waited_for(void **state)
{
    reader_rig r = reader_make(500, 128, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        faults_none();
        faults.kind  = FAULT_SLOW;
        faults.every = 2;
        reader_open(&r, ways[w]);
        const uint64_t group = reader_enter(&r, 0, r.num_rows, 50, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        reader_check(&r, 0, r.num_rows, 50);
        reader_close(&r);
    }
    reader_end(&r);
}

static void a_file_that_was_cut_is_told_from_the_rest(void **state)
{
    reader_rig r = reader_make(1000, 512, 4096);

    (void)state;
    assert_int_equal(truncate(r.file.path, 4096 + 422 * 2048 + 100), 0);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        const char *const words[] = { "feat.npy", "ends at byte 868452, row 422 needs bytes",
                                      "868352..870399; it had 2052096 bytes", NULL };
        if (way_can(ways[w])) check_named(&r, ways[w], words);
    }
    reader_end(&r);
}

static void a_file_whose_name_went_to_another_is_still_the_one_that_is_read(void **state)
{
    reader_rig r = reader_make(300, 128, 4096);

    (void)state;
    assert_int_equal(unlink(r.file.path), 0);
    (void)test_file(test_directory(), "feat.npy", "something else", 14);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        reader_open(&r, ways[w]);
        const uint64_t group = reader_enter(&r, 0, r.num_rows, 3, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        reader_check(&r, 0, r.num_rows, 3);
        reader_close(&r);
    }
    reader_end(&r);
}

static void values_that_are_not_finite_are_named(void **state)
{
    reader_rig r = reader_make(1000, 512, 4096);

    (void)state;
    row_file_set(&r.file, 701, 511, (float)INFINITY);
    row_file_set(&r.file, 461, 0, (float)NAN);
    row_file_set(&r.file, 461, 9, (float)NAN);
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        r.file.checked = false;
        reader_open(&r, ways[w]);
        const uint64_t good = reader_enter(&r, 0, r.num_rows, 2, false);
        const uint64_t bad  = reader_enter(&r, 1, r.num_rows, 20, true);
        const uint64_t last = reader_enter(&r, 501, r.num_rows, 20, true);
        assert_fails(PR_E_INPUT, "feat.npy: row 461, column 0 is",
                     pri_row_reader_wait(r.reader, bad, &r.cost));
        assert_fails(PR_E_INPUT, "feat.npy: row 701, column 511 is",
                     pri_row_reader_wait(r.reader, last, &r.cost));
        assert_ok(pri_row_reader_wait(r.reader, good, &r.cost));
        reader_check(&r, 0, r.num_rows, 2);
        reader_close(&r);
        r.file.checked = true; /* it was looked at before: nobody does again */
        reader_open(&r, ways[w]);
        const uint64_t again = reader_enter(&r, 1, r.num_rows, 20, true);
        assert_ok(pri_row_reader_wait(r.reader, again, &r.cost));
        reader_close(&r);
    }
    reader_end(&r);
}

/* One read at a time, and the first fails: the others of its group are not even begun. */
static void nothing_more_is_begun_of_a_group_that_failed(void **state)
{
    reader_rig r = reader_make(2000, 1024, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        const way one = { ways[w].engine, ways[w].direct, 1 };
        if (!way_can(one)) continue;
        faults_none();
        faults.kind   = FAULT_FAIL;
        faults.every  = 1000; /* the first read alone */
        faults.amount = EIO;
        r.io.retries  = 0;
        reader_open(&r, one);
        const uint64_t bad = reader_enter(&r, 0, r.num_rows, 100, true);
        assert_fails(PR_E_IO, "row 0", pri_row_reader_wait(r.reader, bad, &r.cost));
        assert_int_equal(atomic_load(&faults.reads), 1);
        const uint64_t good = reader_enter(&r, 100, r.num_rows, 100, true);
        assert_ok(pri_row_reader_wait(r.reader, good, &r.cost));
        reader_check(&r, 100, r.num_rows, 100);
        reader_close(&r);
    }
    reader_end(&r);
}

/* Whoever waits for a group that was forgotten is told of the failure that nobody waited for; and
 * what a group cost is told once, whoever asks again. */
static void a_failure_outlives_its_group_and_costs_are_told_once(void **state)
{
    reader_rig r = reader_make(300, 64, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        faults_none();
        faults.kind   = FAULT_FAIL;
        faults.every  = 1;
        faults.amount = EIO;
        r.io.retries  = 2;
        reader_open(&r, ways[w]);
        const uint64_t bad  = reader_enter(&r, 0, 1, 1, true),
                       also = reader_enter(&r, 9, 10, 1, true);
        assert_fails(PR_E_IO, "row 9", pri_row_reader_wait(r.reader, also, &r.cost));
        const pr_fetch_cost once = r.cost;
        assert_int_equal(once.reads_again, 2);
        assert_fails(PR_E_IO, "row 9", pri_row_reader_wait(r.reader, also, &r.cost));
        assert_memory_equal(&r.cost, &once, sizeof once);
        while (pri_row_reader_enter(r.reader, NULL, 0, true, &r.cost) < bad + PRI_READER_GROUPS) {
        }
        assert_fails(PR_E_IO, "row 0", pri_row_reader_wait(r.reader, bad, &r.cost));
        reader_close(&r);
    }
    reader_end(&r);
}

/* Reads that are in flight together count once. */
static void time_of_reads_is_no_longer_than_the_time_they_took(void **state)
{
    reader_rig r = reader_make(2000, 1024, 4096);

    (void)state;
    for (size_t w = 0; w < NUM_WAYS; w++) {
        if (!way_can(ways[w])) continue;
        faults_none();
        faults.kind  = FAULT_SLOW;
        faults.every = 1;
        reader_open(&r, ways[w]);
        const int64_t  start = pr_now_ns();
        const uint64_t group = reader_enter(&r, 0, r.num_rows, 100, true);
        assert_ok(pri_row_reader_wait(r.reader, group, &r.cost));
        assert_true(r.cost.disk_ns > 0 && r.cost.disk_ns <= pr_now_ns() - start);
        reader_close(&r);
    }
    reader_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_read_is_tried_again_and_counted),
        cmocka_unit_test(short_reads_are_gone_on_with),
        cmocka_unit_test(reads_that_are_always_short_arrive_in_pieces),
        cmocka_unit_test(what_fails_for_good_is_named),
        cmocka_unit_test(a_read_that_always_fails_is_tried_as_often_as_asked),
        cmocka_unit_test(each_single_read_may_fail_once),
        cmocka_unit_test(slow_reads_are_waited_for),
        cmocka_unit_test(a_file_that_was_cut_is_told_from_the_rest),
        cmocka_unit_test(a_file_whose_name_went_to_another_is_still_the_one_that_is_read),
        cmocka_unit_test(values_that_are_not_finite_are_named),
        cmocka_unit_test(nothing_more_is_begun_of_a_group_that_failed),
        cmocka_unit_test(a_failure_outlives_its_group_and_costs_are_told_once),
        cmocka_unit_test(time_of_reads_is_no_longer_than_the_time_they_took),
    };

    ways_find();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

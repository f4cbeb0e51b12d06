/* test_report_disk.c: a report says whether the disk holds steps up, and shows what was predicted
 * beside what came of it, in text, HTML and JSON: made-up logs whose answer is known. */
#include "flow/log_fixture.h"

#include "base/outfile.h"

/* Of every step: times in microseconds, and what was read for it. */
typedef struct made_up {
    const char *pipeline;
    int64_t     wait, wait_rows, sample, compute;
    uint64_t    reads, bytes, rows, early, again;
    int64_t     disk;
    const char *sentence, *bottleneck, *stage;
    bool        is_limit;
} made_up;

static const made_up cases[] = {
    /* pipelined, and the lane waits for rows */
    { "on", 6500, 6200, 5000, 3500, 610, 610 * 4200, 1000, 380, 0, 8000,
      "the disk is the limit: steps waited 62 % of their time for rows; 61,000 reads/s of 4.1 KiB, "
      "256 MB/s; 38 % of rows came early",
      "disk: steps waited 62 % of their time for rows; 61,000 reads/s", "disk", true },
    /* for batches rather than for rows */
    { "on", 5000, 1000, 9000, 5000, 100, 100 * 4096, 100, 100, 0, 2000,
      "the disk is not the limit: steps waited 10 % of their time for rows; 10,000 reads/s of 4.0 "
      "KiB, 41 MB/s; 100 % of rows came early",
      "sampling (9.00 ms a step of work, the lane waited 50 % of the step for it)", "sampling",
      false },
    /* hardly at all */
    { "on", 500, 300, 2000, 9500, 100, 100 * 8192, 200, 150, 2, 9000,
      "the disk is not the limit: steps waited 3 % of their time for rows; 10,000 reads/s of 8.0 "
      "KiB, 82 MB/s; 75 % of rows came early; 40 reads were asked for again",
      "compute: gemm 95 % of the step (9.50 ms; the lane waited 5 %)", "gemm", false },
    /* in line: reading is a stage like the others */
    { "off", 8000, 6000, 2000, 2000, 100, 100 * 4096, 100, 0, 0, 6000,
      "the disk is the limit: steps waited 60 % of their time for rows; 10,000 reads/s",
      "disk: steps waited 60 %", "disk", true },
    { "off", 5000, 3000, 2000, 5000, 100, 100 * 4096, 100, 0, 0, 3000,
      "the disk is not the limit: steps waited 30 % of their time for rows; 10,000 reads/s",
      "compute: gemm 50 % of the step (5.00 ms)", "gemm", false },
};

static void write_log(const char *path, const made_up *m)
{
    pr_run_info       info = fixture_run;
    pr_steplog       *log  = NULL;
    pr_step_partition parts[2];
    char              options[100];

    snprintf(options, sizeof options, "{\"pipeline\":\"%s\"}", m->pipeline);
    info.options_json = options;
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint64_t i = 0; i < 20; i++) {
        pr_step s      = fixture_step(i, "packed");
        s.wait_ns      = m->wait * 1000;
        s.wait_rows_ns = m->wait_rows * 1000;
        s.gemm_ns      = m->compute * 1000;
        s.prepare_ns = s.place_ns = s.aggregate_ns = s.backward_ns = 0;
        s.update_ns = s.other_ns = 0;
        s.sample_ns              = m->sample * 1000;
        s.fetch_ns               = m->wait_rows * 1000;
        s.step_ns                = s.wait_ns + s.gemm_ns;
        s.reads_disk             = m->reads;
        s.bytes_disk             = m->bytes;
        s.rows_disk              = m->rows;
        s.rows_early             = m->early;
        s.reads_again            = m->again;
        s.disk_ns                = m->disk * 1000;
        fixture_partitions(&s, parts, 2);
        pr_steplog_step(log, &s, parts, 2);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
}

/* The three forms of a report, each without line breaks and the blanks behind them. */
typedef struct forms {
    char *text, *page, *json;
} forms;

static char *unwrapped(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\n' || *from == ' ') {
            if (to > text && to[-1] != ' ') *to++ = ' ';
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

static forms forms_of(const char *path)
{
    const char *const paths[]   = { path };
    pr_report_options options   = fixture_report("last");
    const char       *page_path = path_in(test_directory(), "a.html");
    forms             f         = { 0 };
    pr_json          *json      = NULL;
    size_t            bytes     = 0;

    FILE *out = open_memstream(&f.text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, &json));
    assert_int_equal(fclose(out), 0);
    f.json = pr_json_text(json);
    pr_json_free(json);
    snprintf(options.out, sizeof options.out, "%s", page_path);
    assert_ok(pr_report(&options, paths, 1, NULL, NULL));
    assert_ok(pri_file_read(page_path, 1 << 24, &f.page, &bytes));
    unwrapped(f.text);
    unwrapped(f.page);
    return f;
}

static void forms_free(forms *f)
{
    free(f->text);
    free(f->json);
    pri_free(f->page);
}

static void a_report_says_whether_the_disk_is_the_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const made_up *m    = &cases[i];
        const char    *path = path_in(test_directory(), "a.db");
        char           member[64];

        write_log(path, m);
        forms f = forms_of(path);
        fixture_expect(f.text, "what was read from disk in short");
        fixture_expect(f.text, m->sentence);
        fixture_expect(f.page, m->sentence);
        fixture_expect(f.json, m->sentence);
        fixture_expect(f.text, m->bottleneck);
        fixture_expect(f.page, m->bottleneck);
        snprintf(member, sizeof member, "\"is_limit\":%d", m->is_limit);
        fixture_expect(f.json, member);
        snprintf(member, sizeof member, "\"stage\":\"%s\"", m->stage);
        fixture_expect(f.json, member);
        forms_free(&f);

        sqlite3 *db = sql_open(path);
        assert_int_equal(sql_int(db, "SELECT count(*) FROM v_disk WHERE run = 1"), 1);
        assert_int_equal(sql_int(db, "SELECT bytes_per_read FROM v_disk"), m->bytes / m->reads);
        assert_int_equal(sql_int(db, "SELECT rows_per_step FROM v_disk"), m->rows);
        assert_int_equal(sql_int(db, "SELECT reads_again FROM v_disk"), 20 * m->again);
        assert_int_equal(sql_int(db, "SELECT CAST(reads_per_s_reading AS INTEGER) FROM v_disk"),
                         1000000 * m->reads / (uint64_t)m->disk);
        assert_int_equal(sql_int(db, "SELECT sum(reads_disk) FROM step_partition"), 20 * m->reads);
        (void)sqlite3_close(db);
    }
}

static void a_run_that_read_no_disk_says_nothing_of_it(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");

    (void)fixture_log(path, &fixture_run, 20, "packed");
    forms f = forms_of(path);
    assert_null(strstr(f.text, "the disk is"));
    assert_null(strstr(f.text, "what came of it"));
    assert_null(strstr(f.page, "the disk is"));
    fixture_expect(f.json, "\"forecast\":[]");
    forms_free(&f);
}

/* What a run was expected to take stands beside what it took, in the order it was written; what is
 * not known is left open, and a second row of an item takes the place of the first. */
static void what_was_predicted_stands_beside_the_outcome(void **state)
{
    (void)state;
    const char           *path   = path_in(test_directory(), "a.db");
    pr_steplog           *log    = NULL;
    const double          nan    = (double)NAN;
    const pr_forecast_row rows[] = {
        { "slab", "bytes", 64e6, nan },          { "peak_rss", "bytes", 200e6, nan },
        { "bytes_disk", "bytes", 4e6, 5e6 },     { "reads_disk", "reads", 1000, 1100 },
        { "peak_rss", "bytes", 200e6, 150.5e6 }, { "step", "ns", 12e6, 18e6 },
        { "worth", "rows", nan, nan },
    };

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) pr_steplog_forecast(log, &rows[i]);
    pr_steplog_forecast(NULL, &rows[0]);
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    assert_string_equal(sql_text(db, "SELECT group_concat(item) FROM v_forecast WHERE run = 1"),
                        "slab,bytes_disk,reads_disk,peak_rss,step,worth");
    assert_string_equal(sql_text(db, "SELECT unit||' '||predicted||' '||outcome||' '||"
                                     "round(percent) FROM v_forecast WHERE item = 'step'"),
                        "ms 12.0 18.0 150.0");
    assert_int_equal(sql_int(db, "SELECT outcome IS NULL FROM forecast WHERE item = 'slab'"), 1);
    sql_run(db, "PRAGMA foreign_keys = ON; DELETE FROM run WHERE id = 1");
    assert_int_equal(sql_int(db, "SELECT count(*) FROM forecast"), 0);
    (void)sqlite3_close(db);

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) pr_steplog_forecast(log, &rows[i]);
    assert_ok(pr_steplog_close(log, 0, NULL));
    forms f = forms_of(path);
    fixture_expect(f.text, "predicted, and what came of it");
    fixture_expect(f.text, "peak_rss MB 200.00 150.50 75.2");
    fixture_expect(f.text, "slab MB 64.00 - -");
    fixture_expect(f.page, "<td>peak_rss</td>");
    fixture_expect(f.page, "150.50");
    fixture_expect(f.json,
                   "\"item\":\"peak_rss\",\"unit\":\"MB\",\"predicted\":200.0,\"outcome\":150.5");
    forms_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_says_whether_the_disk_is_the_limit),
        cmocka_unit_test(a_run_that_read_no_disk_says_nothing_of_it),
        cmocka_unit_test(what_was_predicted_stands_beside_the_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

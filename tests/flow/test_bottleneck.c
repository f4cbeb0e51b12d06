/* test_bottleneck.c: a report names what holds a run's steps up, in text, HTML and JSON: made-up
 * logs whose answer is known. */
#include "flow/log_fixture.h"

#include "base/outfile.h"

/* Times of every step, in microseconds; the step is as long as they add up to. */
typedef struct made_up {
    const char *pipeline; /* as the run's options have it; NULL: an older log without */
    int64_t     wait, prepare, place, aggregate, gemm, backward, update, other;
    int64_t     sample, fetch;
    const char *sentence, *stage;
} made_up;

static void write_log(const char *path, const made_up *m)
{
    pr_run_info       info = fixture_run;
    pr_steplog       *log  = NULL;
    pr_step_partition parts[2];
    char              options[100] = "{\"model\":\"sage\"}";

    if (m->pipeline) snprintf(options, sizeof options, "{\"pipeline\":\"%s\"}", m->pipeline);
    info.options_json = options;
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint64_t i = 0; i < 20; i++) {
        pr_step s      = fixture_step(i, "packed");
        s.wait_ns      = m->wait * 1000;
        s.prepare_ns   = m->prepare * 1000;
        s.place_ns     = m->place * 1000;
        s.aggregate_ns = m->aggregate * 1000;
        s.gemm_ns      = m->gemm * 1000;
        s.backward_ns  = m->backward * 1000;
        s.update_ns    = m->update * 1000;
        s.other_ns     = m->other * 1000;
        s.sample_ns    = m->sample * 1000;
        s.fetch_ns     = m->fetch * 1000;
        s.step_ns      = s.wait_ns + s.prepare_ns + s.place_ns + s.aggregate_ns + s.gemm_ns +
                    s.backward_ns + s.update_ns + s.other_ns;
        fixture_partitions(&s, parts, 2);
        pr_steplog_step(log, &s, parts, 2);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
}

static const made_up cases[] = {
    /* pipelined, and the lane waits: whoever has more work */
    { "on", 4100, 100, 300, 1000, 2000, 2500, 0, 0, 7900, 0,
      "sampling (7.90 ms a step of work, the lane waited 41 % of the step for it)", "sampling" },
    { "on", 2000, 100, 300, 600, 3000, 4000, 0, 0, 1200, 9000,
      "fetch (9.00 ms a step of work, the lane waited 20 % of the step for it)", "fetch" },
    /* pipelined, and hidden: the lane's own largest stage, however long they draw */
    { "on", 100, 100, 300, 1000, 4000, 4500, 0, 0, 9800, 9000,
      "compute: backward 45 % of the step (4.50 ms; the lane waited 1 %)", "backward" },
    { "on", 0, 100, 6000, 1000, 2000, 900, 0, 0, 100, 0,
      "cache: place 60 % of the step (6.00 ms; the lane waited 0 %)", "place" },
    /* in line: drawing and fetching are stages like the others */
    { "off", 5000, 100, 300, 1000, 2000, 1600, 0, 0, 4500, 500,
      "sampling (4.50 ms a step, in line: 45 % of the step)", "sampling" },
    { "off", 6000, 100, 300, 1000, 1000, 1600, 0, 0, 1000, 5000,
      "fetch (5.00 ms a step, in line: 50 % of the step)", "fetch" },
    { "off", 2000, 100, 300, 1000, 4100, 2500, 0, 0, 2000, 0,
      "compute: gemm 41 % of the step (4.10 ms)", "gemm" },
    { "off", 0, 100, 300, 1000, 100, 100, 0, 8400, 0, 0,
      "other than the stages: other 84 % of the step (8.40 ms)", "other" },
    { NULL, 3000, 100, 300, 4600, 1000, 1000, 0, 0, 3000, 0,
      "compute: aggregate 46 % of the step (4.60 ms)", "aggregate" },
};

static void the_bottleneck_is_named_with_its_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char       *directory = test_directory(), *path = path_in(directory, "a.db");
        const char       *page_path = path_in(directory, "a.html");
        const char *const paths[]   = { path };
        pr_report_options options   = fixture_report("last");
        pr_json          *json      = NULL;
        char             *text      = NULL, *page;
        size_t            bytes     = 0;
        char              member[64];

        write_log(path, &cases[i]);
        FILE *out = open_memstream(&text, &bytes);
        assert_non_null(out);
        assert_ok(pr_report(&options, paths, 1, out, &json));
        assert_int_equal(fclose(out), 0);
        fixture_expect(text, "\nwhat holds a step up\n  bottleneck  ");
        fixture_expect(text, cases[i].sentence);
        free(text);

        text = pr_json_text(json);
        snprintf(member, sizeof member, "\"stage\":\"%s\"", cases[i].stage);
        fixture_expect(text, member);
        fixture_expect(text, cases[i].sentence);
        free(text);
        pr_json_free(json);

        snprintf(options.out, sizeof options.out, "%s", page_path);
        assert_ok(pr_report(&options, paths, 1, NULL, NULL));
        assert_ok(pri_file_read(page_path, 1 << 24, &page, &bytes));
        fixture_expect(page, cases[i].sentence);
        pri_free(page);
    }
}

/* A run without steps, and one whose times were not measured, have none. */
static void nothing_is_named_where_nothing_was_measured(void **state)
{
    (void)state;
    const char             *path    = path_in(test_directory(), "a.db");
    const char *const       paths[] = { path };
    const pr_report_options options = fixture_report("last");
    char                   *text    = NULL;
    size_t                  bytes   = 0;

    fixture_log(path, &fixture_run, 5, "packed");
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET step_ns = NULL, wait_ns = NULL, gemm_ns = NULL");
    (void)sqlite3_close(db);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    assert_int_equal(fclose(out), 0);
    assert_null(strstr(text, "what holds a step up"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bottleneck_is_named_with_its_numbers),
        cmocka_unit_test(nothing_is_named_where_nothing_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

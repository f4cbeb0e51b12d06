/* test_report_serving.c: packrat report of a server's run: requests, statuses and percentiles,
 * against SQL. */
#include "flow/serving_log.h"

#include "base/outfile.h"

enum { REQUESTS = 1000 };

static const char *served_log(void)
{
    const char *path = path_in(test_directory(), "a.db");
    pr_steplog *log  = NULL;

    assert_ok(pr_steplog_open(path, &serving_run, &log));
    serving_hand_over(log, 0, REQUESTS);
    const pr_request_row features = { .request    = REQUESTS,
                                      .arrival_ns = REQUESTS * 1000,
                                      .endpoint   = "features",
                                      .num_nodes  = 1,
                                      .queue_ns   = PR_NULL_INT,
                                      .compute_ns = PR_NULL_INT,
                                      .total_ns   = 1000000,
                                      .batch_step = PR_NULL_INT };
    pr_steplog_request(log, &features); /* whose client had gone */
    assert_ok(pr_steplog_close(log, 0, NULL));
    sqlite3 *db = sql_open(path);
    sql_run(db, "UPDATE step SET mode = 'derived' WHERE step >= 200"); /* of 250 */
    (void)sqlite3_close(db);
    return path;
}

static void the_text_tells_of_requests(void **state)
{
    (void)state;
    const char             *path    = served_log();
    const char *const       paths[] = { path };
    const pr_report_options options = fixture_report("last");
    char                   *text    = NULL;
    size_t                  bytes   = 0;
    FILE                   *out     = open_memstream(&text, &bytes);

    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, NULL));
    assert_int_equal(fclose(out), 0);
    printf("%s\n", text);
    fixture_expect(text, "\nrequests\n");
    fixture_expect(text, "  answered                        900\n");
    fixture_expect(text, "  refused (4xx, 503)              100\n");
    fixture_expect(text, "  clients that had gone           1\n");
    fixture_expect(text, "  batches                         250\n");
    fixture_expect(text, "  requests/batch                  3.60\n");
    fixture_expect(text, "  batches of derived rows (%)     20.0\n");
    fixture_expect(text, "  models that took over           1\n");
    fixture_expect(text, "how long answers took\n  ms       requests   mean    p50");
    fixture_expect(text, "answers by HTTP status\n");
    fixture_expect(text, "  infer        503       100          9.990\n");
    fixture_expect(text, "batch.max-nodes=64");
    fixture_expect(text, "\nsteps\n"); /* the batches */
    free(text);
}

static void the_percentiles_are_those_of_sql(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int         place; /* of 900 */
    } percentiles[] = {
        { "p50_ms", 450 }, { "p90_ms", 810 }, { "p99_ms", 891 }, { "p99_9_ms", 900 }
    };
    const char             *path    = served_log();
    const char *const       paths[] = { path };
    const pr_report_options options = fixture_report("last");
    pr_json                *json    = NULL;

    assert_ok(pr_report(&options, paths, 1, NULL, &json));
    char    *text = pr_json_text(json);
    sqlite3 *db   = sql_open(path);
    assert_non_null(text);
    for (int i = 0; i < 4; i++) {
        char sql[200], words[4200];
        snprintf(sql, sizeof sql,
                 "SELECT printf('%%.12g', total_ns / 1e6) FROM request WHERE status = 200"
                 " ORDER BY total_ns LIMIT 1 OFFSET %d",
                 percentiles[i].place - 1);
        const char *total = strstr(text, "\"time\":\"total\"");
        assert_non_null(total);
        snprintf(words, sizeof words, "\"%s\":%s,", percentiles[i].key, sql_text(db, sql));
        fixture_expect(total, words);
    }
    (void)sqlite3_close(db);
    free(text);
    pr_json_free(json);
}

static void the_page_and_a_training_run_beside_it_stay_as_they_are(void **state)
{
    (void)state;
    const char       *path    = served_log();
    const char       *page    = path_in(test_directory(), "report.html");
    const char *const paths[] = { path };
    pr_report_options options = fixture_report("all");
    char             *text    = NULL;
    size_t            bytes   = 0;

    fixture_log(path, &fixture_run, 20, "packed");
    snprintf(options.out, sizeof options.out, "%s", page);
    assert_ok(pr_report(&options, paths, 1, NULL, NULL));
    assert_ok(pri_file_read(page, 1 << 22, &text, &bytes));
    const char *second = strstr(text, "id=\"run-2\"");
    assert_non_null(second);
    fixture_expect(text, "<h3>how long answers took</h3>");
    assert_null(strstr(second, "how long answers took"));
    assert_null(strstr(second, "<h3>requests</h3>"));
    pri_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_tells_of_requests),
        cmocka_unit_test(the_percentiles_are_those_of_sql),
        cmocka_unit_test(the_page_and_a_training_run_beside_it_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

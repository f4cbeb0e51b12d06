/* test_record.c: what a server counts, from many threads, and its text for Prometheus, read by an
 * independent reader of the format. */
#include "unit/exposition_reader.h"

#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "pipeline/serve/record.h"

static const pri_gauges gauges = { .queue_depth   = 3,
                                   .connections   = 16,
                                   .resident_rows = 900,
                                   .capacity_rows = 1000,
                                   .model_version = 2,
                                   .derived       = true,
                                   .ready         = true,
                                   .model         = "sage" };

static pr_step batch(uint64_t i, uint32_t nodes)
{
    return (pr_step){ .phase         = PR_PHASE_SERVE,
                      .step          = i,
                      .num_seeds     = nodes,
                      .num_inputs    = 100,
                      .rows_hit      = 80,
                      .rows_added    = 15,
                      .rows_bypassed = 5,
                      .bytes_moved   = 2000,
                      .bytes_bound   = PR_NULL_INT,
                      .mode          = "resident",
                      .path          = "paired",
                      .policy        = "sieve",
                      .num_correct   = PR_NULL_INT,
                      .cycles        = PR_NULL_INT,
                      .instructions  = PR_NULL_INT,
                      .llc_misses    = PR_NULL_INT };
}

static pr_request_row request(uint32_t status, int64_t total_ns)
{
    const bool answered = status == 200;
    return (pr_request_row){ .endpoint   = "infer",
                             .num_nodes  = 2,
                             .queue_ns   = answered ? 100000 : PR_NULL_INT,
                             .compute_ns = answered ? 300000 : PR_NULL_INT,
                             .total_ns   = total_ns,
                             .status     = status,
                             .batch_step = answered ? 0 : PR_NULL_INT };
}

static void read_metrics(pri_record *record, const pri_gauges *g, exposition *e)
{
    char *text = pri_record_metrics(record, g);
    assert_non_null(text);
    exposition_read(e, text);
    free(text);
}

#define EXPECT(e, name, labels, wanted)                                                            \
    do {                                                                                           \
        const double value_ = exposition_value((e), (name), (labels));                             \
        if (!(fabs(value_ - (double)(wanted)) < 1e-9))                                             \
            fail_msg("%s{%s} is %.9g, wanted %.9g", name, labels, value_, (double)(wanted));       \
    } while (0)

static void a_record_that_is_not_there_takes_everything(void **state)
{
    (void)state;
    pri_totals     totals;
    const pr_step  b = batch(0, 1);
    pr_request_row r = request(200, 1);
    pri_record_batch(NULL, &b, NULL, 1);
    pri_record_request(NULL, &r, 0);
    pri_record_note(NULL, "nobody hears");
    pri_record_swap(NULL, true, "loaded");
    pri_record_refused(NULL, "token");
    pri_record_totals(NULL, &totals);
    assert_int_equal(totals.requests, 0);
    char *text = pri_record_metrics(NULL, &gauges);
    assert_string_equal(text, "");
    free(text);
    pri_record_free(NULL);
}

static void the_metrics_of_an_idle_server_are_valid(void **state)
{
    (void)state;
    static exposition e;
    pri_record       *record = NULL;
    assert_ok(pri_record_create(NULL, &record));
    read_metrics(record, &gauges, &e);
    EXPECT(&e, "packrat_queue_depth", "", 3);
    EXPECT(&e, "packrat_connections", "", 16);
    EXPECT(&e, "packrat_resident_rows", "", 900);
    EXPECT(&e, "packrat_capacity_rows", "", 1000);
    EXPECT(&e, "packrat_model_version", "", 2);
    EXPECT(&e, "packrat_derived", "", 1);
    EXPECT(&e, "packrat_ready", "", 1);
    EXPECT(&e, "packrat_batch_nodes_count", "", 0);
    assert_true(isnan(exposition_value(&e, "packrat_hit_ratio", "")));
    assert_true(exposition_value(&e, "process_resident_memory_bytes", "") > 1e6);
    assert_true(exposition_value(&e, "process_start_time_seconds", "") > 1.6e9);
    EXPECT(&e, "packrat_build_info", "version=\"" PR_VERSION "\",model=\"sage\"", 1);
    for (int i = 0; i < e.num_samples; i++) /* there is no log to tell of */
        assert_null(strstr(e.samples[i].name, "packrat_log"));
    pri_record_free(record);
}

static void what_was_recorded_is_counted(void **state)
{
    (void)state;
    static exposition e;
    pri_record       *record = NULL;
    pri_totals        t;
    assert_ok(pri_record_create(NULL, &record));
    for (uint32_t i = 0; i < 10; i++) {
        const pr_step b = batch(i, 1u << i); /* 1 .. 512 */
        pri_record_batch(record, &b, NULL, i + 1);
    }
    static const uint32_t statuses[] = { 200, 200, 200, 400, 404, 503, 504, 500, 0 };
    for (int i = 0; i < 9; i++) {
        pr_request_row r = request(statuses[i], 400000 + i);
        r.shed           = i == 0;
        if (i == 2) r.endpoint = "features";
        pri_record_request(record, &r, pr_now_ns());
    }
    pri_record_refused(record, "token");
    pri_record_refused(record, "connections");
    pri_record_refused(record, "token");
    pri_record_swap(record, true, "loaded");
    pri_record_swap(record, false, "not loaded");
    read_metrics(record, &gauges, &e);
    EXPECT(&e, "packrat_requests_total", "endpoint=\"infer\",status=\"200\"", 2);
    EXPECT(&e, "packrat_requests_total", "endpoint=\"features\",status=\"200\"", 1);
    EXPECT(&e, "packrat_requests_total", "endpoint=\"infer\",status=\"503\"", 1);
    EXPECT(&e, "packrat_requests_total", "endpoint=\"infer\",status=\"0\"", 1);
    EXPECT(&e, "packrat_request_seconds_count", "endpoint=\"infer\"", 8);
    EXPECT(&e, "packrat_request_seconds_count", "endpoint=\"features\"", 1);
    EXPECT(&e, "packrat_request_seconds_bucket", "endpoint=\"infer\",le=\"0.00025\"", 0);
    EXPECT(&e, "packrat_request_seconds_bucket", "endpoint=\"infer\",le=\"0.0005\"", 8);
    EXPECT(&e, "packrat_queue_seconds_bucket", "le=\"0.0001\"", 3); /* on the bound: within */
    EXPECT(&e, "packrat_queue_seconds_sum", "", 3 * 1e-4);
    EXPECT(&e, "packrat_compute_seconds_bucket", "le=\"0.00025\"", 0);
    EXPECT(&e, "packrat_batch_nodes_sum", "", 1023);
    EXPECT(&e, "packrat_batch_nodes_bucket", "le=\"4\"", 3);
    EXPECT(&e, "packrat_batch_requests_bucket", "le=\"8\"", 8);
    EXPECT(&e, "packrat_batch_requests_count", "", 10);
    EXPECT(&e, "packrat_rows_total", "how=\"hit\"", 800);
    EXPECT(&e, "packrat_rows_total", "how=\"bypassed\"", 50);
    EXPECT(&e, "packrat_bytes_moved_total", "", 20000);
    EXPECT(&e, "packrat_hit_ratio", "", 0.8);
    EXPECT(&e, "packrat_refused_total", "reason=\"token\"", 2);
    EXPECT(&e, "packrat_refused_total", "reason=\"connections\"", 1);
    EXPECT(&e, "packrat_shed_total", "", 1);
    EXPECT(&e, "packrat_model_loads_total", "result=\"ok\"", 1);
    EXPECT(&e, "packrat_model_loads_total", "result=\"failed\"", 1);
    pri_record_totals(record, &t);
    assert_int_equal(t.requests, 12); /* those that were refused unread too */
    assert_int_equal(t.answered, 3);
    assert_int_equal(t.refused, 6);
    assert_int_equal(t.failed, 2); /* the last had gone */
    assert_int_equal(t.nodes, 6);
    assert_int_equal(t.batches, 10);
    assert_int_equal(t.swaps, 1);
    assert_int_equal(t.rows_hit, 800);
    assert_int_equal(t.bytes_moved, 20000);
    pri_record_free(record);
}

static void names_of_any_kind_do_not_break_the_text(void **state)
{
    (void)state;
    static exposition e;
    pri_record       *record = NULL;
    pri_gauges        g      = gauges;
    g.model                  = "a \"b\" \\ c\n{d},e=\"";
    assert_ok(pri_record_create(NULL, &record));
    read_metrics(record, &g, &e);
    EXPECT(&e, "packrat_build_info",
           "version=\"" PR_VERSION "\",model=\"a \\\"b\\\" \\\\ c\\n{d},e=\\\"\"", 1);
    g.model = NULL;
    read_metrics(record, &g, &e);
    pri_record_free(record);
}

static void more_kinds_than_there_is_room_for_are_counted_together(void **state)
{
    (void)state;
    static exposition e;
    static char       names[40][16];
    pri_record       *record = NULL;
    double            all    = 0.0;
    assert_ok(pri_record_create(NULL, &record));
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "kind%d", i);
        pr_request_row r = request(200 + (uint32_t)i * 10, 1000);
        r.endpoint       = names[i];
        pri_record_request(record, &r, pr_now_ns());
        pri_record_refused(record, names[i]);
    }
    read_metrics(record, &gauges, &e);
    for (int i = 0; i < e.num_samples; i++)
        if (!strcmp(e.samples[i].name, "packrat_requests_total")) all += e.samples[i].value;
    assert_int_equal((int)all, 40);
    EXPECT(&e, "packrat_refused_total", "reason=\"other\"", 40 - 15);
    pri_record_free(record);
}

enum { THREADS = 4, EACH = 5000 };

typedef struct producer {
    pri_record *record;
    int         place;
    pthread_t   thread;
} producer;

static void *produce(void *context)
{
    const producer *p = context;
    for (int i = 0; i < EACH; i++) {
        if (p->place == 0) {
            const pr_step           b    = batch((uint64_t)i, 4);
            const pr_step_partition part = { .num_inputs = 100, .bytes_bound = PR_NULL_INT };
            pri_record_batch(p->record, &b, &part, 4);
        }
        const pr_request_row r = request(i % 10 ? 200 : 503, 1000 * i);
        pri_record_request(p->record, &r, pr_now_ns());
        if (i % 100 == 0) pri_record_refused(p->record, "token");
        if (i % 1000 == 0) free(pri_record_metrics(p->record, &gauges));
        if (p->place == 1 && i % 500 == 0) pri_record_note(p->record, "a note");
        if (p->place == 2 && i % 500 == 0) pri_record_swap(p->record, true, "loaded");
    }
    return NULL;
}

static int64_t count(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return value;
}

/* Four threads record at once; all of it is counted, and is in the log. Built with the thread
 * sanitizer this finds races. */
static void many_threads_record_at_once_and_nothing_is_missed(void **state)
{
    (void)state;
    static exposition e;
    const pr_run_info info   = { .command = "serve", .never_waits = true };
    pri_record       *record = NULL;
    pr_steplog       *log    = NULL;
    producer          all[THREADS];
    pri_totals        totals;
    char              path[512];
    sqlite3          *db = NULL;

    snprintf(path, sizeof path, "%s/a.db", test_directory());
    assert_ok(pr_steplog_open(path, &info, &log));
    assert_ok(pri_record_create(log, &record));
    for (int i = 0; i < THREADS; i++) {
        all[i] = (producer){ .record = record, .place = i };
        assert_int_equal(pthread_create(&all[i].thread, NULL, produce, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    pri_record_totals(record, &totals);
    assert_int_equal(totals.requests, THREADS * (EACH + EACH / 100));
    assert_int_equal(totals.answered, THREADS * EACH * 9 / 10);
    assert_int_equal(totals.batches, EACH);
    read_metrics(record, &gauges, &e);
    EXPECT(&e, "packrat_log_writable", "", 1);
    EXPECT(&e, "packrat_log_rows_lost_total", "", 0);
    pri_record_free(record);
    assert_ok(pr_steplog_close(log, 0, NULL));

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(count(db, "SELECT count(*) FROM request"), THREADS * EACH);
    assert_int_equal(count(db, "SELECT max(request) FROM request"), THREADS * EACH - 1);
    assert_int_equal(count(db, "SELECT count(*) FROM request WHERE arrival_ns < 0"), 0);
    assert_int_equal(count(db, "SELECT count(*) FROM step WHERE phase = 'serve'"), EACH);
    assert_int_equal(count(db, "SELECT count(*) FROM step_partition"), EACH);
    assert_int_equal(count(db, "SELECT count(*) FROM note"), 20);
    (void)sqlite3_close(db);
}

static void recording_allocates_nothing(void **state)
{
    (void)state;
    pri_record *record = NULL;
    assert_ok(pri_record_create(NULL, &record));
    const uint64_t calls = pri_mem_calls();
    int64_t        ns    = -pr_now_ns();
    for (int i = 0; i < 100000; i++) {
        const pr_request_row r = request(200, 1000 * i);
        pri_record_request(record, &r, i);
    }
    ns += pr_now_ns();
    printf("%lld ns a request, without a log\n", (long long)(ns / 100000));
    assert_int_equal(pri_mem_calls(), calls);
    pri_record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_is_not_there_takes_everything),
        cmocka_unit_test(the_metrics_of_an_idle_server_are_valid),
        cmocka_unit_test(what_was_recorded_is_counted),
        cmocka_unit_test(names_of_any_kind_do_not_break_the_text),
        cmocka_unit_test(more_kinds_than_there_is_room_for_are_counted_together),
        cmocka_unit_test(many_threads_record_at_once_and_nothing_is_missed),
        cmocka_unit_test(recording_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

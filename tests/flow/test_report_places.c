/* test_report_places.c: what a report says of lanes, of local reads and of memory that is
 * elsewhere, and that it says nothing of them where there is one lane on one node. */
#include "flow/log_fixture.h"

#include "base/json.h"
#include "base/outfile.h"

/* A report as text, HTML or JSON; free it. */
static char *report_as(const char *path, const char *form)
{
    pr_report_options options = { .run = "last", .slowest = 1 };
    const char *const paths[] = { path };
    const char       *page    = path_in(test_directory(), "r.html");
    pr_json          *json    = NULL;
    char             *text    = NULL;
    size_t            bytes;

    if (!strcmp(form, "html")) snprintf(options.out, sizeof options.out, "%s", page);
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    assert_ok(pr_report(&options, paths, 1, out, &json));
    assert_int_equal(fclose(out), 0);
    if (!strcmp(form, "html")) {
        char *got;
        free(text);
        assert_ok(pri_file_read(page, 1 << 24, &got, &bytes));
        text = strdup(got);
        pri_free(got);
    } else if (!strcmp(form, "json")) {
        free(text);
        text = pr_json_text(json);
    }
    assert_non_null(text);
    pr_json_free(json);
    return text;
}

static void expect(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("no \"%s\" in:\n%s", words, text);
}

static void expect_none(const char *text, const char *words)
{
    if (strstr(text, words)) fail_msg("\"%s\" in:\n%s", words, text);
}

/* Two lanes on two nodes: the second one reads a quarter from the other node, and in the second
 * check a few pages of its slab are not where they were meant to be. */
static const char *log_of_two_lanes(void)
{
    const char       *path = path_in(test_directory(), "a.db");
    pr_steplog       *log  = NULL;
    pr_run_info       info = fixture_run;
    pr_step_partition parts[2];

    info.numa_nodes = 2;
    assert_ok(pr_steplog_open(path, &info, &log));
    for (uint32_t l = 0; l < 2; l++) {
        pr_lane_row lane = { l, (int32_t)l, 4, true, l == 0, "" };
        snprintf(lane.cpus, sizeof lane.cpus, l ? "4-7" : "0-3");
        pr_steplog_lane(log, &lane);
    }
    pr_steplog_note(log, "a CPU quota of 1.5 leaves <2> of 8 threads");
    for (uint64_t i = 0; i < 64; i++) {
        pr_step s = fixture_step(i, "resident");
        fixture_partitions(&s, parts, 2);
        parts[1].bytes_remote = parts[1].bytes_local / 4;
        parts[1].bytes_local -= parts[1].bytes_remote;
        s.bytes_remote = parts[1].bytes_remote;
        s.bytes_local -= s.bytes_remote;
        s.inputs_repeated        = i % 16 ? PR_NULL_INT : 25;
        parts[0].rows_replicated = parts[1].rows_replicated = i % 16 ? PR_NULL_INT : 40;
        pr_steplog_step(log, &s, parts, 2);
    }
    for (uint64_t step = 1; step <= 64; step += 63)
        for (uint32_t l = 0; l < 2; l++) {
            const bool             wrong = step == 64 && l == 1;
            const pr_placement_row row   = { step, l,   "slab", (int32_t)l,     1000000,
                                             245,  240, 230,    wrong ? 7u : 0u };
            pr_steplog_placement(log, &row);
        }
    assert_ok(pr_steplog_close(log, 0, NULL));
    return path;
}

static void several_lanes_are_reported_with_their_memory(void **state)
{
    (void)state;
    char *text = report_as(log_of_two_lanes(), "text");
    printf("%s\n", text);
    expect(text, "bytes moved, from the own node (%)  87.5");
    expect(text, "\nlanes\n");
    expect(text, "4-7");
    expect(text, "replicated/step");
    expect(text, "local reads over time");
    expect(text, "done twice");
    expect(text, "where memory is, by the kernel");
    expect(text, "memory that is not where it was meant to be");
    expect(text, "lane 1, slab: up to 7 of 240 pages asked about were not on node 1 (1 of 2 times");
    expect(text, "first after step 64)");
    expect(text, "a CPU quota of 1.5 leaves <2> of 8 threads");
    free(text);
}

static void the_page_has_the_same_as_bars_and_sentences(void **state)
{
    (void)state;
    char *html = report_as(log_of_two_lanes(), "html");
    expect(html, "<h3>local reads over time</h3>");
    expect(html, "<li>lane 1, slab: up to 7 of 240 pages");
    expect(html, "<li>a CPU quota of 1.5 leaves &lt;2&gt; of 8 threads</li>");
    expect(html, "style=\"width:calc((100% - 4rem) * 0.8");
    free(html);
}

static void the_json_has_all_of_it_in_numbers(void **state)
{
    (void)state;
    const char *path = log_of_two_lanes();
    char       *json = report_as(path, "json");
    expect(json, "\"lanes\":[{\"lane\":0,\"numa_node\":0,\"threads\":4,\"cpus\":\"0-3\",");
    expect(json, "\"pages_elsewhere\":7,");
    expect(json, "\"notes\":[{\"text\":\"a CPU quota");
    expect(json, "\"steps\":4,");
    expect(json, "\"repeated\":25");
    expect(json, "\"replicated\":80");
    sqlite3 *db = sql_open(path);
    char     share[4200];
    snprintf(share, sizeof share, "\"local_percent\":%s",
             sql_text(db, "SELECT printf('%.12g', 100.0 * sum(bytes_local) / sum(bytes_moved)) FROM"
                          " step WHERE step < 10"));
    expect(json, share); /* the first line of local reads over time: ten buckets of one step */
    (void)sqlite3_close(db);
    free(json);
}

static void one_lane_on_one_node_has_a_short_report(void **state)
{
    (void)state;
    const char       *path = path_in(test_directory(), "a.db");
    pr_steplog       *log  = NULL;
    pr_step_partition part;

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    pr_steplog_lane(log, &(pr_lane_row){ .numa_node = 0, .threads = 2, .cpus = "0-1" });
    const pr_step s = fixture_step(0, "packed");
    fixture_partitions(&s, &part, 1);
    pr_steplog_step(log, &s, &part, 1);
    pr_steplog_placement(log, &(pr_placement_row){ .what = "slab", .pages = 1 });
    assert_ok(pr_steplog_close(log, 0, NULL));
    char *text = report_as(path, "text"), *json = report_as(path, "json");
    expect_none(text, "own node");
    expect_none(text, "\nlanes\n");
    expect_none(text, "over time");
    expect_none(text, "done twice");
    expect_none(text, "memory is");
    expect_none(text, "notes");
    expect(json, "\"lanes\":[{\"lane\":0,");
    expect(json, "\"placement\":[{");
    expect(json, "\"misplaced\":[],");
    free(text);
    free(json);
}

static void twenty_lines_tell_of_any_number_of_steps(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "a.db");

    pr_run_info info = fixture_run;
    info.numa_nodes  = 2;
    (void)fixture_log(path, &info, 1999, "packed");
    char *json = report_as(path, "json");
    char *from = strstr(json, "\"locality\":["), *to = strstr(json, "\"twice\":");
    assert_true(from && to > from);
    *to       = '\0';
    int lines = 0;
    for (char *at = from; (at = strstr(at, "\"first_step\":")); at++) lines++;
    assert_int_equal(lines, 20);
    expect(from, "\"last_step\":1998,");
    free(json);
}

/* They have no batches, so nothing of theirs was counted. */
static void exact_passes_are_not_among_what_was_counted_twice(void **state)
{
    (void)state;
    const char       *path = path_in(test_directory(), "a.db");
    pr_steplog       *log  = NULL;
    pr_step_partition parts[2];

    assert_ok(pr_steplog_open(path, &fixture_run, &log));
    for (int exact = 0; exact < 2; exact++) {
        pr_step s = fixture_step(0, exact ? "off" : "packed");
        if (exact) s.phase = PR_PHASE_EVAL;
        if (exact) s.batch_hash = 0;
        fixture_partitions(&s, parts, 2);
        pr_steplog_step(log, &s, parts, 2);
    }
    assert_ok(pr_steplog_close(log, 0, NULL));
    char *json = report_as(path, "json");
    char *from = strstr(json, "\"twice\":["), *to = strstr(json, "\"placement\":");
    assert_true(from && to > from);
    *to = '\0';
    expect(from, "\"phase\":\"train\"");
    expect_none(from, "\"phase\":\"eval\"");
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_lanes_are_reported_with_their_memory),
        cmocka_unit_test(the_page_has_the_same_as_bars_and_sentences),
        cmocka_unit_test(the_json_has_all_of_it_in_numbers),
        cmocka_unit_test(one_lane_on_one_node_has_a_short_report),
        cmocka_unit_test(exact_passes_are_not_among_what_was_counted_twice),
        cmocka_unit_test(twenty_lines_tell_of_any_number_of_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_routes.c: what the protocol's paths answer, over sockets, with a service behind them. */
#include "support/http_client.h"
#include "support/service_rig.h"

#include <math.h>

#include "pipeline/serve/routes.h"

#define INFER "/v2/models/sage/infer"

typedef struct server {
    service_rig   service;
    pri_reloader *reloader;
    pri_routes   *routes;
    pri_http     *http;
    uint16_t      port;
} server;

static void open_server(server *s, uint64_t weights)
{
    service_rig_make(&s->service, weights);
    s->service.options.serve.seed = 5;
    snprintf(s->service.options.http.listen, PR_TEXT_BYTES, "127.0.0.1:0");
}

static void start(server *s)
{
    service_rig_open(&s->service, 1, 1);
    assert_ok(pri_reloader_create(s->service.service, s->service.record, &s->reloader));
    const pri_routes_setup setup = { .options  = &s->service.options,
                                     .service  = s->service.service,
                                     .record   = s->service.record,
                                     .reloader = s->reloader,
                                     .model    = "sage" };
    assert_ok(pri_routes_create(&setup, &s->routes));
    const pri_http_handlers handlers = pri_routes_handlers(s->routes);
    assert_ok(pri_http_start(&s->service.options.http, &handlers, &s->http));
    pri_routes_attach(s->routes, s->http);
    s->port = (uint16_t)atoi(strrchr(pri_http_url(s->http), ':') + 1);
}

static void stop(server *s)
{
    pri_reloader_quiesce(s->reloader);
    pri_service_drain(s->service.service);
    pri_http_stop(s->http);
    pri_routes_free(s->routes);
    pri_reloader_free(s->reloader);
    service_rig_close(&s->service);
}

/* Ask on a connection of its own; `extra` are headers. */
static test_reply ask(const server *s, const char *method, const char *path, const char *extra,
                      const char *body, size_t bytes)
{
    test_client client;
    char        head[1024];
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: here\r\nContent-Length: %zu\r\n%s\r\n",
             method, path, bytes, extra);
    test_dial(&client, s->port);
    assert_true(test_say_text(&client, head) && test_say(&client, body, bytes));
    const test_reply reply = test_hear(&client, strcmp(method, "HEAD") != 0);
    test_hang_up(&client);
    return reply;
}

/* Expect this status, and these words in head or body. */
static void expect(const server *s, const char *method, const char *path, const char *body,
                   int status, const char *words)
{
    test_reply reply = ask(s, method, path, "", body, strlen(body));
    if (reply.status != status || !(strstr(reply.head, words) || strstr(reply.body, words)))
        fail_msg("%s %s: wanted %d with %s, got %d: %s%s", method, path, status, words,
                 reply.status, reply.head, reply.body);
    test_reply_free(&reply);
}

static void every_path_answers_its_method_and_no_other(void **state)
{
    static const struct {
        const char *path, *words;
        bool        post;
    } paths[]                          = { { "/", "/v2/models/sage", false },
                                           { "/v2", "\"name\":\"packrat\"", false },
                                           { "/v2/health/live", "{\"live\":true}", false },
                                           { "/v2/health/ready", "{\"ready\":true}", false },
                                           { "/v2/models/sage", "node_ids", false },
                                           { "/v2/models/sage/versions/1", "node_ids", false },
                                           { "/v2/models/sage/ready", "\"ready\":true", false },
                                           { "/v2/models/sage/versions/1/ready", "\"ready\":true", false },
                                           { "/metrics", "packrat_", false },
                                           { "/v2/repository/index", "\"state\":\"READY\"", true } };
    static const char *const nowhere[] = { "//",
                                           "/v2/models",
                                           "/v2/models/",
                                           "/v2/models/sage/",
                                           "/v2/models/sage/versions",
                                           "/v2/models/sage/versions/",
                                           "/v2/models/sage/versions/1/",
                                           "/v2/models/sage/infer/more",
                                           "/v2/health",
                                           "/v2/repository/models/sage/unload",
                                           "/metrics/",
                                           "/..%2f..%2fetc/passwd" };
    server                   s;
    (void)state;

    open_server(&s, 3);
    start(&s);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        expect(&s, paths[i].post ? "POST" : "GET", paths[i].path, "", 200, paths[i].words);
        expect(&s, paths[i].post ? "GET" : "POST", paths[i].path, "", 405,
               paths[i].post ? "Allow: POST" : "Allow: GET, HEAD");
        expect(&s, "DELETE", paths[i].path, "", 405, "{\"error\":");
        if (paths[i].post) continue;
        test_reply head = ask(&s, "HEAD", paths[i].path, "", "", 0);
        assert_int_equal(head.status, 200);
        test_reply_free(&head);
    }
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
        expect(&s, "GET", nowhere[i], "", 404, "{\"error\":");
    expect(&s, "GET", INFER, "", 405, "Allow: POST");
    expect(&s, "GET", "/v1/features", "", 405, "Allow: POST");
    expect(&s, "POST", "/v2/models/gat/infer", "{}", 404, "must be 'sage'");
    expect(&s, "GET", "/v2/models/sagesage", "", 404, "must be 'sage'");
    expect(&s, "POST", "/v2/models/sage/versions/2/infer", "{}", 404, "must be '1'");
    expect(&s, "POST", "/v2/models/sage/versions/01/infer", "{}", 404, "must be '1'");
    expect(&s, "GET", "/v2/models/%22%0a/ready", "", 404, "\\n");
    stop(&s);
}

static void answers_are_those_of_infer(void **state)
{
    server   s;
    uint32_t cols = 0;
    (void)state;

    open_server(&s, 11);
    float *logits = service_rig_infer(&s.service, "", 5, 1, &cols);
    start(&s);
    for (int binary = 0; binary < 2; binary++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"id\":\"x\",\"inputs\":[{\"name\":\"node_ids\",\"shape\":[3],\"datatype\":"
                 "\"INT64\",\"data\":[7,3,7]}],\"outputs\":[{\"name\":\"logits\",\"parameters\":{"
                 "\"binary_data\":%s}}]}",
                 binary ? "true" : "false");
        test_reply reply = ask(&s, "POST", INFER, "", body, strlen(body));
        assert_int_equal(reply.status, 200);
        assert_non_null(strstr(reply.body, "\"id\":\"x\""));
        static const pr_vid nodes[] = { 7, 3, 7 };
        const char         *number  = strstr(reply.body, "\"data\":[");
        const char         *length  = strstr(reply.head, "Inference-Header-Content-Length: ");
        const char         *floats  = NULL;
        if (binary) {
            assert_non_null(length);
            assert_non_null(strstr(reply.head, "application/octet-stream"));
            floats = reply.body + strtoul(strchr(length, ' '), NULL, 10);
            assert_int_equal(floats + 3 * cols * sizeof(float) - reply.body, reply.bytes);
        } else {
            assert_null(length);
            assert_non_null(number);
            number += strlen("\"data\":[");
        }
        for (uint32_t i = 0; i < 3 * cols; i++) {
            char *end   = NULL;
            float value = 0;
            if (binary) {
                memcpy(&value, floats + i * sizeof value, sizeof value);
            } else {
                value  = strtof(number, &end);
                number = end + 1;
            }
            const float want = logits[nodes[i / cols] * cols + i % cols];
            /* GEMMs of other sizes round otherwise */
            assert_true(fabsf(value - want) <= 1e-5f * (1 + fabsf(want)));
        }
        test_reply_free(&reply);
    }
    free(logits);
    stop(&s);
}

static void what_is_wrong_with_a_request_is_said(void **state)
{
    static const char body[] = "{\"inputs\":[{\"name\":\"node_ids\",\"shape\":[1],\"datatype\":"
                               "\"INT64\",\"data\":[7]}]}";
    server            s;
    (void)state;

    open_server(&s, 3);
    start(&s);
    expect(&s, "POST", INFER, "", 400, "{\"error\":");
    expect(&s, "POST", INFER, "nonsense", 400, "{\"error\":");
    static const char *const lengths[] = { "-1",   "x", "", "1 2", "99999999999999999999999",
                                           "9999", "70" };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char extra[128];
        snprintf(extra, sizeof extra, "Inference-Header-Content-Length: %s\r\n", lengths[i]);
        test_reply reply = ask(&s, "POST", INFER, extra, body, sizeof body - 1);
        if (reply.status != 400 || !strstr(reply.body, "{\"error\":"))
            fail_msg("length '%s': got %d: %s", lengths[i], reply.status, reply.body);
        test_reply_free(&reply);
    }
    test_reply reply = ask(&s, "POST", INFER, "Content-Encoding: gzip\r\n", body, sizeof body - 1);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.body, "gzip"));
    test_reply_free(&reply);

#define WITH(parameters)                                                                           \
    "{\"inputs\":[{\"name\":\"node_ids\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[7]}],"     \
    "\"parameters\":{" parameters "}}"
    expect(&s, "POST", INFER, WITH("\"fanout\":\"4,3,2\""), 400,
           "parameters.fanout is \\\"4,3,2\\\", must name one number, or all, for each of the "
           "model's 2");
    expect(&s, "POST", INFER, WITH("\"fanout\":\"400,3\""), 400, "fanout");
    expect(&s, "POST", INFER, WITH("\"fanout\":\"2,2\""), 200, "\"fanout\":\"2,2\"");
    expect(&s, "POST", INFER, WITH("\"seed\":77"), 200, "\"seed\":77");
    expect(&s, "POST", INFER, WITH("\"deadline_ms\":60000"), 200, "logits");
    expect(&s, "POST", INFER, WITH("\"deadline_ms\":0.000001"), 504, "{\"error\":");
    expect(&s, "POST", "/v1/features", "{\"node_ids\":[0,1]}", 200, "\"shape\":[2,9]");
    expect(&s, "POST", "/v1/features", "{\"node_ids\":[400]}", 400, "{\"error\":");
    stop(&s);
}

static void a_load_gives_the_version_that_answers_from_then_on(void **state)
{
    server s;
    (void)state;

    open_server(&s, 3);
    start(&s);
    expect(&s, "POST", INFER, WITH(""), 200, "\"model_version\":\"1\"");
    service_rig_write(&s.service, 4, 2);
    expect(&s, "POST", "/v2/repository/models/gat/load", "", 404, "must be 'sage'");
    expect(&s, "GET", "/v2/repository/models/sage/load", "", 405, "Allow: POST");
    expect(&s, "POST", "/v2/repository/models/sage/load", "", 200,
           "{\"name\":\"sage\",\"version\":\"2\"}");
    expect(&s, "POST", INFER, WITH(""), 200, "\"model_version\":\"2\"");
    expect(&s, "GET", "/v2/models/sage/versions/2/ready", "", 200, "true");
    expect(&s, "GET", "/v2/models/sage/versions/1/ready", "", 404, "must be '2'");

    FILE *broken = fopen(s.service.options.serve.checkpoint, "wb");
    assert_non_null(broken);
    fputs("no checkpoint", broken);
    fclose(broken);
    expect(&s, "POST", "/v2/repository/models/sage/load", "", 400, "{\"error\":");
    expect(&s, "POST", INFER, WITH(""), 200, "\"model_version\":\"2\"");
    stop(&s);
}

/* The batch waits for two nodes. One is asked of version 1, then version 2 is loaded, then the
 * other comes. */
static void a_request_for_a_version_is_answered_by_no_other(void **state)
{
    static const char request[] =
        "POST /v2/models/sage/versions/1/infer HTTP/1.1\r\nHost: here\r\nContent-Length: 74\r\n\r\n"
        "{\"inputs\":[{\"name\":\"node_ids\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[7]}]}";
    server            s;
    test_client       early;
    pri_service_facts facts = { 0 };
    (void)state;

    open_server(&s, 3);
    s.service.options.serve.batch_max_nodes    = 2;
    s.service.options.serve.batch_max_delay_us = 10000000;
    start(&s);
    test_dial(&early, s.port);
    assert_true(test_say_text(&early, request));
    while (facts.queue_depth == 0) pri_service_describe(s.service.service, &facts);
    expect(&s, "POST", "/v2/repository/models/sage/load", "", 200, "\"version\":\"2\"");
    expect(&s, "POST", INFER, WITH(""), 200, "\"model_version\":\"2\"");
    test_reply reply = test_hear(&early, true);
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.body,
                        "{\"error\":\"version 1 was asked, version 2 was loaded meanwhile\"}");
    test_reply_free(&reply);
    test_hang_up(&early);
    stop(&s);
}

static void a_server_that_ends_says_so(void **state)
{
    server     s;
    pri_totals totals;
    (void)state;

    open_server(&s, 3);
    start(&s);
    expect(&s, "POST", INFER, WITH(""), 200, "logits");
    pri_routes_quiesce(s.routes);
    pri_service_drain(s.service.service);
    expect(&s, "GET", "/v2/health/live", "", 200, "true");
    expect(&s, "GET", "/v2/health/ready", "", 503, "false");
    expect(&s, "GET", "/v2/models/sage/ready", "", 503, "false");
    expect(&s, "POST", INFER, WITH(""), 503, "Retry-After: 1");
    expect(&s, "GET", "/v2/nothing", "", 404, "{\"error\":");
    pri_record_totals(s.service.record, &totals);
    assert_int_equal(totals.answered, 1);
    assert_int_equal(totals.refused, 2);
    stop(&s);
}

static void a_token_guards_all_but_health(void **state)
{
    server s;
    (void)state;

    open_server(&s, 3);
    snprintf(s.service.options.http.token_file, PR_TEXT_BYTES, "%s",
             test_file(test_directory(), "token", "abc\n", 4));
    start(&s);
    expect(&s, "GET", "/v2/health/live", "", 200, "true");
    expect(&s, "GET", "/v2/health/ready", "", 200, "true");
    expect(&s, "GET", "/metrics", "", 401, "WWW-Authenticate: Bearer");
    expect(&s, "POST", INFER, WITH(""), 401, "{\"error\":");
    expect(&s, "POST", "/v2/repository/models/sage/load", "", 401, "{\"error\":");
    test_reply reply =
        ask(&s, "POST", INFER, "Authorization: Bearer abc\r\n", WITH(""), strlen(WITH("")));
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    stop(&s);
}

/* Write a body that asks for features of so many nodes: 0, 1, .. again and again. */
static char *features_of(uint32_t num)
{
    char  *body = malloc(32 + (size_t)num * 4);
    size_t used = (size_t)sprintf(body, "{\"node_ids\":[");
    for (uint32_t i = 0; i < num; i++)
        used += (size_t)sprintf(body + used, "%s%u", i ? "," : "", i % SERVICE_NODES);
    sprintf(body + used, "]}");
    return body;
}

/* Beyond some size an answer is written by the lane that computed it: the same bytes come. */
static void a_large_answer_is_what_small_ones_are(void **state)
{
    enum { MANY = 8 * SERVICE_NODES };
    server s;
    (void)state;

    open_server(&s, 3);
    s.service.options.serve.batch_max_nodes = MANY;
    start(&s);
    char      *few = features_of(SERVICE_NODES), *many = features_of(MANY);
    test_reply small = ask(&s, "POST", "/v1/features", "", few, strlen(few));
    test_reply large = ask(&s, "POST", "/v1/features", "", many, strlen(many));
    assert_int_equal(small.status, 200);
    assert_int_equal(large.status, 200);
    const char  *row   = strstr(small.body, "\"data\":[") + strlen("\"data\":[");
    const char  *rows  = strstr(large.body, "\"data\":[") + strlen("\"data\":[");
    const size_t bytes = strcspn(row, "]");
    assert_int_equal(strcspn(rows, "]"), 8 * bytes + 7);
    for (size_t i = 0; i < 8; i++) assert_memory_equal(rows + i * (bytes + 1), row, bytes);
    test_reply_free(&small);
    test_reply_free(&large);
    free(few);
    free(many);
    stop(&s);
}

static void an_answer_beyond_the_memory_that_is_allowed_is_refused_with_its_size(void **state)
{
    enum { MANY = 20 * SERVICE_NODES };
    server s;
    (void)state;

    open_server(&s, 3);
    s.service.options.serve.batch_max_nodes = MANY;
    s.service.options.http.max_memory       = 1 << 20;
    start(&s);
    char *many = features_of(MANY);
    expect(&s, "POST", "/v1/features", many, 413, "must be at most 1048576 (--http.max-memory)");
    expect(&s, "POST", INFER, WITH(""), 200, "logits");
    free(many);
    stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_answers_its_method_and_no_other),
        cmocka_unit_test(answers_are_those_of_infer),
        cmocka_unit_test(what_is_wrong_with_a_request_is_said),
        cmocka_unit_test(a_load_gives_the_version_that_answers_from_then_on),
        cmocka_unit_test(a_request_for_a_version_is_answered_by_no_other),
        cmocka_unit_test(a_server_that_ends_says_so),
        cmocka_unit_test(a_large_answer_is_what_small_ones_are),
        cmocka_unit_test(an_answer_beyond_the_memory_that_is_allowed_is_refused_with_its_size),
        cmocka_unit_test(a_token_guards_all_but_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

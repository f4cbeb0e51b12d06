/* test_serving.c: the whole server in this process, asked by several clients over sockets while
 * checkpoints are loaded, until it is told to end: every answer is that of offline inference with
 * one of the checkpoints, and none that was taken is missing. Short, since the thread sanitizer
 * runs it too: HTTP's threads, lanes, the thread that loads and the log's meet here. */
#include "support/http_rig.h"
#include "support/service_rig.h"

#include <math.h>
#include <sqlite3.h>
#include <unistd.h>

enum { CLIENTS = 4, REQUESTS = 40, VERSIONS = 2, MAX_ASKED = 5 };

static service_rig rig; /* large: text options are arrays */
static float      *offline[VERSIONS], *own[VERSIONS];
static uint32_t    cols;

/* Flags as signal handlers set them; the sanitizer need not look at a race that is meant. */
static volatile int stop, reload;

__attribute__((no_sanitize("thread"))) static void set(volatile int *flag)
{
    *flag = *flag + 1;
}

typedef struct server {
    pthread_t       thread;
    sem_t           ready;
    uint16_t        port;
    pr_status       status;
    pr_serve_result result;
} server;

static void note_ready(void *context, const pr_serve_ready *ready)
{
    server *s = context;
    s->port   = (uint16_t)strtoul(strrchr(ready->url, ':') + 1, NULL, 10);
    sem_post(&s->ready);
}

static void *serve(void *argument)
{
    server              *s     = argument;
    const pr_serve_hooks hooks = {
        .ready = note_ready, .context = s, .stop = &stop, .reload = &reload
    };

    s->status = pr_serve(&rig.options, &hooks, &s->result);
    if (s->status != PR_OK) {
        printf("pr_serve: %s\n", pr_error_message());
        sem_post(&s->ready);
    }
    return NULL;
}

static void start(server *s)
{
    *s   = (server){ 0 };
    stop = 0;
    assert_int_equal(sem_init(&s->ready, 0, 0), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    while (sem_wait(&s->ready) != 0) continue;
    assert_true(s->port > 0);
}

static void end(server *s)
{
    set(&stop);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    sem_destroy(&s->ready);
    assert_int_equal(s->status, PR_OK);
}

/* What one client saw. */
typedef struct visitor {
    pthread_t         thread;
    const server     *server;
    uint64_t          seed;
    bool              until_refused; /* ask until the server ends */
    uint32_t          answered, wrong, refused;
    char              complaint[512];
    _Atomic uint32_t *all_answered;
} visitor;

static bool say_request(const test_client *client, const char *path, const char *body)
{
    char text[2048];

    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    return test_say_text(client, text);
}

static void infer_body(const pr_vid *nodes, uint32_t n, bool is_own, char *out, size_t bytes)
{
    size_t used = (size_t)snprintf(out, bytes,
                                   "{\"parameters\":{%s},\"outputs\":[{\"name\":\"logits\"}],"
                                   "\"inputs\":[{\"name\":\"node_ids\",\"datatype\":\"INT64\","
                                   "\"shape\":[%u],\"data\":[",
                                   is_own ? "\"seed\":99,\"fanout\":\"2,2\"" : "", n);

    for (uint32_t i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, bytes - used, "%s%u", i ? "," : "", nodes[i]);
    snprintf(out + used, bytes - used, "]}]}");
}

/* Whether the numbers behind "data":[ are these rows, to 1e-5 of the largest. */
static bool are_rows(const char *at, const pr_vid *nodes, uint32_t n, const float *all)
{
    float largest = 0;

    for (uint32_t i = 0; i < SERVICE_NODES * cols; i++) largest = fmaxf(largest, fabsf(all[i]));
    for (uint32_t i = 0; i < n * cols; i++) {
        char       *next;
        const float x = strtof(at, &next);
        if (next == at || fabsf(x - all[nodes[i / cols] * cols + i % cols]) > 1e-5f * largest)
            return false;
        at = next + strspn(next, ", ");
    }
    return *at == ']';
}

static bool is_right(const test_reply *reply, const pr_vid *nodes, uint32_t n, bool is_own)
{
    const char *data = reply->body ? strstr(reply->body, "\"data\":") : NULL;

    if (!data) return false;
    data = strchr(data, '[') + 1;
    for (int v = 0; v < VERSIONS; v++)
        if (are_rows(data, nodes, n, is_own ? own[v] : offline[v])) return true;
    return false;
}

static void *visit(void *argument)
{
    visitor     *v      = argument;
    test_rng     rng    = { .key = v->seed };
    test_client *client = malloc(sizeof *client);
    char         body[1024];
    pr_vid       nodes[MAX_ASKED];

    if (!client) abort();
    test_dial(client, v->server->port);
    for (uint32_t i = 0; v->until_refused || i < REQUESTS; i++) {
        const uint32_t n      = 1 + test_below(&rng, MAX_ASKED);
        const bool     is_own = i % 7 == 3;
        for (uint32_t k = 0; k < n; k++) nodes[k] = test_below(&rng, SERVICE_NODES);
        infer_body(nodes, n, is_own, body, sizeof body);
        if (!say_request(client, "/v2/models/sage/infer", body)) break;
        test_reply reply = test_hear(client, true);
        const bool over  = reply.status == 0 || reply.status == 503;
        if (over) {
            v->refused++;
        } else if (reply.status != 200 || !is_right(&reply, nodes, n, is_own)) {
            v->wrong++;
            snprintf(v->complaint, sizeof v->complaint, "%d: %s", reply.status,
                     reply.body ? reply.body : "no body");
        } else {
            v->answered++;
            atomic_fetch_add(v->all_answered, 1);
        }
        test_reply_free(&reply);
        if (over) break;
    }
    test_hang_up(client);
    free(client);
    return NULL;
}

/* Seeds are asked for here: test_seed() is for one thread. */
static void send_visitors(visitor *v, const server *s, bool until_refused,
                          _Atomic uint32_t *all_answered)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        v[i] = (visitor){ .server        = s,
                          .seed          = test_seed() + i,
                          .until_refused = until_refused,
                          .all_answered  = all_answered };
        assert_int_equal(pthread_create(&v[i].thread, NULL, visit, &v[i]), 0);
    }
}

static uint32_t wait_for_visitors(visitor *v)
{
    uint32_t answered = 0;

    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(v[i].thread, NULL), 0);
        if (v[i].wrong) fail_msg("client %u: %u wrong: %s", i, v[i].wrong, v[i].complaint);
        answered += v[i].answered;
    }
    return answered;
}

/* Send a request without a body worth checking; gives the status. */
static int ask(const server *s, const char *path, const char *body)
{
    test_client *client = malloc(sizeof *client);

    assert_non_null(client);
    test_dial(client, s->port);
    assert_true(say_request(client, path, body));
    test_reply reply  = test_hear(client, true);
    const int  status = reply.status;
    test_reply_free(&reply);
    test_hang_up(client);
    free(client);
    return status;
}

static int look(const server *s, const char *path)
{
    char text[256];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return test_ask(s->port, text, NULL);
}

/* A request, and away before the answer. */
static void vanish(const server *s)
{
    const pr_vid node   = 5;
    test_client *client = malloc(sizeof *client);
    char         body[512];

    assert_non_null(client);
    infer_body(&node, 1, false, body, sizeof body);
    test_dial(client, s->port);
    (void)say_request(client, "/v2/models/sage/infer", body);
    test_hang_up(client);
    free(client);
}

static int make(void **state)
{
    (void)state;
    service_rig_make(&rig, 2); /* the second version first, and the first one stays */
    for (int v = VERSIONS - 1; v >= 0; v--) {
        service_rig_write(&rig, (uint64_t)v + 1, 2);
        offline[v] = service_rig_infer(&rig, "4,3", rig.options.serve.seed, 1, &cols);
        own[v]     = service_rig_infer(&rig, "2,2", 99, 1, &cols);
    }
    snprintf(rig.options.http.listen, PR_TEXT_BYTES, "127.0.0.1:0");
    snprintf(rig.options.serve.log, PR_TEXT_BYTES, "%s/serve.db", test_directory());
    rig.options.serve.batch_max_delay_us = 200;
    rig.options.http.threads             = 2;
    rig.options.machine.threads          = 2;
    rig.options.serve.lanes              = 2;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    for (int v = 0; v < VERSIONS; v++) {
        free(offline[v]);
        free(own[v]);
    }
    service_rig_close(&rig);
    return 0;
}

static void answers_stay_right_while_checkpoints_are_loaded(void **state)
{
    (void)state;
    server           s;
    visitor          v[CLIENTS];
    _Atomic uint32_t answered = 0;

    start(&s);
    send_visitors(v, &s, false, &answered);
    for (uint64_t round = 0; round < 4; round++) {
        service_rig_write(&rig, 1 + (round + 1) % 2, 2);
        if (round % 2)
            set(&reload);
        else
            assert_int_equal(ask(&s, "/v2/repository/models/sage/load", "{}"), 200);
        assert_int_equal(look(&s, "/metrics"), 200);
        assert_int_equal(look(&s, "/v2/health/ready"), 200);
        assert_int_equal(look(&s, "/v2/models/sage"), 200);
        assert_int_equal(ask(&s, "/v1/features", "{\"node_ids\":[3,4,3]}"), 200);
        assert_int_equal(ask(&s, "/v2/models/sage/infer", "{"), 400);
        vanish(&s);
    }
    assert_int_equal(wait_for_visitors(v), CLIENTS * REQUESTS);
    end(&s);
    assert_true(s.result.swaps >= 2 && s.result.answered >= CLIENTS * REQUESTS);
    assert_int_equal(s.result.failed, 0);
    assert_int_equal(s.result.rows_lost, 0);
}

/* Nobody who was let in is left without an answer: what a client hears at the end is 503, or that
 * the connection is closed before its request was read. */
static void ending_under_load_answers_what_was_taken(void **state)
{
    (void)state;
    server           s;
    visitor          v[CLIENTS];
    _Atomic uint32_t answered = 0;

    start(&s);
    send_visitors(v, &s, true, &answered);
    while (atomic_load(&answered) < 10 * CLIENTS) usleep(1000);
    end(&s);
    assert_int_equal(wait_for_visitors(v), atomic_load(&answered));
    assert_int_equal(s.result.failed, 0);
    assert_int_equal(s.result.answered, atomic_load(&answered));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_stay_right_while_checkpoints_are_loaded),
        cmocka_unit_test(ending_under_load_answers_what_was_taken),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}

/* test_http_limits.c: clients that are slow, many, or not allowed: none of them stays for ever, and
 * none of them keeps others out. */
#include "support/http_rig.h"

#include <netdb.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: here\r\n"

enum { DRIPPING = 200 };

static void nap_ms(long ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

static int health(const test_http *rig)
{
    return test_ask(rig->port, "GET /health HTTP/1.1\r\n" HOST "\r\n", NULL);
}

/* Wait until all connections but so many are gone. */
static void wait_left(const test_http *rig, uint32_t left)
{
    for (int ms = 0; ms < 20000 && pri_http_num_connections(rig->http) > left; ms += 5) nap_ms(5);
    assert_true(pri_http_num_connections(rig->http) <= left);
}

/* Wait until one came. */
static void wait_there(const test_http *rig)
{
    for (int ms = 0; ms < 20000 && pri_http_num_connections(rig->http) == 0; ms++) nap_ms(1);
    assert_int_equal(pri_http_num_connections(rig->http), 1);
}

static void a_dripping_client_is_told_and_cut(void **state)
{
    static const char text[] = "POST /now HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n";
    test_http         rig;
    test_client       client;
    pr_http_options   options = test_http_options();
    (void)state;

    options.deadline_ms = 200;
    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    assert_true(test_say_text(&client, text));
    wait_there(&rig);
    for (int i = 0; i < 2000 && pri_http_num_connections(rig.http) > 0; i++) {
        (void)test_say(&client, "x", 1); /* never inactive for long */
        nap_ms(5);
    }
    assert_int_equal(pri_http_num_connections(rig.http), 0);
    test_reply reply = test_hear(&client, true);
    assert_true(reply.status == 408 || reply.status == 0); /* or the reset overtook it */
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
    assert_int_equal(rig.refused_deadline, 1);
    assert_int_equal(rig.handled, 0);
}

static void a_client_that_stops_in_its_body_reads_408(void **state)
{
    test_http       rig;
    pr_http_options options = test_http_options();
    char            body[1024];
    (void)state;

    options.deadline_ms = 100;
    test_http_open(&rig, &options);
    assert_int_equal(
        test_ask(rig.port, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc", body),
        408);
    assert_string_equal(body, "{\"error\":\"the request did not come in whole in time\"}");
    test_http_close(&rig);
}

static void the_deadline_does_not_run_while_an_answer_is_made(void **state)
{
    test_http       rig;
    test_client     client;
    pr_http_options options = test_http_options();
    (void)state;

    options.deadline_ms = 50;
    options.idle_ms     = 50;
    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    assert_true(test_say_text(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    test_http_wait_held(&rig, 1);
    nap_ms(300);
    test_http_release(&rig);
    test_reply reply = test_hear(&client, true);
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
}

static void who_does_not_take_its_answer_is_cut(void **state)
{
    test_http       rig;
    test_client     client;
    const int       little  = 4096;
    pr_http_options options = test_http_options();
    (void)state;

    options.deadline_ms = 200;
    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    assert_true(test_say_text(&client, "GET /large HTTP/1.1\r\n" HOST "\r\n"));
    char byte;
    wait_there(&rig);
    for (int i = 0; i < 2000 && pri_http_num_connections(rig.http) > 0; i++) {
        (void)recv(client.fd, &byte, 1, MSG_DONTWAIT); /* a byte now and then */
        nap_ms(5);
    }
    wait_left(&rig, 0);
    test_hang_up(&client);
    test_http_close(&rig);
    assert_int_equal(rig.unsent, 1);
    assert_int_equal(rig.refused_deadline, 1);
}

static void idle_connections_end_and_those_that_begin_again_get_the_deadline(void **state)
{
    test_http       rig;
    test_client     idle, slow;
    pr_http_options options = test_http_options();
    (void)state;

    options.idle_ms     = 400;
    options.deadline_ms = 100000;
    test_http_open(&rig, &options);
    test_dial(&idle, rig.port);
    assert_true(test_say_text(&idle, "GET /now HTTP/1.1\r\n" HOST "\r\n"));
    test_reply reply = test_hear(&idle, true);
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    assert_true(test_is_closed(&idle));
    test_hang_up(&idle);
    test_http_close(&rig);
    assert_int_equal(rig.refused_deadline, 0);

    options.idle_ms     = 100000;
    options.deadline_ms = 200;
    test_http_open(&rig, &options);
    test_dial(&slow, rig.port);
    assert_true(test_say_text(&slow, "GET /now HTTP/1.1\r\n" HOST "\r\n"));
    reply = test_hear(&slow, true);
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    nap_ms(150);
    for (int i = 0; i < 2000 && pri_http_num_connections(rig.http) > 0; i++) {
        (void)test_say(&slow, "G", 1); /* a first line that has no end */
        nap_ms(10);
    }
    wait_left(&rig, 0);
    test_hang_up(&slow);
    test_http_close(&rig);
    assert_int_equal(rig.refused_deadline, 1);
}

/* With fewer places than dripping clients, too: those that wait longest make room. */
static void dripping_clients_do_not_keep_health_out(void **state)
{
    static test_client slow[DRIPPING];
    (void)state;

    for (int crowded = 0; crowded < 2; crowded++) {
        test_http       rig;
        pr_http_options options = test_http_options();
        options.max_connections = crowded ? 50 : 1024;
        test_http_open(&rig, &options);
        for (int i = 0; i < DRIPPING; i++) {
            test_dial(&slow[i], rig.port);
            (void)test_say_text(&slow[i], i % 2 ? "POST /now HT" : "POST /now HTTP/1.1\r\nA: b");
            if (i % 10 == 0) assert_int_equal(health(&rig), 200);
        }
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < DRIPPING; i++) (void)test_say_text(&slow[i], "x");
            assert_int_equal(health(&rig), 200);
            assert_int_equal(test_ask(rig.port, "GET /now HTTP/1.1\r\n" HOST "\r\n", NULL), 200);
        }
        if (crowded) wait_left(&rig, 51);
        for (int i = 0; i < DRIPPING; i++) test_hang_up(&slow[i]);
        test_http_close(&rig);
        assert_true(crowded ? rig.refused_connections > 100 : rig.refused_connections == 0);
    }
}

static void who_finds_all_places_at_work_is_excused_but_for_health(void **state)
{
    enum { PLACES = 4 };
    test_http          rig;
    static test_client busy[PLACES];
    char               body[1024];
    pr_http_options    options = test_http_options();
    (void)state;

    options.max_connections = PLACES;
    test_http_open(&rig, &options);
    for (int i = 0; i < PLACES; i++) {
        test_dial(&busy[i], rig.port);
        assert_true(test_say_text(&busy[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    }
    test_http_wait_held(&rig, PLACES);
    assert_int_equal(test_ask(rig.port, "GET /now HTTP/1.1\r\n" HOST "\r\n", body), 503);
    assert_string_equal(body, "{\"error\":\"too many connections\"}");
    assert_int_equal(health(&rig), 200);
    test_http_release(&rig);
    for (int i = 0; i < PLACES; i++) {
        test_reply reply = test_hear(&busy[i], true);
        assert_int_equal(reply.status, 200);
        test_reply_free(&reply);
        test_hang_up(&busy[i]);
    }
    test_http_close(&rig);
}

static void without_the_token_only_health_is_answered(void **state)
{
    test_http       rig;
    test_client     client;
    char            body[1024];
    pr_http_options options = test_http_options();
    (void)state;

    snprintf(options.token_file, sizeof options.token_file, "%s",
             test_file(test_directory(), "token", "  s3cret \nsecond\n", 17));
    test_http_open(&rig, &options);
    assert_int_equal(health(&rig), 200);
    static const char *const bad[] = { "",
                                       "Authorization: Bearer\r\n",
                                       "Authorization: Bearer \r\n",
                                       "Authorization: Bearer s3cre\r\n",
                                       "Authorization: Bearer s3crett\r\n",
                                       "Authorization: Bearer S3CRET\r\n",
                                       "Authorization: Basic s3cret\r\n",
                                       "Authorization: s3cret\r\n" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, "GET /now HTTP/1.1\r\n" HOST "%s\r\n", bad[i]);
        assert_int_equal(test_ask(rig.port, text, body), 401);
        assert_string_equal(body, "{\"error\":\"a bearer token is asked for\"}");
    }
    /* A refused body is read to its end, so that the connection goes on. */
    test_dial(&client, rig.port);
    assert_true(test_say_text(&client,
                              "POST /now HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                              "POST /later HTTP/1.1\r\n" HOST
                              "Authorization: bearer s3cret\r\nContent-Length: 3\r\n\r\nabc"));
    test_reply reply = test_hear(&client, true);
    assert_int_equal(reply.status, 401);
    assert_non_null(strstr(reply.head, "WWW-Authenticate: Bearer"));
    test_reply_free(&reply);
    reply = test_hear(&client, true);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "POST /later abc");
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
    assert_int_equal(rig.refused_token, sizeof bad / sizeof *bad + 1);
}

/* Two bodies take all that is allowed; a third is read and dropped, and has its turn when they are
 * gone. Small ones come in all the while. */
static void bodies_beyond_the_memory_that_is_allowed_are_excused(void **state)
{
    enum { BYTES = 400000 }; /* takes 512 KiB */
    static const char request[] = "POST /hold HTTP/1.1\r\n" HOST "Content-Length: 400000\r\n\r\n";
    static const char third[]   = "POST /now HTTP/1.1\r\n" HOST "Content-Length: 400000\r\n\r\n";
    test_http         rig;
    test_client       client[3];
    char             *body    = calloc(1, BYTES), small[1024];
    pr_http_options   options = test_http_options();
    (void)state;

    options.max_memory = 1 << 20;
    test_http_open(&rig, &options);
    for (uint32_t i = 0; i < 2; i++) {
        test_dial(&client[i], rig.port);
        assert_true(test_say_text(&client[i], request) && test_say(&client[i], body, BYTES));
        test_http_wait_held(&rig, i + 1);
    }
    test_dial(&client[2], rig.port);
    assert_true(test_say_text(&client[2], third) && test_say(&client[2], body, BYTES));
    test_reply reply = test_hear(&client[2], true);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.head, "Retry-After: 1"));
    assert_non_null(strstr(reply.body, "--http.max-memory"));
    test_reply_free(&reply);
    assert_int_equal(
        test_ask(rig.port, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", small),
        200);

    test_http_release(&rig);
    for (uint32_t i = 0; i < 2; i++) {
        reply = test_hear(&client[i], true);
        assert_int_equal(reply.status, 200);
        test_reply_free(&reply);
        test_hang_up(&client[i]);
    }
    while (atomic_load(&rig.sent) < 3) nap_ms(1);
    assert_true(test_say_text(&client[2], third) && test_say(&client[2], body, BYTES));
    reply = test_hear(&client[2], true);
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    test_hang_up(&client[2]);
    free(body);
    test_http_close(&rig);
    assert_int_equal(rig.refused_memory, 1);
}

static void token_files_that_hold_none_are_refused(void **state)
{
    const pri_http_handlers none    = { 0 };
    pr_http_options         options = test_http_options();
    pri_http               *http    = NULL;
    char                    much[5000];
    (void)state;

    memset(much, 'a', sizeof much);
    const struct {
        const char *name, *text, *words;
        size_t      bytes;
    } bad[] = { { "empty", "", "holds no token", 0 },
                { "blank", " \t\nx", "holds no token", 4 },
                { "long", much, "longer than 4096", sizeof much },
                { "two", "a b", "0x20", 3 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(options.token_file, sizeof options.token_file, "%s",
                 test_file(test_directory(), bad[i].name, bad[i].text, bad[i].bytes));
        assert_fails(PR_E_INPUT, bad[i].words, pri_http_start(&options, &none, &http));
        assert_null(http);
    }
    snprintf(options.token_file, sizeof options.token_file, "/nowhere/token");
    assert_fails(PR_E_INPUT, "/nowhere/token", pri_http_start(&options, &none, &http));
}

static void addresses_are_read_and_refused_with_their_name(void **state)
{
    static const char *const bad[]   = { "",       "8080",        "127.0.0.1",  "127.0.0.1:",
                                         "::1:80", "here:http",   "here:65536", "[::1]",
                                         ":-1",    "127.0.0.1:1x" };
    const pri_http_handlers  none    = { 0 };
    pr_http_options          options = test_http_options();
    pri_http                *http = NULL, *second = NULL;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(options.listen, sizeof options.listen, "%s", bad[i]);
        assert_fails(PR_E_ARG, "listen is", pri_http_start(&options, &none, &http));
        assert_null(http);
    }
    struct addrinfo *found = NULL; /* a bare machine knows no names */
    const bool       named = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    if (named) freeaddrinfo(found);
    snprintf(options.listen, sizeof options.listen, named ? "localhost:0" : "127.0.0.1:0");
    assert_ok(pri_http_start(&options, &none, &http));
    snprintf(options.listen, sizeof options.listen, "%s", pri_http_url(http) + strlen("http://"));
    assert_fails(PR_E_IO, options.listen, pri_http_start(&options, &none, &second));
    assert_non_null(strstr(pr_error_message(), "in use"));
    pri_http_stop(http);
    assert_ok(pri_http_start(&options, &none, &http)); /* free again */
    pri_http_stop(http);

    pr_diag_set_level(PR_ERROR);
    snprintf(options.listen, sizeof options.listen, ":0");
    assert_ok(pri_http_start(&options, &none, &http));
    pri_http_stop(http);
    pr_diag_set_level(PR_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dripping_client_is_told_and_cut),
        cmocka_unit_test(a_client_that_stops_in_its_body_reads_408),
        cmocka_unit_test(the_deadline_does_not_run_while_an_answer_is_made),
        cmocka_unit_test(who_does_not_take_its_answer_is_cut),
        cmocka_unit_test(idle_connections_end_and_those_that_begin_again_get_the_deadline),
        cmocka_unit_test(dripping_clients_do_not_keep_health_out),
        cmocka_unit_test(who_finds_all_places_at_work_is_excused_but_for_health),
        cmocka_unit_test(without_the_token_only_health_is_answered),
        cmocka_unit_test(bodies_beyond_the_memory_that_is_allowed_are_excused),
        cmocka_unit_test(token_files_that_hold_none_are_refused),
        cmocka_unit_test(addresses_are_read_and_refused_with_their_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

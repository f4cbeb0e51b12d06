/* test_http.c: requests that come in pieces, at once, or not as they should; answers that come at
 * once, later, or when nobody waits for them any more. */
#include "support/http_rig.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: here\r\n"

static void nap_ms(long ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

static void answers_at_once_and_later(void **state)
{
    test_http             rig;
    char                  body[1024];
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    assert_int_equal(test_ask(rig.port, "GET /now HTTP/1.1\r\n" HOST "\r\n", body), 200);
    assert_string_equal(body, "GET /now ");
    assert_int_equal(
        test_ask(rig.port, "POST /later HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", body),
        200);
    assert_string_equal(body, "POST /later hello");
    test_http_close(&rig);
    assert_int_equal(rig.finished, 1);
    assert_int_equal(rig.sent, 2);
}

static void a_connection_is_kept_and_pipelined_requests_are_answered_in_order(void **state)
{
    enum { MANY = 200 };
    test_http             rig;
    test_client           client;
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    for (int i = 0; i < MANY; i++) {
        char      text[128], body[16];
        const int bytes = snprintf(body, sizeof body, "%d", i);
        snprintf(text, sizeof text, "POST /%s HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%s",
                 i % 3 ? "later" : "now", bytes, body);
        assert_true(test_say_text(&client, text));
    }
    for (int i = 0; i < MANY; i++) {
        char       want[64];
        test_reply reply = test_hear(&client, true);
        snprintf(want, sizeof want, "POST /%s %d", i % 3 ? "later" : "now", i);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, want);
        assert_non_null(strstr(reply.head, "X-Test: yes"));
        test_reply_free(&reply);
    }
    assert_int_equal(pri_http_num_connections(rig.http), 1);
    assert_int_equal(pri_http_num_lively(rig.http), 1);
    test_hang_up(&client);
    test_http_close(&rig);
}

static void a_body_may_come_in_chunks_and_byte_by_byte(void **state)
{
    static const char text[] = "POST /later HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
    test_http         rig;
    test_client       client;
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    for (size_t i = 0; i < sizeof text - 1; i++) assert_true(test_say(&client, text + i, 1));
    test_reply reply = test_hear(&client, true);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "POST /later abcdefg");
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
}

static void expect_is_continued_and_head_has_no_body(void **state)
{
    test_http             rig;
    test_client           client;
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    assert_true(test_say_text(&client, "POST /now HTTP/1.1\r\n" HOST
                                       "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    char seen[32] = { 0 };
    while (!strstr(seen, "\r\n\r\n")) assert_true(read(client.fd, seen + strlen(seen), 1) == 1);
    assert_ptr_equal(strstr(seen, "HTTP/1.1 100"), seen);
    assert_true(test_say_text(&client, "ok"));
    test_reply reply = test_hear(&client, true);
    assert_string_equal(reply.body, "POST /now ok");
    test_reply_free(&reply);

    assert_true(test_say_text(&client, "HEAD /now HTTP/1.1\r\n" HOST "\r\n"
                                       "GET /now HTTP/1.1\r\n" HOST "\r\n"));
    reply = test_hear(&client, false);
    assert_int_equal(reply.status, 200);
    test_reply_free(&reply);
    reply = test_hear(&client, true);
    assert_string_equal(reply.body, "GET /now ");
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
}

static void a_body_that_is_too_large_is_refused_unread(void **state)
{
    test_http       rig;
    test_client     client;
    char            body[1024], *block = calloc(1, 4096);
    pr_http_options options = test_http_options();
    (void)state;

    options.max_body = 8192;
    test_http_open(&rig, &options);
    assert_int_equal(
        test_ask(rig.port, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 8193\r\n\r\n", body),
        413);
    assert_string_equal(body, "{\"error\":\"the body is larger than --http.max-body\"}");

    test_dial(&client, rig.port);
    assert_true(
        test_say_text(&client, "POST /now HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 4; i++) {
        if (!test_say_text(&client, "1000\r\n") || !test_say(&client, block, 4096) ||
            !test_say_text(&client, "\r\n"))
            break;
    }
    test_reply reply = test_hear(&client, true);
    assert_int_equal(reply.status, 413);
    assert_true(test_is_closed(&client));
    test_reply_free(&reply);
    test_hang_up(&client);

    /* of exactly so many bytes: taken */
    test_dial(&client, rig.port);
    assert_true(
        test_say_text(&client, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 8192\r\n\r\n"));
    assert_true(test_say(&client, block, 4096) && test_say(&client, block, 4096));
    reply = test_hear(&client, true);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.bytes, 8192 + strlen("POST /now "));
    test_reply_free(&reply);
    test_hang_up(&client);
    test_http_close(&rig);
    assert_int_equal(rig.refused_body, 2);
    assert_int_equal(rig.handled, 1);
    free(block);
}

static void what_is_no_request_is_refused_and_the_server_goes_on(void **state)
{
    static const char *const bad[] = {
        "\r\n\r\n\r\n",
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /now HTTP/9.9\r\n" HOST "\r\n",
        "GET /now HTTP/1.1\r\nno colon here\r\n\r\n",
        "POST /now HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST /now HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
        "POST /now HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /now HTTP/1.1\r\n" HOST
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /now HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        "POST /now HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab\r\n0\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    test_http       rig;
    pr_http_options options = test_http_options();
    (void)state;

    options.deadline_ms = 300;
    test_http_open(&rig, &options);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const int status = test_ask(rig.port, bad[i], NULL);
        if (status != 0 && (status < 400 || status >= 600) && i != 0)
            fail_msg("request %zu was answered with %d", i, status);
        assert_int_equal(test_ask(rig.port, "GET /now HTTP/1.1\r\n" HOST "\r\n", NULL), 200);
    }
    test_http_close(&rig);
    assert_true(rig.refused_malformed >= 3);
}

static void headers_without_end_are_refused(void **state)
{
    test_http             rig;
    test_client           client;
    char                  line[1024];
    const pr_http_options options = test_http_options();
    (void)state;

    memset(line, 'a', sizeof line);
    memcpy(line, "X-Much: ", 8);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    test_http_open(&rig, &options);
    test_dial(&client, rig.port);
    assert_true(test_say_text(&client, "GET /now HTTP/1.1\r\n" HOST));
    for (int i = 0; i < 4096 && test_say(&client, line, sizeof line); i++) {
    }
    test_reply reply = test_hear(&client, true);
    assert_true(reply.status == 0 || reply.status == 431 || reply.status == 413);
    test_reply_free(&reply);
    test_hang_up(&client);
    assert_int_equal(test_ask(rig.port, "GET /now HTTP/1.1\r\n" HOST "\r\n", NULL), 200);
    test_http_close(&rig);
}

static void an_exchange_outlives_its_client_until_it_wakes(void **state)
{
    enum { MANY = 50 };
    test_http             rig;
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    for (int i = 0; i < MANY; i++) {
        test_client client;
        test_dial(&client, rig.port);
        assert_true(test_say_text(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n"));
        test_http_wait_held(&rig, (uint32_t)i + 1);
        /* half of them by a reset, which the send of the answer then finds */
        const struct linger none = { .l_onoff = 1, .l_linger = 0 };
        if (i % 2) (void)setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        test_hang_up(&client);
    }
    nap_ms(20);
    assert_int_equal(rig.sent + rig.unsent, 0);
    test_http_release(&rig);
    test_http_close(&rig);
    /* whether the server notices before finish, in the send or not at all: each ended, once */
    assert_int_equal(rig.sent + rig.unsent, MANY);
    assert_true(rig.unsent >= MANY / 2);
}

static void many_that_wake_at_once_are_all_answered(void **state)
{
    enum { MANY = 300, ROUNDS = 5 };
    test_http       rig;
    test_client    *client  = calloc(MANY, sizeof *client);
    pr_http_options options = test_http_options();
    (void)state;

    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        options.threads = threads;
        test_http_open(&rig, &options);
        for (int i = 0; i < MANY; i++) test_dial(&client[i], rig.port);
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < MANY; i++)
                assert_true(test_say_text(&client[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n"));
            test_http_wait_held(&rig, MANY);
            test_http_release(&rig);
            for (int i = 0; i < MANY; i++) {
                test_reply reply = test_hear(&client[i], true);
                assert_int_equal(reply.status, 200);
                test_reply_free(&reply);
            }
        }
        for (int i = 0; i < MANY; i++) test_hang_up(&client[i]);
        test_http_close(&rig);
        assert_int_equal(rig.sent, MANY * ROUNDS);
    }
    free(client);
}

static void stopping_waits_for_answers_and_closes_connections(void **state)
{
    test_http             rig;
    test_client           busy, idle;
    const pr_http_options options = test_http_options();
    (void)state;

    test_http_open(&rig, &options);
    test_dial(&idle, rig.port);
    assert_true(test_say_text(&idle, "GET /now HTTP/1.1\r\n" HOST "\r\n"));
    test_reply reply = test_hear(&idle, true);
    test_reply_free(&reply);
    test_dial(&busy, rig.port);
    assert_true(test_say_text(&busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    test_http_wait_held(&rig, 1);

    pri_http_quiesce(rig.http);
    assert_true(test_say_text(&idle, "GET /now HTTP/1.1\r\n" HOST "\r\n"));
    reply = test_hear(&idle, true);
    assert_int_equal(reply.status, 200);
    assert_non_null(strcasestr(reply.head, "Connection: close"));
    test_reply_free(&reply);
    assert_true(test_is_closed(&idle));

    test_http_close(&rig);
    reply = test_hear(&busy, true);
    assert_int_equal(reply.status, 200);
    assert_non_null(strcasestr(reply.head, "Connection: close"));
    test_reply_free(&reply);
    assert_true(test_is_closed(&busy));
    test_hang_up(&busy);
    test_hang_up(&idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_at_once_and_later),
        cmocka_unit_test(a_connection_is_kept_and_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_body_may_come_in_chunks_and_byte_by_byte),
        cmocka_unit_test(expect_is_continued_and_head_has_no_body),
        cmocka_unit_test(a_body_that_is_too_large_is_refused_unread),
        cmocka_unit_test(what_is_no_request_is_refused_and_the_server_goes_on),
        cmocka_unit_test(headers_without_end_are_refused),
        cmocka_unit_test(an_exchange_outlives_its_client_until_it_wakes),
        cmocka_unit_test(many_that_wake_at_once_are_all_answered),
        cmocka_unit_test(stopping_waits_for_answers_and_closes_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

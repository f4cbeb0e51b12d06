/* http_rig.c: the server with small answers, and its client. */
#include "support/http_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

pr_http_options test_http_options(void)
{
    pr_http_options       options;
    const pr_option_group group = { &pr_http_option_table, &options };
    pr_options_init(&group, 1);
    snprintf(options.listen, sizeof options.listen, "127.0.0.1:0");
    return options;
}

static void echo(pri_exchange *exchange)
{
    size_t      bytes = 0;
    const char *body  = pri_exchange_body(exchange, &bytes);
    const char *path  = pri_exchange_path(exchange);
    if (strcmp(path, "/large") == 0) {
        char *large = malloc(TEST_LARGE_BYTES);
        memset(large, 'x', TEST_LARGE_BYTES);
        pri_exchange_answer(exchange, 200, "text/plain", large, TEST_LARGE_BYTES);
        return;
    }
    char     *text   = malloc(bytes + 1024);
    const int length = snprintf(text, 1024, "%s %s ", pri_exchange_method(exchange), path);
    memcpy(text + length, body, bytes);
    pri_exchange_add_header(exchange, "X-Test", "yes");
    pri_exchange_answer(exchange, 200, "text/plain", text, (size_t)length + bytes);
}

static void handle(void *context, pri_exchange *exchange)
{
    test_http  *rig  = context;
    const char *path = pri_exchange_path(exchange);
    atomic_fetch_add(&rig->handled, 1);
    pri_exchange_set_own(exchange, rig);
    if (strcmp(path, "/later") != 0 && strcmp(path, "/hold") != 0) {
        echo(exchange);
        return;
    }
    pthread_mutex_lock(&rig->lock);
    if (path[1] == 'l')
        rig->later[rig->num_later++] = exchange;
    else
        rig->held[rig->num_held++] = exchange;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
}

static void finish(void *context, pri_exchange *exchange)
{
    test_http *rig = context;
    atomic_fetch_add(&rig->finished, 1);
    echo(exchange);
}

static void end(void *context, pri_exchange *exchange, bool sent)
{
    test_http *rig = context;
    assert_ptr_equal(pri_exchange_own(exchange), rig);
    atomic_fetch_add(sent ? &rig->sent : &rig->unsent, 1);
}

static bool is_open(void *context, const char *path)
{
    (void)context;
    return strcmp(path, "/health") == 0;
}

static void refused(void *context, const char *why, uint32_t status)
{
    test_http *rig = context;
    (void)status;
    atomic_fetch_add(strcmp(why, "connections") == 0 ? &rig->refused_connections
                     : strcmp(why, "body") == 0      ? &rig->refused_body
                     : strcmp(why, "deadline") == 0  ? &rig->refused_deadline
                     : strcmp(why, "token") == 0     ? &rig->refused_token
                                                     : &rig->refused_malformed,
                     1);
}

static void *wake(void *context)
{
    test_http *rig = context;
    pthread_mutex_lock(&rig->lock);
    for (;;) {
        while (rig->num_later == 0 && !rig->ends) pthread_cond_wait(&rig->changed, &rig->lock);
        if (rig->num_later == 0) break;
        /* as a lane does it: all of a batch, one after the other */
        while (rig->num_later > 0) pri_exchange_wake(rig->later[--rig->num_later]);
    }
    pthread_mutex_unlock(&rig->lock);
    return NULL;
}

void test_http_open(test_http *rig, const pr_http_options *options)
{
    const pri_http_handlers handlers = { .context = rig,
                                         .handle  = handle,
                                         .finish  = finish,
                                         .end     = end,
                                         .open    = is_open,
                                         .refused = refused };
    memset(rig, 0, sizeof *rig);
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->changed, NULL);
    assert_int_equal(pthread_create(&rig->waker, NULL, wake, rig), 0);
    assert_ok(pri_http_start(options, &handlers, &rig->http));
    rig->port = (uint16_t)atoi(strrchr(pri_http_url(rig->http), ':') + 1);
    assert_true(rig->port > 0);
}

void test_http_close(test_http *rig)
{
    test_http_release(rig);
    pri_http_stop(rig->http);
    pthread_mutex_lock(&rig->lock);
    rig->ends = true;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
    pthread_join(rig->waker, NULL);
    pthread_cond_destroy(&rig->changed);
    pthread_mutex_destroy(&rig->lock);
    assert_int_equal(rig->handled, rig->sent + rig->unsent);
}

void test_http_wait_held(test_http *rig, uint32_t count)
{
    pthread_mutex_lock(&rig->lock);
    while (rig->num_held < count) pthread_cond_wait(&rig->changed, &rig->lock);
    pthread_mutex_unlock(&rig->lock);
}

void test_http_release(test_http *rig)
{
    pthread_mutex_lock(&rig->lock);
    while (rig->num_held > 0) pri_exchange_wake(rig->held[--rig->num_held]);
    pthread_mutex_unlock(&rig->lock);
}

void test_dial(test_client *client, uint16_t port)
{
    const struct sockaddr_in to = { .sin_family      = AF_INET,
                                    .sin_port        = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    client->have                = 0;
    client->fd                  = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)(const void *)&to, sizeof to), 0);
}

bool test_say(const test_client *client, const void *at, size_t bytes)
{
    const char *from = at;
    while (bytes > 0) {
        const ssize_t said = send(client->fd, from, bytes, MSG_NOSIGNAL);
        if (said <= 0) return false;
        from += said;
        bytes -= (size_t)said;
    }
    return true;
}

bool test_say_text(const test_client *client, const char *text)
{
    return test_say(client, text, strlen(text));
}

/* Read more; false at the end, or when nothing comes. */
static bool more(test_client *client)
{
    struct pollfd come = { .fd = client->fd, .events = POLLIN };
    if (client->have == sizeof client->buffer || poll(&come, 1, WAIT_MS) <= 0) return false;
    const ssize_t got =
        recv(client->fd, client->buffer + client->have, sizeof client->buffer - client->have, 0);
    if (got <= 0) return false;
    client->have += (size_t)got;
    return true;
}

static void drop(test_client *client, size_t bytes)
{
    memmove(client->buffer, client->buffer + bytes, client->have - bytes);
    client->have -= bytes;
}

test_reply test_hear(test_client *client, bool body)
{
    test_reply reply = { 0 };
    char      *blank = NULL;

    for (;;) {
        blank = memmem(client->buffer, client->have, "\r\n\r\n", 4);
        if (blank) {
            const size_t head = (size_t)(blank + 4 - client->buffer);
            assert_true(head < sizeof reply.head);
            memcpy(reply.head, client->buffer, head);
            reply.head[head] = '\0';
            drop(client, head);
            if (strstr(reply.head, "HTTP/1.1 100 ") == reply.head) continue;
            break;
        }
        if (!more(client)) return reply;
    }
    const char *length = strcasestr(reply.head, "Content-Length: ");
    reply.bytes        = body && length ? strtoul(length + 16, NULL, 10) : 0;
    reply.body         = calloc(reply.bytes + 1, 1);
    for (size_t got = 0; got < reply.bytes;) {
        if (client->have == 0 && !more(client)) return reply;
        const size_t take = client->have < reply.bytes - got ? client->have : reply.bytes - got;
        memcpy(reply.body + got, client->buffer, take);
        drop(client, take);
        got += take;
    }
    assert_int_equal(sscanf(reply.head, "HTTP/1.%*d %d ", &reply.status), 1);
    return reply;
}

bool test_is_closed(test_client *client)
{
    struct pollfd come = { .fd = client->fd, .events = POLLIN };
    char          byte;
    return client->have == 0 && poll(&come, 1, WAIT_MS) > 0 && recv(client->fd, &byte, 1, 0) <= 0;
}

void test_hang_up(test_client *client)
{
    close(client->fd);
    client->fd = -1;
}

void test_reply_free(test_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
}

int test_ask(uint16_t port, const char *text, char *body)
{
    test_client client;
    test_dial(&client, port);
    (void)test_say_text(&client, text);
    test_reply reply = test_hear(&client, strncmp(text, "HEAD", 4) != 0);
    if (body) snprintf(body, 1024, "%s", reply.body ? reply.body : "");
    const int status = reply.status;
    test_reply_free(&reply);
    test_hang_up(&client);
    return status;
}

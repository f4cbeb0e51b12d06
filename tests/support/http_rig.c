/* http_rig.c: the server with small answers. */
#include "support/http_rig.h"

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
                     : strcmp(why, "memory") == 0    ? &rig->refused_memory
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

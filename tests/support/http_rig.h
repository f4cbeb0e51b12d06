/* http_rig.h: a server of pipeline/serve/http.h with small answers of its own, and a client that
 * speaks to it byte by byte.
 *
 *   /now     answers at once: method, path and body
 *   /later   the same, woken by another thread
 *   /hold    the same, woken when the test says so
 *   /large   32 MiB
 *   /health  open to all */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/serve/http.h"

#define TEST_LARGE_BYTES ((size_t)32 << 20)

typedef struct test_http {
    pri_http       *http;
    uint16_t        port;
    pthread_t       waker;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pri_exchange   *later[4096], *held[4096];
    uint32_t        num_later, num_held;
    bool            ends;

    /* what came of it */
    _Atomic uint32_t handled, finished, sent, unsent;
    _Atomic uint32_t refused_connections, refused_body, refused_deadline, refused_token,
        refused_malformed;
} test_http;

/* The defaults, on 127.0.0.1 and any port. */
pr_http_options test_http_options(void);
void            test_http_open(test_http *rig, const pr_http_options *options);
void            test_http_close(test_http *rig);
void            test_http_wait_held(test_http *rig, uint32_t count); /* until so many are held */
void            test_http_release(test_http *rig);                   /* wake all that are held */

typedef struct test_client {
    int    fd;
    char   buffer[1 << 16]; /* came and was not read */
    size_t have;
} test_client;

typedef struct test_reply {
    int    status; /* 0: the connection ended without one, or in the midst */
    char   head[4096];
    char  *body; /* malloc */
    size_t bytes;
} test_reply;

void test_dial(test_client *client, uint16_t port);
/* false: the server does not take it */
bool       test_say(const test_client *client, const void *at, size_t bytes);
bool       test_say_text(const test_client *client, const char *text);
test_reply test_hear(test_client *client, bool body); /* waits for at most 20 s */
bool       test_is_closed(test_client *client);       /* waits for the end; nothing more comes */
void       test_hang_up(test_client *client);
void       test_reply_free(test_reply *reply);

/* Dial, say, hear, hang up: the status, 0 for none; body may be NULL, else [1024]. */
int test_ask(uint16_t port, const char *text, char *body);

#endif

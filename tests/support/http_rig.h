/* http_rig.h: a server of pipeline/serve/http.h with small answers of its own:
 *
 *   /now     answers at once: method, path and body
 *   /later   the same, woken by another thread
 *   /hold    the same, woken when the test says so
 *   /large   32 MiB
 *   /health  open to all */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include "support/http_client.h"

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
        refused_memory, refused_malformed;
} test_http;

/* The defaults, on 127.0.0.1 and any port. */
pr_http_options test_http_options(void);
void            test_http_open(test_http *rig, const pr_http_options *options);
void            test_http_close(test_http *rig);
void            test_http_wait_held(test_http *rig, uint32_t count); /* until so many are held */
void            test_http_release(test_http *rig);                   /* wake all that are held */

#endif

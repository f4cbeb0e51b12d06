/* http.h: HTTP/1.1 over libmicrohttpd, and nothing of what is asked: connections with limits and
 * deadlines of their own, bodies that came in whole, answers that may come later.
 *
 * A request is handed to `handle` when its body is there. It answers at once, or later: then the
 * connection is suspended, pri_exchange_wake says that `finish` should be called, on HTTP's thread
 * again, to answer. */
#ifndef PIPELINE_SERVE_HTTP_H
#define PIPELINE_SERVE_HTTP_H

#include <packrat/serve.h>

#include "base/check.h"

typedef struct pri_http     pri_http;
typedef struct pri_exchange pri_exchange; /* one request and its answer */

typedef struct pri_http_handlers {
    void *context;
    /* Answer, or keep the exchange until pri_exchange_wake. HTTP's thread; must not block. */
    void (*handle)(void *context, pri_exchange *exchange);
    /* Answer one that was woken. HTTP's thread. Not called where the client is gone: end is next.
     */
    void (*finish)(void *context, pri_exchange *exchange);
    /* The exchange ends: its answer was sent (sent), or could not be. Its own is to be freed. Once,
     * for every exchange that handle saw, after wake where it was kept. */
    void (*end)(void *context, pri_exchange *exchange, bool sent);
    /* Whether a path is answered without token, and where there are too many connections: what asks
     * how the server is. May be NULL: none is. */
    bool (*open)(void *context, const char *path);
    /* A request was refused before handle saw it: a literal ("connections", "body", "memory",
     * "deadline", "token", "malformed"). May be NULL. */
    void (*refused)(void *context, const char *why, uint32_t status);
} pri_http_handlers;

/* Listen and start threads. PR_E_ARG for an address that cannot be read, PR_E_IO for one that
 * cannot be had, PR_E_INPUT for a token file. Warns where the address is not of the loopback. */
pr_status pri_http_start(const pr_http_options *options, const pri_http_handlers *handlers,
                         pri_http **out);

const char *pri_http_url(const pri_http *http); /* with the port that was bound; borrowed */
uint32_t    pri_http_num_connections(const pri_http *http); /* any thread */

/* How many connections have a request, or had one during the last tenths of a second: who may ask
 * next. Any thread. */
uint32_t pri_http_num_lively(const pri_http *http);

/* Accept no more connections; those that are there get Connection: close with their next answer. */
void pri_http_quiesce(pri_http *http);

/* Wait, at most for the deadline of the options, until all answers were sent; then close all and
 * free. No exchange may be kept any more. NULL is fine. */
void pri_http_stop(pri_http *http);

/* Of a request; borrowed from the exchange. */
const char *pri_exchange_method(const pri_exchange *exchange);
const char *pri_exchange_path(const pri_exchange *exchange); /* without query, percent-decoded */
const char *pri_exchange_header(const pri_exchange *exchange, const char *name); /* NULL: none */
const char *pri_exchange_body(const pri_exchange *exchange, size_t *bytes);
int64_t     pri_exchange_arrived_ns(const pri_exchange *exchange); /* when it was whole */

/* Something of the caller's. */
void  pri_exchange_set_own(pri_exchange *exchange, void *own);
void *pri_exchange_own(const pri_exchange *exchange);

/* Answer; once, from handle or finish.
 *
 *   type    of the body, a literal
 *   body    of malloc, which becomes HTTP's; NULL with bytes 0 */
void pri_exchange_answer(pri_exchange *exchange, uint32_t status, const char *type, char *body,
                         size_t bytes);

/* Ask for memory for what a request makes necessary, until its exchange ends; false: there is none
 * left of --http.max-memory. Little is given without being counted. HTTP's thread. */
bool pri_exchange_reserve(pri_exchange *exchange, uint64_t bytes);

/* Add a header to the answer to come; before it. Both are copied. */
void pri_exchange_add_header(pri_exchange *exchange, const char *name, const char *value);

/* Have finish called. Any thread, once. */
void pri_exchange_wake(pri_exchange *exchange);

#endif

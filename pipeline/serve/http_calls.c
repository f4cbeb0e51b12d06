/* http_calls.c: what becomes of a request before and after somebody answers it. */
#include "pipeline/serve/http_calls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the headers say that concerns HTTP. */
typedef struct headers {
    const char *authorization;
    uint64_t    length;
    bool        has_length, is_chunked, expects, contradicts;
} headers;

void pri_http_report(void *context, const char *why, uint32_t status)
{
    const pri_http *http = context;
    if (http->handlers.refused) http->handlers.refused(http->handlers.context, why, status);
}

/* Give who this thread is among HTTP's; a new one is written down. NULL: there are too many. */
static pri_http_worker *worker_here(pri_http *http)
{
    const pthread_t me  = pthread_self();
    const uint32_t  num = atomic_load_explicit(&http->num_workers, memory_order_acquire);
    for (uint32_t i = 0; i < num; i++)
        if (pthread_equal(http->worker[i].thread, me)) return &http->worker[i];

    pri_http_worker *added = NULL;
    pthread_mutex_lock(&http->lock);
    const uint32_t at = atomic_load(&http->num_workers);
    if (at < PRI_MAX_WORKERS) {
        added            = &http->worker[at];
        added->thread    = me;
        added->allowance = &http->allowance;
        atomic_store_explicit(&http->num_workers, at + 1, memory_order_release);
    }
    pthread_mutex_unlock(&http->lock);
    return added;
}

static pri_connection *connection_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void pri_http_on_connection(void *context, struct MHD_Connection *library, void **own,
                            enum MHD_ConnectionNotificationCode code)
{
    pri_http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        pri_connections_remove(http->connections, *own);
        *own = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD);
    *own = pri_connections_add(http->connections, info->connect_fd);
}

/* The first line of a request is there. */
void *pri_http_on_line(void *context, const char *uri, struct MHD_Connection *library)
{
    pri_connection *connection = connection_of(library);
    (void)context, (void)uri;
    if (connection) (void)pri_connection_move(connection, PRI_ASKING);
    return NULL;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    headers *all = context;
    (void)kind;
    if (!value) value = "";
    if (strcasecmp(name, "Authorization") == 0) {
        if (!all->authorization) all->authorization = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        const uint64_t length = strtoull(value, NULL, 10);
        if (strspn(value, "0123456789") != strlen(value) || *value == '\0' ||
            (all->has_length && length != all->length))
            all->contradicts = true;
        all->has_length = true;
        all->length     = length;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        if (strcasecmp(value, "chunked") != 0) all->contradicts = true;
        all->is_chunked = true;
    } else if (strcasecmp(name, "Expect") == 0) {
        all->expects = true;
    }
    return MHD_YES;
}

static void refuse_crowded(pri_http *http, pri_exchange *exchange)
{
    const bool surplus = pri_connection_is_surplus(exchange->connection);
    pri_http_report(http, surplus ? "connections" : "memory", 503);
    pri_exchange_add_header(exchange, "Retry-After", "1");
    pri_exchange_refuse(exchange, 503,
                        surplus ? "too many connections"
                                : "other requests and answers take all of --http.max-memory");
}

static void refuse(pri_http *http, pri_exchange *exchange, uint32_t status)
{
    switch (status) {
    case 400:
        pri_http_report(http, "malformed", 400);
        pri_exchange_refuse(exchange, 400, "the headers contradict each other about the body");
        break;
    case 401:
        pri_http_report(http, "token", 401);
        pri_exchange_add_header(exchange, "WWW-Authenticate", "Bearer");
        pri_exchange_refuse(exchange, 401, "a bearer token is asked for");
        break;
    case 413:
        pri_http_report(http, "body", 413);
        pri_exchange_refuse(exchange, 413, "the body is larger than --http.max-body");
        break;
    default: refuse_crowded(http, exchange); break;
    }
}

/* The headers are there, the body is not: see what needs no body to be refused. A refusal that is
 * not answered at once awaits the body and drops it: what a client still sends when its connection
 * is closed has the kernel reset it, perhaps before the client has read why. */
static pri_exchange *begin(pri_http *http, struct MHD_Connection *library, const char *path,
                           bool *at_once)
{
    pri_connection  *connection = connection_of(library);
    pri_http_worker *worker     = connection ? worker_here(http) : NULL;
    pri_exchange    *exchange   = worker ? pri_exchange_take(worker) : NULL;
    headers          all        = { 0 };
    if (!exchange) return NULL;

    exchange->library    = library;
    exchange->connection = connection;
    exchange->closes     = pri_connection_is_surplus(connection);
    MHD_get_connection_values(library, MHD_HEADER_KIND, on_header, &all);

    const bool is_open = http->handlers.open && http->handlers.open(http->handlers.context, path);
    if (all.contradicts || (all.has_length && all.is_chunked))
        exchange->refusal = 400;
    else if (pri_connection_is_surplus(connection) && !is_open)
        exchange->refusal = 503;
    else if (!is_open && !pri_bearer_admits(&http->bearer, all.authorization))
        exchange->refusal = 401;
    else if (all.has_length && all.length > http->options.max_body)
        exchange->refusal = 413;

    *at_once = exchange->refusal &&
               (exchange->refusal == 400 || all.length > http->options.max_body || all.expects);
    if (*at_once) exchange->closes = true;
    return exchange;
}

/* Take a part of the body. */
static enum MHD_Result take_body(pri_http *http, pri_exchange *exchange, const char *upload,
                                 size_t *upload_bytes)
{
    const size_t bytes = *upload_bytes;
    *upload_bytes      = 0;
    exchange->taken += bytes;
    if (exchange->taken > http->options.max_body) { /* chunked, or it was refused before */
        /* The library has no answers in the midst of a body. */
        if (pri_connection_move(exchange->connection, PRI_CUT)) {
            pri_connection_excuse(exchange->connection, 413,
                                  "the body is larger than --http.max-body");
            pri_http_report(http, "body", 413);
        }
        return MHD_NO;
    }
    if (exchange->refusal) return MHD_YES;
    if (!pri_exchange_append(exchange, upload, bytes)) {
        exchange->refusal = 503; /* when the rest has come, and was dropped */
        pri_exchange_drop(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result finish(pri_http *http, pri_exchange *exchange)
{
    if (atomic_load_explicit(&http->quiet, memory_order_relaxed)) exchange->closes = true;
    http->handlers.finish(http->handlers.context, exchange);
    PR_ASSERT(exchange->answered);
    return exchange->answered && !exchange->broken ? MHD_YES : MHD_NO;
}

/* A request is whole. */
static enum MHD_Result handle(pri_http *http, pri_exchange *exchange)
{
    if (!pri_connection_move(exchange->connection, PRI_WHOLE)) return MHD_NO;
    exchange->arrived_ns = pr_now_ns();
    if (atomic_load_explicit(&http->quiet, memory_order_relaxed)) exchange->closes = true;
    if (exchange->refusal) {
        refuse(http, exchange, exchange->refusal);
        return exchange->broken ? MHD_NO : MHD_YES;
    }
    exchange->seen = true;
    atomic_store_explicit(&exchange->stage, PRI_RUNNING, memory_order_relaxed);
    http->handlers.handle(http->handlers.context, exchange);
    if (exchange->answered) return exchange->broken ? MHD_NO : MHD_YES;
    if (!pri_exchange_keep(exchange)) return finish(http, exchange);
    atomic_fetch_add(&http->num_kept, 1);
    return MHD_YES;
}

/* One that was kept goes on, or ends. */
static void resume(pri_http *http, pri_exchange *exchange)
{
    if (!exchange->was_kept) return;
    exchange->was_kept = false;
    atomic_fetch_sub(&http->num_kept, 1);
    pri_exchange_resume_all(exchange->worker);
}

enum MHD_Result pri_http_on_request(void *context, struct MHD_Connection *library, const char *path,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_bytes, void **own)
{
    pri_http     *http     = context;
    pri_exchange *exchange = *own;
    (void)version;

    if (!exchange) {
        bool at_once = false;
        *own = exchange = begin(http, library, path, &at_once);
        if (!exchange) return MHD_NO;
        if (at_once) {
            if (!pri_connection_move(exchange->connection, PRI_WHOLE)) return MHD_NO;
            refuse(http, exchange, exchange->refusal);
            return exchange->broken ? MHD_NO : MHD_YES;
        }
        return MHD_YES;
    }
    exchange->path   = path;
    exchange->method = method;
    if (*upload_bytes > 0) return take_body(http, exchange, upload, upload_bytes);
    if (atomic_load_explicit(&exchange->stage, memory_order_acquire) == PRI_COMING)
        return handle(http, exchange);
    resume(http, exchange);
    return finish(http, exchange);
}

void pri_http_on_end(void *context, struct MHD_Connection *library, void **own,
                     enum MHD_RequestTerminationCode code)
{
    pri_http     *http     = context;
    pri_exchange *exchange = *own;
    (void)library;

    *own = NULL;
    if (!exchange) return;
    resume(http, exchange);
    (void)pri_connection_move(exchange->connection, PRI_IDLE);
    if (exchange->seen)
        http->handlers.end(http->handlers.context, exchange,
                           exchange->answered && code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    pri_exchange_give(exchange);
}

/* The library answers by itself what it cannot read; it says so here, and nowhere else. */
void pri_http_on_words(void *context, const char *format, va_list words)
{
    char text[256];
    vsnprintf(text, sizeof text, format, words);
    text[strcspn(text, "\n")] = '\0';
    pr_diag(PR_DEBUG, "libmicrohttpd: %s", text);

    const char *code = strstr(text, "HTTP response code is ");
    if (code) {
        const unsigned long status = strtoul(code + strlen("HTTP response code is "), NULL, 10);
        pri_http_report(context, "malformed", (uint32_t)status);
    }
}

/* exchange.c: requests and answers, kept and woken. */
#include "pipeline/serve/exchange.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_SPARE   = 256,
    FIRST_ROOM  = 1024,
    SPARE_BYTES = 256 << 10, /* a body's room beyond that is given back */
    UNCOUNTED   = 64 << 10   /* what is smaller is bounded by the number of connections */
};

pri_exchange *pri_exchange_take(pri_http_worker *worker)
{
    pri_exchange *exchange = worker->spare;
    if (!exchange) {
        exchange = pri_calloc(1, sizeof *exchange);
        if (exchange) exchange->worker = worker;
        return exchange;
    }
    worker->spare = exchange->next;
    worker->num_spare--;
    return exchange;
}

bool pri_exchange_reserve(pri_exchange *exchange, uint64_t bytes)
{
    pri_allowance *all = exchange->worker->allowance;

    if (bytes <= UNCOUNTED) return true;
    uint64_t used = atomic_load_explicit(&all->used, memory_order_relaxed);
    do {
        if (bytes > all->most || used > all->most - bytes) return false;
    } while (!atomic_compare_exchange_weak(&all->used, &used, used + bytes));
    exchange->reserved += bytes;
    return true;
}

static void release(pri_exchange *exchange)
{
    if (exchange->reserved)
        atomic_fetch_sub(&exchange->worker->allowance->used, exchange->reserved);
    exchange->reserved = 0;
}

void pri_exchange_drop(pri_exchange *exchange)
{
    pri_free(exchange->body);
    exchange->body  = NULL;
    exchange->bytes = exchange->room = 0;
    release(exchange);
}

void pri_exchange_give(pri_exchange *exchange)
{
    pri_http_worker *worker = exchange->worker;

    if (exchange->room > SPARE_BYTES) pri_exchange_drop(exchange);
    release(exchange);
    if (worker->num_spare >= MAX_SPARE) {
        pri_free(exchange->body);
        pri_free(exchange);
        return;
    }
    exchange->library     = NULL;
    exchange->connection  = NULL;
    exchange->method      = NULL;
    exchange->path        = NULL;
    exchange->own         = NULL;
    exchange->bytes       = 0;
    exchange->taken       = 0;
    exchange->refusal     = 0;
    exchange->num_headers = 0;
    exchange->seen = exchange->was_kept = exchange->closes = false;
    exchange->answered = exchange->broken = exchange->told = false;
    atomic_store_explicit(&exchange->stage, PRI_COMING, memory_order_relaxed);
    exchange->next = worker->spare;
    worker->spare  = exchange;
    worker->num_spare++;
}

void pri_exchange_free_spare(pri_http_worker *worker)
{
    for (pri_exchange *each = worker->spare, *next = NULL; each; each = next) {
        next = each->next;
        pri_free(each->body);
        pri_free(each);
    }
    worker->spare     = NULL;
    worker->num_spare = 0;
}

bool pri_exchange_append(pri_exchange *exchange, const char *at, size_t bytes)
{
    const size_t needed = exchange->bytes + bytes;
    if (needed > exchange->room) {
        size_t room = exchange->room ? exchange->room : FIRST_ROOM;
        while (room < needed) room *= 2;
        if (!pri_exchange_reserve(exchange, room - exchange->room)) return false;
        char *body = pri_realloc(exchange->body, room, 1);
        if (!body) return false;
        exchange->body = body;
        exchange->room = room;
    }
    memcpy(exchange->body + exchange->bytes, at, bytes);
    exchange->bytes = needed;
    return true;
}

/* Whoever wakes it between the two resumes it; between suspending and saying so nobody does. */
bool pri_exchange_keep(pri_exchange *exchange)
{
    int running = PRI_RUNNING;
    if (atomic_load(&exchange->stage) == PRI_WOKEN) return false;

    exchange->was_kept = true;
    MHD_suspend_connection(exchange->library);
    if (!atomic_compare_exchange_strong(&exchange->stage, &running, PRI_KEPT))
        MHD_resume_connection(exchange->library);
    return true;
}

void pri_exchange_wake(pri_exchange *exchange)
{
    pri_http_worker *worker = exchange->worker;
    /* Unless it was kept, HTTP's thread finds it woken, and it may be gone from here on. */
    if (atomic_exchange(&exchange->stage, PRI_WOKEN) != PRI_KEPT) return;

    pri_exchange *others = atomic_load(&worker->woken);
    do {
        exchange->next = others;
        exchange->told = others == NULL;
    } while (!atomic_compare_exchange_weak(&worker->woken, &others, exchange));
    if (!others) MHD_resume_connection(exchange->library);
}

void pri_exchange_resume_all(pri_http_worker *worker)
{
    pri_exchange *last = atomic_exchange(&worker->woken, NULL), *first = NULL;
    while (last) { /* in the order they woke */
        pri_exchange *before = last->next;
        last->next           = first;
        first                = last;
        last                 = before;
    }
    for (pri_exchange *next = NULL; first; first = next) {
        next = first->next;
        if (!first->told) MHD_resume_connection(first->library);
    }
}

void pri_exchange_add_header(pri_exchange *exchange, const char *name, const char *value)
{
    PR_ASSERT(exchange->num_headers < PRI_MAX_HEADERS);
    PR_ASSERT(strlen(name) < PRI_HEADER_BYTES && strlen(value) < PRI_HEADER_BYTES);
    char(*to)[PRI_HEADER_BYTES] = exchange->header[exchange->num_headers++];
    snprintf(to[0], PRI_HEADER_BYTES, "%s", name);
    snprintf(to[1], PRI_HEADER_BYTES, "%s", value);
}

void pri_exchange_answer(pri_exchange *exchange, uint32_t status, const char *type, char *body,
                         size_t bytes)
{
    char                 nothing[1] = "";
    struct MHD_Response *response   = MHD_create_response_from_buffer(
          bytes, body ? body : nothing, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_MUST_COPY);

    PR_ASSERT(!exchange->answered);
    exchange->answered = true;
    exchange->broken   = true;
    if (!response) {
        free(body);
        return;
    }
    bool fine = !type || MHD_add_response_header(response, "Content-Type", type) == MHD_YES;
    for (uint32_t i = 0; fine && i < exchange->num_headers; i++)
        fine = MHD_add_response_header(response, exchange->header[i][0], exchange->header[i][1]) ==
               MHD_YES;
    if (fine && exchange->closes)
        fine = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    if (fine && pri_connection_move(exchange->connection, PRI_LEAVING))
        exchange->broken = MHD_queue_response(exchange->library, status, response) != MHD_YES;
    MHD_destroy_response(response);
}

void pri_exchange_refuse(pri_exchange *exchange, uint32_t status, const char *message)
{
    const size_t room   = strlen(message) + 16;
    char        *body   = malloc(room);
    const int    length = body ? snprintf(body, room, "{\"error\":\"%s\"}", message) : 0;
    pri_exchange_answer(exchange, status, "application/json", body, (size_t)length);
}

const char *pri_exchange_method(const pri_exchange *exchange)
{
    return exchange->method;
}

const char *pri_exchange_path(const pri_exchange *exchange)
{
    return exchange->path;
}

const char *pri_exchange_header(const pri_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->library, MHD_HEADER_KIND, name);
}

const char *pri_exchange_body(const pri_exchange *exchange, size_t *bytes)
{
    *bytes = exchange->bytes;
    return exchange->body ? exchange->body : "";
}

int64_t pri_exchange_arrived_ns(const pri_exchange *exchange)
{
    return exchange->arrived_ns;
}

void pri_exchange_set_own(pri_exchange *exchange, void *own)
{
    exchange->own = own;
}

void *pri_exchange_own(const pri_exchange *exchange)
{
    return exchange->own;
}

/* exchange.h: what an exchange is made of, for http.c: it begins with the headers of a request and
 * ends when its answer left. Its memory is used again.
 *
 * An exchange that is kept has its connection suspended. Those that wake go to a list of their
 * worker, and only who finds it empty tells the library, which costs a write and wakes HTTP's
 * thread: that thread resumes the others, so that a lane that ends a batch of many pays for one. */
#ifndef PIPELINE_SERVE_EXCHANGE_H
#define PIPELINE_SERVE_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/serve/connections.h"
#include "pipeline/serve/http.h"

enum { PRI_MAX_HEADERS = 6, PRI_HEADER_BYTES = 256 };

/* What large bodies and answers take at the moment, of all exchanges. */
typedef struct pri_allowance {
    _Atomic uint64_t used;
    uint64_t         most;
} pri_allowance;

/* One of HTTP's threads, and what only it touches; but for `woken`. */
typedef struct pri_http_worker {
    pthread_t               thread;
    pri_allowance          *allowance;
    pri_exchange           *spare;
    uint32_t                num_spare;
    _Atomic(pri_exchange *) woken;
} pri_http_worker;

typedef enum pri_stage {
    PRI_COMING,  /* the request is not whole */
    PRI_RUNNING, /* with handle */
    PRI_KEPT,    /* suspended */
    PRI_WOKEN
} pri_stage;

struct pri_exchange {
    struct MHD_Connection *library;
    pri_connection        *connection;
    pri_http_worker       *worker;
    const char            *method, *path;
    char                  *body;
    size_t                 bytes, room;
    uint64_t               taken;    /* of the body, dropped or not */
    uint64_t               reserved; /* of the allowance */
    int64_t                arrived_ns;
    void                  *own;
    uint32_t               refusal; /* status it is refused with when it is whole; 0: it is not */
    bool                   seen;    /* by handle */
    bool                   was_kept, closes, answered, broken;
    uint32_t               num_headers;
    char                   header[PRI_MAX_HEADERS][2][PRI_HEADER_BYTES];

    _Atomic int   stage; /* pri_stage */
    bool          told;  /* the library was told that it woke */
    pri_exchange *next;  /* of the worker's lists */
};

/* Take one from the worker's; NULL when out of memory. */
pri_exchange *pri_exchange_take(pri_http_worker *worker);
void          pri_exchange_give(pri_exchange *exchange);
void          pri_exchange_free_spare(pri_http_worker *worker);

/* Append to the body; false when out of memory, or of the allowance. */
bool pri_exchange_append(pri_exchange *exchange, const char *at, size_t bytes);

/* Free the body, and what was reserved. */
void pri_exchange_drop(pri_exchange *exchange);

/* Suspend an exchange that handle did not answer; false: it woke meanwhile, and finish is next. */
bool pri_exchange_keep(pri_exchange *exchange);

/* Resume those that woke and were not told of. The worker's thread. */
void pri_exchange_resume_all(pri_http_worker *worker);

/* Answer with {"error": message}; without quotes in it. */
void pri_exchange_refuse(pri_exchange *exchange, uint32_t status, const char *message);

#endif

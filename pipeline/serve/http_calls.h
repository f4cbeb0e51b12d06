/* http_calls.h: what libmicrohttpd calls, and the server that is called for. */
#ifndef PIPELINE_SERVE_HTTP_CALLS_H
#define PIPELINE_SERVE_HTTP_CALLS_H

#include "pipeline/serve/address.h"
#include "pipeline/serve/bearer.h"
#include "pipeline/serve/exchange.h"

enum { PRI_MAX_WORKERS = 64 };

struct pri_http {
    pr_http_options    options;
    pri_http_handlers  handlers;
    pri_listener       listener;
    pri_bearer         bearer;
    struct MHD_Daemon *daemon;
    pri_connections   *connections;
    pri_allowance      allowance;
    atomic_bool        quiet;    /* no more connections are accepted */
    _Atomic uint32_t   num_kept; /* exchanges */

    pthread_mutex_t  lock; /* to add a worker */
    pri_http_worker  worker[PRI_MAX_WORKERS];
    _Atomic uint32_t num_workers;
};

/* A request, or a connection, was refused; why is a literal. */
void pri_http_report(void *context, const char *why, uint32_t status);

/* The library's, with the server as context. */
void            pri_http_on_connection(void *context, struct MHD_Connection *library, void **own,
                                       enum MHD_ConnectionNotificationCode code);
void           *pri_http_on_line(void *context, const char *uri, struct MHD_Connection *library);
enum MHD_Result pri_http_on_request(void *context, struct MHD_Connection *library, const char *path,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_bytes, void **own);
void            pri_http_on_end(void *context, struct MHD_Connection *library, void **own,
                                enum MHD_RequestTerminationCode code);
void            pri_http_on_words(void *context, const char *format, va_list words)
    __attribute__((format(printf, 2, 0)));

#endif

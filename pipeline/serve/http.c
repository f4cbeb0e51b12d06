/* http.c: libmicrohttpd, connections and exchanges. */
#include "pipeline/serve/http.h"

#include <microhttpd.h>
#include <stdlib.h>

pr_status pri_http_start(const pr_http_options *options, const pri_http_handlers *handlers,
                         pri_http **out)
{
    pr_status st = PR_OK;

    (void)options, (void)handlers;
    *out = NULL;
    PR_CHECK(false, PR_E_UNSUPPORTED, "libmicrohttpd %s", MHD_get_version());
done:
    return st;
}

const char *pri_http_url(const pri_http *http)
{
    (void)http;
    return "";
}

uint32_t pri_http_num_connections(const pri_http *http)
{
    (void)http;
    return 0;
}

void pri_http_quiesce(pri_http *http)
{
    (void)http;
}

void pri_http_stop(pri_http *http)
{
    (void)http;
}

const char *pri_exchange_method(const pri_exchange *exchange)
{
    (void)exchange;
    return "";
}

const char *pri_exchange_path(const pri_exchange *exchange)
{
    (void)exchange;
    return "";
}

const char *pri_exchange_header(const pri_exchange *exchange, const char *name)
{
    (void)exchange, (void)name;
    return NULL;
}

const char *pri_exchange_body(const pri_exchange *exchange, size_t *bytes)
{
    (void)exchange;
    *bytes = 0;
    return "";
}

int64_t pri_exchange_arrived_ns(const pri_exchange *exchange)
{
    (void)exchange;
    return 0;
}

void pri_exchange_set_own(pri_exchange *exchange, void *own)
{
    (void)exchange, (void)own;
}

void *pri_exchange_own(const pri_exchange *exchange)
{
    (void)exchange;
    return NULL;
}

void pri_exchange_answer(pri_exchange *exchange, uint32_t status, const char *type, char *body,
                         size_t bytes)
{
    (void)exchange, (void)status, (void)type, (void)bytes;
    free(body);
}

void pri_exchange_add_header(pri_exchange *exchange, const char *name, const char *value)
{
    (void)exchange, (void)name, (void)value;
}

void pri_exchange_wake(pri_exchange *exchange)
{
    (void)exchange;
}

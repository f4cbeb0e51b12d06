/* routes.c: from paths to answers. */
#include "pipeline/serve/routes.h"

#include <string.h>

#include "pipeline/serve/wire.h"

struct pri_routes {
    pri_routes_setup setup;
    const pri_http  *http;
};

pr_status pri_routes_create(const pri_routes_setup *setup, pri_routes **out)
{
    pr_status   st     = PR_OK;
    pri_routes *routes = NULL;

    *out = NULL;
    PR_NEW(routes, 1);
    routes->setup = *setup;
    *out          = routes;
done:
    return st;
}

void pri_routes_free(pri_routes *routes)
{
    pri_free(routes);
}

void pri_routes_attach(pri_routes *routes, const pri_http *http)
{
    routes->http = http;
}

static void handle(void *context, pri_exchange *exchange)
{
    (void)context;
    pri_exchange_answer(exchange, 404, "text/plain", NULL, 0);
}

static void finish(void *context, pri_exchange *exchange)
{
    handle(context, exchange);
}

static void end(void *context, pri_exchange *exchange, bool sent)
{
    (void)context, (void)exchange, (void)sent;
}

pri_http_handlers pri_routes_handlers(pri_routes *routes)
{
    return (pri_http_handlers){ .context = routes, .handle = handle, .finish = finish, .end = end };
}

void pri_routes_quiesce(pri_routes *routes)
{
    (void)routes;
}

/* routes.h: which request means what: the Open Inference Protocol v2, features, metrics and loading
 * of checkpoints, over http.h, wire.h and service.h. */
#ifndef PIPELINE_SERVE_ROUTES_H
#define PIPELINE_SERVE_ROUTES_H

#include "pipeline/serve/http.h"
#include "pipeline/serve/reload.h"
#include "pipeline/serve/service.h"

typedef struct pri_routes pri_routes;

typedef struct pri_routes_setup {
    const pr_serve_setup *options;
    pri_service          *service;
    pri_record           *record;
    pri_reloader         *reloader;
    const char           *model; /* name */
} pri_routes_setup;

pr_status pri_routes_create(const pri_routes_setup *setup, pri_routes **out);
void      pri_routes_free(pri_routes *routes); /* NULL is fine */

/* Say where connections are counted; before the first request. */
void pri_routes_attach(pri_routes *routes, const pri_http *http);

/* What pri_http_start wants. */
pri_http_handlers pri_routes_handlers(pri_routes *routes);

/* From now on, ready is no. */
void pri_routes_quiesce(pri_routes *routes);

#endif

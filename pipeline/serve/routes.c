/* routes.c: from methods and paths to answers. */
#include "pipeline/serve/routes.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/serve/asking.h"

typedef enum route_kind {
    ROUTE_NONE,
    ROUTE_HINT,
    ROUTE_LIVE,
    ROUTE_READY,
    ROUTE_SERVER,
    ROUTE_METRICS,
    ROUTE_MODEL,
    ROUTE_MODEL_READY,
    ROUTE_INFER,
    ROUTE_FEATURES,
    ROUTE_INDEX,
    ROUTE_LOAD
} route_kind;

/* Where a path leads to; name and version are parts of it. */
typedef struct route {
    route_kind  kind;
    const char *name, *version; /* NULL: not in the path */
    size_t      name_bytes, version_bytes;
} route;

struct pri_routes {
    pri_routes_setup          setup;
    pri_asking               *asking;
    atomic_bool               quiet;
    _Atomic(const pri_http *) http; /* requests may come before it is known */
};

pr_status pri_routes_create(const pri_routes_setup *setup, pri_routes **out)
{
    pr_status   st     = PR_OK;
    pri_routes *routes = NULL;

    *out = NULL;
    PR_NEW(routes, 1);
    routes->setup = *setup;
    PR_TRY(pri_asking_create(setup, &routes->asking));
    *out   = routes;
    routes = NULL;
done:
    pri_routes_free(routes);
    return st;
}

void pri_routes_free(pri_routes *routes)
{
    if (!routes) return;
    pri_asking_free(routes->asking);
    pri_free(routes);
}

void pri_routes_attach(pri_routes *routes, const pri_http *http)
{
    atomic_store(&routes->http, http);
}

void pri_routes_quiesce(pri_routes *routes)
{
    atomic_store(&routes->quiet, true);
}

/* ---- paths ---- */

static const struct {
    const char *path;
    route_kind  kind;
} fixed[] = {
    { "/v2/health/live", ROUTE_LIVE },
    { "/v2/health/ready", ROUTE_READY },
    { "/v1/features", ROUTE_FEATURES },
    { "/metrics", ROUTE_METRICS },
    { "/v2", ROUTE_SERVER },
    { "/v2/", ROUTE_SERVER },
    { "/v2/repository/index", ROUTE_INDEX },
    { "/", ROUTE_HINT },
};

/* Whether a path goes on with this; then go behind it. */
static bool skip(const char **path, const char *text)
{
    const size_t bytes = strlen(text);
    if (strncmp(*path, text, bytes) != 0) return false;
    *path += bytes;
    return true;
}

/* Take a part, up to the next slash; false when it is empty. */
static bool take_part(const char **path, const char **part, size_t *bytes)
{
    *part  = *path;
    *bytes = strcspn(*path, "/");
    *path += *bytes;
    return *bytes > 0;
}

static route find(const char *path)
{
    route found = { .kind = ROUTE_NONE };

    if (skip(&path, "/v2/models/")) {
        if (!take_part(&path, &found.name, &found.name_bytes)) return found;
        if (skip(&path, "/versions/") && !take_part(&path, &found.version, &found.version_bytes))
            return found;
        found.kind = strcmp(path, "") == 0         ? ROUTE_MODEL
                     : strcmp(path, "/infer") == 0 ? ROUTE_INFER
                     : strcmp(path, "/ready") == 0 ? ROUTE_MODEL_READY
                                                   : ROUTE_NONE;
        return found;
    }
    if (skip(&path, "/v2/repository/models/")) {
        if (take_part(&path, &found.name, &found.name_bytes) && strcmp(path, "/load") == 0)
            found.kind = ROUTE_LOAD;
        return found;
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(path, fixed[i].path) == 0) found.kind = fixed[i].kind;
    return found;
}

/* ---- answers ---- */

static void answer_text(pri_exchange *exchange, uint32_t status, const char *type, const char *text)
{
    char *body = strdup(text);
    pri_exchange_answer(exchange, status, type, body, body ? strlen(body) : 0);
}

/* Answer with what a writer of wire.h wrote. */
static void answer(pri_exchange *exchange, uint32_t status, pr_status st, const pri_wire_body *body)
{
    if (st == PR_OK)
        pri_answer_body(exchange, status, body);
    else
        pri_answer_error(exchange, 503, pr_error_message());
}

static void answer_model(pri_routes *routes, pri_exchange *exchange)
{
    pri_wire_body     body = { 0 };
    pri_service_facts facts;
    pri_service_describe(routes->setup.service, &facts);
    const pr_status st = pri_wire_write_model(routes->setup.model, &facts, &body);
    answer(exchange, 200, st, &body);
}

static void answer_ready(pri_routes *routes, pri_exchange *exchange, const char *model)
{
    const bool    ready = !atomic_load(&routes->quiet);
    pri_wire_body body  = { 0 };
    if (!model) {
        if (!ready) pri_exchange_add_header(exchange, "Retry-After", "1");
        answer_text(exchange, ready ? 200 : 503, "application/json",
                    ready ? "{\"ready\":true}" : "{\"ready\":false}");
        return;
    }
    const pr_status st = pri_wire_write_ready(model, ready, &body);
    answer(exchange, ready ? 200 : 503, st, &body);
}

static void answer_metrics(pri_routes *routes, pri_exchange *exchange)
{
    pri_service_facts facts;
    const pri_http   *http = atomic_load(&routes->http);
    pri_service_describe(routes->setup.service, &facts);
    const pri_gauges gauges = { .queue_depth   = facts.queue_depth,
                                .connections   = http ? pri_http_num_connections(http) : 0,
                                .resident_rows = facts.resident_rows,
                                .capacity_rows = facts.capacity_rows,
                                .model_version = facts.version,
                                .derived       = facts.derived,
                                .ready         = !atomic_load(&routes->quiet),
                                .model         = routes->setup.model };
    char            *text   = pri_record_metrics(routes->setup.record, &gauges);
    if (!text) {
        pri_answer_error(exchange, 503, "out of memory");
        return;
    }
    pri_exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text,
                        strlen(text));
}

static void answer_index(pri_routes *routes, pri_exchange *exchange)
{
    pri_service_facts facts;
    char              text[512];
    pri_service_describe(routes->setup.service, &facts);
    snprintf(text, sizeof text,
             "[{\"name\":\"%s\",\"version\":\"%llu\",\"state\":\"READY\",\"reason\":\"\"}]",
             routes->setup.model, (unsigned long long)facts.version);
    answer_text(exchange, 200, "application/json", text);
}

static void answer_hint(pri_routes *routes, pri_exchange *exchange)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "packrat " PR_VERSION " answers for nodes of a graph (Open Inference Protocol v2).\n"
        "\n"
        "  GET  /v2/models/%s         inputs and outputs\n"
        "  POST /v2/models/%s/infer   "
        "{\"inputs\":[{\"name\":\"node_ids\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[0]}]}\n"
        "  POST /v1/features          {\"node_ids\":[0]}\n"
        "  GET  /metrics, /v2/health/live, /v2/health/ready\n",
        routes->setup.model, routes->setup.model);
    answer_text(exchange, 200, "text/plain; charset=utf-8", text);
}

/* ---- what comes in ---- */

/* Refuse another method than that of the route; true: it was. */
static bool refuse_method(pri_exchange *exchange, const route *to)
{
    const char *method  = pri_exchange_method(exchange);
    const bool  is_post = to->kind >= ROUTE_INFER;
    if (is_post ? strcmp(method, "POST") == 0
                : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return false;

    char text[128];
    pri_exchange_add_header(exchange, "Allow", is_post ? "POST" : "GET, HEAD");
    snprintf(text, sizeof text, "the method is %.20s, must be %s", method,
             is_post ? "POST" : "GET or HEAD");
    pri_answer_error(exchange, 405, text);
    return true;
}

/* Refuse another model, or another version of it, than is served; true: it was. */
static bool refuse_model(pri_routes *routes, pri_exchange *exchange, const route *to)
{
    const char *model = routes->setup.model;
    char        text[256];

    if (!to->name) return false;
    if (strlen(model) != to->name_bytes || memcmp(model, to->name, to->name_bytes) != 0) {
        snprintf(text, sizeof text, "the model is '%.*s', must be '%s'",
                 to->name_bytes < 60 ? (int)to->name_bytes : 60, to->name, model);
        pri_answer_error(exchange, 404, text);
        return true;
    }
    if (!to->version) return false;
    pri_service_facts facts;
    char              current[24];
    pri_service_describe(routes->setup.service, &facts);
    snprintf(current, sizeof current, "%llu", (unsigned long long)facts.version);
    if (strlen(current) == to->version_bytes &&
        memcmp(current, to->version, to->version_bytes) == 0)
        return false;
    snprintf(text, sizeof text, "the version of model '%s' is '%.*s', must be '%s'", model,
             to->version_bytes < 60 ? (int)to->version_bytes : 60, to->version, current);
    pri_answer_error(exchange, 404, text);
    return true;
}

static void handle(void *context, pri_exchange *exchange)
{
    pri_routes *routes = context;
    const route to     = find(pri_exchange_path(exchange));

    if (to.kind == ROUTE_NONE) {
        pri_record_refused(routes->setup.record, "path");
        pri_answer_error(exchange, 404, "there is nothing at this path; GET / says what there is");
        return;
    }
    if (refuse_method(exchange, &to)) {
        pri_record_refused(routes->setup.record, "method");
        return;
    }
    if (refuse_model(routes, exchange, &to)) {
        pri_record_refused(routes->setup.record, "model");
        return;
    }
    /* that of the path is in digits, as it equals the current one's */
    const uint64_t version = to.version ? strtoull(to.version, NULL, 10) : 0;
    pri_wire_body  body    = { 0 };
    pr_status      st      = PR_OK;
    switch (to.kind) {
    case ROUTE_INFER: pri_asking_query(routes->asking, exchange, PRI_QUERY_INFER, version); break;
    case ROUTE_FEATURES: pri_asking_query(routes->asking, exchange, PRI_QUERY_FEATURES, 0); break;
    case ROUTE_LOAD: pri_asking_load(routes->asking, exchange); break;
    case ROUTE_INDEX: answer_index(routes, exchange); break;
    case ROUTE_LIVE: answer_text(exchange, 200, "application/json", "{\"live\":true}"); break;
    case ROUTE_READY: answer_ready(routes, exchange, NULL); break;
    case ROUTE_MODEL_READY: answer_ready(routes, exchange, routes->setup.model); break;
    case ROUTE_MODEL: answer_model(routes, exchange); break;
    case ROUTE_METRICS: answer_metrics(routes, exchange); break;
    case ROUTE_HINT: answer_hint(routes, exchange); break;
    case ROUTE_SERVER:
    default:
        st = pri_wire_write_server(&body);
        answer(exchange, 200, st, &body);
        break;
    }
}

static void finish(void *context, pri_exchange *exchange)
{
    pri_routes *routes = context;
    pri_asking_finish(routes->asking, exchange);
}

static void end(void *context, pri_exchange *exchange, bool sent)
{
    pri_routes *routes = context;
    pri_asking_end(routes->asking, exchange, sent);
}

/* Whoever watches a server needs no token, and is not to be kept out. */
static bool is_open(void *context, const char *path)
{
    (void)context;
    return strcmp(path, "/v2/health/live") == 0 || strcmp(path, "/v2/health/ready") == 0;
}

static void refused(void *context, const char *why, uint32_t status)
{
    pri_routes *routes = context;
    (void)status;
    pri_record_refused(routes->setup.record, why);
}

pri_http_handlers pri_routes_handlers(pri_routes *routes)
{
    return (pri_http_handlers){ .context = routes,
                                .handle  = handle,
                                .finish  = finish,
                                .end     = end,
                                .open    = is_open,
                                .refused = refused };
}

/* asking.c: from a body to a query, and from its answer to a body. */
#include "pipeline/serve/asking.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SPARE    = 4096,
    SPARE_FLOATS = 1 << 13, /* rows' room beyond that is given back */
    /* Answers of more bytes are written by the lane that computed them: HTTP's thread would keep
       everybody waiting for that long, health too. */
    LARGE_BYTES = 256 << 10
};

/* One request on its way. */
typedef struct ask {
    pri_asking      *all;
    pri_exchange    *exchange;
    pri_query        query;
    pri_wire_request wire;
    pri_wire_body    body;    /* that a lane wrote; at NULL: none */
    uint64_t         version; /* that is to answer; 0: any */
    uint32_t         status;  /* that it was answered with */
    pri_reload      *load;    /* of POST .../load; else NULL */
    struct ask      *next;
} ask;

struct pri_asking {
    pri_routes_setup setup;
    uint32_t         max_nodes;
    pr_vid           num_nodes;
    uint32_t         num_features;
    _Atomic uint64_t model;        /* what reading a request needs to know of the current one */
    _Atomic uint32_t cols, hidden; /* of its answers, about: a load may change them at any time */

    pthread_mutex_t lock;
    ask            *spare;
    uint32_t        num_spare;
};

/* ---- the current model in one word ---- */

enum { OUTPUTS_BITS = 4, LAYERS_BITS = 12 };

static void look_at_model(pri_asking *all)
{
    pri_service_facts facts;
    pri_service_describe(all->setup.service, &facts);
    const uint64_t word =
        ((facts.version << LAYERS_BITS | facts.shape.num_layers) << OUTPUTS_BITS) |
        (uint64_t)facts.info.outputs;
    const uint32_t layers = facts.shape.num_layers;
    atomic_store(&all->cols, facts.shape.width[layers]);
    atomic_store(&all->hidden, layers > 1 ? facts.shape.width[layers - 1] : 0);
    atomic_store(&all->model, word);
}

static uint32_t layers_of(uint64_t model)
{
    return (uint32_t)(model >> OUTPUTS_BITS) & ((1 << LAYERS_BITS) - 1);
}

static pri_wire_limits limits_of(const pri_asking *all, uint64_t model)
{
    return (pri_wire_limits){ .num_nodes  = all->num_nodes,
                              .max_nodes  = all->max_nodes,
                              .outputs    = (int32_t)(model & ((1 << OUTPUTS_BITS) - 1)),
                              .has_hidden = layers_of(model) > 1 };
}

/* ---- memory ---- */

pr_status pri_asking_create(const pri_routes_setup *setup, pri_asking **out)
{
    pr_status   st  = PR_OK;
    pri_asking *all = NULL;

    *out = NULL;
    pri_service_facts facts;
    pri_service_describe(setup->service, &facts);
    PR_NEW(all, 1);
    all->setup        = *setup;
    all->max_nodes    = setup->options->serve.batch_max_nodes;
    all->num_nodes    = facts.num_nodes;
    all->num_features = facts.num_features;
    pthread_mutex_init(&all->lock, NULL);
    look_at_model(all);
    *out = all;
done:
    return st;
}

static void free_ask(ask *a)
{
    pri_query_clear(&a->query);
    pri_wire_clear(&a->wire);
    free(a->body.at);
    pri_free(a->load);
    pri_free(a);
}

void pri_asking_free(pri_asking *asking)
{
    if (!asking) return;
    for (ask *each = asking->spare, *next = NULL; each; each = next) {
        next = each->next;
        free_ask(each);
    }
    pthread_mutex_destroy(&asking->lock);
    pri_free(asking);
}

static ask *take(pri_asking *all, pri_exchange *exchange)
{
    pthread_mutex_lock(&all->lock);
    ask *a = all->spare;
    if (a) {
        all->spare = a->next;
        all->num_spare--;
    }
    pthread_mutex_unlock(&all->lock);
    if (!a) a = pri_calloc(1, sizeof *a);
    if (!a) return NULL;
    a->all      = all;
    a->exchange = exchange;
    a->status   = 0;
    pri_exchange_set_own(exchange, a);
    return a;
}

static void give(ask *a)
{
    pri_asking        *all    = a->all;
    const pri_rows_out logits = a->query.logits, hidden = a->query.hidden;

    pri_wire_clear(&a->wire);
    pri_free(a->load);
    free(a->body.at); /* where the client had gone */
    a->body = (pri_wire_body){ 0 };
    a->load = NULL;
    if (logits.room > SPARE_FLOATS || hidden.room > SPARE_FLOATS) {
        pri_query_clear(&a->query);
        a->query = (pri_query){ 0 };
    } else {
        a->query = (pri_query){ .logits = logits, .hidden = hidden };
    }
    pthread_mutex_lock(&all->lock);
    const bool keep = all->num_spare < MAX_SPARE;
    if (keep) {
        a->next    = all->spare;
        all->spare = a;
        all->num_spare++;
    }
    pthread_mutex_unlock(&all->lock);
    if (!keep) free_ask(a);
}

/* ---- answers ---- */

void pri_answer_body(pri_exchange *exchange, uint32_t status, const pri_wire_body *body)
{
    const char *type = "application/json";
    if (body->json_bytes < body->bytes) {
        char number[24];
        snprintf(number, sizeof number, "%zu", body->json_bytes);
        pri_exchange_add_header(exchange, "Inference-Header-Content-Length", number);
        type = "application/octet-stream";
    }
    pri_exchange_answer(exchange, status, type, body->at, body->bytes);
}

void pri_answer_error(pri_exchange *exchange, uint32_t status, const char *message)
{
    pri_wire_body body = { 0 };
    if (pri_wire_write_error(message, &body) != PR_OK) body = (pri_wire_body){ 0 };
    if (status == 503) pri_exchange_add_header(exchange, "Retry-After", "1");
    pri_answer_body(exchange, status, &body);
}

static void answer_error(ask *a, uint32_t status, const char *message)
{
    a->status = status;
    pri_answer_error(a->exchange, status, message);
}

/* What a failure of ours, or of the request, is to HTTP. */
static uint32_t status_of(pr_status st)
{
    switch (st) {
    case PR_E_ARG:
    case PR_E_RANGE:
    case PR_E_INPUT: return 400;
    case PR_E_MISMATCH: return 409;
    case PR_E_NOMEM:
    case PR_E_FULL:
    case PR_E_INTERRUPTED: return 503;
    default: return 500;
    }
}

static uint32_t status_of_outcome(pri_outcome outcome)
{
    switch (outcome) {
    case PRI_ANSWERED: return 200;
    case PRI_QUEUE_FULL:
    case PRI_DRAINING: return 503;
    case PRI_LATE: return 504;
    case PRI_REFUSED: return 400;
    default: return 500;
    }
}

/* ---- infer and features ---- */

/* Give how many bytes of a body are JSON. */
static pr_status read_json_bytes(const pri_exchange *exchange, size_t bytes, size_t *json_bytes)
{
    pr_status   st   = PR_OK;
    const char *text = pri_exchange_header(exchange, "Inference-Header-Content-Length");

    *json_bytes = bytes;
    if (!text) goto done;
    const size_t digits = strspn(text, "0123456789");
    PR_CHECK(digits > 0 && digits < 20 && text[digits] == '\0', PR_E_INPUT,
             "Inference-Header-Content-Length is '%.40s', must be a number of bytes", text);
    const unsigned long long number = strtoull(text, NULL, 10);
    PR_CHECK(number <= bytes, PR_E_INPUT,
             "Inference-Header-Content-Length is %llu, the body has %zu bytes", number, bytes);
    *json_bytes = (size_t)number;
done:
    return st;
}

static uint64_t answer_bytes(const ask *a)
{
    const pri_asking *all   = a->all;
    const bool        infer = a->query.kind == PRI_QUERY_INFER;
    return pri_wire_answer_bytes(&a->wire, infer ? atomic_load(&all->cols) : all->num_features,
                                 infer ? atomic_load(&all->hidden) : 0);
}

static pr_status write_answer(const ask *a, pri_wire_body *out)
{
    if (a->query.kind == PRI_QUERY_FEATURES)
        return pri_wire_write_features(&a->wire, &a->query, out);
    return pri_wire_write_infer(&a->wire, &a->query, a->all->setup.model, out);
}

/* On a lane's thread. What cannot be written there, HTTP's thread tries again, and says why. */
static void woken_by_service(void *context, pri_query *query)
{
    ask *a = context;
    if (query->outcome == PRI_ANSWERED && answer_bytes(a) > LARGE_BYTES &&
        write_answer(a, &a->body) != PR_OK)
        a->body = (pri_wire_body){ 0 };
    pri_exchange_wake(a->exchange);
}

/* A deadline in ms from when the request was whole; beyond what a clock counts, there is none. */
static int64_t deadline_ns(int64_t arrived_ns, double ms)
{
    if (isnan(ms) || ms > 1e12) return INT64_MAX;
    return ms > 0 ? arrived_ns + (int64_t)(ms * 1e6) : arrived_ns;
}

static pr_status read_query(ask *a, pri_query_kind kind)
{
    pr_status             st       = PR_OK;
    pri_asking           *all      = a->all;
    pri_query            *query    = &a->query;
    const uint64_t        model    = atomic_load_explicit(&all->model, memory_order_relaxed);
    const pri_wire_limits limits   = limits_of(all, model);
    const char           *encoding = pri_exchange_header(a->exchange, "Content-Encoding");
    size_t                bytes = 0, json_bytes = 0;
    const char           *body = pri_exchange_body(a->exchange, &bytes);

    query->kind       = kind;
    query->arrived_ns = pri_exchange_arrived_ns(a->exchange);
    query->done       = woken_by_service;
    query->context    = a;
    query->queue_ns = query->compute_ns = query->batch_step = PR_NULL_INT;
    PR_CHECK(!encoding || strcmp(encoding, "identity") == 0, PR_E_INPUT,
             "Content-Encoding is '%.40s', bodies are read as they are: identity", encoding);
    if (kind == PRI_QUERY_FEATURES) {
        PR_TRY(pri_wire_read_features(body, bytes, &limits, &a->wire));
    } else {
        PR_TRY(read_json_bytes(a->exchange, bytes, &json_bytes));
        PR_TRY(pri_wire_read_infer(body, bytes, json_bytes, &limits, &a->wire));
    }
    query->nodes        = a->wire.nodes;
    query->num_nodes    = a->wire.num_nodes;
    query->wants_hidden = kind == PRI_QUERY_INFER && pri_wire_wants_hidden(&a->wire, &limits);
    query->own_seed     = a->wire.own_seed;
    query->seed         = a->wire.seed;
    query->own_fanout   = a->wire.own_fanout;
    query->deadline_ns  = deadline_ns(query->arrived_ns, a->wire.deadline_ms);
    /* The parser's own words are about options. */
    if (query->own_fanout &&
        pr_fanout_parse(a->wire.fanout, layers_of(model), &query->fanout) != PR_OK)
        PR_RAISE(PR_E_INPUT,
                 "parameters.fanout is \"%.80s\", must name one number, or all, for each of the "
                 "model's %u layers, or one for all of them",
                 a->wire.fanout, layers_of(model));
done:
    return st;
}

/* There is no memory for the answer: not now, or never. */
static void refuse_large(ask *a)
{
    const uint64_t bytes = answer_bytes(a), most = a->all->setup.options->http.max_memory;
    char           text[256];

    if (bytes <= most) {
        pri_record_refused(a->all->setup.record, "memory");
        answer_error(a, 503, "other requests and answers take all of --http.max-memory");
        return;
    }
    snprintf(text, sizeof text,
             "the answer takes up to %llu bytes, must be at most %llu (--http.max-memory): ask for "
             "fewer nodes or outputs, or for binary ones",
             (unsigned long long)bytes, (unsigned long long)most);
    answer_error(a, 413, text);
}

void pri_asking_query(pri_asking *asking, pri_exchange *exchange, pri_query_kind kind,
                      uint64_t version)
{
    ask *a = take(asking, exchange);
    if (!a) {
        pri_answer_error(exchange, 503, "out of memory");
        return;
    }
    a->version         = version;
    const pr_status st = read_query(a, kind);
    if (st != PR_OK)
        answer_error(a, status_of(st), pr_error_message());
    else if (!pri_exchange_reserve(exchange, answer_bytes(a)))
        refuse_large(a);
    else if (pri_service_submit(asking->setup.service, &a->query) != PR_OK)
        answer_error(a, status_of_outcome(a->query.outcome), a->query.reason);
}

static void finish_query(ask *a)
{
    pri_asking *all = a->all;
    if (a->query.outcome != PRI_ANSWERED) {
        answer_error(a, status_of_outcome(a->query.outcome), a->query.reason);
        return;
    }
    /* Another model answered than was known: requests to come are read for that one. */
    const uint64_t known = atomic_load_explicit(&all->model, memory_order_relaxed);
    if (a->query.kind == PRI_QUERY_INFER &&
        known >> (OUTPUTS_BITS + LAYERS_BITS) != a->query.model_version)
        look_at_model(all);
    if (a->version && a->version != a->query.model_version) {
        char text[128];
        snprintf(text, sizeof text, "version %llu was asked, version %llu was loaded meanwhile",
                 (unsigned long long)a->version, (unsigned long long)a->query.model_version);
        answer_error(a, 404, text);
        return;
    }

    pri_wire_body   body = a->body;
    const pr_status st   = body.at ? PR_OK : write_answer(a, &body);
    a->body              = (pri_wire_body){ 0 };
    if (st != PR_OK) {
        answer_error(a, status_of(st), pr_error_message());
        return;
    }
    a->status = 200;
    pri_answer_body(a->exchange, 200, &body);
}

/* ---- load ---- */

static void woken_by_reloader(void *context, pri_reload *load)
{
    const ask *a = context;
    (void)load;
    pri_exchange_wake(a->exchange);
}

void pri_asking_load(pri_asking *asking, pri_exchange *exchange)
{
    ask *a = take(asking, exchange);
    if (a) a->load = pri_calloc(1, sizeof *a->load);
    if (!a || !a->load) {
        pri_answer_error(exchange, 503, "out of memory");
        return;
    }
    a->load->done    = woken_by_reloader;
    a->load->context = a;
    pri_reloader_ask(asking->setup.reloader, a->load);
}

static void finish_load(ask *a)
{
    const pri_reload *load = a->load;
    if (load->status != PR_OK) {
        /* Triton's clients know 400 for a load that failed; the old model goes on. */
        answer_error(a, load->status == PR_E_INTERRUPTED ? 503 : 400, load->reason);
        return;
    }
    const size_t room   = strlen(a->all->setup.model) + 64;
    char        *text   = malloc(room);
    const int    length = text ? snprintf(text, room, "{\"name\":\"%s\",\"version\":\"%llu\"}",
                                          a->all->setup.model, (unsigned long long)load->version)
                               : 0;
    look_at_model(a->all);
    pri_exchange_answer(a->exchange, 200, "application/json", text, (size_t)length);
}

/* ---- all ---- */

void pri_asking_finish(pri_asking *asking, pri_exchange *exchange)
{
    ask *a = pri_exchange_own(exchange);
    (void)asking;
    if (a->load)
        finish_load(a);
    else
        finish_query(a);
}

void pri_asking_end(pri_asking *asking, pri_exchange *exchange, bool sent)
{
    ask *a = pri_exchange_own(exchange);
    if (!a) return;

    const pri_query *query = &a->query;
    if (!a->load) {
        pr_request_row row = { .endpoint   = query->kind == PRI_QUERY_INFER ? "infer" : "features",
                               .num_nodes  = a->wire.num_nodes,
                               .queue_ns   = query->queue_ns,
                               .compute_ns = query->compute_ns,
                               .total_ns   = pr_now_ns() - query->arrived_ns,
                               .status     = sent ? a->status : 0,
                               .batch_step = query->batch_step,
                               .seed       = query->seed,
                               .model_version = query->model_version,
                               .shed          = query->shed };
        if (a->wire.id) snprintf(row.client_id, sizeof row.client_id, "%s", a->wire.id);
        pri_record_request(asking->setup.record, &row, query->arrived_ns);
    }
    give(a);
}

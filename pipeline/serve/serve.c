/* serve.c: dataset, service, routes and HTTP put together; read pr_serve first.
 *
 * Opening goes from what can be refused at once to what takes long, and HTTP is last: whoever can
 * connect gets answers. Ending goes the other way: nobody new comes in (quiesce), what was taken is
 * answered (drain), answers leave (pri_http_stop), and only then is anything freed. */
#include <packrat/serve.h>

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/rss.h"
#include "pipeline/runlog.h"
#include "pipeline/serve/address.h"
#include "pipeline/serve/bearer.h"
#include "pipeline/serve/http.h"
#include "pipeline/serve/http_version.h"
#include "pipeline/serve/reload.h"
#include "pipeline/serve/routes.h"
#include "pipeline/session.h"

enum { LOOK_EVERY_MS = 50, GRACE_MS = 300, MAX_NAME = 128 };

/* A server that is being opened, runs, or is being closed. */
typedef struct server {
    pr_serve_setup        setup; /* ours: what options leave open is decided in it */
    const pr_serve_hooks *hooks;
    int                   reloads; /* of hooks->reload that were seen */

    pr_topo            *topo;
    pr_plan             plan;
    const pr_dataset   *dataset;
    pri_tuned           tuned;
    pr_steplog         *log;
    pri_record         *record;
    pri_service        *service;
    pri_reloader       *reloader;
    pri_routes         *routes;
    _Atomic(pri_http *) http; /* lanes ask it for connections, perhaps before it is there */
    char                name[MAX_NAME + 1];
} server;

/* A name is part of paths, of JSON and of metrics: letters that mean nothing in any of them. */
static pr_status check_name(const char *name)
{
    pr_status         st    = PR_OK;
    static const char may[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    PR_CHECK(strlen(name) <= MAX_NAME && strspn(name, may) == strlen(name) && name[0] != '.',
             PR_E_ARG,
             "--name is '%.200s', must have at most %d letters, digits, '.', '_' and '-', and not "
             "begin with '.'",
             name, MAX_NAME);
done:
    return st;
}

/* Look at what can be seen without any file. */
static pr_status check_options(pr_serve_setup *setup)
{
    pr_status       st = PR_OK;
    pr_option_group groups[PR_SERVE_GROUPS];

    pr_serve_groups(setup, groups);
    for (int i = 0; i < PR_SERVE_GROUPS; i++)
        PR_TRY(pr_options_check(groups[i].table, groups[i].target));
    const pr_serve_options *serve = &setup->serve;
    PR_CHECK(setup->dataset.data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_CHECK(serve->checkpoint[0], PR_E_ARG,
             "--checkpoint is missing: the file that training wrote");
    PR_TRY(check_name(serve->name));
    PR_CHECK(!setup->machine.memory, PR_E_ARG,
             "--memory is for train, eval and infer; a server takes what --cache.bytes, "
             "--batch.max-nodes and --fanout.max make of it");
    PR_CHECK(
        setup->cache.policy != PR_POLICY_LOOKAHEAD, PR_E_ARG,
        "--cache.policy is lookahead: nobody knows the requests to come; sieve, lru and static "
        "are allowed");
    PR_CHECK(!serve->shed_fanout[0] || serve->shed_at <= serve->queue_max_requests, PR_E_ARG,
             "--shed.at is %u, must be in 1 .. %u: no more requests wait than "
             "--queue.max-requests says",
             serve->shed_at, serve->queue_max_requests);
done:
    return st;
}

/* See that there is an address and a token before anything large is opened; HTTP opens both again.
 */
static pr_status check_door(const pr_http_options *options)
{
    pr_status    st = PR_OK;
    pri_listener listener;
    pri_bearer   bearer;

    PR_CHECK(options->max_memory / 2 >= options->max_body, PR_E_ARG,
             "--http.max-memory is %llu, must be twice --http.max-body (%llu) at least",
             (unsigned long long)options->max_memory, (unsigned long long)options->max_body);
    PR_TRY(pri_listen(options->listen, &listener));
    (void)close(listener.fd);
    if (!options->token_file[0]) goto done;
    st = pri_bearer_read(options->token_file, &bearer);
    explicit_bzero(&bearer, sizeof bearer);
done:
    return st;
}

static bool is_stopped(const server *s)
{
    return s->hooks && s->hooks->stop && *s->hooks->stop;
}

/* Plan lanes and their threads. HTTP's threads work beside them, so those have cores left. */
static pr_status make_plan(server *s)
{
    pr_status       st      = PR_OK;
    pr_plan_options options = { .threads = s->setup.machine.threads,
                                .lanes   = s->setup.serve.lanes,
                                .numa    = s->setup.machine.numa };

    PR_TRY(pr_topo_discover(&s->topo));
    PR_TRY(pr_topo_plan(s->topo, &options, &s->plan));
    const uint32_t all = s->plan.num_threads, least = s->plan.num_lanes;
    if (options.threads) goto done;
    options.threads = all > s->setup.http.threads ? all - s->setup.http.threads : 1;
    if (options.threads < least) options.threads = least;
    PR_TRY(pr_topo_plan(s->topo, &options, &s->plan));
done:
    return st;
}

/* Open the dataset as the checkpoint wants it; the service loads the model by itself. */
static pr_status open_dataset(server *s)
{
    pr_status          st         = PR_OK;
    const char        *checkpoint = s->setup.serve.checkpoint;
    pr_model          *model      = NULL;
    pr_checkpoint_info info;

    PR_TRY(pr_checkpoint_load(checkpoint, &model, &info));
    PR_TRY(pri_session_dataset(&s->setup.dataset, checkpoint, &info, &s->dataset));
    PR_TRY(pri_session_fits(checkpoint, model, &info, s->dataset));
done:
    pr_model_free(model);
    return st;
}

static pr_status open_log(server *s)
{
    pr_option_group      groups[PR_SERVE_GROUPS];
    const pri_runlog_run run = { .path        = s->setup.serve.log,
                                 .command     = "serve",
                                 .groups      = groups,
                                 .num_groups  = PR_SERVE_GROUPS,
                                 .topo        = s->topo,
                                 .threads     = s->plan.num_threads,
                                 .dataset     = s->dataset->name,
                                 .seed        = s->setup.serve.seed,
                                 .tuned       = &s->tuned,
                                 .http        = pri_http_version(),
                                 .never_waits = true,
                                 .keep_ns   = (int64_t)(s->setup.serve.log_keep_days * 86400 * 1e9),
                                 .max_bytes = s->setup.serve.log_max_bytes };

    pr_serve_groups(&s->setup, groups);
    return pri_runlog_open(&run, &s->log);
}

static uint32_t num_clients(void *context)
{
    const server         *s    = context;
    const pri_http *const http = s->http;

    return http ? pri_http_num_lively(http) : 0;
}

static pr_status open_service(server *s)
{
    const pri_service_setup setup = { .options     = &s->setup,
                                      .dataset     = s->dataset,
                                      .topo        = s->topo,
                                      .plan        = &s->plan,
                                      .tuning      = &s->tuned.tuning,
                                      .record      = s->record,
                                      .num_clients = num_clients,
                                      .context     = s };

    return pri_service_create(&setup, &s->service);
}

static pr_status open_http(server *s)
{
    pr_status         st = PR_OK;
    pri_service_facts facts;

    pri_service_describe(s->service, &facts);
    const char *kind = pr_model_kind_name(facts.shape.options.kind);
    const char *name = s->setup.serve.name[0] ? s->setup.serve.name : kind;
    snprintf(s->name, sizeof s->name, "%.*s", MAX_NAME, name);
    const pri_routes_setup setup = { .options  = &s->setup,
                                     .service  = s->service,
                                     .record   = s->record,
                                     .reloader = s->reloader,
                                     .model    = s->name };
    PR_TRY(pri_routes_create(&setup, &s->routes));
    const pri_http_handlers handlers = pri_routes_handlers(s->routes);
    pri_http               *http;
    PR_TRY(pri_http_start(&s->setup.http, &handlers, &http));
    pri_routes_attach(s->routes, http);
    s->http = http;
done:
    return st;
}

static pr_status open_all(server *s)
{
    pr_status st = PR_OK;

    PR_TRY(check_options(&s->setup));
    PR_TRY(check_door(&s->setup.http));
    PR_TRY(make_plan(s));
    PR_TRY(open_dataset(s));
    PR_CHECK(!is_stopped(s), PR_E_INTERRUPTED, "stopped before anything was served");
    PR_TRY(pri_tuned_load(&s->setup.machine, &s->dataset->features, &s->plan, &s->tuned));
    PR_TRY(open_log(s));
    PR_TRY(pri_record_create(s->log, &s->record));
    PR_TRY(open_service(s));
    PR_CHECK(!is_stopped(s), PR_E_INTERRUPTED, "stopped before anything was served");
    PR_TRY(pri_reloader_create(s->service, s->record, &s->reloader));
    PR_TRY(open_http(s));
done:
    return st;
}

static void say_ready(const server *s)
{
    pri_service_facts facts;
    char              fanout[128];

    if (!s->hooks || !s->hooks->ready) return;
    pri_service_describe(s->service, &facts);
    pr_fanout_print(&facts.fanout, fanout, sizeof fanout);
    const pr_serve_ready ready = { .url           = pri_http_url(s->http),
                                   .model         = s->name,
                                   .kind          = pr_model_kind_name(facts.shape.options.kind),
                                   .fanout        = fanout,
                                   .model_version = facts.version,
                                   .seed          = facts.seed,
                                   .num_nodes     = facts.num_nodes,
                                   .capacity_rows = facts.capacity_rows,
                                   .lanes         = facts.num_lanes,
                                   .threads       = s->plan.num_threads };
    s->hooks->ready(s->hooks->context, &ready);
}

static void nap(int ms)
{
    const struct timespec time = { 0, ms * 1000000L };

    (void)nanosleep(&time, NULL); /* a signal ends it early */
}

/* Wait for the end, and look whether somebody wants another checkpoint. Twenty short looks a second
 * cost nothing that can be measured, and need no rules about signals from whoever calls. */
static void watch(server *s)
{
    while (!is_stopped(s)) {
        const volatile int *reload = s->hooks ? s->hooks->reload : NULL;
        if (reload && *reload != s->reloads) {
            s->reloads = *reload;
            pri_reloader_signal(s->reloader);
        }
        nap(LOOK_EVERY_MS);
    }
}

/* Answer everything that was taken, and nothing else. Connections that are there are closed with
 * their next answer, for which they are given a moment: whoever sends one request after the other
 * gets answers up to the last, rather than a refusal. */
static void stop(server *s)
{
    pri_routes_quiesce(s->routes);
    pri_http_quiesce(s->http);
    for (int ms = 0; ms < GRACE_MS && pri_http_num_lively(s->http) > 0; ms += 5) nap(5);
    pri_reloader_quiesce(s->reloader);
    pri_service_drain(s->service);
    pri_http *const http = s->http;
    s->http              = NULL; /* drained lanes ask no more */
    pri_http_stop(http);
}

static void fill_result(const server *s, int64_t ready_ns, pr_serve_result *result)
{
    pri_service_facts facts;
    pri_totals        totals;

    pri_service_describe(s->service, &facts);
    pri_record_totals(s->record, &totals);
    const uint64_t wanted = totals.rows_hit + totals.rows_added + totals.rows_bypassed;
    *result               = (pr_serve_result){
                      .run            = pr_steplog_run(s->log),
                      .requests       = totals.requests,
                      .answered       = totals.answered,
                      .refused        = totals.refused,
                      .failed         = totals.failed,
                      .nodes          = totals.nodes,
                      .batches        = totals.batches,
                      .swaps          = totals.swaps,
                      .hit_rate       = wanted ? (double)totals.rows_hit / (double)wanted : (double)NAN,
                      .bytes_moved    = totals.bytes_moved,
                      .derived        = facts.derived,
                      .elapsed_ns     = pr_now_ns() - ready_ns,
                      .peak_rss_bytes = pri_rss_peak_bytes(),
    };
}

/* Close everything; what was lost of the log is said, and nothing more comes of it. */
static void close_all(server *s, pr_status st, pr_serve_result *result)
{
    pri_error error;

    pri_error_save(&error, st);
    pri_http_stop(s->http);
    pri_routes_free(s->routes);
    pri_reloader_free(s->reloader);
    pri_service_free(s->service);
    pri_record_free(s->record);
    if (pri_runlog_close(s->log, st, NULL, &result->rows_lost) != PR_OK && st == PR_OK)
        pr_diag(PR_WARN, "%s", pr_error_message());
    pr_dataset_close(s->dataset);
    pr_topo_free(s->topo);
    if (st != PR_OK) (void)pri_error_restore(&error);
}

pr_status pr_serve(const pr_serve_setup *setup, const pr_serve_hooks *hooks,
                   pr_serve_result *result)
{
    pr_status       st     = PR_OK;
    server         *s      = NULL;
    pr_serve_result served = { .hit_rate = (double)NAN };

    PR_CHECK(setup, PR_E_ARG, "setup is NULL");
    (void)pri_rss_peak_reset();
    PR_NEW(s, 1);
    s->setup = *setup;
    s->hooks = hooks;
    if (hooks && hooks->reload) s->reloads = *hooks->reload;
    st = open_all(s);
    if (st == PR_OK) {
        const int64_t ready_ns = pr_now_ns();
        say_ready(s);
        watch(s);
        stop(s);
        fill_result(s, ready_ns, &served);
    } else if (st == PR_E_INTERRUPTED && is_stopped(s)) {
        st = PR_OK; /* nothing was taken, and nothing is owed */
    }
    close_all(s, st, &served);
done:
    pri_free(s);
    if (result) *result = served;
    return st;
}

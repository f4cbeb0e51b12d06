/* cmd_serve.c: packrat serve. */
#include <math.h>
#include <stdio.h>

#include <packrat/serve.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_serve_groups(setup, out);
    return PR_SERVE_GROUPS;
}

static void defaults(void *setup)
{
    pr_serve_defaults(setup);
}

/* Say where, at once: scripts wait for the line. With --json it goes to standard error, for
 * standard output has one line only. */
static void ready(void *context, const pr_serve_ready *r)
{
    const command_call *call = context;
    FILE               *out  = call->common.json ? stderr : stdout;

    fprintf(out,
            "serving %s at %s (model version %llu, fanout %s, seed %llu, %llu nodes, %u lane%s, %u "
            "thread%s)\n",
            r->model, r->url, (unsigned long long)r->model_version, r->fanout,
            (unsigned long long)r->seed, (unsigned long long)r->num_nodes, r->lanes,
            r->lanes == 1 ? "" : "s", r->threads, r->threads == 1 ? "" : "s");
    fflush(out);
}

static double requests_per_second(const pr_serve_result *r)
{
    return r->elapsed_ns > 0 ? (double)r->requests / ((double)r->elapsed_ns * 1e-9) : (double)NAN;
}

static void print_summary(const pr_serve_setup *setup, const pr_serve_result *r)
{
    printf("requests   %llu in %.1f s, %.1f a second; %llu answered, %llu refused, %llu failed\n",
           (unsigned long long)r->requests, (double)r->elapsed_ns * 1e-9, requests_per_second(r),
           (unsigned long long)r->answered, (unsigned long long)r->refused,
           (unsigned long long)r->failed);
    printf("batches    %llu with %llu nodes", (unsigned long long)r->batches,
           (unsigned long long)r->nodes);
    if (r->batches) printf(", %.1f each", (double)r->nodes / (double)r->batches);
    printf("; the checkpoint was loaded again %llu time%s\n", (unsigned long long)r->swaps,
           r->swaps == 1 ? "" : "s");
    if (isfinite(r->hit_rate))
        printf("cache      %.1f %% hits, %.1f MB moved%s\n", 100 * r->hit_rate,
               (double)r->bytes_moved * 1e-6, r->derived ? "; rows of the first layer" : "");
    printf("memory     %.1f MiB at most\n", (double)r->peak_rss_bytes / (1 << 20));
    if (r->run)
        printf("log        run %lld in %s; to read it: packrat report %s --run %lld\n",
               (long long)r->run, setup->serve.log, setup->serve.log, (long long)r->run);
}

static int print_json(command_call *call, const pr_serve_result *r)
{
    const pr_serve_setup *setup = call->setup;
    results               out   = results_begin(call);

    results_run(&out, r->run, setup->serve.log);
    results_count(&out, "requests", r->requests);
    results_count(&out, "answered", r->answered);
    results_count(&out, "refused", r->refused);
    results_count(&out, "failed", r->failed);
    results_real(&out, "requests_per_second", requests_per_second(r));
    results_count(&out, "nodes", r->nodes);
    results_count(&out, "batches", r->batches);
    results_count(&out, "swaps", r->swaps);
    results_real(&out, "hit_rate", r->hit_rate);
    results_count(&out, "bytes_moved", r->bytes_moved);
    results_count(&out, "derived", r->derived);
    results_count(&out, "peak_rss_bytes", r->peak_rss_bytes);
    results_count(&out, "rows_lost", r->rows_lost);
    results_count(&out, "elapsed_ns", (uint64_t)r->elapsed_ns);
    return results_end(&out, call, EXIT_DONE);
}

/* A signal is how a server ends, so that is exit status 0. */
static int run(command_call *call)
{
    const pr_serve_setup *setup  = call->setup;
    pr_serve_result       result = { 0 };
    const pr_serve_hooks  hooks  = {
          .ready = ready, .context = call, .stop = interrupt_flag(), .reload = interrupt_reloads()
    };
    const pr_status st = pr_serve(setup, &hooks, &result);

    if (st != PR_OK) return command_fail(call, st);
    if (call->common.json) return print_json(call, &result);
    print_summary(setup, &result);
    return EXIT_DONE;
}

const command command_serve = {
    .name    = "serve",
    .summary = "answer for nodes over HTTP, from a checkpoint",
    .usage   = "--data DIR --checkpoint FILE [options]",
    .about =
        "Answers requests of the Open Inference Protocol v2, the one of Triton and KServe, "
        "with the sampler, the cache and the kernels that train: POST "
        "/v2/models/NAME/infer with node ids, POST /v1/features for rows, GET /metrics for "
        "Prometheus. Requests join batches; an answer depends on seed and fanout alone, and is "
        "what packrat infer --mode sampled gives. --threads 0 leaves a core to each thread of "
        "HTTP, "
        "where there are several. Listens to this machine only unless --listen "
        "says otherwise. SIGHUP loads the checkpoint again while the old one answers; SIGINT and "
        "SIGTERM answer what was taken and end with exit status 0, a second one ends at once.",
    .setup_bytes = sizeof(pr_serve_setup),
    .groups      = groups,
    .defaults    = defaults,
    .required    = { "data", "checkpoint" },
    .interrupted = "nothing was served",
    .reloads     = true,
    .run         = run,
};

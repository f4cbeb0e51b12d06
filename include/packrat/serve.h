/* packrat/serve.h: answers for nodes over HTTP, from the sampler, cache and kernels that train. */
#ifndef PACKRAT_SERVE_H
#define PACKRAT_SERVE_H

#include <packrat/pipeline.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the slab holds features, or what the frozen first layer makes of them. */
typedef enum pr_derived_kind {
    PR_DERIVED_AUTO, /* as the running hit rate says */
    PR_DERIVED_ON,
    PR_DERIVED_OFF
} pr_derived_kind;

typedef struct pr_serve_options {
    char     checkpoint[PR_TEXT_BYTES];
    char     name[PR_TEXT_BYTES];       /* of the model; "": its kind */
    char     fanout[PR_TEXT_BYTES];     /* "": as in training; all: exact */
    char     max_fanout[PR_TEXT_BYTES]; /* most that requests may ask for; "": fanout */
    uint64_t seed;                      /* of draws, with hop and vertex */
    uint32_t lanes;                     /* 0: one a NUMA node */
    int      derived;                   /* pr_derived_kind */
    uint32_t batch_max_nodes;           /* of a batch, and of a request */
    uint32_t batch_max_delay_us; /* that a request waits for others to join its batch where a lane
                                   is free, at most */
    uint32_t queue_max_requests; /* that wait; more are refused (503) */
    char     shed_fanout[PR_TEXT_BYTES]; /* what answers are made with under load; "": never */
    uint32_t shed_at;                    /* requests that wait from which on they are */
    char     log[PR_TEXT_BYTES];         /* "" or "none": no log */
    double   log_keep_days;              /* 0: for ever */
    uint64_t log_max_bytes;              /* 0: no limit */
} pr_serve_options;

typedef struct pr_http_options {
    char     listen[PR_TEXT_BYTES]; /* host:port, [v6]:port; port 0: any that is free */
    uint32_t threads;
    uint32_t max_connections;
    uint64_t max_body;    /* bytes of a request's body */
    uint64_t max_memory;  /* bytes of all large bodies and answers together */
    uint32_t deadline_ms; /* for a request to come in whole, and for its answer to leave */
    uint32_t idle_ms;     /* that a connection may wait between requests */
    char     token_file[PR_TEXT_BYTES]; /* a file with the bearer token; "": none is asked for */
} pr_http_options;

typedef struct pr_serve_setup {
    pr_dataset_options dataset;
    pr_serve_options   serve;
    pr_http_options    http;
    pr_sampler_options sampler;
    pr_cache_options   cache;
    pr_machine_options machine;
    pr_io_options      io;
} pr_serve_setup;

extern const pr_option_table pr_serve_option_table; /* checkpoint, name, fanout, batch.*, ... */
extern const pr_option_table pr_http_option_table;  /* listen, http.* */

#define PR_SERVE_GROUPS 7
void pr_serve_groups(pr_serve_setup *setup, pr_option_group out[PR_SERVE_GROUPS]);

/* Set what is good for serving where it differs from the tables' defaults: policy sieve, sampler
 * uniform, io.ahead 0. Before options are read. Cannot fail. */
void pr_serve_defaults(pr_serve_setup *setup);

/* What a server that is ready has to say of itself; texts are borrowed for the call. */
typedef struct pr_serve_ready {
    const char *url;   /* as in "http://127.0.0.1:8080" */
    const char *model; /* name in requests */
    const char *kind;  /* "sage", "gcn", ... */
    const char *fanout;
    uint64_t    model_version, seed, num_nodes;
    uint64_t    capacity_rows; /* of all lanes' slabs */
    uint32_t    lanes, threads;
} pr_serve_ready;

/* What a server says and is told while it runs. */
typedef struct pr_serve_hooks {
    /* NULL, or called once when requests are answered. */
    void (*ready)(void *context, const pr_serve_ready *ready);
    void               *context;
    const volatile int *stop;   /* NULL, or non-zero: take no more requests, answer those that were
                                   taken, end */
    const volatile int *reload; /* NULL, or a number that changes: load the checkpoint again */
} pr_serve_hooks;

typedef struct pr_serve_result {
    int64_t  run;                                 /* id in the log; 0 without one */
    uint64_t requests, answered, refused, failed; /* refused: by 4xx and 503 */
    uint64_t nodes, batches, swaps;
    double   hit_rate; /* rows hit / rows not read in place; NaN */
    uint64_t bytes_moved;
    uint64_t rows_lost; /* of the log */
    bool     derived;   /* at the end */
    int64_t  elapsed_ns;
    uint64_t peak_rss_bytes;
} pr_serve_result;

/* Serve until hooks->stop. PR_OK when all requests that were taken were answered, whatever became
 * of the log. PR_E_IO when the address cannot be had.
 *
 *   hooks    may be NULL: until the process ends
 *   result   out, may be NULL; filled when anything was served */
pr_status pr_serve(const pr_serve_setup *setup, const pr_serve_hooks *hooks,
                   pr_serve_result *result);

#ifdef __cplusplus
}
#endif
#endif

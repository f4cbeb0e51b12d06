/* serve_options.c: the option tables of packrat serve. */
#include <packrat/serve.h>

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define SERVE(member) offsetof(pr_serve_options, member)
#define HTTP(member)  offsetof(pr_http_options, member)

static const pr_option serve_options[] = {
    { "checkpoint", "file", "the model; loaded again on SIGHUP", "", PR_OPT_TEXT, SERVE(checkpoint),
      0, 0, NULL },
    { "name", "name", "the model's name in requests; empty: its kind", "", PR_OPT_TEXT, SERVE(name),
      0, 0, NULL },
    { "fanout", "list|all",
      "neighbours drawn for each hop, as for train; all: exact; empty: as the model was trained",
      "", PR_OPT_TEXT, SERVE(fanout), 0, 0, NULL },
    { "fanout.max", "list|all", "most that a request may ask for; empty: --fanout", "", PR_OPT_TEXT,
      SERVE(max_fanout), 0, 0, NULL },
    { "seed", "number", "seed of what is drawn; answers are those of packrat infer --mode sampled",
      "1", PR_OPT_U64, SERVE(seed), 0, 1.8446744073709552e19, NULL },
    { "lanes", "lanes", "lanes that answer, each with rows of its own; 0: one a NUMA node", "0",
      PR_OPT_U32, SERVE(lanes), 0, PR_MAX_LANES, NULL },
    { "derived", "",
      "keep rows of the frozen first layer in the slab in place of features; auto: as the hit rate "
      "says",
      "auto", PR_OPT_CHOICE, SERVE(derived), 0, 0, "auto|on|off" },
    { "batch.max-nodes", "nodes", "most nodes of a batch, and of a request", "1024", PR_OPT_U32,
      SERVE(batch_max_nodes), 1, 1 << 20, NULL },
    { "batch.max-delay-us", "us",
      "that a request waits for others to join it, at most; 0: as long as all lanes are busy", "0",
      PR_OPT_U32, SERVE(batch_max_delay_us), 0, 10000000, NULL },
    { "queue.max-requests", "requests", "that may wait; more are refused with status 503", "4096",
      PR_OPT_U32, SERVE(queue_max_requests), 1, 1 << 20, NULL },
    { "shed.fanout", "list",
      "what answers are made with where too many requests wait; empty: never", "", PR_OPT_TEXT,
      SERVE(shed_fanout), 0, 0, NULL },
    { "shed.at", "requests", "that wait from which on --shed.fanout is used", "1024", PR_OPT_U32,
      SERVE(shed_at), 1, 1 << 20, NULL },
    { "log", "file", "the step log, appended to; none: no log", "none", PR_OPT_TEXT, SERVE(log), 0,
      0, NULL },
    { "log.keep-days", "days", "older batches and requests are deleted from it; 0: none", "7",
      PR_OPT_REAL, SERVE(log_keep_days), 0, 36500, NULL },
    { "log.max-bytes", "bytes", "the oldest are deleted where it grows beyond; 0: no limit", "1G",
      PR_OPT_BYTES, SERVE(log_max_bytes), 0, 0x1p62, NULL },
};
const pr_option_table pr_serve_option_table = { "Serving", serve_options, COUNT(serve_options) };

static const pr_option http_options[] = {
    { "listen", "host:port", "address; port 0: any that is free", "127.0.0.1:8080", PR_OPT_TEXT,
      HTTP(listen), 0, 0, NULL },
    { "http.threads", "threads", "that read requests and write answers", "1", PR_OPT_U32,
      HTTP(threads), 1, 64, NULL },
    { "http.max-connections", "connections",
      "beyond it, who waits longest for its client is closed", "1024", PR_OPT_U32,
      HTTP(max_connections), 1, 65536, NULL },
    { "http.max-body", "bytes", "of a request's body", "8M", PR_OPT_BYTES, HTTP(max_body), 1024,
      0x1p31, NULL },
    { "http.max-memory", "bytes",
      "that large bodies and answers take together; more are refused with status 503", "1G",
      PR_OPT_BYTES, HTTP(max_memory), 1 << 20, 0x1p62, NULL },
    { "http.deadline-ms", "ms", "for a request to come in whole, and for its answer to leave",
      "10000", PR_OPT_U32, HTTP(deadline_ms), 1, 86400000, NULL },
    { "http.idle-ms", "ms", "that a connection may wait between requests", "60000", PR_OPT_U32,
      HTTP(idle_ms), 1, 86400000, NULL },
    { "token-file", "file",
      "a file with the token that requests must bring (Authorization: Bearer ...); empty: none", "",
      PR_OPT_TEXT, HTTP(token_file), 0, 0, NULL },
};
const pr_option_table pr_http_option_table = { "HTTP", http_options, COUNT(http_options) };

void pr_serve_groups(pr_serve_setup *setup, pr_option_group out[PR_SERVE_GROUPS])
{
    const pr_option_group groups[PR_SERVE_GROUPS] = {
        { &pr_dataset_option_table, &setup->dataset },
        { &pr_serve_option_table, &setup->serve },
        { &pr_http_option_table, &setup->http },
        { &pr_sampler_option_table, &setup->sampler },
        { &pr_cache_option_table, &setup->cache },
        { &pr_machine_option_table, &setup->machine },
        { &pr_io_option_table, &setup->io },
    };
    for (int i = 0; i < PR_SERVE_GROUPS; i++) out[i] = groups[i];
}

void pr_serve_defaults(pr_serve_setup *setup)
{
    setup->cache.policy = PR_POLICY_SIEVE;
    setup->sampler.kind = PR_SAMPLER_UNIFORM;
    setup->io.ahead     = 0;
}

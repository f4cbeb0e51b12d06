/* packrat/log.h: the step log in SQLite (docs/step-log.md) and its report. */
#ifndef PACKRAT_LOG_H
#define PACKRAT_LOG_H

#include <packrat/base.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pr_steplog pr_steplog;

/* One constant a run worked with; NaN: there is none ("never"). */
typedef struct pr_run_constant {
    const char *name, *unit;
    double      value;
} pr_run_constant;

/* What the copies of a run were tuned with: rows of table tune. */
typedef struct pr_run_tuning {
    const char            *source; /* "default", or the file */
    uint64_t               row_bytes;
    uint32_t               threads;
    const pr_run_constant *constants; /* [num_constants] */
    size_t                 num_constants;
} pr_run_tuning;

/* What is known of a run when it begins; texts are copied. JSON texts must be valid JSON. */
typedef struct pr_run_info {
    const char          *command;      /* "train" */
    const char          *options_json; /* every option and its value */
    const char          *versions_json;
    const char          *host, *cpu;
    uint32_t             numa_nodes, threads;
    const char          *dataset;
    uint64_t             seed;
    const pr_run_tuning *tuning; /* NULL: nothing was tuned */
    bool never_waits;   /* a full ring loses rows, which are counted, rather than making anybody
                           wait; and after rows that could not be written it is tried again */
    int64_t keep_ns;    /* rows of phase serve, and requests, that are older are deleted; 0: none
                           are. Those of earlier runs in the file too */
    uint64_t max_bytes; /* the oldest of them are deleted where the file, its WAL included, grows
                           beyond; 0: no limit */
} pr_run_info;

/* Open or create a log, write its schema, begin a run and start the writer thread.
 *
 *   path   the database; its directory must exist. A database of another program or a newer
 *          schema is PR_E_INPUT and stays untouched.
 *   out    close with pr_steplog_close; NULL on failure
 *
 * Failure to open or to begin is an error; failures to write later are not: they are said once,
 * counted, and the run goes on. The writer thread keeps the caller's CPU affinity: open before the
 * caller is pinned.
 */
pr_status pr_steplog_open(const char *path, const pr_run_info *info, pr_steplog **out);

int64_t pr_steplog_run(const pr_steplog *log); /* the run's id; 0 for NULL */

/* Hand a step and its partitions to the writer. Never allocates, never waits for the disk; waits
 * only when the ring (65,536 records) is full. One producer thread. At most 4,096 partitions; more
 * are counted as lost. A NULL log takes the call and does nothing. */
void pr_steplog_step(pr_steplog *log, const pr_step *step, const pr_step_partition *partitions,
                     uint32_t num_partitions);

typedef struct pr_epoch {
    uint32_t    epoch;
    const char *split;                    /* "train", "val", "test"; a literal */
    double      loss, accuracy, micro_f1; /* NaN: not known */
    int64_t     elapsed_ns;               /* since the run began */
    double      mrr, auc;                 /* of link prediction; NaN: not known */
} pr_epoch;

/* The same for an epoch's result; a second one of the same epoch and split replaces the first. */
void pr_steplog_epoch(pr_steplog *log, const pr_epoch *epoch);

/* One lane of a run: a row of table lane. */
typedef struct pr_lane_row {
    uint32_t lane;
    int32_t  numa_node; /* -1: not bound to one */
    uint32_t threads;
    bool     threads_bound, memory_bound; /* read back */
    char     cpus[PR_TEXT_BYTES];         /* where its threads may run: "0-3,8" */
} pr_lane_row;

/* What the kernel said about one kind of memory of one lane: a row of table placement. */
typedef struct pr_placement_row {
    uint64_t    step; /* training steps done before the check; of a server: batches */
    uint32_t    lane;
    const char *what;      /* a literal: "shard", "slab", ... */
    int32_t     numa_node; /* where it was meant to be; -1: anywhere */
    uint64_t    bytes, pages, pages_checked, pages_on_node, pages_elsewhere;
} pr_placement_row;

/* The same as pr_steplog_epoch for these; a second placement row of the same step, lane, kind and
 * node replaces the first. */
void pr_steplog_lane(pr_steplog *log, const pr_lane_row *lane);
void pr_steplog_placement(pr_steplog *log, const pr_placement_row *row);

/* One request to a server: a row of table request. Times are since the run began where they are
 * points, else how long. */
typedef struct pr_request_row {
    uint64_t    request; /* 0, 1, ... within the run, as they came */
    int64_t     arrival_ns;
    const char *endpoint;      /* a literal: "infer", "features" */
    char        client_id[48]; /* the client's own, cut; "": none */
    uint32_t    num_nodes;
    int64_t     queue_ns, compute_ns; /* PR_NULL_INT: it never came to that */
    int64_t     total_ns;             /* until the answer was sent, or could not be */
    uint32_t    status;               /* of HTTP; 0: the client was gone */
    int64_t     batch_step;           /* of table step, phase serve; PR_NULL_INT: none */
    uint64_t    seed;
    uint64_t    model_version;
    bool        shed; /* answered with a smaller fanout than asked for */
} pr_request_row;

/* The same as pr_steplog_epoch for these. */
void pr_steplog_request(pr_steplog *log, const pr_request_row *row);

/* How a log is doing, for whoever watches it; any thread. A NULL log is fine, and well. */
typedef struct pr_steplog_health_state {
    uint64_t rows_lost, rows_waiting, rows_deleted; /* since it was opened */
    uint64_t file_bytes;                            /* as of the last look; 0: not known */
    bool     writable;                              /* false: the last try to write failed */
    char     reason[256];                           /* of that; "" */
} pr_steplog_health_state;
void pr_steplog_health(const pr_steplog *log, pr_steplog_health_state *out);

/* What was expected of a run and what came of it: a row of table forecast. */
typedef struct pr_forecast_row {
    const char *item;               /* a literal: "peak_rss", "slab", "bytes_disk", "step" */
    const char *unit;               /* a literal: "bytes", "rows", "reads", "ns" */
    double      predicted, outcome; /* NaN: not known */
} pr_forecast_row;

/* The same as pr_steplog_epoch for these; a second row of the same item replaces the first. */
void pr_steplog_forecast(pr_steplog *log, const pr_forecast_row *row);

/* Keep a sentence about the run: what was decided, what the kernel refused. Cut to PR_TEXT_BYTES.
 */
void pr_steplog_note(pr_steplog *log, const char *text);

/* Flush, write the run's end, checkpoint the WAL, close and free.
 *
 *   exit_status   what the command will exit with; 0 becomes 1 in the run's row when rows were lost
 *                 (but where the run never waits)
 *   rows_lost     out, may be NULL: rows that could not be written
 *
 * PR_E_IO when anything was lost. NULL is fine. */
pr_status pr_steplog_close(pr_steplog *log, int exit_status, uint64_t *rows_lost);

/* packrat report. */
typedef struct pr_report_options {
    char     run[PR_TEXT_BYTES]; /* an id, "last" or "all" */
    char     out[PR_TEXT_BYTES]; /* HTML file; "" prints text */
    uint32_t slowest;            /* how many of the slowest steps to list */
} pr_report_options;

extern const pr_option_table pr_report_option_table; /* run, out, slowest */

/* Print the report of one or more logs: accuracy per epoch, stage shares, bytes moved against
 * bound and gather, hit rate, slowest steps; with several runs a comparison.
 *
 *   paths    [num_paths] databases, opened read only
 *   json     NULL, or out: the same figures; the caller frees it
 *
 * PR_E_INPUT when a file is missing, not a packrat log, or holds no such run. */
pr_status pr_report(const pr_report_options *options, const char *const *paths, size_t num_paths,
                    FILE *text, pr_json **json);

#ifdef __cplusplus
}
#endif
#endif

/* serving_log.h: made-up requests and batches of a server, for the tests of its log. */
#ifndef TESTS_FLOW_SERVING_LOG_H
#define TESTS_FLOW_SERVING_LOG_H

#include "flow/log_fixture.h"

static const pr_run_info serving_run = { .command      = "serve",
                                         .options_json = "{\"batch.max-nodes\":64}",
                                         .numa_nodes   = 1,
                                         .threads      = 1,
                                         .seed         = 7,
                                         .never_waits  = true };

enum { BATCH_REQUESTS = 4 };

/* Request i, which came i us after the run began; every tenth was refused, the rest shared a batch
 * with three others. */
static inline pr_request_row serving_request(uint64_t i)
{
    const bool refused = i % 10 == 9;
    return (pr_request_row){
        .request       = i,
        .arrival_ns    = (int64_t)i * 1000,
        .endpoint      = "infer",
        .num_nodes     = 1 + (uint32_t)(i % 3),
        .queue_ns      = refused ? PR_NULL_INT : 100000 + (int64_t)(i % 50) * 1000,
        .compute_ns    = refused ? PR_NULL_INT : 200000,
        .total_ns      = 400000 + (int64_t)((i * 7919) % 1000) * 1000,
        .status        = refused ? 503 : 200,
        .batch_step    = refused ? PR_NULL_INT : (int64_t)(i / BATCH_REQUESTS),
        .seed          = 7,
        .model_version = i < 500 ? 1 : 2,
    };
}

/* Hand over requests first .. first + n - 1, each batch before the first of its requests. */
static inline void serving_hand_over(pr_steplog *log, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        if (i % BATCH_REQUESTS == 0) {
            pr_step           step = fixture_step(i / BATCH_REQUESTS, "resident");
            pr_step_partition part;
            step.phase       = PR_PHASE_SERVE;
            step.num_correct = PR_NULL_INT;
            step.loss        = (double)NAN;
            fixture_partitions(&step, &part, 1);
            pr_steplog_step(log, &step, &part, 1);
        }
        const pr_request_row row = serving_request(i);
        pr_steplog_request(log, &row);
    }
}

static inline pr_steplog_health_state serving_health(const pr_steplog *log)
{
    pr_steplog_health_state health;
    pr_steplog_health(log, &health);
    return health;
}

/* Wait until what was handed over is written, or lost; fails after a minute. */
static inline void serving_settle(const pr_steplog *log)
{
    for (int i = 0; i < 6000; i++) {
        if (serving_health(log).rows_waiting == 0) return;
        (void)usleep(10000);
    }
    fail_msg("%llu rows still wait", (unsigned long long)serving_health(log).rows_waiting);
}

/* Bytes of the log on the disk: the file and what lies beside it. */
static inline uint64_t serving_bytes(const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-journal" };
    uint64_t                 bytes      = 0;
    for (int i = 0; i < 3; i++) {
        char        name[600];
        struct stat info;
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (stat(name, &info) == 0) bytes += (uint64_t)info.st_size;
    }
    return bytes;
}

#endif

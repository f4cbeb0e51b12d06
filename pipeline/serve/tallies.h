/* tallies.h: what a server has counted so far, and its text for Prometheus. A plain struct:
 * record.c fills one under its lock, exposition.c prints a copy. */
#ifndef PIPELINE_SERVE_TALLIES_H
#define PIPELINE_SERVE_TALLIES_H

#include "pipeline/serve/record.h"

enum {
    PRI_MAX_ENDPOINTS = 12, /* more than there are; what does not fit is counted as "other" */
    PRI_MAX_STATUSES  = 24,
    PRI_MAX_REASONS   = 16,
    PRI_MAX_BUCKETS   = 20
};

#define PRI_OTHER_STATUS UINT32_MAX

/* Upper bounds of buckets, ascending; an observation on a bound is in its bucket. */
typedef struct pri_buckets {
    uint32_t      num;
    const int64_t at_most[PRI_MAX_BUCKETS];
} pri_buckets;

extern const pri_buckets pri_latency_buckets; /* ns */
extern const pri_buckets pri_size_buckets;

typedef struct pri_histogram {
    uint64_t count[PRI_MAX_BUCKETS + 1]; /* of each bucket by itself; the last is beyond all */
    uint64_t sum;
} pri_histogram;

typedef struct pri_endpoint_tally {
    const char   *name; /* a literal */
    uint64_t      of_status[PRI_MAX_STATUSES];
    pri_histogram total_ns;
} pri_endpoint_tally;

typedef struct pri_reason_tally {
    const char *name; /* a literal */
    uint64_t    refused;
} pri_reason_tally;

typedef struct pri_tallies {
    uint32_t           num_endpoints, num_statuses, num_reasons;
    uint32_t           status[PRI_MAX_STATUSES]; /* that were seen */
    pri_endpoint_tally endpoint[PRI_MAX_ENDPOINTS];
    pri_reason_tally   reason[PRI_MAX_REASONS];
    pri_histogram      queue_ns, compute_ns, batch_nodes, batch_requests;
    uint64_t           rows_hit, rows_added, rows_bypassed, rows_direct, bytes_moved;
    uint64_t           requests, answered, refused, failed, nodes, batches, shed;
    uint64_t           loads, failed_loads;
    double             began_s;                 /* since 1970 */
    double             recent_hit, recent_rows; /* decayed from batch to batch */
} pri_tallies;

/* Count a value, at least 0. */
void pri_histogram_add(pri_histogram *histogram, const pri_buckets *buckets, int64_t value);

/* Print the text of GET /metrics. */
void pri_exposition_print(const pri_tallies *tallies, const pri_gauges *gauges,
                          const pr_steplog_health_state *log, FILE *out); /* log: NULL: none */

#endif

/* record.h: what is kept of batches and requests: rows of the log, and counts for GET /metrics. All
 * calls may come from any thread and never wait for the disk. NULL is fine everywhere. */
#ifndef PIPELINE_SERVE_RECORD_H
#define PIPELINE_SERVE_RECORD_H

#include <packrat/log.h>

#include "base/check.h"

typedef struct pri_record pri_record;

/* Create one.
 *
 *   log   NULL: none; stays the caller's, and no one else may write to it meanwhile */
pr_status pri_record_create(pr_steplog *log, pri_record **out);
void      pri_record_free(pri_record *record);

/* A batch that was computed: its step, phase serve, and what it was for. */
void pri_record_batch(pri_record *record, const pr_step *row, const pr_step_partition *partition,
                      uint32_t num_requests);

/* A request that was answered, or could not be. `request` and `arrival_ns` of the row are the
 * record's to fill in; arrived_ns is of pr_now_ns. */
void pri_record_request(pri_record *record, const pr_request_row *row, int64_t arrived_ns);

void pri_record_note(pri_record *record, const char *text);

/* Call `write` with the log while nobody else writes: for what is logged seldom. `log` is NULL
 * where there is none; `record` may be NULL too. */
void pri_record_write(pri_record *record, void (*write)(void *context, pr_steplog *log),
                      void       *context);
/* A checkpoint was loaded again, or could not be; `text` says which, for the log. */
void pri_record_swap(pri_record *record, bool loaded, const char *text);
void pri_record_refused(pri_record *record,
                        const char *why); /* a literal: "connections", "token", ... */

/* What is only known when it is asked for. */
typedef struct pri_gauges {
    uint32_t    queue_depth, connections;
    uint64_t    resident_rows, capacity_rows, model_version;
    bool        derived, ready;
    const char *model;
} pri_gauges;

/* Give the text of GET /metrics (Prometheus 0.0.4); the caller frees it with free(). NULL when out
 * of memory. */
char *pri_record_metrics(pri_record *record, const pri_gauges *gauges);

/* What all came to, for pr_serve_result. */
typedef struct pri_totals {
    uint64_t requests, answered, refused, failed, nodes, batches, swaps;
    uint64_t rows_hit, rows_added, rows_bypassed, bytes_moved;
} pri_totals;
void pri_record_totals(pri_record *record, pri_totals *out);

#endif

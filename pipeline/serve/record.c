/* record.c: rows of the log and counts, from many threads. One lock is held for as long as it takes
 * to count and to copy a row into the log's ring: some hundred ns. */
#include "pipeline/serve/record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/serve/tallies.h"

/* The running hit rate looks back over some thousand batches. */
static const double DECAY = 0.999;

struct pri_record {
    pr_steplog     *log;
    int64_t         began_ns;
    pthread_mutex_t lock; /* of all below, and of writing to the log */
    uint64_t        num_requests;
    pri_tallies     tallies;
};

pr_status pri_record_create(pr_steplog *log, pri_record **out)
{
    pr_status   st     = PR_OK;
    pri_record *record = NULL;

    *out = NULL;
    PR_NEW(record, 1);
    const int error = pthread_mutex_init(&record->lock, NULL);
    if (error) pri_free(record);
    PR_CHECK(!error, PR_E_IO, "cannot make the record's lock: %s", strerror(error));
    record->tallies.began_s = 1e-9 * (double)pr_unix_ns();
    record->log             = log;
    record->began_ns        = pr_now_ns();
    *out                    = record;
done:
    return st;
}

void pri_record_free(pri_record *record)
{
    if (!record) return;
    (void)pthread_mutex_destroy(&record->lock);
    pri_free(record);
}

static void lock(pri_record *record)
{
    (void)pthread_mutex_lock(&record->lock);
}

static void unlock(pri_record *record)
{
    (void)pthread_mutex_unlock(&record->lock);
}

void pri_record_batch(pri_record *record, const pr_step *row, const pr_step_partition *partition,
                      uint32_t num_requests)
{
    if (!record) return;
    pri_tallies *t = &record->tallies;
    lock(record);
    t->batches++;
    pri_histogram_add(&t->batch_nodes, &pri_size_buckets, (int64_t)row->num_seeds);
    pri_histogram_add(&t->batch_requests, &pri_size_buckets, num_requests);
    t->rows_hit += row->rows_hit;
    t->rows_added += row->rows_added;
    t->rows_bypassed += row->rows_bypassed;
    t->rows_direct += row->rows_direct;
    t->bytes_moved += row->bytes_moved;
    t->recent_hit = DECAY * t->recent_hit + (double)row->rows_hit;
    t->recent_rows =
        DECAY * t->recent_rows + (double)(row->rows_hit + row->rows_added + row->rows_bypassed);
    pr_steplog_step(record->log, row, partition, partition ? 1 : 0);
    unlock(record);
}

/* Give the tally of an endpoint, a new one the first time. Literals of one name may differ. */
static pri_endpoint_tally *endpoint_tally(pri_tallies *t, const char *name)
{
    for (uint32_t i = 0; i < t->num_endpoints; i++)
        if (t->endpoint[i].name == name || !strcmp(t->endpoint[i].name, name))
            return &t->endpoint[i];
    if (t->num_endpoints == PRI_MAX_ENDPOINTS) return &t->endpoint[PRI_MAX_ENDPOINTS - 1];
    pri_endpoint_tally *e = &t->endpoint[t->num_endpoints++];
    e->name               = t->num_endpoints == PRI_MAX_ENDPOINTS ? "other" : name;
    return e;
}

/* Give the place of a status; those that do not fit share the last. */
static uint32_t status_place(pri_tallies *t, uint32_t status)
{
    for (uint32_t i = 0; i < t->num_statuses; i++)
        if (t->status[i] == status) return i;
    if (t->num_statuses == PRI_MAX_STATUSES) return PRI_MAX_STATUSES - 1;
    const uint32_t place = t->num_statuses++;
    t->status[place]     = t->num_statuses == PRI_MAX_STATUSES ? PRI_OTHER_STATUS : status;
    return place;
}

static void count_request(pri_tallies *t, const pr_request_row *row)
{
    pri_endpoint_tally *endpoint = endpoint_tally(t, row->endpoint);

    t->requests++;
    endpoint->of_status[status_place(t, row->status)]++;
    pri_histogram_add(&endpoint->total_ns, &pri_latency_buckets, row->total_ns);
    if (row->queue_ns != PR_NULL_INT)
        pri_histogram_add(&t->queue_ns, &pri_latency_buckets, row->queue_ns);
    if (row->compute_ns != PR_NULL_INT)
        pri_histogram_add(&t->compute_ns, &pri_latency_buckets, row->compute_ns);
    if (row->shed) t->shed++;
    if (row->status >= 200 && row->status < 300) {
        t->answered++;
        t->nodes += row->num_nodes;
    } else if ((row->status >= 400 && row->status < 500) || row->status == 503) {
        t->refused++;
    } else if (row->status >= 500) {
        t->failed++;
    }
}

void pri_record_request(pri_record *record, const pr_request_row *row, int64_t arrived_ns)
{
    if (!record) return;
    pr_request_row own = *row;
    own.arrival_ns     = arrived_ns - record->began_ns;
    lock(record);
    own.request = record->num_requests++;
    count_request(&record->tallies, row);
    pr_steplog_request(record->log, &own);
    unlock(record);
}

void pri_record_note(pri_record *record, const char *text)
{
    if (!record) return;
    lock(record);
    pr_steplog_note(record->log, text);
    unlock(record);
}

void pri_record_write(pri_record *record, void (*write)(void *context, pr_steplog *log),
                      void       *context)
{
    if (record) lock(record);
    write(context, record ? record->log : NULL);
    if (record) unlock(record);
}

void pri_record_swap(pri_record *record, bool loaded, const char *text)
{
    if (!record) return;
    lock(record);
    if (loaded)
        record->tallies.loads++;
    else
        record->tallies.failed_loads++;
    pr_steplog_note(record->log, text);
    unlock(record);
}

void pri_record_refused(pri_record *record, const char *why)
{
    if (!record) return;
    pri_tallies *t = &record->tallies;
    lock(record);
    uint32_t i = 0;
    while (i < t->num_reasons && strcmp(t->reason[i].name, why) != 0) i++;
    if (i == PRI_MAX_REASONS) i--; /* the last, "other" */
    if (i == t->num_reasons) {
        t->num_reasons++;
        t->reason[i].name = i == PRI_MAX_REASONS - 1 ? "other" : why;
    }
    t->reason[i].refused++;
    unlock(record);
}

char *pri_record_metrics(pri_record *record, const pri_gauges *gauges)
{
    pr_steplog_health_state health;
    char                   *text  = NULL;
    size_t                  bytes = 0;

    if (!record) return strdup("");
    pri_tallies *copy = malloc(sizeof *copy);
    FILE        *out  = copy ? open_memstream(&text, &bytes) : NULL;
    if (out) {
        lock(record);
        *copy = record->tallies;
        unlock(record);
        pr_steplog_health(record->log, &health);
        pri_exposition_print(copy, gauges, record->log ? &health : NULL, out);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    free(copy);
    return text;
}

void pri_record_totals(pri_record *record, pri_totals *out)
{
    *out = (pri_totals){ 0 };
    if (!record) return;
    lock(record);
    const pri_tallies *t = &record->tallies;
    *out                 = (pri_totals){ .requests      = t->requests,
                                         .answered      = t->answered,
                                         .refused       = t->refused,
                                         .failed        = t->failed,
                                         .nodes         = t->nodes,
                                         .batches       = t->batches,
                                         .swaps         = t->loads,
                                         .rows_hit      = t->rows_hit,
                                         .rows_added    = t->rows_added,
                                         .rows_bypassed = t->rows_bypassed,
                                         .bytes_moved   = t->bytes_moved };
    for (uint32_t i = 0; i < t->num_reasons; i++) {
        out->requests += t->reason[i].refused;
        out->refused += t->reason[i].refused;
    }
    unlock(record);
}

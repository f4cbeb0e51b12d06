/* record.c: rows of the log and counts, from many threads. */
#include "pipeline/serve/record.h"

#include <string.h>

struct pri_record {
    pr_steplog *log;
};

pr_status pri_record_create(pr_steplog *log, pri_record **out)
{
    pr_status   st     = PR_OK;
    pri_record *record = NULL;

    *out = NULL;
    PR_NEW(record, 1);
    record->log = log;
    *out        = record;
done:
    return st;
}

void pri_record_free(pri_record *record)
{
    pri_free(record);
}

void pri_record_batch(pri_record *record, const pr_step *row, const pr_step_partition *partition,
                      uint32_t num_requests)
{
    (void)record, (void)row, (void)partition, (void)num_requests;
}

void pri_record_request(pri_record *record, const pr_request_row *row, int64_t arrived_ns)
{
    (void)record, (void)row, (void)arrived_ns;
}

void pri_record_note(pri_record *record, const char *text)
{
    (void)record, (void)text;
}

void pri_record_swap(pri_record *record, bool loaded, uint64_t version)
{
    (void)record, (void)loaded, (void)version;
}

void pri_record_refused(pri_record *record, const char *why)
{
    (void)record, (void)why;
}

char *pri_record_metrics(pri_record *record, const pri_gauges *gauges)
{
    (void)record, (void)gauges;
    return strdup("");
}

void pri_record_totals(pri_record *record, pri_totals *out)
{
    (void)record;
    *out = (pri_totals){ 0 };
}

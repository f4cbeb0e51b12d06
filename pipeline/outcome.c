/* outcome.c: what came of a forecast: parts as the kernel has them at the end, and figures of the
 * run, each beside what was expected. */
#include <math.h>
#include <string.h>

#include "pipeline/forecast.h"

enum { MAX_PAGES = 1 << 16 }; /* asked about, of a range; evenly spread over larger ones */

/* Give which part a range belongs to; PR_NUM_MEMORY_ITEMS: none. */
static int item_of(const char *what)
{
    static const struct {
        const char    *what;
        pr_memory_item item;
    } known[] = {
        { "batch", PR_MEMORY_BATCHES },   { "slab", PR_MEMORY_SLAB },
        { "index", PR_MEMORY_INDEX },     { "shard table", PR_MEMORY_INDEX },
        { "staging", PR_MEMORY_STAGING }, { "sampler", PR_MEMORY_SAMPLER },
        { "tape", PR_MEMORY_TAPE },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].what, what)) return (int)known[i].item;
    return PR_NUM_MEMORY_ITEMS;
}

/* Add the bytes of a range that are in memory; false where the kernel does not say. */
static bool add_present(const pr_range *range, double *bytes)
{
    pr_residency seen;

    if (pr_residency_read(range, MAX_PAGES, &seen) != PR_OK) return false;
    if (seen.checked == 0) return true;
    const double share = (double)(seen.on_node + seen.elsewhere) / (double)seen.checked;
    *bytes += share * (double)range->bytes;
    return true;
}

void pri_forecast_measure(const pri_trainer *t, double bytes[PR_NUM_MEMORY_ITEMS])
{
    pr_ranges ranges;
    bool      all = true;

    for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++) bytes[i] = (double)NAN;
    for (uint32_t l = 0; l < t->num_lanes && all; l++) {
        ranges = (pr_ranges){ 0 };
        pri_lane_ranges(t->lane[l], &ranges);
        for (uint32_t i = 0; i < ranges.num && all; i++) {
            const int item = item_of(ranges.at[i].what);
            if (item == PR_NUM_MEMORY_ITEMS) continue;
            if (isnan(bytes[item])) bytes[item] = 0;
            all = add_present(&ranges.at[i], &bytes[item]);
        }
        all = all && !ranges.dropped;
    }
    if (!all)
        for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++) bytes[i] = (double)NAN;
}

static void write_row(pr_steplog *log, const char *item, const char *unit, double predicted,
                      double outcome)
{
    const pr_forecast_row row = { item, unit, predicted, outcome };

    pr_steplog_forecast(log, &row);
}

void pri_forecast_log(const pri_trainer *t, const pr_train_result *r)
{
    const pr_forecast *said;
    const double       steps = r->steps ? (double)r->steps : (double)NAN;
    double             bytes[PR_NUM_MEMORY_ITEMS];

    if (!t->forecast || !t->log) return;
    said = &t->forecast->said;
    pri_forecast_measure(t, bytes);
    write_row(t->log, "peak_rss", "bytes", (double)said->total_bytes, (double)r->peak_rss_bytes);
    for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++)
        if (said->bytes[i] > 0 || bytes[i] > 0)
            write_row(t->log, pr_memory_item_name((pr_memory_item)i), "bytes",
                      (double)said->bytes[i], bytes[i]);
    write_row(t->log, "inputs", "rows", said->inputs, r->rows_wanted_per_step);
    write_row(t->log, "rows_moved", "rows", said->rows_moved, r->rows_moved_per_step);
    write_row(t->log, "bytes_disk", "bytes", said->bytes_disk, (double)r->bytes_disk / steps);
    write_row(t->log, "reads_disk", "reads", said->reads_disk, (double)r->reads_disk / steps);
    write_row(t->log, "step", "ns", said->step_ns, (double)r->step_ns_median);
}

/* tune_measure.c: packrat tune's measurement, from the copies up: each part works with what the
 * parts before it chose.
 *
 *     copies    isa, prefetch_to, row_ahead     tune_copy.c
 *     threads   thread_bytes                    tune_copy.c
 *     lookups   index_ahead                     tune_lookup.c
 *     repack    repack_share                    tune_repack.c, through the planner
 *
 * stream_bytes is not measured but taken from the size of the last-level cache: which stores are
 * better depends on what the reader does in between, and no copy alone shows it. */
#include <packrat/numa.h>

#include <omp.h>

#include "cache/tune_entry.h"
#include "cache/tune_rig.h"

static pr_status check_arguments(size_t row_bytes, uint32_t threads, const pr_tuning *out)
{
    pr_status st = PR_OK;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    PR_CHECK(row_bytes >= PRI_TUNE_MIN_ROW && row_bytes <= PRI_TUNE_MAX_ROW && row_bytes % 4 == 0,
             PR_E_ARG, "row_bytes is %zu, allowed are multiples of 4 in %d .. %d", row_bytes,
             PRI_TUNE_MIN_ROW, PRI_TUNE_MAX_ROW);
    PR_CHECK(threads >= 1 && threads <= PRI_TUNE_MAX_TEAM, PR_E_ARG,
             "threads is %u, allowed are 1 .. %d", threads, PRI_TUNE_MAX_TEAM);
done:
    return st;
}

/* Say what was measured with. */
static pr_status report_rig(const pri_rig *rig, pr_json *report)
{
    pr_status st = PR_OK;

    PR_TRY(pr_json_set_int(report, "row_bytes", (int64_t)rig->row_bytes));
    PR_TRY(pr_json_set_int(report, "threads", rig->threads));
    PR_TRY(pr_json_set_bool(report, "quick", rig->effort != PRI_EFFORT_FULL));
    PR_TRY(pr_json_set_int(report, "last_cache_bytes", (int64_t)pr_llc_bytes()));
    PR_TRY(pr_json_set_int(report, "table_rows", rig->table.num_rows));
    PR_TRY(pr_json_set_int(report, "table_bytes", (int64_t)rig->memory_bytes));
    PR_TRY(pr_json_set_int(report, "table_huge_bytes",
                           (int64_t)pri_pages_huge(rig->memory, rig->memory_bytes)));
done:
    return st;
}

static pr_status report_choice(const pr_tuning *tuning, pr_json *report)
{
    pr_status st   = PR_OK;
    pr_json  *item = pr_json_object();

    PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a tuning");
    PR_TRY(pri_tune_members(tuning, item));
    st   = pr_json_set(report, "tuning", item);
    item = NULL;
done:
    pr_json_free(item);
    return st;
}

/* A share is a fit, not a count: four digits say all there is to say. */
static double rounded(double share)
{
    return (double)(int64_t)(share * 10000 + 0.5) / 10000;
}

pr_status pri_tuning_measure(size_t row_bytes, uint32_t threads, pri_effort effort, pr_tuning *out,
                             pr_json **report)
{
    pr_status  st    = PR_OK;
    pr_json   *json  = NULL;
    pri_rig    rig   = { 0 };
    pr_tuning *found = NULL;
    const int  team  = omp_get_max_threads();

    if (report) *report = NULL;
    PR_TRY(check_arguments(row_bytes, threads, out));
    omp_set_num_threads((int)threads);
    PR_NEW(found, 1);
    pr_tuning_default(row_bytes, found);
    json = pr_json_object();
    PR_CHECK(json, PR_E_NOMEM, "cannot create a JSON object for figures");
    PR_TRY(pri_rig_init(&rig, row_bytes, threads, effort));
    PR_TRY(report_rig(&rig, json));
    PR_TRY(pri_tune_copies(&rig, found, json));
    PR_TRY(pri_tune_team(&rig, found, json));
    PR_TRY(pri_tune_lookup(&rig, found, json));
    found->stream_bytes = pr_llc_bytes() / 2;
    PR_TRY(pri_tune_repack(&rig, found, json));
    found->repack_share = rounded(found->repack_share);
    PR_TRY(report_choice(found, json));
    snprintf(found->source, sizeof found->source, "measured just now");
    *out = *found;
    if (report) {
        *report = json;
        json    = NULL;
    }
done:
    omp_set_num_threads(team);
    pri_rig_clear(&rig);
    pr_json_free(json);
    pri_free(found);
    return st;
}

pr_status pr_tuning_measure(size_t row_bytes, uint32_t threads, bool quick, pr_tuning *out,
                            pr_json **report)
{
    return pri_tuning_measure(row_bytes, threads, quick ? PRI_EFFORT_QUICK : PRI_EFFORT_FULL, out,
                              report);
}

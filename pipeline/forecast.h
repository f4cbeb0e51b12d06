/* forecast.h: what a run is expected to take and to do, before its lanes are made; and what came of
 * it. */
#ifndef PIPELINE_FORECAST_H
#define PIPELINE_FORECAST_H

#include "pipeline/budget.h"
#include "pipeline/trainer.h"

/* A forecast, and what a run goes by. */
typedef struct pri_forecast {
    pr_forecast said;
    pri_budget  budget;
    double      more_moved; /* rows moved with twice the capacity; NaN: not tried */
    uint64_t    more_bytes; /* that this would take */
} pri_forecast;

/* Draw batches, plan the memory, share out the limit, and try the cache. The trainer is open as far
 * as its lanes, which have no equipment yet. What was decided is written into its options: store,
 * capacity, window, rows read early.
 *
 *   thorough   try twice the capacity, too, and read from the file for a moment
 *   out        free with pri_free
 *
 * A plan that does not fit is no error: see said.fits and said.why. */
pr_status pri_forecast_make(pri_trainer *trainer, bool thorough, pri_forecast **out);

/* Give what parts have in memory now, by item; NaN: not known. */
void pri_forecast_measure(const pri_trainer *trainer, double bytes[PR_NUM_MEMORY_ITEMS]);

/* What a run came to, next to what was expected, into its log. Lanes and store are still there. */
void pri_forecast_log(const pri_trainer *trainer, const pr_train_result *result);

#endif

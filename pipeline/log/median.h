/* median.h: the SQL aggregates pr_median(x) and pr_percentile(x, share), for reports: one pass over
 * plain numbers, where the views' window functions copy whole rows. A percentile is the smallest
 * number that `share`, 0 .. 1, of all do not exceed. */
#ifndef PIPELINE_LOG_MEDIAN_H
#define PIPELINE_LOG_MEDIAN_H

#include <sqlite3.h>

/* Give this connection the aggregates; the SQLite code. NULLs are passed over, those of nothing are
 * NULL. */
int pri_median_register(sqlite3 *db);

#endif

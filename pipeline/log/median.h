/* median.h: the SQL aggregate pr_median(x), for reports: one pass and a sort of plain numbers,
 * where the views' window functions copy whole rows. */
#ifndef PIPELINE_LOG_MEDIAN_H
#define PIPELINE_LOG_MEDIAN_H

#include <sqlite3.h>

/* Give this connection the aggregate; the SQLite code. NULLs are passed over, the median of nothing
 * is NULL. */
int pri_median_register(sqlite3 *db);

#endif

/* median.c: collect the numbers, sort, give the mean of the middle two. Memory is SQLite's own; its
 * final call comes after every step, failed statements included. */
#include "pipeline/log/median.h"

#include <stdlib.h>

typedef struct numbers {
    double       *at;
    sqlite3_int64 n, max;
} numbers;

static void add(sqlite3_context *context, int num_values, sqlite3_value **values)
{
    numbers *all = sqlite3_aggregate_context(context, sizeof *all);

    (void)num_values;
    if (!all || sqlite3_value_type(values[0]) == SQLITE_NULL) return;
    if (all->n == all->max) {
        const sqlite3_int64 max = all->max ? 2 * all->max : 1024;
        double             *at  = sqlite3_realloc64(all->at, (sqlite3_uint64)max * sizeof *at);
        if (!at) {
            sqlite3_result_error_nomem(context);
            return;
        }
        all->at  = at;
        all->max = max;
    }
    all->at[all->n++] = sqlite3_value_double(values[0]);
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void finish(sqlite3_context *context)
{
    numbers *all = sqlite3_aggregate_context(context, 0);

    if (!all || all->n == 0) return; /* NULL */
    qsort(all->at, (size_t)all->n, sizeof *all->at, compare);
    sqlite3_result_double(context, (all->at[(all->n - 1) / 2] + all->at[all->n / 2]) / 2);
    sqlite3_free(all->at);
}

int pri_median_register(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "pr_median", 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                      NULL, add, finish, NULL);
}

/* median.c: collect the numbers; sort, and give the mean of the middle two; or put the one asked
 * for in its place, and give that. Memory is SQLite's own; its final call comes after every step,
 * failed statements included. */
#include "pipeline/log/median.h"

#include <math.h>
#include <stdlib.h>

typedef struct numbers {
    double       *at;
    sqlite3_int64 n, max;
    double        share; /* percentile: 0 .. 1 */
} numbers;

static void add(sqlite3_context *context, int num_values, sqlite3_value **values)
{
    numbers *all = sqlite3_aggregate_context(context, sizeof *all);

    if (all && num_values > 1) all->share = sqlite3_value_double(values[1]);
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

static void swap(double *a, double *b)
{
    const double kept = *a;
    *a                = *b;
    *b                = kept;
}

/* Put the number that belongs at place `k` there; those before it are no larger. O(n) as a rule. */
static double select_place(double *at, sqlite3_int64 n, sqlite3_int64 k)
{
    sqlite3_int64 low = 0, high = n - 1;

    while (low < high) {
        const double  pivot = at[low + (high - low) / 2];
        sqlite3_int64 i = low, j = high;
        while (i <= j) {
            while (at[i] < pivot) i++;
            while (at[j] > pivot) j--;
            if (i <= j) swap(&at[i++], &at[j--]);
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return at[k];
}

/* The smallest number that `share` of all do not exceed. */
static void finish_percentile(sqlite3_context *context)
{
    numbers *all = sqlite3_aggregate_context(context, 0);

    if (!all || all->n == 0) return; /* NULL */
    const double  rank  = ceil(all->share * (double)all->n - 1e-6);
    sqlite3_int64 place = rank > 1.0 ? (sqlite3_int64)rank - 1 : 0;
    if (place >= all->n) place = all->n - 1;
    sqlite3_result_double(context, select_place(all->at, all->n, place));
    sqlite3_free(all->at);
}

int pri_median_register(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    const int rc =
        sqlite3_create_function_v2(db, "pr_median", 1, flags, NULL, NULL, add, finish, NULL);
    return rc != SQLITE_OK ? rc
                           : sqlite3_create_function_v2(db, "pr_percentile", 2, flags, NULL, NULL,
                                                        add, finish_percentile, NULL);
}

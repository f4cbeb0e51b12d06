/* rows.h: the inner loop of aggregation and of sparse products: the weighted sum of rows that a
 * list names. */
#ifndef PIPELINE_NN_ROWS_H
#define PIPELINE_NN_ROWS_H

#include "base/check.h"

/* Rows that lists point into: row u is at + (slot ? slot[u] : u) * ld, with `cols` columns. */
typedef struct pri_rows {
    const float    *at;
    size_t          ld, cols;
    const uint32_t *slot; /* NULL: row u itself */
} pri_rows;

static inline const float *pri_row(const pri_rows *x, uint32_t u)
{
    return x->at + (x->slot ? x->slot[u] : u) * x->ld;
}

/* A list of rows and the factor of each: value[i], or factor * weight[i] * share[index[i]] without
 * those that are NULL. */
typedef struct pri_list {
    const uint32_t *index;
    size_t          num, num_after; /* entries, and readable entries behind them */
    const float    *value, *share, *weight;
    float           factor;
} pri_list;

/* sum[c] += factor of i * X[index[i], c], i ascending. The order does not depend on the
 * instruction set. Cannot fail. */
void pri_rows_add(float *sum, const pri_rows *x, const pri_list *list);

/* y[c] = f * y[c] where kept[c] is positive, else 0: the way back through ReLU and dropout. Cannot
 * fail. */
void pri_row_mask(float *y, const float *kept, float f, size_t cols);

/* Copy rows 0 .. num - 1 to where they lie one behind the other, ld apart. Cannot fail. */
void pri_rows_copy(const pri_rows *x, uint32_t num, float *to, size_t ld);

/* Give the sum of the products of two matrices' elements, [num, x->cols] each; `y` is ldy from row
 * to row. Cannot fail. */
double pri_rows_dot(const pri_rows *x, const float *y, size_t ldy, uint32_t num);

/* Give the rows that a thread takes at a time of so many: fewer where there are many threads. */
uint32_t pri_rows_task(uint64_t num_rows);

/* What an element takes a thread, for pri_worth_team: of a row that is added up (from the second
 * level of caches; from memory it is twice to four times that). */
enum { PRI_SUM_PS = 100 };

#endif

/* largest.c: see largest.h. */
#include "pipeline/nn/largest.h"

#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"

enum { LINE = 16 }; /* floats in a cache line */

PRI_CLONES static void nn_largest(float *restrict best, const float *restrict row, size_t cols)
{
    for (size_t c = 0; c < cols; c++) best[c] = row[c] > best[c] ? row[c] : best[c];
}

/* The same, and where it is from. */
PRI_CLONES static void nn_largest_from(float *restrict best, uint32_t *restrict from,
                                       const float *restrict row, uint32_t u, size_t cols)
{
    for (size_t c = 0; c < cols; c++) {
        const bool more = row[c] > best[c];
        best[c]         = more ? row[c] : best[c];
        from[c]         = more ? u : from[c];
    }
}

PRI_CLONES static void nn_fill(uint32_t *restrict to, uint32_t value, size_t cols)
{
    for (size_t c = 0; c < cols; c++) to[c] = value;
}

/* Add what came from source u. */
PRI_CLONES static void nn_add_from(float *restrict sum, const float *restrict gradient,
                                   const uint32_t *restrict from, uint32_t u, size_t cols)
{
    for (size_t c = 0; c < cols; c++) sum[c] += from[c] == u ? gradient[c] : 0.0f;
}

/* Zeros that some rows of the list have count too. */
PRI_CLONES static void nn_largest_zero(float *restrict best, const uint32_t *restrict count,
                                       uint32_t num, size_t cols)
{
    for (size_t c = 0; c < cols; c++) best[c] = count[c] < num && best[c] < 0.0f ? 0.0f : best[c];
}

static void ask_for(const float *row, size_t cols)
{
    for (size_t c = 0; c < cols; c += LINE) __builtin_prefetch(row + c);
}

/* One list of at least one row. */
static void largest_of(const uint32_t *index, size_t num, const pri_rows *x, float *best,
                       uint32_t *from)
{
    memcpy(best, pri_row(x, index[0]), x->cols * sizeof *best);
    if (from) nn_fill(from, index[0], x->cols);
    for (size_t i = 1; i < num; i++) {
        const float *row = pri_row(x, index[i]);
        if (i + 1 < num) ask_for(pri_row(x, index[i + 1]), x->cols);
        if (from)
            nn_largest_from(best, from, row, index[i], x->cols);
        else
            nn_largest(best, row, x->cols);
    }
}

void pri_largest_concat(const pri_lists *lists, const pri_rows *x, float *a, size_t lda,
                        uint32_t *from)
{
    const size_t   cols = x->cols;
    const uint32_t task = pri_rows_task(lists->num);

#pragma omp parallel for schedule(                                                                 \
    dynamic, task) if (pri_worth_team(pri_lists_rows(lists) * cols, PRI_SUM_PS))
    for (uint32_t d = 0; d < lists->num; d++) {
        const uint64_t begin = pri_lists_begin(lists, d), end = pri_lists_begin(lists, d + 1);
        float         *self = a + d * lda, *best = self + cols;
        uint32_t      *row_from = from ? from + d * cols : NULL;
        memcpy(self, pri_row(x, lists->first + d), cols * sizeof *self);
        if (end > begin) {
            largest_of(lists->index + begin, (size_t)(end - begin), x, best, row_from);
            continue;
        }
        memset(best, 0, cols * sizeof *best);
        if (row_from) nn_fill(row_from, PRI_LARGEST_NONE, cols);
    }
}

/* ---- sparse rows ---- */

/* Let the non-zeros of row u count: the largest of each column so far, and how many there were. */
static void join_row(const pri_sparse *x, uint32_t u, float *best, uint32_t *count)
{
    pri_sparse_room room;
    pri_sparse_part part;

    for (size_t at = 0; pri_sparse_next(x, u, &at, &room, &part);)
        for (size_t k = 0; k < part.num; k++) {
            const uint32_t c     = part.column[k];
            const float    value = part.value[k];
            if (count[c]++ == 0 || value > best[c]) best[c] = value;
        }
}

void pri_largest_concat_sparse(const pri_lists *lists, const pri_sparse *x, float *a, size_t lda,
                               uint32_t *count)
{
    const size_t   cols = x->x->num_cols;
    const uint32_t task = pri_rows_task(lists->num);

#pragma omp parallel for schedule(                                                                 \
    dynamic, task) if (pri_worth_team(pri_lists_rows(lists) * cols, PRI_SUM_PS))
    for (uint32_t d = 0; d < lists->num; d++) {
        const uint64_t begin = pri_lists_begin(lists, d), end = pri_lists_begin(lists, d + 1);
        uint32_t      *seen = count + d * cols;
        float         *self = a + d * lda, *best = self + cols;
        memset(self, 0, 2 * cols * sizeof *self);
        memset(seen, 0, cols * sizeof *seen);
        join_row(x, lists->first + d, self, seen);
        if (end == begin) continue;
        memset(seen, 0, cols * sizeof *seen);
        for (uint64_t e = begin; e < end; e++) join_row(x, lists->index[e], best, seen);
        nn_largest_zero(best, seen, (uint32_t)(end - begin), cols);
    }
}

/* ---- backward ---- */

void pri_largest_scatter(const pri_reversed *reversed, const pri_scatter *gradient,
                         const uint32_t *from, float *out, size_t ldout)
{
    const uint32_t *begin   = reversed->begin;
    const uint32_t  num_src = reversed->num_src, task = pri_rows_task(num_src);
    const size_t    cols = gradient->cols, row_size = cols * sizeof *out;
    const uint64_t  num_rows = (uint64_t)num_src + begin[num_src];

#pragma omp parallel for schedule(dynamic, task) if (pri_worth_team(num_rows * cols, PRI_SUM_PS))
    for (uint32_t u = 0; u < num_src; u++) {
        float *y = out + u * ldout;
        if (u < gradient->num_self)
            memcpy(y, gradient->self + u * gradient->ld, row_size);
        else
            memset(y, 0, row_size);
        for (uint32_t i = begin[u]; i < begin[u + 1]; i++) {
            const uint32_t d = reversed->dst[i];
            if (i > begin[u] && reversed->dst[i - 1] == d) continue; /* drawn several times */
            nn_add_from(y, gradient->mean + d * gradient->ld, from + d * cols, u, cols);
        }
        if (gradient->kept) pri_row_mask(y, gradient->kept + u * ldout, gradient->scale, cols);
    }
}

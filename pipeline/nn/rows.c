/* rows.c: see rows.h.
 *
 * The rows a list names lie anywhere in a slab of gigabytes, so the work is waiting for memory.
 * Four rows are added at a time (the sum is read and written once for four of them), and the
 * lines of the next four are asked for meanwhile. Sums run in list order all the same:
 * ((y + a) + b) + c is what single additions give. */
#include "pipeline/nn/rows.h"

#include <omp.h>
#include <string.h>

#include "base/clones.h"
#include "base/teamwork.h"

enum {
    GROUP     = 4,  /* rows added together */
    LINE      = 16, /* floats in a cache line */
    DOT_PARTS = 32  /* of the rows of a product, each added up by one thread */
};

/* A line's worth of floats at any address; compilers turn it into what the CPU has. */
typedef float line __attribute__((vector_size(LINE * sizeof(float)), aligned(4), may_alias));

#define AT(row, c) (*(const line *)((row) + (c)))

static inline float factor_of(const pri_list *l, size_t i)
{
    if (l->value) return l->value[i];
    const float weighted = l->weight ? l->factor * l->weight[i] : l->factor;
    return l->share ? weighted * l->share[l->index[i]] : weighted;
}

/* sum[c] += f[0] row[0][c], += f[1] row[1][c], ... in this order. */
static inline __attribute__((always_inline)) void
add_group(float *restrict sum, const float *const row[GROUP], const float f[GROUP],
          const float *const next[GROUP], size_t cols)
{
    const float *restrict a = row[0], *restrict b = row[1];
    const float *restrict d = row[2], *restrict e = row[3];
    const float fa = f[0], fb = f[1], fd = f[2], fe = f[3];
    size_t      c = 0;

    for (; c + LINE <= cols; c += LINE) {
        for (int i = 0; i < GROUP; i++) __builtin_prefetch(next[i] + c);
        *(line *)(sum + c) =
            (((AT(sum, c) + AT(a, c) * fa) + AT(b, c) * fb) + AT(d, c) * fd) + AT(e, c) * fe;
    }
    for (; c < cols; c++) sum[c] = (((sum[c] + a[c] * fa) + b[c] * fb) + d[c] * fd) + e[c] * fe;
}

static inline __attribute__((always_inline)) void
add_one(float *restrict sum, const float *restrict row, float f, const float *next, size_t cols)
{
    size_t c = 0;

    for (; c + LINE <= cols; c += LINE) {
        __builtin_prefetch(next + c);
        *(line *)(sum + c) = AT(sum, c) + AT(row, c) * f;
    }
    for (; c < cols; c++) sum[c] += row[c] * f;
}

/* Rows of one line: the sum stays in a register. Stored after every four rows, and read again, it
 * took a third more time. */
static inline __attribute__((always_inline)) void add_line(float *restrict sum, const pri_rows *x,
                                                           const pri_list *l)
{
    const size_t readable = l->num + l->num_after;
    line         total    = AT(sum, 0);

    for (size_t i = 0; i < l->num; i++) {
        if (i + GROUP < readable) __builtin_prefetch(pri_row(x, l->index[i + GROUP]));
        total = total + AT(pri_row(x, l->index[i]), 0) * factor_of(l, i);
    }
    *(line *)sum = total;
}

/* Add the rows of a list to sum [cols], in list order. */
PRI_CLONES static void nn_add_list(float *restrict sum, const pri_rows *x, const pri_list *l)
{
    const size_t readable = l->num + l->num_after;
    size_t       i        = 0;

    if (x->cols == LINE) {
        add_line(sum, x, l);
        return;
    }
    for (; i + GROUP <= l->num; i += GROUP) {
        const float *row[GROUP], *next[GROUP];
        float        f[GROUP];
        for (size_t j = 0; j < GROUP; j++) {
            const size_t ahead = i + j + GROUP;
            row[j]             = pri_row(x, l->index[i + j]);
            next[j]            = ahead < readable ? pri_row(x, l->index[ahead]) : row[j];
            f[j]               = factor_of(l, i + j);
        }
        add_group(sum, row, f, next, x->cols);
    }
    for (; i < l->num; i++) {
        const float *row  = pri_row(x, l->index[i]);
        const float *next = i + GROUP < readable ? pri_row(x, l->index[i + GROUP]) : row;
        add_one(sum, row, factor_of(l, i), next, x->cols);
    }
}

void pri_rows_add(float *sum, const pri_rows *x, const pri_list *list)
{
    nn_add_list(sum, x, list);
}

PRI_CLONES static void nn_mask(float *restrict y, const float *restrict kept, float f, size_t cols)
{
    for (size_t c = 0; c < cols; c++) y[c] *= kept[c] > 0.0f ? f : 0.0f;
}

void pri_row_mask(float *y, const float *kept, float f, size_t cols)
{
    nn_mask(y, kept, f, cols);
}

void pri_rows_copy(const pri_rows *x, uint32_t num, float *to, size_t ld)
{
#pragma omp parallel for schedule(static) if (pri_worth_team(num * x->cols, PRI_SUM_PS))
    for (uint32_t i = 0; i < num; i++) memcpy(to + i * ld, pri_row(x, i), x->cols * sizeof *to);
}

/* The product of two rows: sixteen sums side by side, whatever the CPU has, and then one. */
PRI_CLONES static double nn_dot(const float *restrict x, const float *restrict y, size_t cols)
{
    line   sums = { 0 };
    size_t c    = 0;
    double dot  = 0.0;

    for (; c + LINE <= cols; c += LINE) sums += AT(x, c) * AT(y, c);
    for (int i = 0; i < LINE; i++) dot += (double)sums[i];
    for (; c < cols; c++) dot += (double)(x[c] * y[c]);
    return dot;
}

double pri_rows_dot(const pri_rows *x, const float *y, size_t ldy, uint32_t num)
{
    double       part[DOT_PARTS] = { 0 }, sum = 0.0;
    const size_t share = (num + (size_t)DOT_PARTS - 1) / DOT_PARTS;

#pragma omp parallel for schedule(static) if (pri_worth_team(num * x->cols, PRI_SUM_PS))
    for (size_t p = 0; p < DOT_PARTS; p++)
        for (size_t i = p * share; i < num && i < (p + 1) * share; i++)
            part[p] += nn_dot(pri_row(x, (uint32_t)i), y + i * ldy, x->cols);
    for (size_t p = 0; p < DOT_PARTS; p++) sum += part[p];
    return sum;
}

uint32_t pri_rows_task(uint64_t num_rows)
{
    enum { MOST = 64, LEAST = 4 };

    return pri_task_size(num_rows, omp_get_max_threads(), LEAST, MOST);
}

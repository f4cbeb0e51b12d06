/* exact_rows.c: where the rows of exact inference come from and go to, a range at a time: features
 * and pool, files of features and of layer outputs.
 *
 * A matrix [N, cols] in a file is its panels of columns, one behind the other, each row major; so a
 * panel of some rows in order is one piece. */
#include <fcntl.h>
#include <string.h>

#include "loaders/row_format.h"
#include "pipeline/nn/exact.h"
#include "pipeline/nn/sparse.h"

enum { PIECE_BYTES = 1 << 20 };

pr_status pri_exact_check_stop(const pri_exact_work *w)
{
    pr_status st = PR_OK;

    PR_CHECK(!w->stop || !*w->stop, PR_E_INTERRUPTED, "interrupted in exact inference");
done:
    return st;
}

uint32_t pri_exact_range(const pri_exact_work *w, pr_vid first)
{
    const uint32_t left = w->end - first;

    return left < w->layer->num_rows ? left : w->layer->num_rows;
}

pri_exact_rows_at pri_exact_in_pool(const pri_exact *in, pri_pool_place place)
{
    return (pri_exact_rows_at){ in->pool + place.at * in->graph->num_nodes, place.ld };
}

pri_exact_rows_at pri_exact_outputs(const pri_exact_work *w)
{
    PR_ASSERT(w->layer->target == PRI_Y_POOL);
    return pri_exact_in_pool(w->in, w->layer->y);
}

void pri_exact_hand_out(const pri_exact_work *w, pr_vid first, const float *rows, size_t ld)
{
    const pri_exact_output *to   = &w->in->output;
    const uint32_t          n    = pri_exact_range(w, first);
    const size_t            cols = w->layer->out;

    if (to->take) to->take(to->context, w->part, first, n, rows, ld);
    for (size_t i = 0; to->logits && i < n; i++)
        memcpy(to->logits + (first + i) * cols, rows + i * ld, cols * sizeof *rows);
}

pri_rows pri_exact_inputs(const pri_exact_work *w)
{
    const pr_features      *f    = w->in->features;
    const pri_exact_rows_at pool = pri_exact_in_pool(w->in, w->layer->x);

    if (w->layer->source == PRI_X_ROWS)
        return (pri_rows){ .at = f->rows, .ld = f->ld, .cols = w->layer->in };
    PR_ASSERT(w->layer->source == PRI_X_POOL || pri_exact_loads(w->layer));
    return (pri_rows){ .at = pool.at, .ld = pool.ld, .cols = w->layer->in };
}

size_t pri_exact_input_ld(const pri_exact_work *w)
{
    switch (w->layer->source) {
    case PRI_X_ROWS: return w->in->features->ld;
    case PRI_X_POOL: return w->layer->x.ld;
    case PRI_X_FILE:
        if (pri_exact_loads(w->layer)) return w->layer->x.ld;
        return pri_line_floats(w->layer->in);
    case PRI_X_SPILL: return pri_line_floats(w->layer->in);
    case PRI_X_SPARSE: break;
    }
    return 0;
}

pr_status pri_exact_product_ready(const pri_exact_work *w, pri_exact_product *p)
{
    const pri_gemm_shape shape = { .form = PRI_GEMM_AB,
                                   .k    = w->layer->in,
                                   .n    = p->cols,
                                   .lda  = pri_exact_input_ld(w),
                                   .ldb  = p->ldw,
                                   .ldc  = p->ldc,
                                   .bias = p->bias != NULL };

    if (w->layer->source == PRI_X_SPARSE) return PR_OK;
    return pri_gemm_create(w->own->engine, &shape, &p->gemm);
}

pr_status pri_exact_product_make(const pri_exact_work *w, pri_role role, size_t first, size_t cols,
                                 size_t ldc, pri_exact_product *out)
{
    const pri_layer_part *l     = &w->weights;
    const size_t          heads = role == PRI_ROLE_WEIGHT ? w->layer->kind.heads : 1;

    *out = (pri_exact_product){ .w    = l->at[role] + first,
                                .bias = role == PRI_ROLE_SELF ? l->at[PRI_ROLE_BIAS] + first : NULL,
                                .cols = cols,
                                .ldw  = l->out * heads,
                                .ldc  = ldc };
    return pri_exact_product_ready(w, out);
}

pr_status pri_exact_multiply(const pri_exact_work *w, const pri_exact_product *p, pr_vid first,
                             const float *x, float *c)
{
    pr_status        st     = PR_OK;
    const int64_t    begin  = pr_now_ns();
    const pri_sparse sparse = { .x     = w->in->features,
                                .first = first,
                                .num   = pri_exact_range(w, first) };

    if (p->gemm)
        st = pri_gemm_run(p->gemm, sparse.num, x, p->w, p->bias, c);
    else
        pri_sparse_multiply(&sparse, p->w, p->ldw, p->bias, c, p->ldc, p->cols);
    w->times->gemm_ns += pr_now_ns() - begin;
    return st;
}

/* ---- files ---- */

/* Give the byte a piece begins at, and how many there are. */
static uint64_t piece_at(const pri_exact_work *w, const pri_exact_piece *p, size_t *bytes)
{
    const uint64_t N = w->in->graph->num_nodes;

    *bytes = p->num * p->num_rows * sizeof(float);
    return (N * p->first + (uint64_t)p->row * p->num) * sizeof(float);
}

pr_status pri_exact_write(const pri_exact_work *w, const pri_exact_piece *piece, const float *from)
{
    size_t          bytes;
    const int64_t   begin = pr_now_ns();
    const uint64_t  at    = piece_at(w, piece, &bytes);
    const pr_status st    = pri_spill_write(&w->in->spill[piece->file], at, from, bytes);

    w->own->io.bytes_written += st == PR_OK ? bytes : 0;
    w->own->io.disk_ns += pr_now_ns() - begin;
    return st;
}

pr_status pri_exact_read(const pri_exact_work *w, const pri_exact_piece *piece, float *to)
{
    size_t                bytes;
    const int64_t         begin = pr_now_ns();
    const uint64_t        at    = piece_at(w, piece, &bytes);
    const pri_spill_file *file  = &w->in->spill[piece->file];
    const pr_status       st    = pri_spill_read(file, at, to, bytes);

    if (st == PR_OK) {
        const uint32_t left = w->end - piece->row - piece->num_rows;
        const uint32_t next = left < piece->num_rows ? left : piece->num_rows;
        pri_spill_expect(file, at + bytes, next * piece->num * sizeof(float));
        w->own->io.bytes_read += bytes;
        w->own->io.reads++;
    }
    w->own->io.disk_ns += pr_now_ns() - begin;
    return st;
}

pr_status pri_exact_write_all(const pri_exact_work *w, uint32_t file, size_t cols, size_t panel,
                              pr_vid row, pr_vid num_rows, const float *from, size_t ld,
                              float *room)
{
    pr_status st = PR_OK;

    for (size_t at = 0; at < cols; at += panel) {
        const pri_exact_piece piece = { .file     = file,
                                        .first    = at,
                                        .num      = pri_panel_cols(cols, panel, at),
                                        .row      = row,
                                        .num_rows = num_rows };
        const float          *rows  = from;
        if (piece.num < ld) {
            for (size_t i = 0; i < num_rows; i++)
                memcpy(room + i * piece.num, from + i * ld + at, piece.num * sizeof *room);
            rows = room;
        }
        PR_TRY(pri_exact_write(w, &piece, rows));
    }
done:
    return st;
}

pr_status pri_exact_read_all(const pri_exact_work *w, uint32_t file, size_t cols, size_t panel,
                             pr_vid row, pr_vid num_rows, float *to, size_t ld, float *room)
{
    pr_status st = PR_OK;

    for (size_t at = 0; at < cols; at += panel) {
        const pri_exact_piece piece = { .file     = file,
                                        .first    = at,
                                        .num      = pri_panel_cols(cols, panel, at),
                                        .row      = row,
                                        .num_rows = num_rows };
        if (piece.num == ld) {
            PR_TRY(pri_exact_read(w, &piece, to));
            continue;
        }
        PR_TRY(pri_exact_read(w, &piece, room));
        for (size_t i = 0; i < num_rows; i++)
            memcpy(to + i * ld + at, room + i * piece.num, piece.num * sizeof *to);
    }
done:
    return st;
}

/* Ask the kernel for the next range, which it reads while this one is worked at; a wish. */
static void expect_features(const pr_row_file *file, pr_vid first, uint32_t n)
{
    const uint64_t at = file->first_byte + first * file->row_bytes;

    if (n > 0)
        (void)posix_fadvise(file->fd, (off_t)at, (off_t)(n * file->row_bytes), POSIX_FADV_WILLNEED);
}

/* Read features on the whole team: the disk has several pieces to work at, and rows are converted
 * by all. The error is that of the first rows that have one. */
static pr_status bring_features(const pri_exact_work *w, pr_vid first, uint32_t n, float *x,
                                size_t ld)
{
    const pr_features *f     = w->in->features;
    const size_t       piece = PIECE_BYTES / (f->file->row_bytes + 1) + 1;
    const uint32_t     rows  = piece < n ? (uint32_t)piece : n;
    pri_error          error = { .code = PR_OK };
    uint32_t           where = n;
    const int64_t      begin = pr_now_ns();

#pragma omp parallel for schedule(dynamic, 1) if (n > rows)
    for (uint32_t at = 0; at < n; at += rows) {
        const uint32_t  num = n - at < rows ? n - at : rows;
        const pr_status st  = pri_rows_read(f, first + at, num, x + at * ld, ld);
        if (st != PR_OK) {
#pragma omp critical(pri_exact_rows)
            if (at < where) {
                where = at;
                pri_error_save(&error, st);
            }
        }
    }
    w->own->io.disk_ns += pr_now_ns() - begin;
    if (where < n) return pri_error_restore(&error);
    w->own->io.bytes_read += (uint64_t)n * f->file->row_bytes;
    w->own->io.reads++;
    expect_features(f->file, first + n, w->end - first - n < n ? w->end - first - n : n);
    return PR_OK;
}

pr_status pri_exact_pass_load_rows(const pri_exact_work *w)
{
    pr_status               st = PR_OK;
    const pri_exact_rows_at x  = pri_exact_in_pool(w->in, w->layer->x);

    for (pr_vid v = w->begin; v < w->end; v += pri_exact_range(w, v)) {
        PR_TRY(pri_exact_check_stop(w));
        PR_TRY(bring_features(w, v, pri_exact_range(w, v), x.at + v * x.ld, x.ld));
    }
done:
    return st;
}

pr_status pri_exact_bring(const pri_exact_work *w, pr_vid first, const float **x)
{
    pr_status      st = PR_OK;
    const uint32_t n  = pri_exact_range(w, first);
    const size_t   ld = pri_exact_input_ld(w);

    PR_TRY(pri_exact_check_stop(w));
    switch (w->layer->source) {
    case PRI_X_SPARSE: *x = NULL; break;
    case PRI_X_ROWS:
    case PRI_X_POOL: *x = pri_exact_inputs(w).at + first * ld; break;
    case PRI_X_FILE:
        if (pri_exact_loads(w->layer)) { /* they are in the pool */
            *x = pri_exact_inputs(w).at + first * ld;
            break;
        }
        *x = w->own->scratch;
        PR_TRY(bring_features(w, first, n, w->own->scratch, ld));
        break;
    case PRI_X_SPILL:
        *x = w->own->scratch;
        PR_TRY(pri_exact_read_all(w, (w->index - 1) % 2, w->layer->in, w->layer->x_panel, first, n,
                                  w->own->scratch, ld, w->own->scratch + w->layer->num_rows * ld));
        break;
    }
done:
    return st;
}

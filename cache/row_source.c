/* row_source.c: see row_source.h. */
#include "cache/row_source.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loaders/row_format.h"

pri_row_source pri_row_source_of(const pr_features *x)
{
    const pr_row_file *file = x->file;

    if (x->rows)
        return (pri_row_source){ .format   = PR_ROWS_F32,
                                 .num_cols = x->num_cols,
                                 .rows     = (const char *)x->rows,
                                 .bytes    = x->ld * sizeof(float) };
    return (pri_row_source){ .format   = file ? file->format : PR_ROWS_F32,
                             .num_cols = x->num_cols,
                             .rows     = file ? file->mapped : NULL,
                             .bytes    = file ? file->row_bytes : 0,
                             .scale    = file ? file->scale : NULL };
}

static void copy_rows(const pri_row_source *s, const pri_place *place, size_t begin, size_t end)
{
    const pri_copy copy = {
        .from       = s->rows,
        .from_bytes = s->bytes,
        .to         = (char *)place->rows,
        .to_bytes   = place->ld * sizeof(float),
        .row_bytes  = s->num_cols * sizeof(float),
        .write      = place->write,
        .n          = place->n,
        .ahead      = place->row_ahead,
    };
    pri_copy_of(place->isa, place->stores, place->prefetch_to)(&copy, begin, end);
}

enum { BLOCK = 1024 }; /* columns converted at a time on the way past the caches: 4 KiB */

/* Convert a row to memory that is not to stay in the caches: there, then past them. */
static void stream_row(const pri_row_source *s, const char *from, float scale, float *to,
                       pri_copy_rows copy_row)
{
    _Alignas(64) float block[BLOCK];
    const size_t       element = pri_row_bytes(s->format, 1);
    const pri_write    only    = { 0 };

    for (uint32_t at = 0; at < s->num_cols; at += BLOCK) {
        const uint32_t n = s->num_cols - at < BLOCK ? s->num_cols - at : BLOCK;
        pri_row_decode(s->format, from + at * element, scale, n, block);
        const pri_copy copy = { .from      = (const char *)block,
                                .to        = (char *)(to + at),
                                .row_bytes = n * sizeof(float),
                                .write     = &only,
                                .n         = 1,
                                .ahead     = 1 };
        copy_row(&copy, 0, 1);
    }
}

static void convert_rows(const pri_row_source *s, const pri_place *place, const pri_write *named,
                         size_t begin, size_t end)
{
    const size_t        bytes    = pri_row_bytes(s->format, s->num_cols);
    const size_t        padding  = place->ld - s->num_cols;
    const bool          streamed = place->stores == PRI_STORES_STREAMED;
    const pri_copy_rows copy_row = pri_copy_of(place->isa, place->stores, place->prefetch_to);

    for (size_t i = begin; i < end; i++) {
        const char *from  = s->rows + place->write[i].id * s->bytes;
        float      *to    = place->rows + place->write[i].to * place->ld;
        const float scale = s->scale ? s->scale[named ? named[i].id : place->write[i].id] : 1.0f;
        if (i + place->row_ahead < place->n) {
            const char *far = s->rows + place->write[i + place->row_ahead].id * s->bytes;
            for (size_t k = 0; k < bytes; k += 64) __builtin_prefetch(far + k);
        }
        if (streamed) {
            stream_row(s, from, scale, to, copy_row);
        } else {
            pri_row_decode(s->format, from, scale, s->num_cols, to);
            memset(to + s->num_cols, 0, padding * sizeof *to);
        }
    }
}

void pri_row_source_place(const pri_row_source *s, const pri_place *place, const pri_write *named,
                          size_t begin, size_t end)
{
    if (s->format == PR_ROWS_F32)
        copy_rows(s, place, begin, end);
    else
        convert_rows(s, place, named, begin, end);
}

void pri_row_source_let_go(const pr_features *x, pr_vid first, pr_vid n)
{
    const pri_row_source s     = pri_row_source_of(x);
    const uintptr_t      page  = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t      begin = (uintptr_t)s.rows + first * s.bytes;
    const uintptr_t      from = begin / page * page, to = (begin + n * s.bytes) / page * page;

    if (x->kind != PR_FEATURES_DENSE || !x->file || s.rows != x->file->mapped || to <= from) return;
    (void)madvise((void *)from, to - from,
                  MADV_DONTNEED); /* they are the file's: nothing is lost */
}

pr_vid pri_row_source_find_bad(const pri_row_source *s, pr_vid begin, pr_vid end)
{
    pr_vid v = begin;

    while (v < end && pri_row_is_finite(s->format, s->rows + v * s->bytes, s->num_cols)) v++;
    return v;
}

pr_status pri_row_source_raise_bad(const pri_row_source *s, const pr_row_file *file, pr_vid row)
{
    const char    *at  = s->rows + row * s->bytes;
    const uint64_t col = pri_values_finite(s->format, at, s->num_cols);

    return pri_row_not_finite(file, row, col, at + col * pri_row_bytes(s->format, 1));
}

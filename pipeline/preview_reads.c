/* preview_reads.c: see preview_reads.h. */
#include "pipeline/preview_reads.h"

#include <math.h>
#include <string.h>

#include "cache/read_file.h"
#include "cache/read_plan.h"
#include "cache/row_reader.h"
#include "loaders/row_format.h"

enum { PIECE = 2048 }; /* rows a group; two groups are under way */

struct pri_preview_reads {
    const pr_features *features;
    pr_io_options      io;
    pri_read_layout    layout;
    uint32_t           max_rows;
    size_t             bytes; /* of each list */
    pri_write         *a, *b; /* [max_rows] scratch of sorting */
    const pri_write   *last;  /* a or b: what was counted last, in order */
    size_t             num_last;
};

pr_status pri_preview_reads_open(const pr_features *features, const pr_io_options *io,
                                 uint32_t max_rows, pri_preview_reads **out)
{
    pr_status          st    = PR_OK;
    pri_preview_reads *reads = NULL;
    pri_read_file      file  = { .fd = -1 };

    *out = NULL;
    PR_NEW(reads, 1);
    *reads = (pri_preview_reads){
        .features = features, .io = *io, .max_rows = max_rows, .bytes = max_rows * sizeof(pri_write)
    };
    PR_TRY(pri_read_file_open(features->file, io->direct, &file));
    reads->layout = pri_read_layout_of(features->file, io, file.block, max_rows);
    reads->a      = pri_pages_map(reads->bytes, 0);
    reads->b      = pri_pages_map(reads->bytes, 0);
    PR_CHECK(reads->a && reads->b, PR_E_NOMEM, "cannot reserve lists of %u rows", max_rows);
    *out  = reads;
    reads = NULL;
done:
    pri_read_file_close(&file);
    pri_preview_reads_free(reads);
    return st;
}

void pri_preview_reads_free(pri_preview_reads *reads)
{
    if (!reads) return;
    pri_pages_unmap(reads->a, reads->bytes);
    pri_pages_unmap(reads->b, reads->bytes);
    pri_free(reads);
}

void pri_preview_reads_count(pri_preview_reads *reads, const pri_write *rows, size_t n,
                             pr_fetch_cost *cost)
{
    PR_ASSERT(n <= reads->max_rows);
    reads->last     = pri_read_sort(rows, n, reads->features->num_rows, reads->a, reads->b);
    reads->num_last = n;
    pri_read_count(&reads->layout, reads->last, n, cost);
}

/* ---- reading ---- */

/* Write the nth piece: rows of the list, and once it is used up the same ones shifted, so that they
 * are as far apart and nobody has them in memory. */
static size_t piece_of(const pri_preview_reads *reads, uint64_t nth, pri_write *out)
{
    enum { SHIFT = 7919 };
    const uint64_t per_round = (reads->num_last + PIECE - 1) / PIECE;
    const size_t   begin     = (size_t)(nth % per_round) * PIECE;
    const size_t   left      = reads->num_last - begin;
    const size_t   n         = left < PIECE ? left : PIECE;
    const uint64_t shift     = nth / per_round * SHIFT;

    for (size_t i = 0; i < n; i++)
        out[i] = (pri_write){ .id = (pr_vid)((reads->last[begin + i].id + shift) %
                                             reads->features->num_rows),
                              .to = (pr_slot)(nth % 2 * PIECE + i) };
    return n;
}

/* Read pieces, one entered ahead, until the time is up; gives rows read, 0 where a read failed. */
static uint64_t read_pieces(const pri_preview_reads *reads, pri_row_reader *reader, int64_t end)
{
    pri_write     rows[PIECE];
    pr_fetch_cost cost  = { 0 };
    uint64_t      num   = 0;
    size_t        n     = piece_of(reads, 0, rows);
    uint64_t      group = pri_row_reader_enter(reader, rows, n, true, &cost);

    for (uint64_t nth = 1;; nth++) {
        const bool     more  = pr_now_ns() < end;
        const size_t   ahead = more ? piece_of(reads, nth, rows) : 0;
        const uint64_t next  = more ? pri_row_reader_enter(reader, rows, ahead, true, &cost) : 0;
        if (pri_row_reader_wait(reader, group, &cost) != PR_OK) return 0;
        num += n;
        if (!more) return num;
        group = next;
        n     = ahead;
    }
}

double pri_preview_reads_time(pri_preview_reads *reads, int64_t most_ns)
{
    const pr_features *x      = reads->features;
    const size_t       slot   = pri_row_slot_bytes(x->file->row_bytes);
    const size_t       bytes  = 2 * PIECE * slot;
    char              *slots  = reads->num_last ? pri_pages_map(bytes, 0) : NULL;
    pri_row_reader    *reader = NULL;
    double             ns     = (double)NAN;

    if (!slots) return ns;
    const pri_row_reader_setup setup = { .file       = x->file,
                                         .num_rows   = x->num_rows,
                                         .num_cols   = x->num_cols,
                                         .io         = &reads->io,
                                         .slots      = slots,
                                         .slot_bytes = slot,
                                         .max_rows   = 2 * PIECE };
    if (pri_row_reader_open(&setup, &reader) == PR_OK) {
        const int64_t  begin = pr_now_ns();
        const uint64_t rows  = read_pieces(reads, reader, begin + most_ns);
        const double   took  = (double)(pr_now_ns() - begin);
        if (rows > 0) ns = took * (double)reads->num_last / (double)rows;
    }
    pri_row_reader_free(reader);
    pri_pages_unmap(slots, bytes);
    return ns;
}

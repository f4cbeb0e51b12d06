/* row_reader.c: what a row reader is made of: the file opened anew, a desk, and the engine that
 * comes to it; all memory in two pieces, whose pages are committed as they are used. */
#include "cache/row_reader.h"

#include <string.h>

#include "cache/read_engine.h"

enum { PAGE = 4096 };

struct pri_row_reader {
    pri_read_file          file;
    pri_read_desk          desk;
    pr_vid                 num_rows;
    size_t                 max_rows;
    pri_write             *sorted, *spare; /* [max_rows] of pri_row_reader_enter */
    pri_read              *reads;          /* [depth] */
    uint32_t               depth;
    char                  *buffers; /* [depth] of layout.most_bytes, up to a page */
    pri_write             *rows;    /* rings, sorted, spare, and the rows that reads carry */
    size_t                 buffers_bytes, rows_bytes;
    const pri_read_engine *calls;
    void                  *engine;
    char                   text[160];
};

__attribute__((weak)) int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes,
                                               int64_t result)
{
    (void)nth;
    (void)offset;
    (void)bytes;
    return result;
}

uint64_t pri_row_reader_enter(pri_row_reader *own, const pri_write *rows, size_t n, bool urgent,
                              pr_fetch_cost *cost)
{
    const int class_of = urgent ? PRI_READ_URGENT : PRI_READ_EARLY;
    bool      wake;

    if (!pri_desk_has_room(&own->desk, class_of, n, own->max_rows)) return 0;
    const pri_write *sorted = pri_read_sort(rows, n, own->num_rows, own->sorted, own->spare);
    PR_ASSERT(n == 0 || sorted[n - 1].id < own->num_rows);
    pri_read_count(&own->desk.layout, sorted, n, cost);
    const uint64_t number = pri_desk_enter(&own->desk, class_of, sorted, n, &wake);
    if (wake && own->calls->wake) own->calls->wake(own->engine);
    return number;
}

pr_status pri_row_reader_wait(pri_row_reader *own, uint64_t number, pr_fetch_cost *cost)
{
    pr_status st = PR_OK;

    PR_CHECK(number > 0, PR_E_FULL, "%s: there was no room for rows to be read, of %zu",
             own->file.rows->path, own->max_rows);
    const pri_failure failure = pri_desk_wait(&own->desk, number, cost);
    PR_TRY(pri_failure_raise(&failure, own->file.rows));
done:
    return st;
}

const char *pri_row_reader_describe(const pri_row_reader *own)
{
    return own->text;
}

/* Give mask + 1: room of a ring of rows. */
static size_t ring_rows(size_t max_rows)
{
    size_t rows = 1;

    while (rows < max_rows) rows *= 2;
    return rows;
}

static size_t buffer_bytes(const pri_read_layout *layout)
{
    return (layout->most_bytes + PAGE - 1) / PAGE * PAGE;
}

/* Rows of both rings, sorted, spare, and those that reads carry. */
static size_t num_all_rows(const pri_read_layout *layout, size_t max_rows, uint32_t depth)
{
    return PRI_READ_CLASSES * ring_rows(max_rows) + 2 * max_rows + depth * layout->most_rows;
}

uint64_t pri_row_reader_bytes(const pr_io_options *io, size_t row_bytes, size_t max_rows)
{
    const pr_row_file     file   = { .row_bytes = row_bytes };
    const pri_read_layout layout = pri_read_layout_of(&file, io, PAGE, max_rows);

    return sizeof(pri_row_reader) + PRI_READER_GROUPS * sizeof(pri_read_group) +
           io->depth * (sizeof(pri_read) + buffer_bytes(&layout)) +
           num_all_rows(&layout, max_rows, io->depth) * sizeof(pri_write);
}

/* Take all memory: pages are committed as reads use them. */
static pr_status take_memory(pri_row_reader *own)
{
    pr_status              st     = PR_OK;
    const pri_read_layout *layout = &own->desk.layout;
    const size_t           stride = buffer_bytes(layout), ring = own->desk.mask + 1;

    PR_NEW(own->desk.groups, PRI_READER_GROUPS);
    PR_NEW(own->reads, own->depth);
    own->buffers_bytes = own->depth * stride;
    own->buffers       = pri_pages_map(own->buffers_bytes, 0);
    PR_CHECK(own->buffers, PR_E_NOMEM, "cannot allocate %u buffers of %zu bytes for reads",
             own->depth, stride);
    own->rows_bytes = num_all_rows(layout, own->max_rows, own->depth) * sizeof *own->rows;
    own->rows       = pri_pages_map(own->rows_bytes, 0);
    PR_CHECK(own->rows, PR_E_NOMEM, "cannot allocate %zu bytes for rows to be read",
             own->rows_bytes);

    pri_write *at = own->rows;
    for (size_t c = 0; c < PRI_READ_CLASSES; c++, at += ring) own->desk.queue[c].ring = at;
    own->sorted = at;
    own->spare  = at + own->max_rows;
    at += 2 * own->max_rows;
    for (uint32_t i = own->depth; i-- > 0;) {
        pri_read *read = &own->reads[i];
        read->buffer   = own->buffers + i * stride;
        read->rows     = at + i * layout->most_rows;
        read->next     = own->desk.idle;
        own->desk.idle = read;
    }
done:
    return st;
}

static pr_status start_engine(pri_row_reader *own, const pri_row_reader_setup *setup)
{
    pr_status              st       = PR_OK;
    char                   why[96]  = "";
    const pri_engine_setup to_start = { .desk          = &own->desk,
                                        .fd            = own->file.fd,
                                        .depth         = own->depth,
                                        .thread_begins = setup->thread_begins,
                                        .context       = setup->context };

    own->calls = setup->io->engine == PR_IO_THREADS ? &pri_read_threads : &pri_read_uring;
    st         = own->calls->open(&to_start, &own->engine);
    if (st == PR_E_UNSUPPORTED && setup->io->engine == PR_IO_AUTO) {
        (void)snprintf(why, sizeof why, " (%s)", pr_error_message());
        own->calls = &pri_read_threads;
        st         = own->calls->open(&to_start, &own->engine);
    }
    PR_TRY(st);
    (void)snprintf(own->text, sizeof own->text, "%s%s, %s%s%s%s, %zu-byte %s, depth %u",
                   own->calls->name, why, own->file.direct ? "direct" : "page cache",
                   *own->file.why ? " (" : "", own->file.why, *own->file.why ? ")" : "",
                   own->file.block, own->file.direct ? "blocks" : "pages",
                   own->depth < own->calls->most_depth ? own->depth : own->calls->most_depth);
done:
    return st;
}

pr_status pri_row_reader_open(const pri_row_reader_setup *setup, pri_row_reader **out)
{
    pr_status       st  = PR_OK;
    pri_row_reader *own = NULL;

    *out = NULL;
    PR_ASSERT(setup->file->row_bytes > 0 && setup->slot_bytes >= setup->file->row_bytes);
    PR_CHECK(setup->io->depth >= 1 && setup->io->depth <= 4096, PR_E_ARG,
             "io.depth is %u, must be in 1..4096", setup->io->depth);
    PR_NEW(own, 1);
    own->file.fd = -1;
    pri_desk_init(&own->desk);
    PR_TRY(pri_read_file_open(setup->file, setup->io->direct, &own->file));
    own->num_rows    = setup->num_rows;
    own->max_rows    = setup->max_rows;
    own->depth       = setup->io->depth;
    own->desk.mask   = ring_rows(own->max_rows) - 1;
    own->desk.layout = pri_read_layout_of(setup->file, setup->io, own->file.block, own->max_rows);
    own->desk.target = (pri_read_target){ .file       = &own->file,
                                          .num_cols   = setup->num_cols,
                                          .slots      = setup->slots,
                                          .slot_bytes = setup->slot_bytes,
                                          .retries    = setup->io->retries };
    PR_TRY(take_memory(own));
    PR_TRY(start_engine(own, setup));
    *out = own;
    own  = NULL;
done:
    pri_row_reader_free(own);
    return st;
}

void pri_row_reader_free(pri_row_reader *own)
{
    if (!own) return;
    pri_desk_close(&own->desk);
    if (own->engine) {
        if (own->calls->wake) own->calls->wake(own->engine);
        own->calls->free(own->engine);
    }
    pri_pages_unmap(own->rows, own->rows_bytes);
    pri_pages_unmap(own->buffers, own->buffers_bytes);
    pri_free(own->reads);
    pri_free(own->desk.groups);
    pri_read_file_close(&own->file);
    pri_desk_clear(&own->desk);
    pri_free(own);
}

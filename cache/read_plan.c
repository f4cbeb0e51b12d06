/* read_plan.c: see read_plan.h. */
#include "cache/read_plan.h"

#include <string.h>

#include "base/check.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, FEW = 64 };

size_t pri_read_room(size_t row_bytes, size_t block)
{
    /* The worst row begins with the last byte of a block. */
    return (row_bytes - 1 + 2 * block - 1) / block * block;
}

pri_read_layout pri_read_layout_of(const pr_row_file *file, const pr_io_options *io, size_t block,
                                   size_t most_rows)
{
    const size_t room = pri_read_room(file->row_bytes, block);
    const size_t most = (size_t)(io->max_read / block * block);

    pri_read_layout layout = { .first_byte = file->first_byte,
                               .row_bytes  = file->row_bytes,
                               .block      = block,
                               .gap        = io->gap,
                               .most_bytes = most > room ? most : room };
    layout.most_rows       = layout.most_bytes / layout.row_bytes;
    if (layout.most_rows > most_rows) layout.most_rows = most_rows;
    if (layout.most_rows == 0) layout.most_rows = 1;
    return layout;
}

static void sort_few(const pri_write *rows, size_t n, pri_write *out)
{
    for (size_t i = 0; i < n; i++) {
        const pri_write row = rows[i];
        size_t          at  = i;
        while (at > 0 && out[at - 1].id > row.id) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = row;
    }
}

/* One stable pass over the digit that begins at bit `shift`. */
static void sort_digit(const pri_write *from, size_t n, unsigned shift, pri_write *to)
{
    size_t at[DIGITS] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++) at[from[i].id >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t count = at[d];
        at[d]              = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) to[at[from[i].id >> shift & (DIGITS - 1)]++] = from[i];
}

pri_write *pri_read_sort(const pri_write *rows, size_t n, pr_vid end, pri_write *a, pri_write *b)
{
    const pri_write *from = rows;
    pri_write       *to   = a;
    size_t           i    = 1;

    while (i < n && rows[i - 1].id <= rows[i].id) i++;
    if (i >= n) {
        if (n) memcpy(a, rows, n * sizeof *rows);
        return a;
    }
    if (n <= FEW) {
        sort_few(rows, n, a);
        return a;
    }
    for (unsigned shift = 0; shift < 32 && (shift == 0 || (end - 1) >> shift);
         shift += DIGIT_BITS) {
        sort_digit(from, n, shift, to);
        from = to;
        to   = to == a ? b : a;
    }
    return to == a ? b : a;
}

pri_read_extent pri_read_next(const pri_read_layout *layout, const pri_write *ring, size_t mask,
                              size_t first, size_t n)
{
    const uint64_t below = layout->block - 1;
    uint64_t       begin = 0, end = 0, last = 0; /* blocks, and the last row's last byte */
    size_t         i = 0;

    for (; i < n && i < layout->most_rows; i++) {
        const uint64_t from =
            layout->first_byte + (uint64_t)ring[(first + i) & mask].id * layout->row_bytes;
        const uint64_t to         = from + layout->row_bytes;
        const uint64_t from_block = from & ~below, to_block = (to + below) & ~below;
        if (i == 0) begin = from_block;
        if (i > 0 && from_block > end && from_block - end > layout->gap) break;
        if (i > 0 && to_block - begin > layout->most_bytes) break;
        end  = to_block;
        last = to;
    }
    PR_ASSERT(end - begin <= layout->most_bytes);
    return (pri_read_extent){
        .offset   = begin,
        .bytes    = (size_t)(end - begin),
        .needed   = (size_t)(last - begin),
        .num_rows = i,
    };
}

void pri_read_count(const pri_read_layout *layout, const pri_write *sorted, size_t n,
                    pr_fetch_cost *cost)
{
    for (size_t i = 0; i < n;) {
        const pri_read_extent extent = pri_read_next(layout, sorted, SIZE_MAX, i, n - i);
        cost->reads++;
        cost->bytes += extent.bytes;
        i += extent.num_rows;
    }
}

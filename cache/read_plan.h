/* read_plan.h: from rows that are wanted to reads of a file: rows in the order of the file, and
 * neighbours in one read. Integers only.
 *
 *     rows wanted    3      4          9    10                41
 *     file        |....###..####...|....|....##.####.|    |....##...|      | blocks
 *     extents     [==========================]            [=========]      1 block between 4 and 9
 *
 * A read is of whole blocks. The next row comes with the same read when at most `gap` bytes of
 * blocks lie between that nobody wants, and when all of it still fits; rows that share a block
 * always do, if they fit. */
#ifndef CACHE_READ_PLAN_H
#define CACHE_READ_PLAN_H

#include <packrat/cache.h>

#include "cache/plan.h"

/* How rows lie in the file, and what a read may be. */
typedef struct pri_read_layout {
    uint64_t first_byte; /* row v has row_bytes from first_byte + v * row_bytes on */
    size_t   row_bytes;  /* 1 .. */
    size_t   block;      /* a power of two: reads begin and end at a multiple */
    uint64_t gap;        /* most bytes of blocks between two rows of a read */
    size_t   most_bytes; /* of a read: a multiple of block, pri_read_room at least */
    size_t   most_rows;  /* of a read, 1 .. */
} pri_read_layout;

/* One read: the first `num_rows` of the rows that are left. */
typedef struct pri_read_extent {
    uint64_t offset; /* in the file, a multiple of block */
    size_t   bytes;  /* a multiple of block; may reach beyond the end of the file */
    size_t   needed; /* bytes from offset to the end of the last row */
    size_t   num_rows;
} pri_read_extent;

/* Give the bytes that the blocks of any one row take, at most. */
size_t pri_read_room(size_t row_bytes, size_t block);

/* Give the layout for these options; `block` as pri_read_file_open finds it, most_rows as many rows
 * as may be wanted at a time. Cannot fail. */
pri_read_layout pri_read_layout_of(const pr_row_file *file, const pr_io_options *io, size_t block,
                                   size_t most_rows);

/* Sort rows by id.
 *
 *   rows   [n] as they come     end   ids are below
 *   a, b   [n] each, overwritten
 *
 * Gives the sorted rows, which are in `a` or in `b`. Cannot fail. O(n) passes, one for every 11
 * bits of `end`; one pass where they are in order. */
pri_write *pri_read_sort(const pri_write *rows, size_t n, pr_vid end, pri_write *a, pri_write *b);

/* Give the read that begins with row `first` of a ring of sorted rows, of which n are left, n > 0.
 *
 *   mask   the ring has mask + 1 elements; row i is at ring[i & mask]
 *
 * Cannot fail. O(rows of the extent). */
pri_read_extent pri_read_next(const pri_read_layout *layout, const pri_write *ring, size_t mask,
                              size_t first, size_t n);

/* Add the reads that n sorted rows take, and their bytes, to *cost. Cannot fail. O(n). */
void pri_read_count(const pri_read_layout *layout, const pri_write *sorted, size_t n,
                    pr_fetch_cost *cost);

#endif

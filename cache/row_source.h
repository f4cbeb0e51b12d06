/* row_source.h: dense rows in memory, in any format, on their way into slots: f32 is copied, the
 * others are converted as they move, row by row. */
#ifndef CACHE_ROW_SOURCE_H
#define CACHE_ROW_SOURCE_H

#include "cache/store.h"

/* Rows some bytes apart. A value. */
typedef struct pri_row_source {
    int          format; /* pr_row_format */
    uint32_t     num_cols;
    const char  *rows;  /* row 0 */
    size_t       bytes; /* from one row to the next; a multiple of 4 with f32 */
    const float *scale; /* int8: of each row; else NULL */
} pri_row_source;

/* Give where the rows of dense features are in memory; rows NULL: they are in a file only. */
pri_row_source pri_row_source_of(const pr_features *features);

/* Place rows as a store's place() does.
 *
 *   named   [place->n] the rows whose scales are meant, where place->write names them otherwise;
 *           NULL: it does not
 *
 * Cannot fail. */
void pri_row_source_place(const pri_row_source *source, const pri_place *place,
                          const pri_write *named, size_t begin, size_t end);

/* Give pages of a mapped file back that were touched by reading rows first .. first+n-1: they would
 * count as memory of this process. Rows may be read again. Nothing happens for rows that no file
 * has. */
void pri_row_source_let_go(const pr_features *features, pr_vid first, pr_vid n);

/* Find the first row from `begin` on, and before `end`, with a value that is not finite; gives
 * `end` when there is none. */
pr_vid pri_row_source_find_bad(const pri_row_source *source, pr_vid begin, pr_vid end);

/* Raise PR_E_INPUT for such a row, with the column. */
pr_status pri_row_source_raise_bad(const pri_row_source *source, const pr_row_file *file,
                                   pr_vid row);

#endif

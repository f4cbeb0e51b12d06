/* row_file.h: feat.npy as a file whose rows may stay where they are: its format, its scales, and
 * where its rows begin. */
#ifndef LOADERS_ROW_FILE_H
#define LOADERS_ROW_FILE_H

#include "loaders/array.h"
#include "loaders/meta.h"

/* A row file with what it stands on; zeroed before the first use. */
typedef struct pri_row_file {
    pr_row_file face;
    char        path[PR_TEXT_BYTES + 16];
    pri_array   scale; /* int8 only */
    bool        is_open;
} pri_row_file;

/* Give the format of an open feat.npy from its type and meta.json's feat_format. PR_E_INPUT when
 * they do not agree. f64 counts as f32, which it is converted to. */
pr_status pri_row_file_format(const pri_array *data, const pri_meta *meta, int *format);

/* Open the file behind a mapped feat.npy of this format once more, for reads; int8: load its
 * scales. Touches no row. Borrows the mapping and the directory's name from `data`. */
pr_status pri_row_file_open(pri_row_file *file, const pri_array *data, int format);

/* Close it; does nothing to zeroed ones. */
void pri_row_file_close(pri_row_file *file);

#endif

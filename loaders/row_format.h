/* row_format.h: dense rows in the formats of files, to f32 and back. Vectorised for what the host
 * has; the same bits on every host. */
#ifndef LOADERS_ROW_FORMAT_H
#define LOADERS_ROW_FORMAT_H

#include <packrat/loaders.h>

#include "base/check.h"

/* The type of feat.npy's elements: bf16 is <u2, which numpy has no name for. */
pr_dtype pri_row_dtype(int format);

/* Bytes of a packed row. */
size_t pri_row_bytes(int format, uint32_t num_cols);

/* Bytes from row to row where rows of so many bytes are kept in memory: whole cache lines, so that
 * no two rows share one. */
static inline size_t pri_row_slot_bytes(size_t row_bytes)
{
    return (row_bytes + 63) / 64 * 64;
}

/* One row to n floats: bf16 and f16 exactly; int8 q to (float)q * scale.
 *
 *   from    aligned to one element at least; may not overlap `to`
 *   scale   of the row; int8 only
 *
 * Cannot fail. */
void pri_row_decode(int format, const void *from, float scale, uint32_t n, float *to);

/* One row from n finite floats. bf16, f16: to nearest, ties to even. int8: scale = max |x| / 127 (0
 * for a row of zeros), q = x / scale to nearest, ties to even, -127 .. 127.
 *
 *   scale   out, int8 only; else 1
 *
 * False when a value is beyond what the format holds. */
bool pri_row_encode(int format, const float *from, uint32_t n, void *to, float *scale);

/* Whether all values are finite. (int8 always; its scales are checked where they are loaded.) */
bool pri_row_is_finite(int format, const void *row, uint32_t n);

/* Read rows first .. first+n-1 as f32, in any format, from memory or with pread from the file: the
 * mapping is not touched, so that they do not count as this process's memory. For passes over many
 * rows in order. Of files that are large (not `checked`) the kernel is told to forget what was
 * read; others are left in its cache.
 *
 *   out   [n, ld]; elements behind num_cols are left as they are
 *
 * PR_E_IO with file and offset, PR_E_INPUT with row and column of a value that is not finite where
 * they were not checked before. Any threads, different ranges. Takes 64 KiB of stack, no heap. */
pr_status pri_rows_read(const pr_features *features, pr_vid first, uint32_t n, float *out,
                        size_t ld);

/* The pieces of that, for those who keep rows as the file has them. */

/* Read `bytes` from byte `at` of the packed rows on; PR_E_IO names file and offset. */
pr_status pri_row_file_read(const pr_row_file *file, uint64_t at, size_t bytes, void *to);

/* Tell the kernel that rows first .. first+n-1 are not needed in its cache. Cannot fail. */
void pri_row_file_forget(const pr_row_file *file, pr_vid first, uint64_t n);

/* Tell the kernel that row v will be read soon, so that it begins. Cannot fail. */
void pri_row_file_foresee(const pr_row_file *file, pr_vid v);

/* Give the place of the first of n values that is not finite, or n. */
uint64_t pri_values_finite(int format, const void *values, uint64_t n);

/* Look at all values of a row file, with reads; `forget` drops what was read from the kernel's
 * cache. PR_E_INPUT names the first that is not finite. Uses OpenMP threads. */
pr_status pri_rows_check(const pr_features *features, bool forget);

/* Say so: PR_E_INPUT with file, row, column and the value. */
pr_status pri_row_not_finite(const pr_row_file *file, uint64_t row, uint64_t col,
                             const void *value);

#endif

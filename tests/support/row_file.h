/* row_file.h: a file of rows whose every value tells where it is, in any place: with a header of
 * any length, an unaligned tail, values that are not finite. */
#ifndef TESTS_ROW_FILE_H
#define TESTS_ROW_FILE_H

#include "support/support.h"

/* Make directory/name with num_rows rows of f32 behind first_byte bytes, and open it. Close with
 * row_file_close. */
pr_row_file row_file_make(const char *directory, const char *name, pr_vid num_rows,
                          uint32_t num_cols, uint64_t first_byte);
void        row_file_close(pr_row_file *file);

/* The value at (row, column), and whether a row is right, as bytes. */
float row_file_value(pr_vid row, uint32_t col);
bool  row_file_is_right(const void *row, pr_vid id, uint32_t num_cols);

/* Overwrite one value. */
void row_file_set(const pr_row_file *file, pr_vid row, uint32_t col, float value);

#endif

/* disk_rows.h: a file of rows in any format whose every value is known, as a loader would describe
 * it. Values are finite; f32 rows hold every kind of them. */
#ifndef TESTS_DISK_ROWS_H
#define TESTS_DISK_ROWS_H

#include "support/support.h"

typedef struct disk_rows {
    uint32_t    n, cols;
    pr_row_file file;
    pr_features features; /* over the file: rows where it is f32, and mapped */
    float      *truth;    /* [n, cols] what the rows are once they are converted */
    pr_features memory;   /* over truth */
    float      *scale;    /* int8 */
    void       *mapping;
} disk_rows;

/* Write n rows behind `first_byte` bytes of header. The file is removed at exit. */
void disk_rows_open(disk_rows *x, int format, uint32_t n, uint32_t cols, uint64_t first_byte,
                    test_rng *rng);
void disk_rows_close(disk_rows *x);

/* Overwrite one value with one that is not finite: f32, bf16 and f16. */
void disk_rows_spoil(disk_rows *x, uint32_t row, uint32_t col);

#endif

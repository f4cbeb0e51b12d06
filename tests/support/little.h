/* little.h: a dataset of five nodes that tests write in every form, and damage.
 *
 *     node   in-neighbours   features         label   split
 *     0      1 4             1  0  2          0       train
 *     1      0               0 -3  0          1       train
 *     2      -               0  0  0          -1      -
 *     3      0 2             4  5  0          0       val
 *     4      3               0  0  6          1       test
 */
#ifndef TESTS_LITTLE_H
#define TESTS_LITTLE_H

#include "support/support.h"

enum { LITTLE_N = 5, LITTLE_E = 6, LITTLE_F = 3, LITTLE_C = 2, LITTLE_NNZ = 6 };

extern const double little_indptr[6], little_indices[6], little_pairs[12]; /* pairs: [2, E] */
extern const double little_rows[15];                                       /* [N, F] */
extern const double little_starts[6], little_columns[6], little_values[6]; /* the same as CSR */
extern const double little_weights[6];                                     /* of the arcs */
extern const double little_labels[5];
extern const double little_train[2], little_val[1], little_test[1];

/* Which files it is written as. ALT: a second split, train and val exchanged, test empty. WEIGHTS:
 * edge_weight.npy too. */
enum { CSC = 1, PAIRS = 2, DENSE = 4, CSR = 8, ALT = 16, WEIGHTS = 32 };

/* Every file it may have. */
enum { LITTLE_NUM_FILES = 16 };
extern const char *const little_files[LITTLE_NUM_FILES];

/* Write it over whatever of it the directory holds. */
void little_put(const char *directory, unsigned form);

/* Give directory/file; borrowed until the next call. */
const char *little_path(const char *directory, const char *file);

/* Write at most 32 numbers as an array of any type; or a text file. */
void little_put_array(const char *directory, const char *file, pr_dtype dtype, uint32_t num_dims,
                      uint64_t rows, uint64_t cols, const double *values);
void little_put_text(const char *directory, const char *file, const char *text);

/* Open a dataset directory with this scaling of the features. */
pr_status little_open(const char *directory, pr_feature_norm norm, const pr_dataset **out);

#endif

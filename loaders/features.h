/* features.h: the feature rows of a dataset directory, dense or CSR, and their scaling. */
#ifndef LOADERS_FEATURES_H
#define LOADERS_FEATURES_H

#include "loaders/array.h"
#include "loaders/meta.h"
#include "loaders/row_file.h"

/* The arrays behind feature rows; zeroed before the first use. */
typedef struct pri_feature_arrays {
    pri_array    indptr, indices; /* csr only */
    pri_array    data;            /* csr: the values; dense: the rows */
    pri_array    scaled;          /* a copy of the values; no file */
    pri_row_file file;            /* dense: where `data` lies, unless it was converted */
} pri_feature_arrays;

/* Load and check feat.npy, or feat_indptr.npy, feat_indices.npy and feat_data.npy; meta.json's
 * `feat` chooses, or else which files there are. Every value must be finite in f32; those of dense
 * rows are looked at when `check` says so, with reads: a mapping is not touched.
 *
 *   out   borrows from `arrays`, which may not move
 *
 * Failure leaves `arrays` fit for pri_features_close. Cost: one pass over the values. */
pr_status pri_features_load(pri_feature_arrays *arrays, const char *dir, const pri_meta *meta,
                            pr_feature_check check, pr_features *out);

/* Scale the rows: x / sum |x| (l1) or x / sqrt(sum x^2) (l2); zero rows stay. auto is l2 for CSR
 * and none for dense. Values are copied unless they are converted already; dense rows have no file
 * then. PR_E_UNSUPPORTED for rows that were not looked at, or are not f32.
 *
 *   features   its values are replaced; borrows from `arrays`
 *   applied    out: PR_NORM_NONE, PR_NORM_L1 or PR_NORM_L2
 *
 * Each row is summed in column order in f64, so results do not depend on the threads. */
pr_status pri_features_scale(pri_feature_arrays *arrays, pr_feature_norm norm,
                             pr_features *features, int *applied);

/* Write x / norm(x), n values, to `to`, which may be x itself; a zero row stays zero. */
void pri_row_scale(const float *x, uint64_t n, pr_feature_norm norm, float *to);

void pri_features_close(pri_feature_arrays *arrays);

#endif

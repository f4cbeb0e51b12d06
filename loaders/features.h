/* features.h: the feature rows of a dataset directory, dense or CSR, and their scaling. */
#ifndef LOADERS_FEATURES_H
#define LOADERS_FEATURES_H

#include "loaders/array.h"
#include "loaders/meta.h"

/* The arrays behind feature rows; zeroed before the first use. */
typedef struct pri_feature_arrays {
    pri_array indptr, indices; /* csr only */
    pri_array data;            /* csr: the values; dense: the rows */
    pri_array scaled;          /* a copy of the values; no file */
} pri_feature_arrays;

/* Load and check feat.npy, or feat_indptr.npy, feat_indices.npy and feat_data.npy; meta.json's
 * `feat` chooses, or else which files there are. Every value must be finite in f32.
 *
 *   out   borrows from `arrays`
 *
 * Failure leaves `arrays` fit for pri_features_close. Cost: one pass over the values. */
pr_status pri_features_load(pri_feature_arrays *arrays, const char *dir, const pri_meta *meta,
                            pr_features *out);

/* Scale the rows: x / sum |x| (l1) or x / sqrt(sum x^2) (l2); zero rows stay. auto is l2 for CSR
 * and none for dense. Values are copied unless they are converted already.
 *
 *   features   its values are replaced; borrows from `arrays`
 *   applied    out: PR_NORM_NONE, PR_NORM_L1 or PR_NORM_L2
 *
 * Each row is summed in column order in f64, so results do not depend on the threads. */
pr_status pri_features_scale(pri_feature_arrays *arrays, pr_feature_norm norm,
                             pr_features *features, int *applied);

void pri_features_close(pri_feature_arrays *arrays);

#endif

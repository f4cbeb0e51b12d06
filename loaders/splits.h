/* splits.h: labels and splits of a dataset directory. */
#ifndef LOADERS_SPLITS_H
#define LOADERS_SPLITS_H

#include "loaders/array.h"
#include "loaders/meta.h"

/* The arrays behind one split; zeroed before the first use. */
typedef struct pri_split_arrays {
    pri_array part[3]; /* train, val, test */
} pri_split_arrays;

/* Load and check label.npy: -1 or a class below num_classes, or any number of labels a node.
 *
 *   out       [num_nodes], borrows from `array`; NULL when num_classes is 0, and with targets
 *   targets   [num_nodes, num_classes], borrows from `array`; NULL: each node has one class
 *
 * Without classes label.npy may be absent, and holds only -1 when present. */
pr_status pri_labels_load(pri_array *array, const char *dir, const pri_meta *meta,
                          const int32_t **out, const uint8_t **targets);

/* Load and check train_idx.npy, val_idx.npy and test_idx.npy, or the three of alt_*: ascending ids
 * of labelled nodes, no node in two of them.
 *
 *   which    PR_SPLIT_MAIN or PR_SPLIT_ALT
 *   dataset  its labels or targets; neither: nobody is labelled
 *   has      out: false when none of the three is there, an error when some are
 *   out      borrows from `arrays`
 *
 * Failure leaves `arrays` fit for pri_split_close. */
pr_status pri_split_load(pri_split_arrays *arrays, const char *dir, const pri_meta *meta, int which,
                         const pr_dataset *dataset, bool *has, pr_split *out);
void      pri_split_close(pri_split_arrays *arrays);

#endif

/* label_sets.h: labels of which a node has any number: [nodes, labels] of 0 and 1. */
#ifndef LOADERS_LABEL_SETS_H
#define LOADERS_LABEL_SETS_H

#include "loaders/array.h"
#include "loaders/meta.h"

/* Say whether a .npy holds sets of labels: it has two dimensions and is not [N, 1] of whole
 * numbers, which are taken for classes. */
bool pri_label_sets_are(const pr_npy *npy);

/* Check that every element, of a type of PRI_TYPES_SET, is 0 or 1, and write it as a byte.
 *
 *   to   [shape[0], shape[1]]; NULL: only check
 *
 * Gives the place of the first that is neither, or how many there are. */
uint64_t pri_label_sets_convert(const pr_npy *npy, uint8_t *to);

/* Load label.npy, open as `array`: [num_nodes, num_classes], used in place where it has bytes.
 *
 *   out   borrows from `array`
 *
 * PR_E_INPUT names the file, node and label, what was found and what is allowed. */
pr_status pri_label_sets_load(pri_array *array, const pri_meta *meta, const uint8_t **out);

#endif

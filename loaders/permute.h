/* permute.h: a dataset whose nodes have other numbers. */
#ifndef LOADERS_PERMUTE_H
#define LOADERS_PERMUTE_H

#include "loaders/write.h"

/* The arrays of the new dataset; dense rows are fetched from the old one while it is written, with
 * reads of its file and in its format if they lie in one, so neither it nor this struct may go away
 * or move before. */
typedef struct pri_permuted {
    pri_dataset_arrays arrays;
    const pr_dataset  *from;
    const pr_vid      *old_of_new; /* [num_nodes] borrowed */
    pr_vid            *new_of_old;
    pr_eid            *indptr, *feature_indptr;
    pr_vid            *indices, *split_ids;
    float             *weights, *feature_data, *scale;
    uint32_t          *feature_indices;
    int32_t           *labels;
    uint8_t           *targets;
    int64_t           *original_ids;
    uint64_t           bytes; /* of all that */
} pri_permuted;

/* Give every node a new number: arcs, features, labels, both splits, lists of edges and the ids
 * that they had before `packrat import --remap` follow. In-neighbours ascend by new number (then by
 * weight); loops and repeated arcs stay.
 *
 *   old_of_new     [num_nodes] a permutation; borrowed
 *   original_ids   [num_nodes] of the old nodes; NULL: none
 *   threads        0: as many as OpenMP gives; the result does not depend on it
 *   out            clear with pri_permuted_clear; zeroed on failure
 *
 * Takes as much as the arcs and sparse features do, and 8 bytes a node. */
pr_status pri_dataset_permute(const pr_dataset *dataset, const pr_vid *old_of_new,
                              const int64_t *original_ids, uint32_t threads,
                              const volatile int *stop, pri_permuted *out);
void      pri_permuted_clear(pri_permuted *permuted); /* zeroed ones are fine */

#endif

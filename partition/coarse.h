/* coarse.h: from a graph and labels of its vertices to the graph of the labels. */
#ifndef PARTITION_COARSE_H
#define PARTITION_COARSE_H

#include "partition/label_sweep.h"

/* A level with its arrays. */
typedef struct pri_coarse {
    pri_level level;
    pr_eid   *start;
    pr_vid   *to;
    uint32_t *weight, *size;
    uint64_t  bytes;
} pri_coarse;

/* Number the labels in use 0, 1, ... as vertices bear them first; gives how many there are.
 *
 *   label    [n], in and out
 *   number   [bound of the labels] scratch */
uint32_t pri_labels_compact(uint32_t *label, uint32_t n, uint32_t *number, uint32_t bound);

/* Make the graph of the labels: an arc for each two labels whose members share arcs, weighing as
 * much as those do together (2^32 - 1 at most), in an order that is the same everywhere.
 *
 *   label        [num_nodes] below num_labels, each in use
 *   out          clear with pri_coarse_clear; zeroed on failure
 *   peak_bytes   out: that it took, the result among them
 *
 * O(arcs). */
pr_status pri_coarse_make(const pri_level *level, const uint32_t *label, uint32_t num_labels,
                          int team, pri_coarse *out, uint64_t *peak_bytes);
void      pri_coarse_clear(pri_coarse *coarse); /* zeroed ones are fine */

#endif

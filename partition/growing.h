/* growing.h: clusters are packed into parts. */
#ifndef PARTITION_GROWING_H
#define PARTITION_GROWING_H

#include "partition/moves.h"

/* Put every vertex of a level, a cluster each, into a part, so that those that share arcs are
 * together as far as parts are even. A part grows by the cluster that has the largest share of its
 * arcs with it, until it has its share of the nodes or nothing more fits; it begins beside the
 * parts before it, so that what is left stays together.
 *
 *   division     part: overwritten; loads: begun. A part may be larger than the bounds allow when a
 *                cluster fits nowhere
 *   peak_bytes   out: of memory that it took
 *
 * One thread. O((arcs + clusters) log clusters). PR_E_NOMEM, PR_E_INTERRUPTED. */
pr_status pri_grow_parts(const pri_division *division, uint64_t *peak_bytes);

#endif

/* arcs.h: edges that do not fit into memory to in-neighbour lists in a file: a counting sort in two
 * passes.
 *
 *   pass 1   every block of edges is counted by destination and spooled     8 bytes a node
 *   pass 2   destinations are cut into ranges whose lists fit; for each one the spool is read
 *            from its beginning, its lists are filled, sorted, finished and appended to the files
 *
 * What comes out does not depend on where the cuts are, nor on threads. */
#ifndef LOADERS_ARCS_H
#define LOADERS_ARCS_H

#include "loaders/arc_list.h"
#include "loaders/paged.h"
#include "loaders/spool.h"
#include "loaders/watch.h"
#include "loaders/write.h"

/* How lists are built. */
typedef struct pri_arcs_how {
    pr_vid        num_nodes;
    bool          undirected, weighted;
    pri_arc_rules rules;
    const char   *spool_dir;
    const char   *source; /* what the edges came from, for errors */
    pri_teller   *teller;
} pri_arcs_how;

typedef struct pri_arcs {
    pri_arcs_how    how;
    pri_spool       spool;
    pri_paged       counts;
    pr_eid         *indptr;     /* [num_nodes + 1] in `counts`: counts, then where lists begin */
    pri_paged       rank;       /* [num_nodes] what the spool calls a node -> its number; or none */
    const int32_t  *labels;     /* for the figures; NULL: none. Set before pri_arcs_build */
    uint64_t        longest;    /* list, as counted */
    uint64_t        num_arcs;   /* as counted; then those that were kept */
    uint64_t        num_ranges; /* the spool was read so often */
    pri_arc_tally   tally;
    pri_arc_figures figures;
} pri_arcs;

/* Begin; pri_arcs_clear afterwards, on failure too. */
pr_status pri_arcs_init(pri_arcs *arcs, const pri_arcs_how *how);

/* Count and spool n edges, each below num_nodes, that stand in arcs->spool.pair (and weight) behind
 * the arcs->spool.n that are there; all calls but the last have PRI_BLOCK_EDGES. */
pr_status pri_arcs_add(pri_arcs *arcs, uint64_t n);

/* End pass 1: know how long lists are. `rank` [num_nodes] numbers the nodes anew; it is taken. */
pr_status pri_arcs_end(pri_arcs *arcs, pri_paged *rank);

/* Pass 2, with room for so many arcs in memory, at least `longest`. Afterwards indptr has the
 * bounds of what was kept, and only it is still there.
 *
 *   dir   where indices.npy, and edge_weight.npy, are written; NULL: nowhere
 *
 * PR_E_INPUT when weights add up to more than f32 holds. */
pr_status pri_arcs_build(pri_arcs *arcs, uint64_t room_arcs, const char *dir);

/* Give how often the spool is read when there is room for so many arcs. */
uint64_t pri_arcs_num_ranges(const pri_arcs *arcs, uint64_t room_arcs);

size_t   pri_arcs_arc_bytes(bool weighted); /* of an arc in memory */
uint64_t pri_arcs_out_bytes(bool weighted); /* of memory to write through */

void pri_arcs_clear(pri_arcs *arcs);

#endif

/* edges.h: edge text (SNAP text, csv) to pairs of node ids, and numbering scattered ids from 0. */
#ifndef LOADERS_EDGES_H
#define LOADERS_EDGES_H

#include "loaders/lines.h"

#define PRI_MAX_EDGE_ID ((uint64_t)INT64_MAX)

/* Which ids are allowed. */
typedef struct pri_edge_rules {
    bool        weighted;   /* a third column is read: the edge's weight */
    bool        any_id;     /* ids up to PRI_MAX_EDGE_ID, to be numbered by pri_edges_remap */
    uint64_t    num_nodes;  /* else: ids must be below this; 0: below PR_MAX_NODES */
    const char *nodes_from; /* what says so, for errors: "the 10 rows of F.npy" */
} pri_edge_rules;

/* The lines of a file as arcs source -> destination, in the file's order. */
typedef struct pri_edges {
    uint64_t  num_pairs;
    uint64_t  max_id;   /* 0 without pairs */
    pr_vid   *pair;     /* [2 num_pairs] source, destination; NULL while ids are wide */
    uint64_t *wide;     /* the same with any_id, until pri_edges_remap */
    float    *weight;   /* [num_pairs] where they are read, else NULL */
    uint64_t  capacity; /* pairs that fit */
} pri_edges;

/* Read two ids a line, and a weight where the rules say so (finite in f32 and at least 0),
 * separated by blanks, tabs or one comma. Blank lines and lines that begin with '#' or '%' are
 * skipped, the first line may hold words (a heading), further columns are ignored with one warning.
 *
 *   out   clear with pri_edges_clear; empty on failure
 *
 * PR_E_INPUT names the file, the line and what it holds. One pass; 8 bytes a line, 16 with any_id,
 * 4 more with weights, up to half as much again while the array grows. */
pr_status pri_edges_read(pri_lines *lines, const pri_edge_rules *rules, pri_edges *out);

/* Number the ids found 0, 1, ... in ascending order of the ids.
 *
 *   ids   out, [*num_ids] the original ids, ascending; free with pri_free; NULL on failure
 *
 * PR_E_RANGE for more than PR_MAX_NODES ids. Takes about 48 bytes per distinct id meanwhile. */
pr_status pri_edges_remap(pri_edges *edges, const char *path, const volatile int *stop,
                          int64_t **ids, uint64_t *num_ids);

void pri_edges_clear(pri_edges *edges); /* zeroed and cleared ones are fine */

#endif

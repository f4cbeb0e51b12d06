/* edges.h: edge text (SNAP text, csv) to pairs of node ids, a block at a time. One thread at a
 * time. */
#ifndef LOADERS_EDGES_H
#define LOADERS_EDGES_H

#include "loaders/lines.h"

#define PRI_MAX_EDGE_ID ((uint64_t)INT64_MAX)

enum { PRI_BLOCK_EDGES = 1 << 16 };

/* Which ids are allowed. */
typedef struct pri_edge_rules {
    bool        weighted;   /* a third column is read: the edge's weight */
    bool        any_id;     /* ids up to PRI_MAX_EDGE_ID, to be numbered (remap.h) */
    uint64_t    num_nodes;  /* else: ids must be below this; 0: below PR_MAX_NODES */
    const char *nodes_from; /* what says so, for errors: "the 10 rows of F.npy" */
} pri_edge_rules;

/* A reader, and the block it read last. */
typedef struct pri_edges {
    pri_lines      lines;
    pri_edge_rules rules;
    bool           begun, warned;
    uint64_t       num_edges; /* given so far, this block included */
    uint64_t       n;         /* edges of the block, 0: the file has ended */
    uint64_t      *id;        /* [2 n] source, destination */
    float         *weight;    /* [n] where they are read, else NULL */
} pri_edges;

/* Open a file, or a copy of a file's bytes that `name` is named for. `rules` is copied. Close with
 * pri_edges_close; nothing is kept on failure. Takes PRI_BLOCK_EDGES of 16 bytes, 4 more with
 * weights, and what pri_lines takes. */
pr_status pri_edges_open(pri_edges *edges, const char *path, const pri_edge_rules *rules,
                         const volatile int *stop);
pr_status pri_edges_memory(pri_edges *edges, const char *name, const void *text, size_t bytes,
                           const pri_edge_rules *rules);

/* Read the next block: two ids a line, and a weight where the rules say so (finite in f32 and at
 * least 0), separated by blanks, tabs or one comma. Blank lines and lines that begin with '#' or
 * '%' are skipped, the first line may hold words (a heading), further columns are ignored with one
 * warning. All blocks but the last have PRI_BLOCK_EDGES.
 *
 * PR_E_INPUT names the file, the line and what it holds. */
pr_status pri_edges_next(pri_edges *edges);

uint64_t pri_edges_bytes(const pri_edges *edges); /* of memory that it has now */

void pri_edges_close(pri_edges *edges); /* zeroed and closed ones are fine */

#endif

/* write.h: from arrays in memory to a dataset directory, whole or not at all; and the split by
 * hash that import and gen give to data that brings none. */
#ifndef LOADERS_WRITE_H
#define LOADERS_WRITE_H

#include <packrat/loaders.h>

#include "loaders/edge_lists.h"

enum { PRI_WRITE_BYTES = 2 << 20 }; /* a buffer of pri_dataset_write */

/* What arcs say besides degrees; all zero at first (graph_figures.h). */
typedef struct pri_arc_figures {
    uint64_t self_loops;
    uint64_t equal, labelled; /* arcs between equal labels; between labelled nodes */
    uint64_t lean;            /* 0: as many arcs u -> v as v -> u, all u and v: a sum of hashes that
                               * is 0 by chance once in 2^64 */
} pri_arc_figures;

/* What a dataset directory holds; all pointers borrowed until pri_dataset_write returns. */
typedef struct pri_dataset_arrays {
    const char *name;
    pr_graph    graph;    /* all members set; weights may be NULL; or make_arcs sets it */
    pr_features features; /* num_rows == graph.num_nodes; dense (any ld) or csr */

    /* Dense rows made on demand, for features.rows == NULL: write rows first .. first+count-1 of
     * num_cols floats each, packed. Called in order, from one thread. */
    pr_status (*fill_rows)(void *context, pr_vid first, pr_vid count, float *rows);
    void *fill_context;

    /* The same for rows of another format, packed; instead of fill_rows. */
    pr_status (*fill_packed)(void *context, pr_vid first, pr_vid count, void *rows);
    int          row_format; /* pr_row_format of fill_packed */
    const float *row_scale;  /* int8 [num_nodes], complete once the last row was made */

    /* Arcs that are never in memory all at once, or NULL: write indices.npy, and edge_weight.npy
     * where there are weights, into the directory `dir`, and set graph (indices NULL), undirected
     * and arc_figures. Called first. */
    pr_status (*make_arcs)(void *context, const char *dir, struct pri_dataset_arrays *arrays);
    void                  *arcs_context;
    const pri_arc_figures *arc_figures; /* NULL: to be counted over graph.indices */

    const int32_t *labels;      /* [num_nodes], -1: no label; NULL: no label.npy, or targets */
    const uint8_t *targets;     /* [num_nodes, num_classes], 0 or 1; NULL: one class a node */
    uint32_t       num_classes; /* 0 without labels */
    bool           has_split[PR_NUM_SPLITS];
    pr_split       split[PR_NUM_SPLITS];      /* ascending, disjoint, labelled */
    pri_edge_list  edges[PRI_NUM_EDGE_LISTS]; /* those that are there */
    const int64_t *original_ids;              /* [num_nodes] for ids.npy; NULL: none */
    const pr_vid  *node_ids;                  /* [num_nodes] for node_ids.npy; NULL: none */
    bool           undirected;                /* every arc is stored in both directions */
} pri_dataset_arrays;

/* Where a row of feat.npy begins is a multiple of its length from here: rows of a power of two of
 * bytes then lie in as few blocks of a disk as they can. */
enum { PRI_ROWS_AT = 4096 };

/* The format that dense rows are written in: that of fill_packed, or of the file that features
 * have, which is read row by row without its mapping; else f32. */
int pri_arrays_row_format(const pri_dataset_arrays *arrays);

/* Check, before any long work, that `dir` can become a dataset: it must not exist or be an empty
 * directory, and its parent must exist and be writable. PR_E_ARG when the name is bad or
 * taken, PR_E_IO when the parent is missing or refuses. */
pr_status pri_dataset_target_check(const char *dir);

/* Give the directory that will hold `dir`. PR_E_ARG when the name is bad. */
pr_status pri_dataset_target_parent(const char *dir, char out[PR_TEXT_BYTES]);

/* Write indptr.npy (i64), indices.npy (u32), edge_weight.npy (f32, where the graph has weights),
 * feat.npy (its rows begin at byte 4096; with feat_scale.npy, where they are int8) or feat_*.npy,
 * label.npy (i64, or u1 [N, C]), the splits and lists of edges (i64), ids.npy, node_ids.npy (i64)
 * and meta.json with its counts and degree figures.
 *
 *   stop   may be NULL; when it becomes non-zero: PR_E_INTERRUPTED
 *   made   may be NULL; nodes, edges, features, classes, train, val, test are set (the main
 *          split), other members kept
 *
 * Files go to "<dir>.tmp-<pid>", renamed last; failure leaves nothing. Takes PRI_WRITE_BYTES (a
 * feature row, where that is more), and 4 bytes per unit of the largest in-degree.
 */

pr_status pri_dataset_write(const char *dir, const pri_dataset_arrays *arrays,
                            const volatile int *stop, pr_made *made);

/* Split the labelled nodes by a hash of (seed, node): about train_percent train, val_percent
 * validate, the rest test. Independent of the order of nodes and of every other label.
 *
 *   labels   [num_nodes], -1: no label; NULL: every node has one
 *   out      the lists; they lie in *memory
 *   memory   free with pri_free; NULL on failure
 *
 * PR_E_ARG when the percentages add up to more than 100. Takes 4 bytes a node.
 */
pr_status pri_split_by_hash(const int32_t *labels, pr_vid num_nodes, uint32_t train_percent,
                            uint32_t val_percent, uint64_t seed, pr_split *out, pr_vid **memory);

#endif

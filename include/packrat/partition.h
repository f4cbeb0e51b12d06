/* packrat/partition.h: which vertices belong together: clusters, orders in which neighbours lie
 * close, datasets rewritten in such an order, and parts of equal size for lanes. */
#ifndef PACKRAT_PARTITION_H
#define PACKRAT_PARTITION_H

#include <packrat/base.h>
#include <packrat/loaders.h>
#include <packrat/nouns.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pr_cluster_method {
    PR_CLUSTERS_AUTO,       /* METIS where it fits into memory, else propagation */
    PR_CLUSTERS_METIS,      /* k-way partitioning, fewest arcs cut; slow and large */
    PR_CLUSTERS_PROPAGATION /* size-capped label propagation in several levels; ours */
} pr_cluster_method;

#define PR_MAX_CLUSTERS 1000000u

typedef struct pr_cluster_options {
    uint32_t            clusters; /* about so many; 0: one for 512 vertices, 2 .. 20000 */
    int                 method;   /* pr_cluster_method */
    uint64_t            seed;
    uint32_t            threads; /* of propagation; 0: as many as OpenMP gives */
    const volatile int *stop;    /* NULL, or non-zero to give up: PR_E_INTERRUPTED */
} pr_cluster_options;

/* A cluster for every vertex, and what it took to find them. */
typedef struct pr_clusters {
    pr_vid          num_nodes;
    uint32_t        num_clusters; /* none is empty; not exactly what was asked for */
    uint32_t        max_size; /* of the largest: 1.5 times the mean asked for at most, rounded up */
    const uint32_t *of_node;  /* [num_nodes] below num_clusters */
    int             method;   /* the one that was used, never auto */
    char            why[256]; /* half a sentence */
    double          cut_share; /* of the undirected arcs, self loops aside, between two clusters */
    int64_t         elapsed_ns;
    uint64_t        peak_bytes; /* of memory, the graph itself aside */
} pr_clusters;

/* Assign each vertex a cluster. Directions, weights, self loops and repeated arcs play no part.
 *
 *   out   free with pr_clusters_free; NULL on failure
 *
 * The same for any number of threads. METIS works in a process of its own, so that what it prints,
 * catches or breaks stays there; where method is auto and METIS fails, propagation takes over.
 * PR_E_LIBRARY when METIS was asked for and fails, PR_E_UNSUPPORTED when the graph is too large for
 * its 32-bit numbers. Takes 8 bytes an arc and 8 a vertex to make an undirected graph unless the
 * arcs are stored in both directions, sorted and once; then METIS some 60 bytes an arc and 200 a
 * vertex, propagation some 40 bytes a vertex and 8 for an arc that the first level leaves between
 * clusters. */
pr_status pr_clusters_find(const pr_graph *graph, const pr_cluster_options *options,
                           pr_clusters **out);
void      pr_clusters_free(pr_clusters *clusters); /* NULL is fine */

/* "METIS" or "label propagation"; never NULL. */
const char *pr_clusters_method_name(int method);

/* How near to each other the ends of arcs lie, self loops aside. */
typedef struct pr_locality {
    double gap_bits;       /* mean of log2(1 + |u - v|) */
    double same_page;      /* share of arcs whose feature rows begin on the same 4 KiB page */
    double same_huge_page; /* and of 2 MiB */
} pr_locality;

/* Measure it for rows of row_bytes, at least 1, that follow each other. One pass over the arcs. */
pr_locality pr_locality_measure(const pr_graph *graph, uint64_t row_bytes, uint32_t threads);

/* packrat reorder: the same dataset with its nodes numbered so that neighbours lie close. */
typedef enum pr_reorder_kind {
    PR_REORDER_COMMUNITY, /* cluster after cluster, breadth first within */
    PR_REORDER_DEGREE,    /* most in-neighbours first */
    PR_REORDER_BFS,       /* breadth first, from the nodes of most arcs */
    PR_REORDER_ACCESS     /* rows that steps of a trace wanted together, so that one read has more
                             of them */
} pr_reorder_kind;

typedef struct pr_reorder_options {
    char     data[PR_TEXT_BYTES], out[PR_TEXT_BYTES];
    int      by; /* pr_reorder_kind */
    uint64_t seed;
    uint32_t clusters; /* community: as in pr_cluster_options */
    int      method;
    uint32_t threads;              /* 0: all */
    char     trace[PR_TEXT_BYTES]; /* access: of a run on `data` (packrat train --trace) */
} pr_reorder_options;

extern const pr_option_table pr_reorder_option_table;

/* What was made, and what it was good for. */
typedef struct pr_reordered {
    pr_made     made; /* peak_bytes: of everything */
    pr_locality before, after;
    uint32_t    clusters;    /* 0 unless by community */
    int         method;      /* of the clusters: pr_cluster_method */
    char        why[256];    /* of the method */
    double      cut_share;   /* as in pr_clusters */
    uint64_t    trace_steps; /* access: training steps of the trace, and how many were kept */
    uint32_t    trace_kept;
    pr_vid      nodes_wanted; /* in a step kept */
    int64_t     order_ns, elapsed_ns;
} pr_reordered;

/* Write a dataset anew in another order of its nodes, with node_ids.npy, whose entry i is the id
 * that node i had; whole or not at all. Nothing is dropped: loops and repeated arcs stay.
 * In-neighbours of a node ascend by their new ids. Non-zero `stop` ends it with PR_E_INTERRUPTED.
 * By access: PR_E_MISMATCH for the trace of another dataset, PR_E_INPUT for one that is damaged, or
 * has no step; takes some 60 bytes a node, up to 64 for the steps of the trace, and 8 an arc. */
pr_status pr_reorder(const pr_reorder_options *options, const volatile int *stop,
                     pr_reordered *reordered);

/* What parts share evenly besides nodes. */
typedef enum pr_part_balance {
    PR_BALANCE_AUTO,  /* training nodes where there are some, else nothing more */
    PR_BALANCE_NODES, /* nothing more */
    PR_BALANCE_TRAIN, /* training nodes, so that lanes have as much to do */
    PR_BALANCE_EDGES  /* arcs into the nodes, so that shards of the graph are as large */
} pr_part_balance;

#define PR_MAX_PARTS 128u /* as many as there can be shards */

typedef struct pr_parts_options {
    uint32_t            parts;   /* 1 .. PR_MAX_PARTS, at most as many as nodes */
    int                 method;  /* pr_cluster_method */
    int                 balance; /* pr_part_balance */
    uint64_t            seed;
    uint32_t            threads; /* 0: as many as OpenMP gives */
    const volatile int *stop;    /* NULL, or non-zero to give up: PR_E_INTERRUPTED */
} pr_parts_options;

/* A part for every node, and what it took to find them. Shares are of the arcs as they are stored,
 * self loops aside; 0 without arcs. */
typedef struct pr_parts {
    pr_vid         num_nodes;
    uint32_t       num_parts;
    const uint8_t *of_node; /* [num_nodes] below num_parts; every part has a node */
    pr_vid         min_nodes, max_nodes;
    uint64_t       min_train, max_train; /* training nodes of a part; 0 without any */
    uint64_t       min_arcs, max_arcs;   /* into the nodes of a part */
    double         cut_share;            /* between two parts */
    double         hash_share;           /* within parts that hashing would give: 1 / num_parts */
    double         range_share;          /* within parts that are runs of ids */
    int            method;               /* the one that was used, never auto */
    int            balance;              /* the one that was used, never auto */
    char           why[256];             /* of the method: half a sentence */
    int64_t        elapsed_ns;
    uint64_t       peak_bytes; /* of memory, the graph itself aside */
} pr_parts;

/* Divide the nodes into parts that are even and have few arcs between them. Directions, weights,
 * self loops and repeated arcs play no part.
 *
 *   train   training nodes, distinct; none is fine unless they are to be balanced
 *   out     free with pr_parts_free; NULL on failure
 *
 * Parts keep within 3 % of even, whole numbers permitting: in nodes, and in training nodes where
 * those are balanced; in arcs as far as single nodes do not have too many. Parts with near numbers
 * share more arcs than others, so that runs of parts are good parts. The same for any number of
 * threads.
 *
 * METIS, in a process of its own, where it fits into memory, with a constraint for each of what is
 * balanced; else, and where it fails while method is auto, clusters by label propagation, some 64 a
 * part, are packed into parts by the arcs they share. PR_E_ARG for more parts than nodes and for
 * balance without what is to be balanced; PR_E_LIBRARY and PR_E_UNSUPPORTED as pr_clusters_find.
 * Takes memory as pr_clusters_find does, and 10 bytes a vertex. */
pr_status pr_parts_find(const pr_graph *graph, pr_vids train, const pr_parts_options *options,
                        pr_parts **out);
void      pr_parts_free(pr_parts *parts); /* NULL is fine */

/* "nodes", "train", "edges"; never NULL. */
const char *pr_part_balance_name(int balance);

/* packrat partition: a part for every node of a dataset, as a file. */
typedef struct pr_partition_options {
    char     data[PR_TEXT_BYTES], out[PR_TEXT_BYTES]; /* out: .npy */
    uint32_t parts;
    int      method, balance, split; /* split: PR_SPLIT_MAIN or PR_SPLIT_ALT, who trains */
    uint64_t seed;
    uint32_t threads;
} pr_partition_options;

extern const pr_option_table pr_partition_option_table;

/* Find parts and write them, one <u1 a node, whole or not at all. Non-zero `stop` ends it with
 * PR_E_INTERRUPTED.
 *
 *   out   what was written, free with pr_parts_free; NULL on failure */
pr_status pr_partition(const pr_partition_options *options, const volatile int *stop,
                       pr_parts **out);

#ifdef __cplusplus
}
#endif
#endif

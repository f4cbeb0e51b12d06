/* packrat/partition.h: which vertices belong together: clusters, orders in which neighbours lie
 * close, and datasets rewritten in such an order. */
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
    PR_REORDER_BFS        /* breadth first, from the nodes of most arcs */
} pr_reorder_kind;

typedef struct pr_reorder_options {
    char     data[PR_TEXT_BYTES], out[PR_TEXT_BYTES];
    int      by; /* pr_reorder_kind */
    uint64_t seed;
    uint32_t clusters; /* community: as in pr_cluster_options */
    int      method;
    uint32_t threads; /* 0: all */
} pr_reorder_options;

extern const pr_option_table pr_reorder_option_table;

/* What was made, and what it was good for. */
typedef struct pr_reordered {
    pr_made     made; /* peak_bytes: of everything */
    pr_locality before, after;
    uint32_t    clusters;  /* 0 unless by community */
    int         method;    /* of the clusters: pr_cluster_method */
    char        why[256];  /* of the method */
    double      cut_share; /* as in pr_clusters */
    int64_t     order_ns, elapsed_ns;
} pr_reordered;

/* Write a dataset anew in another order of its nodes, with node_ids.npy, whose entry i is the id
 * that node i had; whole or not at all. Nothing is dropped: loops and repeated arcs stay.
 * In-neighbours of a node ascend by their new ids. Non-zero `stop` ends it with PR_E_INTERRUPTED.
 */
pr_status pr_reorder(const pr_reorder_options *options, const volatile int *stop,
                     pr_reordered *reordered);

#ifdef __cplusplus
}
#endif
#endif

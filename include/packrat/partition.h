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
    pr_vid   num_nodes;
    uint32_t num_clusters;     /* none is empty; not exactly what was asked for */
    uint32_t max_size;         /* vertices of the largest: at most 1.5 times the mean asked for,
                                  rounded up, and one more */
    const uint32_t *of_node;   /* [num_nodes] below num_clusters */
    int             method;    /* the one that was used, never auto */
    char            why[256];  /* half a sentence */
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

#ifdef __cplusplus
}
#endif
#endif

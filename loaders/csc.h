/* csc.h: from arcs in any order to the canonical form of a graph: in-neighbours by destination,
 * ascending, no self loop, none twice. */
#ifndef LOADERS_CSC_H
#define LOADERS_CSC_H

#include <packrat/loaders.h>

#include "base/check.h"

typedef struct pri_csc {
    pr_graph graph;   /* borrows the arrays */
    pr_eid  *indptr;  /* [num_nodes + 1] */
    pr_vid  *indices; /* [num_edges], room for every arc given */
    float   *weights; /* the same; NULL without weights */
    uint64_t self_loops_dropped, duplicates_dropped;
} pri_csc;

/* How to build: threads 0 is as many as OpenMP gives; stop may be NULL. */
typedef struct pri_csc_how {
    bool                undirected; /* store the reverse of every pair too */
    uint32_t            threads;
    const volatile int *stop;
} pri_csc_how;

/* Build from pairs (source, destination), each below num_nodes.
 *
 *   pair   [2 num_pairs]
 *   out    clear with pri_csc_clear; zeroed on failure
 *
 * Self loops are counted once a pair, duplicates once an arc, reverses included. The result does
 * not depend on the order of pairs or on the threads. */
pr_status pri_csc_from_pairs(const pr_vid *pair, uint64_t num_pairs, pr_vid num_nodes,
                             const pri_csc_how *how, pri_csc *out);

/* Build from a graph in any order, with its weights if it has any (how->undirected adds nothing
 * here). */
pr_status pri_csc_from_graph(const pr_graph *graph, const pri_csc_how *how, pri_csc *out);

/* Build from a graph in any order, with the reverse of every arc. */
pr_status pri_csc_symmetric(const pr_graph *graph, const pri_csc_how *how, pri_csc *out);

/* Bytes that pri_csc_from_pairs takes, or pri_csc_from_graph of so many arcs, with weights. */
uint64_t pri_csc_bytes(uint64_t num_pairs, uint64_t num_nodes, bool undirected, bool weighted);

/* What building with weights shares: say whether it is time to stop; give the threads. */
bool pri_csc_stopped(const pri_csc_how *how);
int  pri_csc_team(const pri_csc_how *how);

/* pri_csc_from_graph where there are weights. */
pr_status pri_csc_from_weighted_graph(const pr_graph *graph, const pri_csc_how *how, pri_csc *out);

/* Say whether every arc of a canonical graph has its reverse. Takes 8 bytes a node. One pass over
 * the arcs, or less when the answer is no. */
pr_status pri_csc_is_symmetric(const pr_graph *graph, bool *out);

void pri_csc_clear(pri_csc *csc); /* zeroed and cleared ones are fine */

#endif

/* gnn.h: the GNN shape's memory, and one case of it step by step. */
#ifndef BENCH_CACHE_UPDATE_GNN_H
#define BENCH_CACHE_UPDATE_GNN_H

#include "bench/cache_update/cases.h"
#include "bench/cache_update/wanted.h"

/* From a miss rate of 0.8 on the window is shorter: a million rows are too few for a longer one
 * without a row that is heard of while it is still held (wanted.h). */
enum { GNN_WINDOW = 8, GNN_SHORT_WINDOW = 6, GNN_RING = GNN_WINDOW + 2, GNN_MAX_TEAM = 2 };

typedef struct gnn_shape {
    uint32_t num_rows, cols, m;
} gnn_shape;

/* Everything one case works with. */
typedef struct gnn {
    gnn_shape     shape;
    float        *rows;  /* [num_rows, cols] */
    float        *block; /* [m, cols] the gather's target */
    float        *slots; /* [2m, cols] the bare copy's target */
    pr_features   features;
    pr_store     *store;
    bench_gathers gathers[GNN_MAX_TEAM]; /* by threads - 1 */
    pr_vid       *ring[GNN_RING];        /* lists, by number modulo GNN_RING */
    pri_write    *list_write;            /* [m] the present list, to copy */
    pri_write    *missed_write;          /* [m] the missed rows and their slots */
    pr_vid       *missed;
    pr_slot      *missed_slot;
    pr_vid       *owner; /* [2m] which row a slot holds, as the views said */
} gnn;

/* One case in progress. */
typedef struct gnn_case {
    gnn          *g;
    pr_cache     *cache;
    wanted        lists;
    uint32_t      window; /* lists ahead with policy lookahead, else 0 */
    int           threads;
    bench_copy    bare;          /* how missed rows are copied by the bare loop */
    uint32_t      entered, step; /* lists made so far, and taken */
    bench_samples update, prepare, gather, copy;
    uint64_t      missed; /* over the counted steps */
} gnn_case;

void gnn_open(gnn *g, const gnn_shape *shape);
void gnn_close(gnn *g);

/* Open a cache of 2m slots and lists of the given miss rate, with room for `steps` counted steps.
 */
gnn_case gnn_case_open(update_bench *b, gnn *g, int policy, double rate, int threads, size_t steps);
void     gnn_case_close(gnn_case *c);

/* Do one step. `counts`: time the rivals too, and count it; its misses must then be those the
 * lists were made for. `check`: compare all rows of the view with the store. The slots that changed
 * their row are always compared with the plan. */
void gnn_case_step(gnn_case *c, bool counts, bool check);

#endif

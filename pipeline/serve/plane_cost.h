/* plane_cost.h: what batches cost with features in the slab, and with derived rows. Of what the two
 * have in common nothing is counted: drawing, looking rows up, layers above the first.
 *
 * A batch wants m rows; the first layer has D destinations and E edges, F columns in and H out, and
 * derived rows have R columns (sage: 2 H, else H of all heads). With the costs of worth.h,
 *
 *     features   aggregated first:   E F bytes + D products of a row (2 F R)
 *                gat:                m products + E R bytes
 *                CSR:                m sums of as many rows of W as a row has entries + E H bytes
 *                and what moves:     misses * F bytes
 *     derived    misses' * (product + F and 2 R bytes) + E H bytes
 *
 * so that derived rows are cheaper where the rows to be computed (misses') are fewer than the
 * destinations, which are multiplied anew in every batch otherwise, or where H columns an edge
 * rather than F save more than they cost. */
#ifndef PIPELINE_SERVE_PLANE_COST_H
#define PIPELINE_SERVE_PLANE_COST_H

#include <packrat/nn.h>

#include "base/check.h"

/* What rows are like. */
typedef struct pri_plane_rows {
    int    kind;             /* pr_model_kind */
    double in, out, derived; /* columns: F, H (gat: of all heads), R; derived 0: there are none */
    double terms;            /* entries of a mean row of CSR that is read in place; 0: dense */
    bool   moves;            /* features come into slots; else they are read where they are */
    bool   reads;            /* rows that are missing come from a file */
} pri_plane_rows;

pri_plane_rows pri_plane_rows_of(const pr_model *model, const pr_features *features, bool moves,
                                 bool reads);

/* What batches came to; sums. */
typedef struct pri_plane_load {
    double batches, inputs, dst, edges; /* of the first layer */
    double misses, misses_derived;      /* rows brought: as features, as derived ones */
} pri_plane_load;

/* Estimate nanoseconds of one thread. Cannot fail. */
double pri_plane_features_ns(const pri_plane_rows *rows, const pri_plane_load *load);
double pri_plane_derived_ns(const pri_plane_rows *rows, const pri_plane_load *load);

/* The same of bringing one row in. */
double pri_plane_row_ns(const pri_plane_rows *rows, bool derived);

/* Estimate the edges of the first layer from those of all hops: destinations of every hop have
 * about as many, and hops in between grow evenly. */
double pri_plane_first_edges(uint32_t num_layers, double seeds, double dst, double edges);

#endif

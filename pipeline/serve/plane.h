/* plane.h: which rows the slab of a serving lane holds: features, or what the frozen first layer
 * makes of them (pri_deriver). Features are wider or narrower, and are multiplied anew in every
 * batch; derived rows are computed once, when they come in.
 *
 * Which is cheaper follows from what batches are like: the plane that is not there is simulated, an
 * index over rows that are not there (phantom.h), so that its misses are counted. Costs are those
 * of worth.h (plane_cost.h). Each lane has a plane of its own, and decides between two batches;
 * what it decides depends on the batches alone. */
#ifndef PIPELINE_SERVE_PLANE_H
#define PIPELINE_SERVE_PLANE_H

#include <packrat/serve.h>

#include "pipeline/lane.h"

typedef struct pri_plane pri_plane;

typedef struct pri_plane_setup {
    pri_lane            *lane;  /* equipped with a cache over `store` */
    const pr_store      *store; /* features */
    const pr_features   *features;
    const pr_model      *model;
    pr_cache_options     cache; /* that the lane's has: rows or bytes are set */
    const pr_tuning     *tuning;
    const pr_io_options *io;
    int                  derived;        /* pr_derived_kind */
    bool                 begins_derived; /* with auto: a generation before had derived rows */
    uint32_t             max_wanted;
} pri_plane_setup;

/* Make the plane of a lane; with PR_DERIVED_ON the lane's cache is one of derived rows when it
 * returns. PR_E_UNSUPPORTED with PR_DERIVED_ON for models without derived rows. On the lane's
 * thread. */
pr_status pri_plane_create(const pri_plane_setup *setup, pri_plane **out);

/* Free; before the lane is. A lane with derived rows is left without a cache, one with features
 * keeps it. NULL is fine. */
void pri_plane_free(pri_plane *plane);

/* Learn from a batch that was computed, and perhaps put the other rows in the lane's slab: between
 * two batches, on the lane's thread.
 *
 *   wanted    of the batch; valid until the lane's next step
 *   row       its row; row->mode becomes "derived" where derived rows were read
 *   num_dst   destinations of the first layer
 *   why       out [256]: what was decided, a sentence for the log; "" when nothing was
 *
 * What fails leaves the plane as it was. */
pr_status pri_plane_learn(pri_plane *plane, pr_vids wanted, pr_step *row, uint32_t num_dst,
                          char why[256]);

bool pri_plane_is_derived(const pri_plane *plane);

/* Bring rows in that are likely to be wanted, before the first batch: those resident in the plane
 * of a generation before. On the lane's thread. */
pr_status pri_plane_warm(pri_plane *plane, pr_vids ids);

#endif

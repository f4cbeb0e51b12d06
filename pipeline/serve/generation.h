/* generation.h: a checkpoint made ready to answer: the model, and clerks, lanes that answer, with
 * sampler, tape and rows. Clerks of one generation at a time take batches; the next one is made
 * beside it, and inherits what its caches hold. */
#ifndef PIPELINE_SERVE_GENERATION_H
#define PIPELINE_SERVE_GENERATION_H

#include <stdatomic.h>

#include "pipeline/serve/batcher.h"
#include "pipeline/serve/plane.h"
#include "pipeline/serve/service.h"
#include "pipeline/serve/widest.h"

/* What all generations share. */
typedef struct pri_commons {
    pri_service_setup  setup;
    pri_batcher       *batcher;
    pr_store          *store;        /* opened with the first generation */
    pr_cache_options   cache;        /* of each lane; the mode is not auto */
    pr_sampler_options sampling;     /* timeless */
    int                feature_norm; /* that the first model was trained with */
    _Atomic uint64_t   num_batches;
} pri_commons;

typedef struct pri_generation pri_generation;

/* A lane that answers; its thread's, but for what is said otherwise. */
typedef struct pri_clerk {
    pri_generation *generation;
    pri_lane       *lane;
    pri_plane      *plane;
    pri_desk        desk;  /* the batcher's */
    pr_vid         *seeds; /* [batch_max_nodes] distinct ones of a batch */
    uint32_t       *place; /* [num_nodes] of a node among the seeds; UINT32_MAX between batches */
    bool            works; /* its thread has the job; of who starts and stops */
    bool            begins_derived; /* the clerk before it had derived rows */

    struct pri_residents *residents; /* an errand: see generation.c */

    _Atomic uint64_t capacity_rows, resident_rows; /* for any thread */
    _Atomic bool     derived;
} pri_clerk;

struct pri_generation {
    pri_commons       *commons;
    uint64_t           version;
    pr_model          *model;
    pr_checkpoint_info info;
    pr_model_shape     shape;
    pr_fanout          fanout;
    pri_widest         widest;      /* --fanout.max; what samplers are made for */
    pr_fanout          shed_fanout; /* with sheds: at no hop more than fanout */
    bool               sheds;
    uint32_t           num_clerks;
    pri_clerk          clerk[PR_MAX_LANES];
};

/* Load the checkpoint, check that it fits, and start lanes. */
pr_status pri_generation_load(pri_commons *commons, uint64_t version, pri_generation **out);

/* Give the lanes what they need; the store is open.
 *
 *   old   that works meanwhile: slabs hold the kind of rows that its have; NULL: none does */
pr_status pri_generation_equip(pri_generation *generation, const pri_generation *old);

/* Log where its lanes' memory is, while they have no job. With --numa strict PR_E_UNSUPPORTED for
 * what is elsewhere. */
pr_status pri_generation_say_where(const pri_generation *generation);

/* Bring in rows that `old` holds, while it works, where they cannot be handed over. */
void pri_generation_warm(pri_generation *generation, pri_generation *old);

/* Take over the caches of `old`, which has stopped, as far as they fit. */
void pri_generation_inherit(pri_generation *generation, pri_generation *old);

/* Have its clerks take batches; and have them stop behind those they have. */
void pri_generation_start(pri_generation *generation);
void pri_generation_stop(pri_generation *generation);

void pri_generation_free(pri_generation *generation); /* stops it; NULL is fine */

#endif

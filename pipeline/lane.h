/* lane.h: everything one NUMA node needs to work alone: a thread that masters a pinned team, and
 * the sampler, batches drawn ahead, cache partition and tape it works with. Work is posted to a
 * lane's thread, so that memory is first touched, and OpenMP pools are kept, where they are used.
 * Pipelined, a lane has two more threads: one draws batches, one fetches rows that are slow. Where
 * rows stay in their file, the cache has threads that read it. */
#ifndef PIPELINE_LANE_H
#define PIPELINE_LANE_H

#include <packrat/cache.h>
#include <packrat/sampler.h>

#include "numa/team.h"
#include "pipeline/graph_copy.h"
#include "pipeline/nn/nn.h"
#include "pipeline/worker.h"

typedef struct pri_lane  pri_lane;
typedef struct pri_ahead pri_ahead; /* ahead.h */
typedef struct pri_bring pri_bring; /* bring.h */

/* Work for a lane; runs on the lane's thread. */
typedef pr_status (*pri_lane_job)(pri_lane *lane, void *argument);

struct pri_lane {
    uint32_t     index;
    int32_t      numa_node; /* -1: spans the machine */
    pri_binding  binding;
    pri_team    *team;
    pri_worker  *thread;
    pri_lane_job job; /* that the thread has, or had last */
    void        *argument;

    pri_graph_copy graph;   /* zero where the lane reads the shared one */
    pr_sampler    *sampler; /* NULL until pri_lane_equip; whoever draws uses it (drawer.h) */
    pri_ahead     *ahead;
    pr_cache      *cache;
    pri_bring     *bring;
    pri_tape      *tape;
};

/* Start the lane's thread and pin its team. `topo` and `plan` must outlive the lane. */
pr_status pri_lane_create(const pr_topo *topo, const pr_plan *plan, uint32_t index,
                          pr_numa_mode mode, pri_lane **out);

/* End the thread, free everything; NULL is fine. */
void pri_lane_free(pri_lane *lane);

/* What a lane needs to work on mini-batches. */
typedef struct pri_lane_kit {
    const pr_graph           *graph;
    bool                      graph_copy; /* the lane samples from a copy of its own */
    const pr_fanout          *fanout;
    const pr_sampler_options *sampling;
    const pr_store           *store;
    const pr_model           *model;
    pr_cache_options          cache;  /* of this lane */
    const pr_tuning          *tuning; /* NULL: defaults */
    const pr_io_options      *io;     /* how rows of a file are read; NULL: defaults */
    const uint32_t           *scores; /* [num_nodes] for policy static, else NULL; read here only */
    uint64_t                  seed;
    uint64_t                  first_step;      /* of those in order */
    uint32_t                  max_seeds;       /* of the lane's lot of a step */
    uint32_t                  sampler_threads; /* 0: the team's; pipelined: 1 */
    bool                      pipelined;       /* draw and fetch on threads of their own */
} pri_lane_kit;

/* Give the threads that draw a lane's batches: one where they run beside the team, else the team,
 * or as many as were wanted.
 *
 *   wanted   0: so */
uint32_t pri_lane_draw_threads(const pri_lane *lane, uint32_t wanted, bool pipelined);

/* Create sampler, rooms for batches, cache partition and tape on the lane's thread, and the copy of
 * the graph where there is to be one. */
pr_status pri_lane_equip(pri_lane *lane, const pri_lane_kit *kit);

/* Equip several at once; kit[i] is lane i's. */
pr_status pri_lanes_equip_all(pri_lane *const *lanes, uint32_t num_lanes, const pri_lane_kit *kit);

/* Append the memory of an equipped lane, as its own and of its node: sampler, rooms, cache, tape
 * and copy of the graph. */
void pri_lane_ranges(const pri_lane *lane, pr_ranges *ranges);

/* Run one job on every lane at once and wait for all. arguments[i] goes to lane i. The first
 * failing lane's error, by index, becomes the caller's. */
pr_status pri_lanes_run(pri_lane *const *lanes, uint32_t num_lanes, pri_lane_job job,
                        void *const *arguments);

/* Put another cache in the place of the lane's, which becomes the caller's. Between two steps, for
 * lanes that are not pipelined and do not look ahead; max_wanted is at least the sampler's. On
 * failure nothing has changed. */
pr_status pri_lane_swap_cache(pri_lane *lane, pr_cache *cache, pr_cache **old);

/* Run one job on one lane and wait; a job of the lane may run another on its own lane. */
pr_status pri_lane_run(pri_lane *lane, pri_lane_job job, void *argument);

#endif

/* ahead.h: the batches a lane has drawn before their turn, so that its cache sees the future.
 *
 * A step that looks `window` steps ahead has so many batches wait behind its own. Each list is
 * entered into the cache on the lane's thread, in order, and is prepared when its turn has come:
 *
 *     step 7, window 3:   | 7 | 8 | 9 | 10 |             10 is foreseen, 7 is trained on
 *     step 8, window 3:       | 8 | 9 | 10 | 11 |
 *
 * Who draws them is drawer.h's matter. In line, the step itself draws the last one. Pipelined, a
 * thread has drawn it while the step before was computed, and goes on with a few more (SPARE), so
 * that the lane does not wait for a whole draw; those are not foreseen before their time, so that
 * the cache decides the same either way.
 *
 * Seeds and draws depend on the step alone, so the window changes what the cache knows and never
 * what a batch is. A window of 0 has one batch drawn and takes it. */
#ifndef PIPELINE_AHEAD_H
#define PIPELINE_AHEAD_H

#include "pipeline/lane.h"
#include "pipeline/seeds.h"

/* What a lane is to take next: its part of one step. */
typedef struct pri_turn {
    pr_phase           phase;
    uint32_t           epoch; /* without order */
    uint64_t           step;
    const pri_seeds   *order;       /* the steps to come; NULL: this step alone, out of order */
    pri_lot            lot;         /* without order: the lane's seeds */
    const pr_draw_own *own;         /* without order: see pr_draw; NULL: nothing */
    uint32_t           window;      /* with order: batches that shall wait behind this one */
    uint32_t           next_window; /* and behind the one after it */
    bool               followed;    /* with order: the next turn will be the step after it */
    uint32_t           lane;        /* whose turn it is */
} pri_turn;

/* What a lane spends in a step on getting batch and rows. */
typedef struct pri_ahead_times {
    int64_t       wait_ns;      /* for batches and rows; in line: drawing and fetching them */
    int64_t       prepare_ns;   /* the cache's decisions, for whichever step */
    int64_t       fetch_ns;     /* of this step's rows, wherever it ran; not part of the step */
    int64_t       wait_rows_ns; /* of wait_ns: for rows */
    pr_fetch_cost cost;         /* of this step's rows; zero for stores in memory */
} pri_ahead_times;

/* Give the widest window that a cache with these options can ask for. */
uint32_t pri_ahead_limit(const pr_cache_options *cache);

/* Give how far past the step in work its seeds must be kept (pri_seeds_create). */
uint32_t pri_ahead_depth(const pr_cache_options *cache);

typedef struct pri_ahead_setup {
    pr_sampler     *sampler;
    const pr_cache *cache;      /* already open; NULL: no window is asked for */
    uint64_t        first_step; /* of the turns in order */
    uint32_t        max_window;
    uint32_t        draw_threads; /* 0: in line; else of the thread that draws */
    const pri_team *team;         /* see pri_drawer_create */
} pri_ahead_setup;

/* Create the rooms of the batches in order and of one out of order, and who draws them. PR_E_NOMEM
 * says how many rooms were asked for when the address space does not hold them. */
pr_status pri_ahead_create(const pri_ahead_setup *setup, pri_ahead **out);
void      pri_ahead_free(pri_ahead *ahead); /* NULL is fine */

/* Append the memory of the rooms. */
void pri_ahead_ranges(const pri_ahead *ahead, pr_ranges *ranges);

/* Give the window of the next step in order: one for all lanes, the widest that one of their caches
 * asked for when the step before began. A function of the steps so far. */
uint32_t pri_ahead_window(pri_lane *const *lanes, uint32_t num_lanes);

/* Begin a step in order: give its window, decide that of the step after it, and make the seeds
 * ready that the lanes may have drawn meanwhile. No lane may be at work. */
void pri_ahead_begin(pri_lane *const *lanes, uint32_t num_lanes, pri_seeds *order, uint64_t step,
                     uint32_t *window, uint32_t *next_window);

/* Take the batch of a turn. In order: foresee until the window is full, or the seeds are at their
 * end; the batch is the next one that the cache prepares. Out of order: draw it alone. A batch that
 * cannot be drawn is an error of its own step; until then it is as if the seeds ended before it.
 *
 *   turn          turns in order are the first step, the next, ...; those out of order may come
 *                 between any
 *   batch         out; borrowed until the lane's next turn of its kind
 *   num_waiting   out: drawn batches in order that wait behind this one
 *   times         added to
 */
pr_status pri_ahead_take(pri_lane *lane, const pri_turn *turn, pr_batch *batch,
                         uint32_t *num_waiting, pri_ahead_times *times);

/* Foresee for the step behind the turn's, before that turn has come. *ready is false when it is not
 * there: the seeds are at their end, or its batch cannot be drawn, which its own turn will say. */
pr_status pri_ahead_look(pri_lane *lane, const pri_turn *turn, bool *ready, pri_ahead_times *times);

#endif

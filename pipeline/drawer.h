/* drawer.h: who draws the batches of a lane: the lane itself, when it needs one, or a thread of its
 * own that works through what was posted and so runs ahead of the lane.
 *
 *     post   names a batch to be drawn, after those that were posted before
 *     wait   gives it; in line, draws it now
 *
 * Both ways draw the same batches in the same order. The sampler belongs to whoever draws. One
 * thread, the lane's, makes all calls; what was posted is not touched until it was waited for. */
#ifndef PIPELINE_DRAWER_H
#define PIPELINE_DRAWER_H

#include <packrat/sampler.h>

#include "numa/team.h"

typedef struct pri_drawer pri_drawer;

/* One batch: what to draw, where to, and what came of it. */
typedef struct pri_drawing {
    pr_batch_room *room;
    pr_vids        seeds; /* borrowed until it is drawn */
    pr_draw        draw;
    pr_batch       batch; /* out; lives in the room */
    bool           done;
    pr_status      status;
    pri_error      error; /* unless the status is PR_OK */
} pri_drawing;

/* Create one that draws in line, or starts a thread.
 *
 *   max_posted   most batches that are posted and not drawn
 *   threads      0: in line; else OpenMP threads of the thread's own
 *   team         whose CPUs and memory the thread uses; NULL: it stays as it is started
 */
pr_status pri_drawer_create(pr_sampler *sampler, uint32_t max_posted, uint32_t threads,
                            const pri_team *team, pri_drawer **out);

/* End the thread, after the batch that it draws; what else was posted is dropped. NULL is fine. */
void pri_drawer_free(pri_drawer *drawer);

/* Have a batch drawn after those posted before; batches are waited for in this order. */
void pri_drawer_post(pri_drawer *drawer, pri_drawing *drawing);

/* Wait for a batch; gives what the draw gave, and its error again each time. */
pr_status pri_drawer_wait(pri_drawer *drawer, pri_drawing *drawing);

/* Draw a batch before all that were posted. */
pr_status pri_drawer_now(pri_drawer *drawer, pri_drawing *drawing);

/* Posted batches that were drawn, ever. */
uint64_t pri_drawer_num_drawn(pri_drawer *drawer);

#endif

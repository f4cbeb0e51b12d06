/* labor_recent.h: which vertices were in one of the last W training batches.
 *
 * While the batch of step i is drawn, vertex t is recent when a remembered batch of a step
 * i - W .. i - 1 has it. The memory is frozen while a batch is drawn; the batch itself enters when
 * it is complete. Steps that were left out age the memory like any other. A step that is not behind
 * the last one (a batch drawn again, a jump back) finds the memory empty: what had been remembered
 * when that step was first drawn is gone.
 *
 * One count a vertex, of remembered batches that have it; a ring of their vertex lists, to take
 * them out again. */
#ifndef PIPELINE_SAMPLER_LABOR_RECENT_H
#define PIPELINE_SAMPLER_LABOR_RECENT_H

#include <packrat/sampler.h>

#include "base/check.h"

typedef struct pri_labor_recent {
    uint8_t *count; /* [num_nodes] batches that have it */
    uint8_t *bits;  /* [num_nodes / 8 + 1] whether any has: an eighth of the memory to look into */
    pr_vid  *list;  /* [window, list_room] */
    size_t   num_nodes, list_room;
    uint32_t window, num, first;         /* batches: most, now, place of the oldest */
    uint64_t step[PR_MAX_BIAS_WINDOW];   /* of the batch at a place */
    uint32_t length[PR_MAX_BIAS_WINDOW]; /* vertices of it */
    uint64_t last;                       /* step that entered last */
    bool     any;                        /* one has entered */
} pri_labor_recent;

/* Reserve a memory of `window` batches of at most max_inputs vertices; window is 1 ..
 * PR_MAX_BIAS_WINDOW. Free with pri_labor_recent_clear, also after failure. */
pr_status pri_labor_recent_init(pri_labor_recent *recent, pr_vid num_nodes, uint32_t max_inputs,
                                uint32_t window);
void      pri_labor_recent_clear(pri_labor_recent *recent); /* zeroed and cleared ones are fine */

/* Append the memory it holds. */
void pri_labor_recent_ranges(const pri_labor_recent *recent, pr_ranges *ranges);

/* Forget what is not recent for a batch of this step. Cannot fail. */
void pri_labor_recent_begin(pri_labor_recent *recent, uint64_t step);

/* Remember a batch, whose step was begun. Cannot fail. */
void pri_labor_recent_add(pri_labor_recent *recent, uint64_t step, pr_vids nodes);

/* Whether t is recent for the batch that was begun. */
static inline bool pri_labor_recent_has(const pri_labor_recent *recent, pr_vid t)
{
    return recent->bits[t / 8] >> t % 8 & 1;
}

#endif

/* exclude.h: neighbours that a draw leaves out of the rows of its seeds (pr_exclude). Seeds are the
 * first destinations of every hop, so rows behind them are never looked at. */
#ifndef PIPELINE_SAMPLER_EXCLUDE_H
#define PIPELINE_SAMPLER_EXCLUDE_H

#include <packrat/sampler.h>

/* Take what seed `d` must not keep out of its row, in place; the others stay in their order.
 *
 *   vertices   [num] the row's
 *   weights    [num] alike, or NULL
 *
 * Returns how many are left. Cannot fail. O(num log excluded). */
uint32_t pri_exclude_row(const pr_exclude *exclude, uint32_t d, pr_vid *vertices, float *weights,
                         uint32_t num);

/* Whether seed `d` must not keep the vertex. */
bool pri_exclude_has(const pr_exclude *exclude, uint32_t d, pr_vid v);

#endif

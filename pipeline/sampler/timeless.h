/* timeless.h: sampling whose batches are all step 0 of phase infer, so that what is drawn for a
 * vertex is always the same. */
#ifndef PIPELINE_SAMPLER_TIMELESS_H
#define PIPELINE_SAMPLER_TIMELESS_H

#include <packrat/sampler.h>

/* Leave out of options what has no say in step 0 of phase infer: how r_t change from step to step,
 * and what training batches are remembered for. Batches are the same, and cost less. Cannot fail.
 */
void pri_sampler_timeless(pr_sampler_options *options);

#endif

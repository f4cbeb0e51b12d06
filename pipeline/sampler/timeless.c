/* timeless.c: in step 0 every vertex is in renewal epoch 0, in the staggered form because its phase
 * is below kappa, in the drifting one because the later normal has weight sin(0); and the normal
 * grows with the word it is made of, so that the smallest are the same ones. A cache bias is of
 * phase train only. */
#include "pipeline/sampler/timeless.h"

void pri_sampler_timeless(pr_sampler_options *options)
{
    options->kappa      = 1;
    options->kappa_form = PR_KAPPA_STAGGERED;
    options->cache_bias = 1;
}

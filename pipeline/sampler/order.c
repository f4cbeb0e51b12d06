/* order.c: the order in which an epoch visits its seeds. */
#include <packrat/sampler.h>

#include <string.h>

#include "base/check.h"
#include "pipeline/sampler/words.h"

/* Fisher and Yates, from the end: every permutation is equally likely as far as 64 bits of key
 * reach. Words come from stream PRI_STREAM_ORDER of the seed, counter {0, block, 0, epoch}. */
void pr_seed_order(pr_vids ids, uint64_t seed, uint32_t epoch, pr_vid *out)
{
    pri_words words = pri_words_start(pri_stream_key(seed, PRI_STREAM_ORDER), 0, 0, 0, epoch);

    PR_ASSERT(ids.n <= UINT32_MAX); /* distinct vertices */
    if (ids.n == 0) return;
    memmove(out, ids.at, ids.n * sizeof *out);
    for (uint32_t left = (uint32_t)ids.n; left > 1; left--) {
        const uint32_t at   = pri_words_below(&words, left);
        const pr_vid   last = out[left - 1];
        out[left - 1]       = out[at];
        out[at]             = last;
    }
}

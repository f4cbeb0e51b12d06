/* tuning.c: what is good on most hosts, where nothing was measured. */
#include <packrat/cache.h>
#include <packrat/numa.h>

#include <stdio.h>

#include "base/isa.h"

void pr_tuning_default(size_t row_bytes, pr_tuning *out)
{
    const size_t ahead = row_bytes ? 8192 / row_bytes : 16;

    *out = (pr_tuning){
        .isa          = pri_isa_at_most(PR_ISA_AVX512),
        .prefetch_to  = 2,
        .row_ahead    = (uint32_t)(ahead < 1    ? 1
                                   : ahead > 16 ? 16
                                                : ahead),
        .index_ahead  = 128,
        .thread_bytes = UINT64_C(1) << 20,
        .stream_bytes = pr_llc_bytes() / 2, /* so that what the reader needs besides fits, too */
        .repack_share = 1,
    };
    snprintf(out->source, sizeof out->source, "default");
}

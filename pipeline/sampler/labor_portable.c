/* labor_portable.c: the rows of labor.h in plain C. */
#include "pipeline/sampler/labor_isa.h"

/* Whether one passes is seldom predictable, so it is written in any case. */
static uint32_t scan(const pri_labor_keys *keys, const pr_vid *from, uint32_t n, uint32_t limit,
                     pr_vid *out)
{
    const pri_labor_keys local = *keys; /* in registers: the stores below could alias it */
    uint32_t             num   = 0;

    for (uint32_t i = 0; i < n; i++) {
        out[num] = from[i];
        num += pri_labor_r(&local, from[i]) <= limit;
    }
    return num;
}

const pri_labor_isa pri_labor_portable = { .scan = scan, .read = pri_labor_rows };

/* widest.c: see widest.h. */
#include "pipeline/serve/widest.h"

static const char *in_words(uint32_t value, char text[16])
{
    snprintf(text, 16, value == PR_FANOUT_ALL ? "all" : "%u", value);
    return text;
}

pr_status pri_widest_check(const pri_widest *widest, const char *name, const pr_fanout *fanout)
{
    pr_status        st   = PR_OK;
    const pr_fanout *most = &widest->fanout;
    char             found[16], allowed[16];

    PR_CHECK(fanout->num_layers == most->num_layers, PR_E_ARG,
             "%s has %u hops, must have %u, as the model has layers", name, fanout->num_layers,
             most->num_layers);
    for (uint32_t h = 0; h < most->num_layers; h++) {
        const uint32_t value = fanout->hop[h];
        PR_CHECK(value >= 1 && value <= most->hop[h], PR_E_ARG,
                 "%s is %s at hop %u, must be 1..%s there (%s)", name, in_words(value, found), h,
                 in_words(most->hop[h], allowed), widest->name);
        PR_CHECK(value <= PR_FANOUT_MAX || value == PR_FANOUT_ALL, PR_E_ARG,
                 "%s is %u at hop %u, must be 1..%u or all", name, value, h, PR_FANOUT_MAX);
        PR_CHECK(value == most->hop[h] || most->hop[h] != PR_FANOUT_ALL ||
                     widest->kind != PR_SAMPLER_REPLACE,
                 PR_E_ARG,
                 "%s is %u at hop %u, must be all there, as %s is, with --sampler replace", name,
                 value, h, widest->name);
    }
done:
    return st;
}

/* kind.c: the kinds by number. */
#include "pipeline/sampler/kind.h"

const pri_kind *pri_kind_of(int kind)
{
    switch (kind) {
    case PR_SAMPLER_UNIFORM: return &pri_kind_uniform;
    case PR_SAMPLER_REPLACE: return &pri_kind_replace;
    case PR_SAMPLER_WEIGHTED: return &pri_kind_weighted;
    case PR_SAMPLER_LABOR: return &pri_kind_labor;
    case PR_SAMPLER_WALK: return &pri_kind_walk;
    default: return NULL;
    }
}

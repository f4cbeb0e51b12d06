/* widest.h: which fanouts a lane can draw: those its sampler has room for. */
#ifndef PIPELINE_SERVE_WIDEST_H
#define PIPELINE_SERVE_WIDEST_H

#include <packrat/sampler.h>

#include "base/check.h"

/* The widest fanout, and what it belongs to. */
typedef struct pri_widest {
    pr_fanout   fanout;
    int         kind; /* pr_sampler_kind */
    const char *name; /* of the option: "--fanout.max" */
} pri_widest;

/* Refuse (PR_E_ARG) a fanout that is wider at some hop, or has another number of hops.
 *
 *   name   of what is checked: "fanout" */
pr_status pri_widest_check(const pri_widest *widest, const char *name, const pr_fanout *fanout);

#endif

/* store_open.c: whether a dataset's rows are worth a copy. A mapped file is on small pages, where
 * every random row costs a page walk: rows come about half as fast as from huge pages. */
#include <packrat/numa.h>

#include "cache/slab.h"

static const char copied[]   = "copied to huge pages";
static const char sparse[]   = "in place: sparse rows are expanded on the way";
static const char asked[]    = "in place: asked for";
static const char small[]    = "in place: little more than the processor's caches";
static const char too_much[] = "in place: a copy would take more than half of the free memory";

/* Give why auto leaves the rows in place; NULL: it does not. */
static const char *reason_against(const pr_features *x)
{
    const double bytes = (double)x->num_rows * (double)pri_slab_ld(x->num_cols) * sizeof(float);

    if (bytes < 2.0 * (double)pr_llc_bytes()) return small;
    if (bytes > 0.5 * (double)pr_memory_available()) return too_much;
    return NULL;
}

pr_status pr_store_open(const pr_store_setup *setup, pr_store **out, const char **why)
{
    const pr_features *features = setup->features;
    const int          kind     = setup->kind;
    const char        *against  = NULL;

    if (features && features->kind == PR_FEATURES_CSR)
        against = sparse;
    else if (kind == PR_STORE_IN_PLACE)
        against = asked;
    else if (features && kind == PR_STORE_AUTO)
        against = reason_against(features);
    if (why) *why = against ? against : copied;
    if (against == too_much) pr_diag(PR_INFO, "feature rows are read %s", against);
    if (against) return pr_store_memory(features, out);
    const pr_status st = pr_store_copied(features, out);
    if (st == PR_OK || kind == PR_STORE_COPIED) return st;
    if (why) *why = too_much; /* the kernel said no after all */
    return pr_store_memory(features, out);
}

/* store_derived.c: rows that are computed from those of another store when they are admitted. */
#include "cache/store.h"

pr_status pr_store_derived(const pr_store *base, const pr_derivation *derivation, pr_store **out)
{
    pr_status st = PR_OK;

    *out = NULL;
    PR_CHECK(base && derivation && derivation->num_cols > 0, PR_E_ARG, "a derivation of 0 columns");
    PR_CHECK(false, PR_E_UNSUPPORTED, "derived rows");
done:
    return st;
}

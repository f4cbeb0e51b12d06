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

pr_status pr_store_read(const pr_store *store, pr_vids ids, float *out, size_t ld)
{
    pr_status st = PR_OK;

    (void)store, (void)ids, (void)out, (void)ld;
    PR_CHECK(false, PR_E_UNSUPPORTED, "reading rows by id");
done:
    return st;
}

uint64_t pr_cache_residents(const pr_cache *cache, pr_vid *out, uint64_t most)
{
    (void)cache, (void)out, (void)most;
    return 0;
}

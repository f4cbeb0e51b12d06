/* store.c: what every store can do. */
#include "cache/store.h"

void pr_store_free(pr_store *store)
{
    if (store) store->calls->free(store);
}

bool pr_store_fetches(const pr_store *store)
{
    return store && store->calls->fetch != NULL;
}

size_t pr_store_row_bytes(const pr_store *store)
{
    return store ? store->num_cols * sizeof(float) : 0;
}

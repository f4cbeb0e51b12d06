/* replicas.c: see replicas.h. */
#include "pipeline/replicas.h"

#include <packrat/numa.h>

struct pri_replicas {
    pr_vid    num_nodes;
    uint64_t *seen; /* a bit for every vertex; all 0 between calls */
};

pr_status pri_replicas_create(pr_vid num_nodes, pri_replicas **out)
{
    pr_status     st       = PR_OK;
    pri_replicas *replicas = NULL;

    *out = NULL;
    PR_NEW(replicas, 1);
    replicas->num_nodes = num_nodes;
    PR_NEW(replicas->seen, (size_t)num_nodes / 64 + 1);
    *out     = replicas;
    replicas = NULL;
done:
    pri_replicas_free(replicas);
    return st;
}

void pri_replicas_free(pri_replicas *replicas)
{
    if (!replicas) return;
    pri_free(replicas->seen);
    pri_free(replicas);
}

bool pri_replicas_due(uint64_t step)
{
    return step % PRI_REPLICAS_EVERY == 0;
}

uint64_t pri_replicas_inputs(pri_replicas *replicas, const pr_vids *lists, uint32_t num_lists)
{
    uint64_t *seen     = replicas->seen;
    uint64_t  repeated = 0;

    for (uint32_t l = 0; l < num_lists; l++)
        for (size_t i = 0; i < lists[l].n; i++) {
            const pr_vid   v   = lists[l].at[i];
            const uint64_t bit = UINT64_C(1) << (v & 63);
            PR_ASSERT(v < replicas->num_nodes);
            repeated += (seen[v >> 6] & bit) != 0;
            seen[v >> 6] |= bit;
        }
    /* cheaper than clearing all of it, where the graph is large */
    for (uint32_t l = 0; l < num_lists; l++)
        for (size_t i = 0; i < lists[l].n; i++) seen[lists[l].at[i] >> 6] = 0;
    return repeated;
}

uint64_t pri_replicas_rows(const pr_cache *const *caches, uint32_t num_caches, uint32_t which)
{
    const pr_cache *others[PR_MAX_LANES];
    uint32_t        num_others = 0;

    PR_ASSERT(num_caches <= PR_MAX_LANES);
    for (uint32_t i = 0; i < num_caches; i++)
        if (i != which) others[num_others++] = caches[i];
    return pr_cache_count_shared(caches[which], others, num_others);
}

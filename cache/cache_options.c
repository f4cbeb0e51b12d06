/* cache_options.c: the options of a cache partition, and the table of its policies. */
#include <packrat/cache.h>

#include "cache/policy.h"

static const pr_option options[] = {
    { "cache.mode", "",
      "keep rows until their slot is needed, keep exactly a batch's, or no slab; auto: off where "
      "rows are sparse (a tenth at most), else resident",
      "auto", PR_OPT_CHOICE, offsetof(pr_cache_options, mode), 0, 0, "resident|packed|off|auto" },
    { "cache.rows", "rows", "most rows kept; 0: see --cache.bytes", "0", PR_OPT_U64,
      offsetof(pr_cache_options, rows), 0, PR_MAX_NODES, NULL },
    { "cache.bytes", "bytes",
      "memory of the rows kept; 0: see --cache.factor (packed: a whole batch)", "0", PR_OPT_BYTES,
      offsetof(pr_cache_options, bytes), 0, 0x1p62, NULL },
    { "cache.factor", "batches",
      "resident mode keeps this many times the rows of the first batch; 0: none, all bypass", "2",
      PR_OPT_REAL, offsetof(pr_cache_options, factor), 0, 1000, NULL },
    { "cache.policy", "", "which row of a resident slab gives up its slot", "lookahead",
      PR_OPT_CHOICE, offsetof(pr_cache_options, policy), 0, 0, "lru|sieve|static|lookahead" },
    { "lookahead", "batches",
      "batches sampled ahead, whose rows policy lookahead keeps; auto: 8 or more, by capacity and "
      "misses",
      "auto", PR_OPT_AUTO_U32, offsetof(pr_cache_options, lookahead), 0, PR_MAX_WINDOW, NULL },
    { "cache.rank", "",
      "what policy static keeps: nodes that occur in many neighbour lists, or in many batches "
      "drawn "
      "beforehand",
      "degree", PR_OPT_CHOICE, offsetof(pr_cache_options, rank), 0, 0, "degree|presampled" },
    { "cache.store", "",
      "read rows from a copy on huge pages, where the loader left them, or from their file as they "
      "are needed; auto: copied if they are large and fit in half of the free memory, direct if "
      "they do not fit",
      "auto", PR_OPT_CHOICE, offsetof(pr_cache_options, store), 0, 0,
      "auto|copied|in-place|direct" },
    { "cache.reader", "",
      "when rows are read after they were placed: next keeps them in the processor's caches, later "
      "does not; auto: next if a batch fits",
      "auto", PR_OPT_CHOICE, offsetof(pr_cache_options, reader), 0, 0, "auto|next|later" },
};

const pr_option_table pr_cache_option_table = {
    .title       = "Feature cache",
    .options     = options,
    .num_options = sizeof options / sizeof *options,
};

const pri_policy *pri_policy_of(int policy)
{
    static const pri_policy *const policies[] = {
        [PR_POLICY_LRU]       = &pri_policy_lru,
        [PR_POLICY_SIEVE]     = &pri_policy_sieve,
        [PR_POLICY_STATIC]    = &pri_policy_static,
        [PR_POLICY_LOOKAHEAD] = &pri_policy_lookahead,
    };

    PR_ASSERT(policy >= 0 && (size_t)policy < sizeof policies / sizeof *policies);
    return policies[policy];
}

int pr_cache_mode_for(int mode, const pr_features *features)
{
    if (mode != PR_CACHE_AUTO) return mode;
    if (!features || features->kind != PR_FEATURES_CSR) return PR_CACHE_RESIDENT;
    const uint64_t cells = (uint64_t)features->num_rows * features->num_cols;
    return features->indptr[features->num_rows] <= cells / 10 ? PR_CACHE_OFF : PR_CACHE_RESIDENT;
}

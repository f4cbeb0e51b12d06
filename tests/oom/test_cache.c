/* test_cache.c: stores and caches are created whole or not at all, whichever allocation fails. */
#include "support/support.h"

static const float       rows[40 * 5];
static const pr_features features = {
    .kind = PR_FEATURES_DENSE, .num_rows = 40, .num_cols = 5, .rows = rows, .ld = 5
};

static pr_status make_store(void *context, void **out)
{
    pr_store       *store = NULL;
    const pr_status st    = pr_store_memory(context, &store);
    *out                  = store;
    return st;
}

static void free_store(void *store)
{
    pr_store_free(store);
}

static pr_status make_copied(void *context, void **out)
{
    pr_store       *store = NULL;
    const pr_status st    = pr_store_copied(context, &store);
    *out                  = store;
    return st;
}

static pr_status make_transposed(void *context, void **out)
{
    pr_store       *store = NULL;
    const pr_status st    = pr_store_transposed(context, 5, 40, 40, &store);
    *out                  = store;
    return st;
}

typedef struct cache_case {
    pr_cache_options options;
    const pr_store  *stores[2];
} cache_case;

static pr_status make_cache(void *context, void **out)
{
    static const uint32_t scores[40];
    const cache_case     *c     = context;
    pr_cache             *cache = (pr_cache *)out; /* must become NULL */
    const pr_cache_setup  setup = { .options    = &c->options,
                                    .stores     = c->stores,
                                    .num_planes = 2,
                                    .max_wanted = 16,
                                    .scores     = scores };
    const pr_status       st    = pr_cache_open(&setup, &cache);
    *out                        = cache;
    return st;
}

static void free_cache(void *cache)
{
    pr_cache_free(cache);
}

static void a_store_is_created_whole_or_not_at_all(void **state)
{
    (void)state;
    test_oom("pr_store_memory", make_store, free_store, (void *)(uintptr_t)&features);
    test_oom("pr_store_copied", make_copied, free_store, (void *)(uintptr_t)&features);
    test_oom("pr_store_transposed", make_transposed, free_store, (void *)(uintptr_t)rows);
}

static void a_cache_is_created_whole_or_not_at_all_in_every_mode_and_policy(void **state)
{
    (void)state;
    static const char *const modes[]    = { "resident", "packed", "off" };
    static const char *const policies[] = { "lru", "sieve", "static", "lookahead" };
    pr_store                *store;

    assert_ok(pr_store_memory(&features, &store));
    cache_case c = { .options = { .factor = 2 }, .stores = { store, store } };
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        c.options.policy = policy;
        test_oom(policies[policy], make_cache, free_cache, &c);
    }
    for (int mode = PR_CACHE_PACKED; mode <= PR_CACHE_OFF; mode++) {
        c.options.mode = mode;
        test_oom(modes[mode], make_cache, free_cache, &c);
    }
    pr_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_created_whole_or_not_at_all),
        cmocka_unit_test(a_cache_is_created_whole_or_not_at_all_in_every_mode_and_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

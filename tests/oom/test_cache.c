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

typedef struct cache_case {
    pr_cache_options options;
    const pr_store  *store;
} cache_case;

static pr_status make_cache(void *context, void **out)
{
    const cache_case *c     = context;
    pr_cache         *cache = (pr_cache *)out; /* must become NULL */
    const pr_status   st    = pr_cache_create(&c->options, c->store, 16, &cache);
    *out                    = cache;
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
}

static void a_cache_is_created_whole_or_not_at_all_in_every_mode(void **state)
{
    (void)state;
    static const char *const names[] = { "resident", "packed", "off" };
    pr_store                *store;

    assert_ok(pr_store_memory(&features, &store));
    for (int mode = PR_CACHE_RESIDENT; mode <= PR_CACHE_OFF; mode++) {
        cache_case c = { .options = { .mode = mode, .factor = 2 }, .store = store };
        test_oom(names[mode], make_cache, free_cache, &c);
    }
    pr_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_created_whole_or_not_at_all),
        cmocka_unit_test(a_cache_is_created_whole_or_not_at_all_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

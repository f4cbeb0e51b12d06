/* test_cache.c: stores and caches are created whole or not at all, whichever allocation fails. */
#include "support/disk_rows.h"

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

/* Deals of 40 rows of 5 columns, dense or sparse, to two shards. */
typedef struct shard_case {
    const pr_features *features;
    pr_shards          shards;
} shard_case;

static const pr_eid      indptr[41];
static const pr_features sparse = {
    .kind = PR_FEATURES_CSR, .num_rows = 40, .num_cols = 5, .indptr = indptr
};
static const uint8_t of_row[40] = { 1, 0, 1 };

static pr_status make_sharded(void *context, void **out)
{
    const shard_case *c     = context;
    pr_store         *store = NULL;
    const pr_status   st    = pr_store_sharded(c->features, &c->shards, NULL, PR_NUMA_AUTO, &store);
    *out                    = store;
    return st;
}

/* With one shard: it is opened, filled, and known where it is. */
static pr_status make_opened(void *context, void **out)
{
    const shard_case    *c     = context;
    const pr_store_setup setup = { .features = c->features,
                                   .kind     = PR_STORE_IN_PLACE,
                                   .shards   = &c->shards };
    pr_store            *store = NULL;
    const pr_status      st    = pr_store_open(&setup, &store, NULL);
    *out                       = store;
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

static void a_store_of_shards_is_created_whole_or_not_at_all(void **state)
{
    (void)state;
    const pr_shards ranges = { .num_shards = 2, .node = { 0, 1 }, .first = { 0, 0, 40 } };
    const pr_shards whole  = { .num_shards = 1, .first = { 0, 40 } };
    pr_shards       table  = ranges;
    shard_case      c      = { .features = &features, .shards = ranges };

    table.of_row = of_row;
    test_oom("ranges, dense", make_sharded, free_store, &c);
    c.features = &sparse;
    test_oom("ranges, csr", make_sharded, free_store, &c);
    c.shards = table;
    test_oom("table, csr", make_sharded, free_store, &c);
    c.features = &features;
    test_oom("table, dense", make_sharded, free_store, &c);
    c.shards = whole;
    test_oom("pr_store_open", make_opened, free_store, &c);
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

static pr_status make_direct_store(void *context, void **out)
{
    const disk_rows *file  = context;
    pr_store        *store = NULL;
    const pr_status  st    = pr_store_direct(&file->features, &store);
    *out                   = store;
    return st;
}

static pr_status make_copied_file(void *context, void **out)
{
    const disk_rows *file  = context;
    pr_store        *store = NULL;
    const pr_status  st    = pr_store_copied(&file->features, &store);
    *out                   = store;
    return st;
}

/* A cache that reads one of its planes from a file. */
static pr_status make_direct_cache(void *context, void **out)
{
    const cache_case   *c  = context;
    const pr_io_options io = {
        .engine = PR_IO_THREADS, .depth = 2, .max_read = 4096, .ahead = 2, .direct = true
    };
    pr_cache            *cache = NULL;
    const pr_cache_setup setup = { .options    = &c->options,
                                   .stores     = c->stores,
                                   .num_planes = 2,
                                   .max_wanted = 16,
                                   .numa_node  = -1,
                                   .io         = &io };
    const pr_status      st    = pr_cache_open(&setup, &cache);
    *out                       = cache;
    return st;
}

static void a_cache_over_a_file_is_created_whole_or_not_at_all(void **state)
{
    (void)state;
    test_rng  rng = { .key = test_seed() };
    disk_rows file;
    pr_store *memory, *direct;

    disk_rows_open(&file, PR_ROWS_INT8, 40, 40, 128, &rng);
    test_oom("pr_store_direct", make_direct_store, free_store, &file);
    test_oom("pr_store_copied, int8", make_copied_file, free_store, &file);
    assert_ok(pr_store_memory(&features, &memory));
    assert_ok(pr_store_direct(&file.features, &direct));
    cache_case c = { .options = { .factor = 2, .policy = PR_POLICY_LOOKAHEAD },
                     .stores  = { memory, direct } };
    test_oom("cache over a file", make_direct_cache, free_cache, &c);
    pr_store_free(memory);
    pr_store_free(direct);
    disk_rows_close(&file);
}

static pr_status derive_nothing(void *context, const pr_vid *ids, uint32_t n, const float *x,
                                size_t ldx, float *out, size_t ldo)
{
    (void)context, (void)ids, (void)n, (void)x, (void)ldx, (void)out, (void)ldo;
    return PR_OK;
}

static const pr_derivation derivation = { .derive = derive_nothing, .num_cols = 9 };

static pr_status make_derived(void *context, void **out)
{
    pr_store       *store = NULL;
    const pr_status st    = pr_store_derived(context, &derivation, &store);
    *out                  = store;
    return st;
}

/* Over rows in shards, whose places it keeps, and over a file, which it has a reader for. */
static void derived_rows_have_a_store_and_a_cache_or_neither(void **state)
{
    (void)state;
    const pr_shards ranges = { .num_shards = 2, .node = { 0, 1 }, .first = { 0, 0, 40 } };
    shard_case      c      = { .features = &features, .shards = ranges };
    test_rng        rng    = { .key = test_seed() };
    disk_rows       file;
    void           *sharded;
    pr_store       *direct, *derived[2];

    assert_ok(make_sharded(&c, &sharded));
    test_oom("pr_store_derived", make_derived, free_store, sharded);
    disk_rows_open(&file, PR_ROWS_BF16, 40, 40, 128, &rng);
    assert_ok(pr_store_direct(&file.features, &direct));
    assert_ok(pr_store_derived(sharded, &derivation, &derived[0]));
    assert_ok(pr_store_derived(direct, &derivation, &derived[1]));
    cache_case both = { .options = { .factor = 2 }, .stores = { derived[0], derived[1] } };
    test_oom("cache of derived rows", make_direct_cache, free_cache, &both);
    for (int i = 0; i < 2; i++) pr_store_free(derived[i]);
    pr_store_free(direct);
    pr_store_free(sharded);
    disk_rows_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_created_whole_or_not_at_all),
        cmocka_unit_test(a_store_of_shards_is_created_whole_or_not_at_all),
        cmocka_unit_test(a_cache_is_created_whole_or_not_at_all_in_every_mode_and_policy),
        cmocka_unit_test(a_cache_over_a_file_is_created_whole_or_not_at_all),
        cmocka_unit_test(derived_rows_have_a_store_and_a_cache_or_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

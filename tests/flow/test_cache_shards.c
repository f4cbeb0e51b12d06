/* test_cache_shards.c: a cache over stores of shards does what the same cache does over plain
 * stores, slot by slot; and what it says of local and remote bytes is counted again from which rows
 * it held. */
#include "support/deal.h"
#include "support/traces.h"

#include <omp.h>

#include "cache/partition.h"

enum { N = 700, M = 90, LISTS = 30, NODES = 3, PLANES = 2, HERE = 1 };

/* Two planes, dealt alike or not; under one index without shards, and with. */
typedef struct bench {
    dealt     d[PLANES];
    pr_store *plain[PLANES], *sharded[PLANES];
    uint32_t  scores[N];
} bench;

typedef enum deal { DEAL_RANGES, DEAL_TABLE, DEAL_MIXED, DEAL_NUM } deal;

static void bench_open(bench *b, pr_feature_kind kind, deal how, test_rng *rng)
{
    static const uint32_t cols[PLANES] = { 37, 16 };

    for (uint32_t p = 0; p < PLANES; p++) {
        const bool table = how == DEAL_TABLE || (how == DEAL_MIXED && p == 1);
        dealt_open(&b->d[p], p ? PR_FEATURES_DENSE : kind, N, cols[p], rng);
        if (table)
            dealt_table(&b->d[p], 7, NODES, 2, rng);
        else
            dealt_ranges(&b->d[p], 7, NODES, 2, rng);
        assert_ok(pr_store_memory(&b->d[p].x, &b->plain[p]));
        b->sharded[p] = dealt_store(&b->d[p]);
    }
    for (uint32_t v = 0; v < N; v++) b->scores[v] = test_below(rng, 1000);
}

static void bench_close(bench *b)
{
    for (uint32_t p = 0; p < PLANES; p++) {
        pr_store_free(b->plain[p]);
        pr_store_free(b->sharded[p]);
        dealt_close(&b->d[p]);
    }
}

static pr_cache *open_cache(const bench *b, bool sharded, const pr_cache_options *o,
                            const pr_tuning *tuning, int32_t numa_node)
{
    pr_cache            *cache = NULL;
    const pr_cache_setup setup = { .options = o,
                                   .stores =
                                       (const pr_store *const *)(sharded ? b->sharded : b->plain),
                                   .num_planes = PLANES,
                                   .max_wanted = N,
                                   .tuning     = tuning,
                                   .scores     = b->scores,
                                   .numa_node  = numa_node };
    assert_ok(pr_cache_open(&setup, &cache));
    return cache;
}

/* Bytes of a row that come from HERE. */
static uint64_t local_bytes(const bench *b, pr_vid v)
{
    uint64_t bytes = 0;

    for (uint32_t p = 0; p < PLANES; p++)
        if (b->d[p].shards.node[dealt_shard(&b->d[p], v)] == HERE)
            bytes += b->d[p].x.num_cols * sizeof(float);
    return bytes;
}

/* The rows a cache holds. */
static void held(const pr_cache *c, bool *out)
{
    memset(out, 0, N * sizeof *out);
    for (uint32_t s = 0; s < c->index.num_resident; s++) out[c->index.id_of[s]] = true;
}

/* What of a plan's bytes is local, counted from the rows held before it. */
static uint64_t recount(const bench *b, const pr_cache *c, const pr_cache_plan *plan,
                        pr_vids wanted, const bool *before)
{
    uint64_t bytes = 0;

    if (!strcmp(plan->path, "direct")) return 0;
    if (!strcmp(plan->path, "paired")) bytes += plan->rows_compacted * c->row_bytes;
    for (size_t i = 0; i < wanted.n; i++)
        if (!strcmp(plan->path, "repack") || !before[wanted.at[i]])
            bytes += local_bytes(b, wanted.at[i]);
    return bytes;
}

static void check_plans(const bench *b, const pr_cache *c, const pr_cache_plan *sharded,
                        const pr_cache_plan *plain, pr_vids wanted, const bool *before)
{
    pr_cache_plan same = *sharded;

    assert_int_equal(sharded->bytes_local, recount(b, c, sharded, wanted, before));
    assert_int_equal(sharded->bytes_local + sharded->bytes_remote, sharded->bytes_moved);
    same.bytes_local  = plain->bytes_local;
    same.bytes_remote = plain->bytes_remote;
    assert_memory_equal(&same, plain, offsetof(pr_cache_plan, lookahead));
    assert_int_equal(same.lookahead, plain->lookahead);
    assert_string_equal(same.path, plain->path);
}

static void check_slabs(const pr_cache *a, const pr_cache *b)
{
    for (uint32_t p = 0; p < PLANES; p++)
        if (a->slab[p].rows)
            assert_memory_equal(a->slab[p].rows, b->slab[p].rows,
                                a->slab[p].num_slots * a->slab[p].ld * sizeof(float));
}

/* Take lists through both caches, foreseen where the policy looks ahead. */
static uint32_t run(const bench *b, const trace *t, const pr_cache_options *o,
                    const pr_tuning *tuning)
{
    pr_cache *plain   = open_cache(b, false, o, tuning, HERE);
    pr_cache *sharded = open_cache(b, true, o, tuning, HERE);
    uint32_t  repacks = 0, entered = 0;
    bool      before[N];

    for (uint32_t l = 0; l < t->num_lists; l++) {
        const pr_cache_plan *p, *s;
        pr_slab              view[2];
        for (; entered < t->num_lists && entered <= l + 3; entered++) {
            assert_ok(pr_cache_foresee(plain, t->list[entered]));
            assert_ok(pr_cache_foresee(sharded, t->list[entered]));
        }
        held(sharded, before);
        assert_ok(pr_cache_prepare_next(plain, &p));
        assert_ok(pr_cache_prepare_next(sharded, &s));
        check_plans(b, sharded, s, p, t->list[l], before);
        if (o->mode != PR_CACHE_OFF) assert_int_equal(p->bytes_local, PR_NULL_INT);
        repacks += !strcmp(s->path, "repack");
        assert_ok(pr_cache_place(plain, &view[0]));
        assert_ok(pr_cache_place(sharded, &view[1]));
        assert_memory_equal(view[0].slot_of_input, view[1].slot_of_input,
                            view[0].num_inputs * sizeof(pr_slot));
        check_slabs(plain, sharded);
        pr_cache_release(plain);
        pr_cache_release(sharded);
        if (l % 10 == 0) assert_ok(pr_cache_check(sharded));
    }
    pr_cache_free(plain);
    pr_cache_free(sharded);
    return repacks;
}

static pr_tuning tuning_of(double repack_share, uint64_t thread_bytes)
{
    pr_tuning tuning;

    pr_tuning_default(37 * sizeof(float), &tuning);
    tuning.repack_share = repack_share;
    tuning.thread_bytes = thread_bytes;
    return tuning;
}

static void every_mode_and_policy_does_the_same_over_shards_and_counts_local_bytes(void **state)
{
    (void)state;
    static const struct {
        pr_cache_options o;
        double           repack_share;
    } cases[] = {
        { { .mode = PR_CACHE_RESIDENT, .rows = 2 * M, .policy = PR_POLICY_LRU }, 2 },
        { { .mode = PR_CACHE_RESIDENT, .rows = M / 2, .policy = PR_POLICY_SIEVE }, 2 },
        { { .mode = PR_CACHE_RESIDENT, .rows = 2 * M, .policy = PR_POLICY_STATIC }, 2 },
        { { .mode      = PR_CACHE_RESIDENT,
            .rows      = 2 * M,
            .policy    = PR_POLICY_LOOKAHEAD,
            .lookahead = 3 },
          2 },
        { { .mode = PR_CACHE_RESIDENT }, 2 }, /* all bypass */
        { { .mode = PR_CACHE_PACKED }, 2 },
        { { .mode = PR_CACHE_PACKED, .rows = M }, 0.5 },
        { { .mode = PR_CACHE_PACKED }, 0 }, /* every step repacks */
        { { .mode = PR_CACHE_OFF }, 2 },
    };
    test_rng rng     = { .key = test_seed() };
    uint32_t repacks = 0;

    omp_set_num_threads(3);
    for (int how = 0; how < DEAL_NUM; how++)
        for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++) {
            bench b;
            trace t;
            bench_open(&b, (pr_feature_kind)kind, (deal)how, &rng);
            trace_open(&t, how == DEAL_RANGES ? TRACE_UNEVEN : TRACE_STICKY, LISTS, N, M, &rng);
            for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
                const pr_tuning tuning = tuning_of(cases[c].repack_share, c % 2 ? 0 : UINT64_MAX);
                if (cases[c].o.mode == PR_CACHE_OFF && how != DEAL_RANGES) continue;
                repacks += run(&b, &t, &cases[c].o, &tuning);
            }
            trace_close(&t);
            bench_close(&b);
        }
    assert_true(repacks > LISTS);
}

/* The lists of ids that differ between two sets. */
static pr_vids minus(const bool *a, const bool *b, pr_vid *out)
{
    size_t n = 0;
    for (pr_vid v = 0; v < N; v++)
        if (a[v] && !b[v]) out[n++] = v;
    return (pr_vids){ out, n };
}

static void apply_counts_local_bytes_on_both_paths(void **state)
{
    (void)state;
    const pr_cache_options o       = { .mode = PR_CACHE_PACKED };
    test_rng               rng     = { .key = test_seed() };
    uint32_t               repacks = 0, paired = 0;

    for (int how = 0; how < DEAL_NUM; how++) {
        const pr_tuning tuning = tuning_of(0.6, UINT64_MAX);
        bench           b;
        bench_open(&b, how == DEAL_TABLE ? PR_FEATURES_CSR : PR_FEATURES_DENSE, (deal)how, &rng);
        pr_cache *plain   = open_cache(&b, false, &o, &tuning, HERE);
        pr_cache *sharded = open_cache(&b, true, &o, &tuning, HERE);
        for (int step = 0; step < 60; step++) {
            bool   before[N], after[N];
            pr_vid in[N], out[N], all[N];
            size_t n = 0;
            held(sharded, before);
            const uint32_t flips = test_below(&rng, 4) ? 60 : 700;
            memcpy(after, before, sizeof after);
            for (uint32_t i = 0; i < flips; i++)
                after[test_below(&rng, N)] = test_below(&rng, step % 2 ? 10 : 2) == 0;
            const pr_cache_plan *p, *s;
            const pr_vids added = minus(after, before, in), removed = minus(before, after, out);
            assert_ok(pr_cache_apply(plain, added, removed, &p));
            assert_ok(pr_cache_apply(sharded, added, removed, &s));
            for (pr_vid v = 0; v < N; v++)
                if (after[v]) all[n++] = v;
            check_plans(&b, sharded, s, p, (pr_vids){ all, n }, before);
            check_slabs(plain, sharded);
            repacks += !strcmp(s->path, "repack");
            paired += !strcmp(s->path, "paired") && s->rows_compacted > 0;
        }
        pr_cache_free(plain);
        pr_cache_free(sharded);
        bench_close(&b);
    }
    assert_true(repacks > 5 && paired > 5);
}

/* Bytes of one step of all rows over given stores. */
static pr_cache_plan plan_of(pr_store *const *stores, int32_t numa_node)
{
    const pr_cache_options o     = { .mode = PR_CACHE_PACKED };
    pr_cache              *cache = NULL;
    const pr_cache_plan   *plan;
    pr_vid                 ids[N];
    const pr_cache_setup   setup = { .options    = &o,
                                     .stores     = (const pr_store *const *)stores,
                                     .num_planes = PLANES,
                                     .max_wanted = N,
                                     .numa_node  = numa_node };

    for (pr_vid v = 0; v < N; v++) ids[v] = v;
    assert_ok(pr_cache_open(&setup, &cache));
    assert_ok(pr_cache_prepare(cache, (pr_vids){ ids, N }, &plan));
    const pr_cache_plan copy = *plan;
    pr_cache_free(cache);
    return copy;
}

static void what_is_not_known_is_not_counted(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };
    bench    b;

    bench_open(&b, PR_FEATURES_DENSE, DEAL_MIXED, &rng);
    pr_cache_plan plan = plan_of(b.sharded, 17); /* a node without shards */
    assert_int_equal(plan.bytes_local, 0);
    assert_int_equal(plan.bytes_remote, plan.bytes_moved);
    assert_int_equal(plan.bytes_moved, N * (37 + 16) * sizeof(float));

    plan = plan_of(b.sharded, -1); /* a partition on no node */
    assert_int_equal(plan.bytes_local, PR_NULL_INT);
    assert_int_equal(plan.bytes_remote, PR_NULL_INT);

    pr_store *const half[] = { b.sharded[0], b.plain[1] }; /* one plane does not say */
    assert_int_equal(plan_of(half, HERE).bytes_local, PR_NULL_INT);

    b.sharded[1]->shards->node[2] = -1; /* a shard that is anywhere */
    assert_int_equal(plan_of(b.sharded, HERE).bytes_local, PR_NULL_INT);

    for (uint32_t p = 0; p < PLANES; p++) /* all shards on the partition's node */
        for (uint32_t s = 0; s < 7; s++) b.sharded[p]->shards->node[s] = 4;
    plan = plan_of(b.sharded, 4);
    assert_int_equal(plan.bytes_local, plan.bytes_moved);
    assert_int_equal(plan.bytes_remote, 0);
    bench_close(&b);
}

/* What is opened for a dataset on this machine says where its rows are when there is one node, and
 * with one shard that the caller vouches for. */
static void opened_stores_say_where_rows_are_if_they_know(void **state)
{
    (void)state;
    test_rng    rng  = { .key = test_seed() };
    pr_topo    *topo = NULL;
    const char *why  = NULL;
    dealt       d;

    assert_ok(pr_topo_discover(&topo));
    for (int kind = PR_FEATURES_DENSE; kind <= PR_FEATURES_CSR; kind++) {
        dealt_open(&d, (pr_feature_kind)kind, N, 9, &rng);
        const pr_shards one = { .num_shards = 1, .node = { 6 }, .lane = { 3 }, .first = { 0, N } };
        for (int store = PR_STORE_AUTO; store <= PR_STORE_IN_PLACE; store++) {
            pr_store_setup setup = { .features = &d.x, .kind = store };
            pr_store      *s     = NULL;

            assert_ok(pr_store_open(&setup, &s, &why)); /* nobody knows */
            assert_null(pr_store_shards(s));
            assert_int_equal(plan_of((pr_store *const[]){ s, s }, 0).bytes_local, PR_NULL_INT);
            pr_store_free(s);

            setup.shards = &one;
            assert_ok(pr_store_open(&setup, &s, &why)); /* the caller does */
            assert_non_null(pr_store_shards(s));
            assert_int_equal(pr_store_shards(s)->node[0], 6);
            pr_cache_plan plan = plan_of((pr_store *const[]){ s, s }, 6);
            assert_int_equal(plan.bytes_local, plan.bytes_moved);
            plan = plan_of((pr_store *const[]){ s, s }, 0);
            assert_int_equal(plan.bytes_remote, plan.bytes_moved);
            pr_store_free(s);

            setup.shards = NULL;
            setup.topo   = topo;
            assert_ok(pr_store_open(&setup, &s, &why)); /* the machine does, if it has one node */
            if (pr_topo_num_nodes(topo) == 1) {
                assert_int_equal(pr_store_shards(s)->num_shards, 1);
                assert_true(pr_store_shards(s)->node[0] >= 0);
                plan = plan_of((pr_store *const[]){ s, s }, -1);
                assert_int_equal(plan.bytes_local, plan.bytes_moved);
            } else {
                assert_null(pr_store_shards(s));
            }
            pr_store_free(s);
        }
        dealt_ranges(&d, 4, 1, 2, &rng);
        pr_store_setup setup = { .features = &d.x, .kind = PR_STORE_AUTO, .shards = &d.shards };
        pr_store      *s     = NULL;
        assert_ok(pr_store_open(&setup, &s, &why));
        assert_non_null(strstr(why, "copied to a shard"));
        assert_int_equal(pr_store_shards(s)->num_shards, 4);
        pr_store_free(s);
        setup.kind = PR_STORE_IN_PLACE;
        assert_ok(pr_store_open(&setup, &s, &why));
        assert_non_null(strstr(why, "in place"));
        assert_null(pr_store_shards(s));
        pr_store_free(s);
        d.shards.first[4]++;
        assert_fails(PR_E_ARG, "the shards end at row 701", pr_store_open(&setup, &s, &why));
        assert_null(s);
        dealt_close(&d);
    }
    pr_topo_free(topo);
}

static void rows_that_others_hold_too_are_counted_also_while_they_have_a_plan(void **state)
{
    (void)state;
    enum { CACHES = 3 };
    test_rng  rng = { .key = test_seed() };
    bench     b;
    trace     t;
    pr_cache *c[CACHES];

    bench_open(&b, PR_FEATURES_DENSE, DEAL_RANGES, &rng);
    trace_open(&t, TRACE_SKEWED, 40, N, M, &rng);
    for (int k = 0; k < CACHES; k++) {
        const pr_cache_options o = { .mode   = k == 2 ? PR_CACHE_PACKED : PR_CACHE_RESIDENT,
                                     .rows   = k == 1 ? M - 20 : 2 * M,
                                     .policy = k == 1 ? PR_POLICY_LOOKAHEAD : PR_POLICY_LRU };
        c[k]                     = open_cache(&b, true, &o, NULL, HERE);
    }
    const pr_cache_options off  = { .mode = PR_CACHE_OFF };
    pr_cache              *none = open_cache(&b, true, &off, NULL, HERE);
    for (uint32_t l = 0; l < t.num_lists; l++) {
        const pr_cache_plan *plan;
        pr_slab              view;
        pr_cache            *turn = c[l % CACHES];
        bool                 mine[N], theirs[N];
        assert_ok(pr_cache_foresee(turn, t.list[l]));
        assert_ok(pr_cache_prepare_next(turn, &plan)); /* pending while it is counted */
        for (int k = 0; k < CACHES; k++) {
            const pr_cache *const others[] = { c[(k + 1) % CACHES], none, c[(k + 2) % CACHES], NULL,
                                               c[k] };
            uint64_t              shared   = 0;
            bool                  any[N]   = { false };
            held(c[k], mine);
            for (int o = 0; o < 3; o += 2) {
                held(others[o], theirs);
                for (pr_vid v = 0; v < N; v++) any[v] = any[v] || theirs[v];
            }
            for (pr_vid v = 0; v < N; v++) shared += mine[v] && any[v];
            assert_int_equal(pr_cache_count_shared(c[k], others, 5), shared);
            assert_int_equal(pr_cache_count_shared(c[k], others, 0), 0);
        }
        assert_ok(pr_cache_place(turn, &view));
        pr_cache_release(turn);
    }
    assert_int_equal(pr_cache_count_shared(none, (const pr_cache *const *)c, CACHES), 0);
    for (int k = 0; k < CACHES; k++) pr_cache_free(c[k]);
    pr_cache_free(none);
    trace_close(&t);
    bench_close(&b);
}

/* Everything large that a cache holds is in its ranges, on pages that belong to nothing else. */
static void the_ranges_of_a_cache_are_whole_pages_and_do_not_overlap(void **state)
{
    (void)state;
    test_rng   rng    = { .key = test_seed() };
    pr_ranges *ranges = calloc(1, sizeof *ranges);
    bench      b;

    assert_non_null(ranges);
    bench_open(&b, PR_FEATURES_DENSE, DEAL_RANGES, &rng);
    for (int policy = PR_POLICY_LRU; policy <= PR_POLICY_LOOKAHEAD; policy++) {
        const pr_cache_options o     = { .mode = PR_CACHE_RESIDENT, .rows = M, .policy = policy };
        pr_cache              *cache = open_cache(&b, true, &o, NULL, HERE);
        uint32_t               slabs = 0;
        *ranges                      = (pr_ranges){ .numa_node = 2, .lane = 5 };
        pr_cache_ranges(cache, ranges);
        for (uint32_t i = 0; i < ranges->num; i++) {
            const pr_range *r = &ranges->at[i];
            slabs += !strcmp(r->what, "slab");
            assert_true(!strcmp(r->what, "slab") || !strcmp(r->what, "index"));
            assert_int_equal((uintptr_t)r->at % 4096, 0);
            assert_true(r->numa_node == 2 && r->lane == 5);
            for (uint32_t k = 0; k < i; k++) {
                const char *a = ranges->at[k].at, *z = a + ranges->at[k].bytes;
                assert_true((const char *)r->at >= z || (const char *)r->at + r->bytes <= a);
            }
        }
        assert_int_equal(slabs, PLANES);
        assert_true(ranges->num >= PLANES + 6);
        pr_cache_free(cache);
    }
    bench_close(&b);
    free(ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_and_policy_does_the_same_over_shards_and_counts_local_bytes),
        cmocka_unit_test(apply_counts_local_bytes_on_both_paths),
        cmocka_unit_test(what_is_not_known_is_not_counted),
        cmocka_unit_test(opened_stores_say_where_rows_are_if_they_know),
        cmocka_unit_test(rows_that_others_hold_too_are_counted_also_while_they_have_a_plan),
        cmocka_unit_test(the_ranges_of_a_cache_are_whole_pages_and_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
